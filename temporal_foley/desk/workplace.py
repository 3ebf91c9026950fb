"""Manage what the desk works on: the projects and videos of a folder, and the work on them."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from temporal_foley.desk.jobs import DeskJob, Worker
from temporal_foley.desk.palette import Palette
from temporal_foley.desk.project import Project
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.files.output import VIDEO_SUFFIXES, output_folder
from temporal_foley.files.run_record import Progress
from temporal_foley.foley import Foley
from temporal_foley.media.probe import probe_video
from temporal_foley.render import CUES_FILE
from temporal_foley.session.export import export_cues
from temporal_foley.session.names import FORMATS, file_name
from temporal_foley.sound.takes.library import Library

OUTPUT_SUFFIX = ".foley"
MOST_ENTRIES = 5000
"""Projects and videos that are listed."""


class Workplace:
    """A folder with videos and projects, a library, and a thread for long work."""

    def __init__(
        self,
        root: Path,
        library: Library,
        load: Callable[[], Foley],
        *,
        library_folder: Path | None = None,
        only: Sequence[Path] | None = None,
        opens: Path | None = None,
    ):
        """Make a workplace.

        Args:
            root: The folder; nothing outside of it and of the library is served or changed.
            library: The sounds to offer.
            load: Loads model and library when a video is analysed.
            library_folder: The folder of the library, for exports.
            only: Show only these project folders of the root, and those that are made here.
            opens: The project folder that opens first; None for the list.
        """
        self.root, self.library, self.library_folder = root.resolve(), library, library_folder
        self.worker = Worker()
        self.palette = Palette(library, load_vocabulary())
        self.opens = None if opens is None else opens.resolve()
        self._load = load
        self._foley: Foley | None = None
        self._only = None if only is None else [path.resolve() for path in only]
        self._projects: dict[str, Project] = {}
        self._lock = threading.Lock()

    # ---- what is there

    def projects(self) -> list[Project]:
        """Return the projects, in order of their folders."""
        folders = self._only if self._only is not None else list(self._find_projects())
        with self._lock:
            for folder in folders:
                if (folder / CUES_FILE).is_file():
                    name = self._id(folder)
                    self._projects.setdefault(name, Project(id=name, folder=folder))
            there = [one for one in self._projects.values() if one.cues.is_file()]
        return sorted(there, key=lambda one: str(one.folder))

    def project(self, name: str) -> Project | None:
        """Return a project by its id."""
        if name not in self._projects:
            self.projects()
        return self._projects.get(name)

    def videos(self) -> list[Path]:
        """Return the videos without a project, in order."""
        if self._only is not None:
            return []
        return sorted(
            path
            for path in self._walk(lambda name: name.lower().endswith(VIDEO_SUFFIXES))
            if not path.stem.endswith(OUTPUT_SUFFIX)
            and not (output_folder(path, None) / CUES_FILE).is_file()
        )

    def document(self) -> dict[str, Any]:
        """Return projects, videos and jobs as plain data."""
        return {
            "root": str(self.root),
            "projects": [
                {"id": one.id, "name": self._shown(one.folder).removesuffix(OUTPUT_SUFFIX)}
                for one in self.projects()
            ],
            "videos": [self._shown(path) for path in self.videos()],
            "jobs": [job.document() for job in list(self.worker.jobs.values())],
        }

    # ---- what is done

    def analyse(self, shown: str) -> DeskJob:
        """Begin to detect the events of a video in the root, and to add effects to it.

        Raises:
            FoleyError: There is no such video in the root.
        """
        path = (self.root / shown).resolve()
        if not path.is_relative_to(self.root) or not path.is_file():
            raise FoleyError(f"there is no video {shown!r} in this folder")
        return self.analyse_file(path)

    def analyse_file(self, path: Path) -> DeskJob:
        """Begin to detect the events of a video, and to add effects to it."""
        name = self._shown(path)
        running = self.worker.unfinished("generate", None, name)
        if running is not None:
            return running

        def work(progress: Progress) -> dict[str, Any]:
            progress("load", 0.0)
            if self._foley is None:
                self._foley = self._load()
            result = self._foley.generate(path, progress=progress)
            folder = result.folder.resolve()
            if self._only is not None and folder not in self._only:
                self._only.append(folder)
            self.projects()
            return {
                "project": self._id(folder),
                "cues": len(result.cues),
                "already_heard": len(result.already_heard),
                "warnings": list(result.warnings),
            }

        return self.worker.add("generate", name, None, work)

    def render(self, project: Project) -> DeskJob:
        """Begin to render a project's cue list."""
        running = self.worker.unfinished("render", project.id)
        if running is not None and running.state == "waiting":
            return running

        def work(progress: Progress) -> dict[str, Any]:
            return project.render(self.library, progress)

        return self.worker.add("render", project.folder.name, project.id, work)

    def export(self, project: Project, formats: Sequence[str]) -> DeskJob:
        """Begin to export a project; what was changed since its export is never replaced.

        Raises:
            UsageError: A format is unknown, or none is given.
        """
        for name in formats:
            if name not in FORMATS:
                raise UsageError.unknown("format", name, FORMATS)
        if not formats:
            raise UsageError("choose a format")

        def work(progress: Progress) -> dict[str, Any]:
            outcome = export_cues(
                project.cues,
                tuple(dict.fromkeys(formats)),
                library=self.library_folder,
                overwrite=True,
                progress=progress,
            )
            return {
                "folder": str(outcome.folder),
                "files": list(outcome.files),
                "warnings": list(outcome.warnings),
            }

        return self.worker.add("export", ", ".join(formats), project.id, work)

    def new_video(self, name: str) -> Path:
        """Return the path for a video that is dropped on the page: a name that is free.

        Raises:
            FoleyError: It is not a video by its name.
        """
        plain = Path(name.replace("\\", "/")).name
        stem, suffix = file_name(Path(plain).stem), Path(plain).suffix.lower()
        if suffix not in VIDEO_SUFFIXES:
            raise FoleyError(
                f"{plain!r} is not a video by its name",
                remedy=f"known endings are {' '.join(sorted(VIDEO_SUFFIXES))}",
            )
        number, path = 1, self.root / f"{stem}{suffix}"
        while os.path.lexists(path) or os.path.lexists(output_folder(path, None)):
            number += 1
            path = self.root / f"{stem} {number}{suffix}"
        return path

    def take_upload(self, part: Path, name: str) -> DeskJob:
        """Take over a video that was dropped on the page, and analyse it.

        The same video that is already in the folder is used instead.

        Raises:
            MediaError: It is no video that can be read.
        """
        target = self.new_video(name)
        probe_video(part)
        same = self.root / f"{file_name(Path(name).stem)}{target.suffix}"
        if same.is_file() and _digest(same) == _digest(part):
            part.unlink()
            return self.analyse_file(same)
        os.replace(part, target)
        return self.analyse_file(target)

    def _find_projects(self) -> Iterator[Path]:
        if (self.root / CUES_FILE).is_file():
            yield self.root
        for path in self._walk(lambda name: name == CUES_FILE, into_projects=True):
            yield path.parent

    def _walk(
        self, is_wanted: Callable[[str], bool], into_projects: bool = False
    ) -> Iterator[Path]:
        found = 0
        for here, folders, files in os.walk(self.root):
            folders[:] = sorted(
                name
                for name in folders
                if not name.startswith(".") and (into_projects or not name.endswith(OUTPUT_SUFFIX))
            )
            if into_projects and here.endswith(OUTPUT_SUFFIX):
                folders[:] = []
            for name in sorted(files):
                if is_wanted(name) and not name.startswith("."):
                    found += 1
                    if found > MOST_ENTRIES:
                        return
                    yield Path(here) / name

    def _shown(self, path: Path) -> str:
        try:
            return path.resolve().relative_to(self.root).as_posix() or path.name
        except ValueError:
            return path.name

    def _id(self, folder: Path) -> str:
        return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
