"""Write the output folder of a run in one step, and recognise it later.

`run.json` is written last and names every file of the run. A folder without it is not finished.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from temporal_foley.errors import FoleyError, OutputExistsError
from temporal_foley.files.reading import read_whole

_MOST_NAME_BYTES = 255
RUN_FILE = "run.json"
RUN_SCHEMA = "temporal-foley/run"
RUN_VERSION = 1
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts")
VIDEO_SUFFIXES += (".3gp", ".3g2", ".mj2", ".mpg", ".mpeg", ".flv", ".wmv", ".asf", ".vob")
VIDEO_SUFFIXES += (".mxf", ".dv", ".ogv", ".qt", ".f4v", ".m2t")
"""By these a folder is searched for videos."""
_REPLACED = ".replaced.json"
"""The `run.json` that is being replaced, stored beside the new files once the move has begun."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """The content of the `run.json` of a finished run."""

    command: str
    made_with: Mapping[str, str]
    files: tuple[str, ...]
    source_path: str | None = None
    warnings: tuple[str, ...] = ()
    mix_gain_db: float | None = None
    """The gain of the effects in the mix, with matching; None if nothing was mixed."""
    original_gain_db: float | None = None
    """The gain of the video's own sound in the mix."""


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file in one step: at any moment it has its old content or the new one.

    Raises:
        FoleyError: It cannot be written; the message names it.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FoleyError(f"cannot be written ({error.strerror})", path=path) from None


def output_folder(video: Path, out: Path | None, suffix: str = ".foley") -> Path:
    """Return the folder for a video's output: `VIDEO.foley`, in `out` or beside the video."""
    return (out or video.parent) / (fitting_stem(video.stem, f".{suffix}.part") + suffix)


def fitting_stem(stem: str, around: str) -> str:
    """Return a name that fits into a file system with `around` it.

    Names may have 255 bytes. A longer one is cut, and a digest of all of it keeps it unique.
    """
    data, room = os.fsencode(stem), _MOST_NAME_BYTES - len(os.fsencode(around))
    if len(data) <= room:
        return stem
    mark = f"-{hashlib.sha256(data).hexdigest()[:8]}"
    return data[: room - len(mark)].decode("utf-8", "ignore") + mark


def read_run(folder: Path) -> FinishedRun | None:
    """Read the run that was finished in a folder; None if there is none."""
    return _read_run(folder / RUN_FILE)


def _read_run(path: Path) -> FinishedRun | None:
    try:
        document = json.loads(read_whole(path))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("schema") != RUN_SCHEMA:
        return None
    command, made_with = document.get("command"), document.get("made_with")
    files, source = document.get("files"), document.get("source")
    if not isinstance(command, str) or not isinstance(made_with, dict):
        return None
    if not isinstance(files, list) or not all(map(_is_inside, files)):
        return None
    video = source.get("path") if isinstance(source, dict) else None
    levels, warnings = document.get("levels"), document.get("warnings")
    gain = own_gain = None
    if isinstance(levels, dict):
        gain = levels.get("effects_gain_db", levels.get("gain_db"))
        own_gain = levels.get("gain_db")
    return FinishedRun(
        command=command,
        made_with={str(key): str(value) for key, value in made_with.items()},
        files=tuple(files),
        source_path=video if isinstance(video, str) else None,
        warnings=tuple(map(str, warnings)) if isinstance(warnings, list) else (),
        mix_gain_db=_decibels(gain),
        original_gain_db=_decibels(own_gain),
    )


def check_output(
    folder: Path, command: str, made_with: Mapping[str, str], *, overwrite: bool
) -> Literal["make", "unchanged"]:
    """Return whether a run must be made, or its output already exists with the same settings.

    The output of `tag` is part of that of `generate`, so `generate` may follow `tag`.

    Raises:
        OutputExistsError: Another output exists, and `overwrite` is not given.
    """
    finish_interrupted(folder)
    if not os.path.lexists(folder):
        return "make"
    if not folder.is_dir():
        raise OutputExistsError(f"{folder}: exists and is not a folder; choose another --out")
    if overwrite:
        return "make"
    run = read_run(folder)
    if run is None:
        if not any(folder.iterdir()):
            return "make"
        raise OutputExistsError(f"{folder}: exists, without a finished run in it; use --overwrite")
    if command == "generate" and run.command == "tag":
        return "make"
    if command == "generate" and run.command == "render":
        raise OutputExistsError(
            f"{folder}: was rendered from its cue list since; use --overwrite to look again, "
            "which keeps edits"
        )
    changed = [key for key, value in made_with.items() if run.made_with.get(key) != value]
    if changed:
        raise OutputExistsError(
            f"{folder}: was made with other settings ({', '.join(changed)}); use --overwrite"
        )
    missing = [name for name in run.files if not (folder / name).is_file()]
    if missing:
        raise OutputExistsError(f"{folder}: {missing[0]} is missing in it; use --overwrite")
    return "unchanged"


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield a folder to write into; it is moved to `folder` on success and removed on failure.

    Files of an earlier run in `folder` are replaced or removed; files that no run wrote stay.

    Raises:
        FoleyError: The folder cannot be written; the message names it.
    """
    finish_interrupted(folder)
    staging = _staging(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(staging, ignore_errors=True)  # left by a run that was killed
        staging.mkdir()
    except OSError as error:
        raise FoleyError(f"{folder}: cannot be written ({error.strerror})") from None
    try:
        yield staging
        _publish(staging, folder)
    except OSError as error:
        # Of two names the second is where something was to go.
        named = error.filename2 or error.filename or folder
        raise FoleyError(f"{named}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_run(staging: Path, document: Mapping[str, Any]) -> None:
    """Write `run.json` with the names of all files in the staging folder."""
    files = sorted(p.relative_to(staging).as_posix() for p in staging.rglob("*") if p.is_file())
    whole = {"schema": RUN_SCHEMA, "version": RUN_VERSION, **document, "files": files}
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # What is not UTF-8 in a name becomes an escape of JSON, and comes back as it was.
    (staging / RUN_FILE).write_bytes(text.encode("utf-8", "backslashreplace"))


def finish_interrupted(folder: Path) -> None:
    """Finish moving a finished run into its folder, if the process that moved it was killed.

    Raises:
        FoleyError: The folder cannot be written.
    """
    staging = _staging(folder)
    run = _read_run(staging / RUN_FILE)
    if run is None or not (staging / _REPLACED).is_file() or (folder / RUN_FILE).exists():
        return
    if not all((staging / name).is_file() or (folder / name).is_file() for name in run.files):
        return
    try:
        _replace(staging, folder)
    except OSError as error:
        # Of two names the second is where something was to go.
        named = error.filename2 or error.filename or folder
        raise FoleyError(f"{named}: cannot be written ({error.strerror or error})") from None
    shutil.rmtree(staging, ignore_errors=True)


def _staging(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.part")


def _publish(staging: Path, folder: Path) -> None:
    if folder.exists():
        _replace(staging, folder)
    else:
        staging.rename(folder)


def _replace(staging: Path, folder: Path) -> None:
    """Replace the files of an earlier run; can be resumed at any file."""
    replaced = staging / _REPLACED
    # Until the new run.json is there, the folder says of itself that it is not finished.
    if (folder / RUN_FILE).exists():
        os.replace(folder / RUN_FILE, replaced)
    earlier, new = _read_run(replaced), _read_run(staging / RUN_FILE)
    made = [path for path in staging.rglob("*") if path.is_file() and path != replaced]
    names = {path.relative_to(staging).as_posix() for path in made}
    names.update(() if new is None else new.files)
    for name in () if earlier is None else earlier.files:
        if name not in names:
            (folder / name).unlink(missing_ok=True)
    for path in sorted(made, key=lambda path: path.name == RUN_FILE):
        target = folder / path.relative_to(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)


def _decibels(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and -120.0 <= value <= 120.0 else None


def _is_inside(name: Any) -> bool:
    return isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts
