"""Sound files for a taught effect in, a sound library folder for `generate --library` out."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from temporal_foley.errors import LibraryError, MediaError, OutputExistsError
from temporal_foley.media.audio import read_sound_file
from temporal_foley.media.open import regular_file
from temporal_foley.sound.takes.library import Library, load_library
from temporal_foley.sound.takes.manifest import MANIFEST_NAME


def write_sounds(
    folder: Path, effect: str, files: Sequence[Path], *, licence: str, overwrite: bool = False
) -> Library:
    """Copy sounds into a new library folder, and read it back.

    Raises:
        OutputExistsError: Something is there, and `overwrite` is not given, or it is no library.
        LibraryError: A file is no sound that can be read.
        MediaError: A file is not there.
    """
    if folder.exists() and any(folder.iterdir()):
        if not overwrite:
            raise OutputExistsError(f"{folder}: is there already; move it away or --overwrite")
        if not (folder / MANIFEST_NAME).is_file():
            raise OutputExistsError(f"{folder}: is not a sound library and is left alone")
    sources = [regular_file(path) for path in files]
    for path in files:
        try:
            read_sound_file(path)  # Before it is copied: it may be anything, and of any size.
        except MediaError as error:
            raise LibraryError(f"--take: {error}") from None
    names = [f"{effect}_{n}{path.suffix.lower()}" for n, path in enumerate(sources, 1)]
    staging = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        lines = [f"name = {_text(folder.name)}"]
        for name, source in zip(names, sources, strict=True):
            shutil.copyfile(source, staging / name)
            lines += ["", "[[take]]", f"effect = {_text(effect)}", f"file = {_text(name)}"]
            lines += [f"licence = {_text(licence)}"]
        (staging / MANIFEST_NAME).write_text("\n".join(lines) + "\n", "utf-8")
        library = load_library(staging)
        for take in library.takes(effect):
            library.read(take.asset)
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
    except LibraryError as error:
        # Of the user's files, not of their copies.
        text = str(error).split(f"{MANIFEST_NAME}, ", 1)[-1].split(": ", 1)[-1]
        for name, path in zip(names, files, strict=True):
            text = text.replace(str(staging / name), str(path)).replace(repr(name), str(path))
        raise LibraryError(f"--take: {text}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return load_library(folder)


def _text(value: str) -> str:
    # What JSON writes of a text is TOML too.
    return json.dumps(value, ensure_ascii=False)
