"""Download open pictures of classes, each with author, licence and source.

    OUT/pictures/CLASS/AUTHOR/FILE     as published, byte by byte
    OUT/pictures/pictures.csv          file, licence, author, source, credit line
    OUT/pictures.jsonl                 every picture examined and the outcome, to resume from

Each author has a folder, because their pictures are often a series and belong in one split. Of
pictures that look alike, the first is kept, in any class.
"""

import csv
import dataclasses
import datetime
import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.acquire.likeness import (
    decode_picture,
    distances,
    perceptual_hash,
    picture_form,
)
from data_pipeline.acquire.openverse import (
    API,
    FREE_LICENCES,
    LICENCES,
    FoundPicture,
    search_pictures,
)
from data_pipeline.acquire.web import FetchError, LaterError, Web
from data_pipeline.features.journal import Journal
from temporal_foley.errors import FoleyError

FOLDER = "pictures"
TABLE = "pictures.csv"
JOURNAL = "pictures.jsonl"

_TABLE_COLUMNS = (
    "file",
    "licence",
    "licence_url",
    "author",
    "author_url",
    "title",
    "source_url",
    "picture_url",
    "provider",
    "attribution",
    "width",
    "height",
    "sha256",
    "fetched",
)
_CLASS = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PicturesConfig:
    """Which pictures are kept, and how many."""

    count: int = 200
    """Of each class."""
    licences: tuple[str, ...] = FREE_LICENCES
    min_side: int = 224
    """Pixels of the shorter side; the smallest input of a backbone."""
    max_pixels: int = 60_000_000
    alike_bits: int = 6
    """Pictures whose hashes differ in at most this many of 64 bits are duplicates."""
    api: str = API

    def __post_init__(self) -> None:
        if self.count < 1 or self.min_side < 1 or self.max_pixels < 1:
            raise ValueError("pictures.count, min_side and max_pixels must be at least 1")
        if not 0 <= self.alike_bits < 32:
            raise ValueError(f"pictures.alike_bits must be in [0, 32), got {self.alike_bits}")
        unknown = [code for code in self.licences if code not in LICENCES]
        if unknown or not self.licences:
            known = ", ".join(LICENCES)
            raise ValueError(f"pictures.licences must be some of {known}, got {unknown}")


def acquire_pictures(
    out: Path,
    queries: Mapping[str, str],
    web: Web,
    config: PicturesConfig = PicturesConfig(),
    *,
    report: Callable[[str], None] = lambda line: None,
) -> Counter[str]:
    """Download pictures of each class, resuming an earlier run; return the number of each outcome.

    Raises:
        AcquireError: The search cannot be reached; pictures until then are kept.
        FoleyError: A class has an invalid name, or a file cannot be written.
    """
    for name in queries:
        if not _CLASS.fullmatch(name):
            raise FoleyError(f"{name!r}: a class must be a plain name such as dog_barking")
    fates: Counter[str] = Counter()
    with Journal(out / JOURNAL) as journal:
        try:
            for name, query in queries.items():
                _acquire_class(out / FOLDER, name, query, web, config, journal, fates, report)
        finally:
            write_picture_table(out / FOLDER, journal)
    return fates


def _acquire_class(
    folder: Path,
    name: str,
    query: str,
    web: Web,
    config: PicturesConfig,
    journal: Journal,
    fates: Counter[str],
    report: Callable[[str], None],
) -> None:
    kept = sum(entry.get("class") == name for entry in journal if "file" in entry)
    hashes = [int(entry["hash"], 16) for entry in journal if "file" in entry]
    found = search_pictures(web, query, api=config.api, licences=config.licences)
    while kept < config.count and (picture := next(found, None)) is not None:
        if not picture.id:
            fates["has no id"] += 1
            continue
        if picture.id in journal:
            fates["known from before"] += 1
            continue
        try:
            entry = _take(folder, name, picture, web, config, hashes)
        except LaterError as error:
            fates[f"put off: {error}"] += 1  # Not in the journal: the next run tries again.
            continue
        except FetchError as error:
            journal.add(picture.id, url=picture.url, rejected=str(error))
            fates[str(error)] += 1
            continue
        journal.add(picture.id, **{"class": name}, query=query, **entry)
        hashes.append(int(entry["hash"], 16))
        fates["kept"] += 1
        kept += 1
        report(f"{name}: {kept} of {config.count}")
    report(f"{name}: {kept} of {config.count}, done")


def _take(
    folder: Path,
    name: str,
    picture: FoundPicture,
    web: Web,
    config: PicturesConfig,
    hashes: Iterable[int],
) -> dict[str, Any]:
    """Download, check and write one picture; return its journal entry.

    Raises:
        FetchError: It is not kept; the message is the reason.
    """
    # The search may return other licences than those asked for.
    if picture.licence not in config.licences:
        raise FetchError("has a licence that was not asked for")
    data = web.get(picture.url)
    width, height, bits, suffix = _judge(data, config)
    known = np.fromiter(hashes, np.uint64)
    if known.size and distances(bits, known).min() <= config.alike_bits:
        raise FetchError("looks like one that was kept")
    file = f"{name}/{_author_folder(picture)}/{_slug(picture.id)}{suffix}"
    _write(folder / file, data)
    return {
        "file": file,
        "hash": f"{bits:016x}",
        "licence": picture.licence_name,
        "licence_url": picture.licence_url,
        "author": picture.creator,
        "author_url": picture.creator_url,
        "title": picture.title,
        "source_url": picture.landing_url,
        "picture_url": picture.url,
        "provider": picture.provider,
        "attribution": picture.attribution,
        "width": width,
        "height": height,
        "sha256": hashlib.sha256(data).hexdigest(),
        "fetched": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _judge(data: bytes, config: PicturesConfig) -> tuple[int, int, int, str]:
    form = picture_form(data)
    if form is None:
        raise FetchError("is not a JPEG, PNG or still WebP")
    if min(form.width, form.height) < config.min_side:
        raise FetchError("is too small")
    if form.width * form.height > config.max_pixels:
        raise FetchError("has too many pixels")
    image = decode_picture(data)
    # The decoder rotates as the camera says, which may swap width and height.
    if image is None or sorted(image.shape[:2]) != sorted((form.width, form.height)):
        raise FetchError("is damaged")
    height, width = image.shape[:2]
    return width, height, perceptual_hash(image), form.suffix


def _author_folder(picture: FoundPicture) -> str:
    if not picture.creator:
        return _slug(picture.id)
    who = f"{picture.provider}/{picture.creator}"
    # The digest keeps authors with the same slug apart.
    return f"{_slug(who)}-{hashlib.sha256(who.encode()).hexdigest()[:8]}"


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "unnamed"


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FoleyError(f"cannot be written ({error.strerror})", path=path) from None


def write_picture_table(folder: Path, journal: Journal) -> None:
    """Write `pictures.csv`: one row per existing picture, by file name."""
    there = [entry for entry in journal if "file" in entry and (folder / entry["file"]).is_file()]
    if not there:
        return
    table = folder / TABLE
    part = table.with_name(f"{TABLE}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(_TABLE_COLUMNS)
            for entry in sorted(there, key=lambda entry: entry["file"]):
                rows.writerow(entry[column] for column in _TABLE_COLUMNS)
        part.replace(table)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FoleyError(f"cannot be written ({error.strerror})", path=table) from None
