"""Load sound libraries and read their takes.

Effects that a folder has no takes for use the built-in recipes.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from temporal_foley.errors import CueListError, LibraryError, MediaError
from temporal_foley.files.cores import usable_cores
from temporal_foley.files.reading import open_regular
from temporal_foley.sound.levels import DEFAULT_LEVELS, LEVELS_NAME, MixLevels, read_levels
from temporal_foley.sound.signal.landmarks import find_anchor
from temporal_foley.sound.synth import SEEDS_A_FILM, TAKES_A_SET
from temporal_foley.sound.take import Take, repitch
from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME, take_records
from temporal_foley.sound.takes.digital_source import read_digital_source
from temporal_foley.sound.takes.held_takes import HeldTakes
from temporal_foley.sound.takes.licences import is_allowed
from temporal_foley.sound.takes.manifest import (
    MANIFEST_NAME,
    TakeRecord,
    file_inside,
    read_manifest,
)
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample
from temporal_foley.timeline import Asset, Loop, Timeline

BUILT_IN_LICENCE = "CC0-1.0"
BUILT_IN_CREDIT = "temporal-foley"
LONGEST_TAKE_S = 60
"""Longer recordings are cut here: a loop of a minute does not sound repetitive."""

_MOST_IN_MEMORY = 96 << 20
_MARKED_JOIN_S = 0.02


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryTake:
    """An entry of a library; its sound is read separately.

    `kind` overrides that of the effect. `anchor` is the sample that the library names; if None, it
    is found in the sound.
    """

    effect: str
    asset: Asset
    licence: str
    credit: str = ""
    gain_db: float = 0.0
    kind: str | None = None
    anchor: int | None = None


class Library:
    """The takes for each effect, and their sound; takes that were read are held up to a limit."""

    def __init__(
        self,
        *,
        name: str,
        sha256: str,
        takes: Iterable[LibraryTake],
        load: Callable[[Asset], Take],
        most_in_memory: int = _MOST_IN_MEMORY,
        levels: MixLevels = DEFAULT_LEVELS,
    ):
        self.name = name
        self.sha256 = sha256
        self.levels = levels
        self._takes: dict[str, tuple[LibraryTake, ...]] = {}
        for take in takes:
            self._takes[take.effect] = (*self._takes.get(take.effect, ()), take)
        self._load = load
        self._held = HeldTakes(most_in_memory)

    @property
    def effects(self) -> tuple[str, ...]:
        """The effects that have takes."""
        return tuple(self._takes)

    def takes(self, effect: str) -> tuple[LibraryTake, ...]:
        """Return the takes for an effect, in the order of the library."""
        return self._takes.get(effect, ())

    def read(self, asset: Asset) -> Take:
        """Return a take's sound at 48 kHz; it is shared and its samples are read-only.

        Raises:
            LibraryError: The library has no such take, or its file has changed.
        """
        held = self._held.get(asset)
        if held is not None:
            return held
        if asset.cents:
            take = repitch(self.read(dataclasses.replace(asset, cents=0)), asset.cents)
        else:
            take = self._load(asset)
        return self._held.put(asset, take)

    def read_ahead(self, assets: Iterable[Asset]) -> None:
        """Read takes that will be asked for, several at a time.

        Raises:
            LibraryError: As `read`.
        """
        plain = (dataclasses.replace(asset, cents=0) for asset in assets)
        wanted = [asset for asset in dict.fromkeys(plain) if asset not in self._held]
        with ThreadPoolExecutor(usable_cores(), thread_name_prefix="takes") as pool:
            for asset, take in zip(wanted, pool.map(self._load, wanted), strict=True):
                self._held.put(asset, take)

    def licences(self) -> dict[str, tuple[str, ...]]:
        """Return the licences in the library, each with the names to credit."""
        credits: dict[str, set[str]] = {}
        for takes in self._takes.values():
            for take in takes:
                credits.setdefault(take.licence, set()).update({take.credit} - {""})
        return {licence: tuple(sorted(credits[licence])) for licence in sorted(credits)}


def load_library(path: Path | None = None, *, allowed: frozenset[str] = frozenset()) -> Library:
    """Load the library of a folder, completed by the built-in takes, or these alone.

    Args:
        path: The folder, or the manifest or catalogue in it; None for the built-in takes. If both
            list a file, the manifest is used.
        allowed: Families of licences; takes under others are left out. Empty allows all. The
            built-in takes are in the public domain and always included.

    Raises:
        LibraryError: The manifest or catalogue is wrong; the text names the file and line.
    """
    from temporal_foley.sound.synth import RECIPES, recipes_sha256
    from temporal_foley.sound.takes.built_in import built_in_take

    built_in = [take for name in RECIPES for take in _built_in_takes(name)]
    if path is None:
        return Library(
            name="built-in",
            sha256=recipes_sha256(),
            takes=built_in,
            load=lambda asset: built_in_take(asset.name, _seed_of(asset)),
        )
    folder = path.parent if path.name in (MANIFEST_NAME, CATALOGUE_NAME) else path
    levels = folder / LEVELS_NAME
    name, records, sources = _read_records(folder)
    digests = {
        record.file: record.sha256 or _file_sha256(folder / record.file) for record in records
    }
    takes = [_file_take(record, digests[record.file]) for record in records]
    takes = [take for take in takes if is_allowed(take.licence, allowed)]
    own = {take.effect for take in takes}
    by_file = {record.file: record for record in records}

    def load(asset: Asset) -> Take:
        if asset.kind == "recipe":
            return built_in_take(asset.name, _seed_of(asset))
        return _read_file(asset, by_file, folder, sources[0])

    return Library(
        name=name,
        sha256=_library_sha256(sources, digests, recipes_sha256()),
        takes=takes + [take for take in built_in if take.effect not in own],
        load=load,
        levels=read_levels(levels) if levels.is_file() else DEFAULT_LEVELS,
    )


def check_library(timeline: Timeline, library: Library, cues: Path) -> None:
    """Check that a library has the takes of a cue list.

    Every library has the built-in takes too, so it also fits a list that was made with them alone.

    Raises:
        CueListError: The list was made with another library, or another version of it.
    """
    from temporal_foley.sound.synth import recipes_sha256

    made_with = timeline.library
    if made_with.sha256 not in (library.sha256, recipes_sha256()):
        raise CueListError(
            f"was cast from another library or version ({made_with.name})",
            path=cues,
            remedy="use --library DIR, or run generate again",
        )


def _read_records(folder: Path) -> tuple[str, tuple[TakeRecord, ...], list[Path]]:
    """Return a library's name, its records, and the files that describe it."""
    manifest, catalogue = folder / MANIFEST_NAME, folder / CATALOGUE_NAME
    levels = folder / LEVELS_NAME
    if levels.is_file() and not (manifest.is_file() or catalogue.is_file()):
        return folder.resolve().name, (), [levels]
    name, records, sources = _described(manifest, catalogue)
    return name, records, [*sources, levels] if levels.is_file() else sources


def _described(manifest: Path, catalogue: Path) -> tuple[str, tuple[TakeRecord, ...], list[Path]]:
    if not catalogue.is_file():
        name, records = read_manifest(manifest)
        return name, records, [manifest]
    offered = take_records(catalogue)
    if not manifest.is_file():
        return catalogue.resolve().parent.name, offered, [catalogue]
    name, records = read_manifest(manifest)
    by_hand = {record.file for record in records}
    more = tuple(record for record in offered if record.file not in by_hand)
    return name, records + more, [manifest, catalogue]


def _built_in_takes(name: str) -> list[LibraryTake]:
    # Three shoes, three keyboards: each run of hits keeps one. Takes are made when they are used.
    count = SEEDS_A_FILM if name in TAKES_A_SET else SEEDS_A_FILM // 3
    return [
        LibraryTake(
            effect=name,
            asset=Asset(kind="recipe", name=name, seed=seed),
            licence=BUILT_IN_LICENCE,
            credit=BUILT_IN_CREDIT,
        )
        for seed in range(count)
    ]


def _seed_of(asset: Asset) -> int:
    if asset.kind != "recipe" or asset.seed is None:
        raise LibraryError(f"no take {asset.name!r} in the built-in library; give its folder")
    return asset.seed


def _file_take(record: TakeRecord, sha256: str) -> LibraryTake:
    return LibraryTake(
        effect=record.effect,
        asset=Asset(
            kind="file",
            name=record.file,
            sha256=sha256,
            digital_source=read_digital_source(record.digital_source or ""),
        ),
        licence=record.licence,
        credit=record.credit,
        gain_db=record.gain_db,
        kind=record.kind,
        anchor=None if record.anchor_s is None else _place(record.anchor_s, record),
    )


def _place(seconds: float, record: TakeRecord) -> int:
    """Return a time in a file as a sample of its take, which begins at `start_s`."""
    return to_sample(seconds) - to_sample(record.start_s or 0.0)


def _read_file(asset: Asset, records: Mapping[str, TakeRecord], folder: Path, source: Path) -> Take:
    # Imported lazily: the built-in library needs no media reader.
    from temporal_foley.media.audio import read_sound_file

    if asset.name not in records:
        raise LibraryError(f"{source}: lists no file {asset.name!r}; add it")
    record = records[asset.name]
    where = f"{source}, take {record.file!r}"
    try:
        path = file_inside(folder.resolve(), record.file)
        if asset.sha256 is not None and _file_sha256(path) != asset.sha256:
            raise LibraryError(
                f"{where}: has changed since the cue list was made; run generate again, or "
                "`library add` on the library itself"
            )
        samples = read_sound_file(path)
    except (MediaError, ValueError) as error:
        raise LibraryError(f"{where}: {error}") from None
    end = None if record.end_s is None else to_sample(record.end_s)
    samples = samples[to_sample(record.start_s or 0.0) : end]
    samples = samples[: LONGEST_TAKE_S * SAMPLE_RATE_HZ]
    if not len(samples):
        raise LibraryError(f"{where}: start_s must be within the file, got {record.start_s}")
    return _marked_take(np.ascontiguousarray(samples, np.float32), record, where)


def _marked_take(samples: np.ndarray, record: TakeRecord, where: str) -> Take:
    anchor = find_anchor(samples) if record.anchor_s is None else _place(record.anchor_s, record)
    if anchor >= len(samples):
        raise LibraryError(f"{where}: anchor_s must be within the file, got {record.anchor_s}")
    if record.loop_start_s is None or record.loop_end_s is None:
        return Take(samples=samples, anchor=anchor)
    start, end = _place(record.loop_start_s, record), _place(record.loop_end_s, record)
    if not start < end <= len(samples):
        raise LibraryError(f"{where}: loop_end_s must be within the file, got {record.loop_end_s}")
    # Points set by hand match in phase: a short join preserves that.
    join = to_sample(_MARKED_JOIN_S if record.loop_join_s is None else record.loop_join_s)
    crossfade = min(start, (end - start) // 2 if record.loop_join_s else (end - start) // 4, join)
    loop = Loop(start=start, end=end, crossfade=crossfade, alike=record.loop_alike or 0.0)
    return Take(samples=samples, anchor=anchor, loop=loop)


def _file_sha256(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read ({error.strerror})") from None


def _library_sha256(sources: list[Path], digests: Mapping[str, str], recipes: str) -> str:
    """Hash the manifest and catalogue, the files, and the recipes that supply missing effects."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    for file in sorted(digests):
        digest.update(f"\n{digests[file]} {file}".encode())
    digest.update(f"\n{recipes}".encode())
    return digest.hexdigest()
