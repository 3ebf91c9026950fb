"""The command `review`: edit, render and listen in the browser."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import AdvancedNames, LibraryFolder, ModelOptions, allowed_licences
from temporal_foley.errors import FoleyError, UsageError, meant_file
from temporal_foley.files.output import VIDEO_SUFFIXES, output_folder

INSTALL = "pip install 'temporal-foley[desk]'"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Review(ModelOptions):
    """Edit, render and listen in the browser, in one place.

    Opens the review page of a video, of a VIDEO.foley folder, or of all in a folder, with all that
    a page from disk cannot do: save, render, export, add any sound, perform, analyse new videos. A
    video without effects is analysed first. The server answers only this machine; Ctrl-C ends it.
    """

    path: Annotated[Path, Arg(positional=True, metavar="FOLDER|VIDEO")] = Path()
    """A video, a VIDEO.foley folder, or a folder with some. (default: the current folder)"""
    library: LibraryFolder = None
    """A sound library of your own, as `library add` makes it; its takes can be added too."""
    allow: AdvancedNames = None
    """Offer only sounds of the library under these licences, such as cc0,cc-by."""
    port: Annotated[int, Arg(advanced=True)] = 0
    """The port of the server. (default: one that is free)"""
    no_browser: bool = False
    """Do not open the browser; print the address only."""

    def run(self, console: Console) -> None:
        """Serve until Ctrl-C."""
        if not 0 <= self.port <= 65_535:
            raise UsageError(f"must be in [0, 65535], got {self.port}", option="--port")
        if not self.path.exists():
            raise FoleyError("no such file or folder", path=self.path, remedy=meant_file(self.path))
        try:
            from temporal_foley.desk.serve import leave_now, serve
            from temporal_foley.desk.workplace import Workplace

            import_server()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio"):
                raise
            raise FoleyError(
                f"review needs {error.name}, which is not installed", remedy=f"run {INSTALL}"
            ) from None
        from temporal_foley.sound.takes.library import load_library

        path = self.path.absolute()
        # Who names the list means its folder.
        path = path.parent if path.name == "cues.json" and path.is_file() else path
        library = load_library(self.library, allowed=allowed_licences(self.allow))

        def workplace(root: Path, **options) -> Workplace:
            return Workplace(
                root,
                library,
                lambda: self.load(self.library, self.allow),
                library_folder=self.library,
                **options,
            )

        if path.is_dir() and (path / "cues.json").is_file():
            place = workplace(path.parent, only=[path], opens=path)
        elif path.is_dir():
            place = workplace(path)
        else:
            if path.suffix.lower() not in VIDEO_SUFFIXES:
                raise UsageError(
                    "is neither a folder nor a video by its name",
                    path=self.path,
                    remedy=f"known endings are {' '.join(sorted(VIDEO_SUFFIXES))}",
                )
            folder = output_folder(path, None)
            place = workplace(path.parent, only=[folder], opens=folder)
            if not (folder / "cues.json").is_file():
                place.analyse_file(path)

        def report(address: str) -> None:
            console.print(f"open {address}")
            console.print("only this machine can reach it; Ctrl-C ends it")

        is_idle = serve(place, port=self.port, opens_browser=not self.no_browser, report=report)
        console.print("stopped; what was saved is in the folder")
        if not is_idle:
            leave_now()


def import_server() -> None:
    """Import the server, so that a missing package is noticed before anything is read."""
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
