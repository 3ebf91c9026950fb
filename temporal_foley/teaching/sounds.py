"""Write a sound library folder for a taught effect, for `generate --library`."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from temporal_foley.errors import LibraryError, MediaError, OutputExistsError
from temporal_foley.media.audio import read_sound_file
from temporal_foley.media.open import regular_file
from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME, CatalogueRow, write_catalogue
from temporal_foley.sound.takes.library import Library, load_library
from temporal_foley.sound.takes.manifest import MANIFEST_NAME


def write_sounds(
    folder: Path, effect: str, files: Sequence[Path], *, licence: str, overwrite: bool = False
) -> Library:
    """Copy sounds into a new library folder, and read it back.

    Raises:
        OutputExistsError: The folder exists and `overwrite` is not given, or it is not a library.
        LibraryError: A file is not a readable sound.
        MediaError: A file does not exist.
    """
    if folder.exists() and any(folder.iterdir()):
        if not overwrite:
            raise OutputExistsError("exists", path=folder, remedy="move it away or use --overwrite")
        if not any((folder / name).is_file() for name in (CATALOGUE_NAME, MANIFEST_NAME)):
            raise OutputExistsError("is not a sound library and is not overwritten", path=folder)
    sources = [regular_file(path) for path in files]
    for path in files:
        try:
            read_sound_file(path)  # Before copying: it may be anything, of any size.
        except MediaError as error:
            raise LibraryError(f"--take: {error}") from None
    names = [f"{effect}_{n}{path.suffix.lower()}" for n, path in enumerate(sources, 1)]
    staging = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        for name, source in zip(names, sources, strict=True):
            shutil.copyfile(source, staging / name)
        rows = [
            CatalogueRow(file=name, effect=effect, use=True, by="table", licence=licence)
            for name in names
        ]
        write_catalogue(rows, staging / CATALOGUE_NAME)
        library = load_library(staging)
        for take in library.takes(effect):
            library.read(take.asset)
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
    except LibraryError as error:
        # Name the user's files, not their copies.
        text = str(error).split(f"{CATALOGUE_NAME}, ", 1)[-1].split(": ", 1)[-1]
        for name, path in zip(names, files, strict=True):
            text = text.replace(str(staging / name), str(path)).replace(repr(name), str(path))
        raise LibraryError(f"--take: {text}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return load_library(folder)
