"""Sound libraries: a folder with a manifest, or nothing, in; the takes for each effect out.

What a folder lacks comes from the built-in recipes, so that every known effect can be heard.
"""

import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from temporal_foley.errors import LibraryError, MediaError
from temporal_foley.sound.landmarks import find_anchor
from temporal_foley.sound.manifest import MANIFEST_NAME, TakeRecord, read_manifest
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample
from temporal_foley.timeline import Asset, Loop

BUILT_IN_LICENCE = "CC0-1.0"
BUILT_IN_CREDIT = "temporal-foley"
LONGEST_TAKE_S = 60
"""Longer recordings are used up to here: a loop of a minute is not heard to repeat."""

# Recipes that make many seconds: three takes differ enough, and each costs time and memory.
_LONG_RECIPES = (
    *("train_passing", "river", "stars_shining", "writing", "wave", "ambulance"),
    *("cars", "cheer", "fire", "helicopter", "blender", "lightning"),
)
_LONG_TAKES, _SHORT_TAKES = 3, 8
# Holds all built-in takes at once, so that a long film with every effect makes each only once.
_CACHE_BYTES = 176 << 20
_MARKED_JOIN_S = 0.02


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryTake:
    """What a library says of a take without reading it; `kind` overrides that of the effect.

    `anchor` is the sample that the library itself names; None leaves it to be found.
    """

    effect: str
    asset: Asset
    licence: str
    credit: str = ""
    gain_db: float = 0.0
    kind: str | None = None
    anchor: int | None = None


class Library:
    """The takes for each effect, and their sound; read takes stay in memory up to a bound."""

    def __init__(
        self,
        *,
        name: str,
        sha256: str,
        takes: Iterable[LibraryTake],
        load: Callable[[Asset], Take],
        cache_bytes: int = _CACHE_BYTES,
    ):
        self.name = name
        self.sha256 = sha256
        self._takes: dict[str, tuple[LibraryTake, ...]] = {}
        for take in takes:
            self._takes[take.effect] = (*self._takes.get(take.effect, ()), take)
        self._load = load
        self._cache: OrderedDict[Asset, Take] = OrderedDict()
        self._cache_bytes = cache_bytes

    @property
    def effects(self) -> tuple[str, ...]:
        """The effects that there are takes for."""
        return tuple(self._takes)

    def takes(self, effect: str) -> tuple[LibraryTake, ...]:
        """Return the takes for an effect, in the order of the library; none is an empty tuple."""
        return self._takes.get(effect, ())

    def read(self, asset: Asset) -> Take:
        """Return a take's sound at 48 kHz; it is shared, so its samples cannot be written to.

        Raises:
            LibraryError: The library has no such take, or its file is not what it was.
        """
        if asset in self._cache:
            self._cache.move_to_end(asset)
            return self._cache[asset]
        take = self._load(asset)
        take.samples.setflags(write=False)
        self._cache[asset] = take
        held = sum(other.samples.nbytes for other in self._cache.values())
        while held > self._cache_bytes and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            held -= oldest.samples.nbytes
        return take

    def licences(self) -> dict[str, tuple[str, ...]]:
        """Return each licence in the library with those to be credited under it."""
        credits: dict[str, set[str]] = {}
        for takes in self._takes.values():
            for take in takes:
                credits.setdefault(take.licence, set()).update({take.credit} - {""})
        return {licence: tuple(sorted(credits[licence])) for licence in sorted(credits)}


def load_library(path: Path | None = None) -> Library:
    """Load a folder's library, completed by the built-in takes; None: these alone.

    Raises:
        LibraryError: The manifest or a record of it is wrong; the text names the file and line.
    """
    from temporal_foley.sound.synth import RECIPES, recipes_sha256, synthesize

    built_in = [take for name in RECIPES for take in _built_in_takes(name)]
    if path is None:
        return Library(
            name="built-in",
            sha256=recipes_sha256(),
            takes=built_in,
            load=lambda asset: synthesize(asset.name, _seed_of(asset)),
        )
    manifest = path if path.name == MANIFEST_NAME else path / MANIFEST_NAME
    name, records = read_manifest(manifest)
    digests = {record.file: _file_sha256(record.path) for record in records}
    takes = [_file_take(record, digests[record.file]) for record in records]
    own = {take.effect for take in takes}
    by_file = {record.file: record for record in records}

    def load(asset: Asset) -> Take:
        if asset.kind == "recipe":
            return synthesize(asset.name, _seed_of(asset))
        return _read_file(asset, by_file, manifest)

    return Library(
        name=name,
        sha256=_library_sha256(manifest, digests, recipes_sha256()),
        takes=takes + [take for take in built_in if take.effect not in own],
        load=load,
    )


def _built_in_takes(name: str) -> list[LibraryTake]:
    count = _LONG_TAKES if name in _LONG_RECIPES else _SHORT_TAKES
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
        asset=Asset(kind="file", name=record.file, sha256=sha256),
        licence=record.licence,
        credit=record.credit,
        gain_db=record.gain_db,
        kind=record.kind,
        anchor=None if record.anchor_s is None else to_sample(record.anchor_s),
    )


def _read_file(asset: Asset, records: Mapping[str, TakeRecord], manifest: Path) -> Take:
    # Lazily: the built-in library needs no media reader.
    from temporal_foley.media.audio import read_sound_file

    if asset.name not in records:
        raise LibraryError(f"{manifest}: lists no file {asset.name!r}; add a [[take]] for it")
    record = records[asset.name]
    where = f"{manifest}, line {record.line}"
    if asset.sha256 is not None and _file_sha256(record.path) != asset.sha256:
        raise LibraryError(
            f"{where}: {asset.name!r} is not the file that was chosen; make the cue list again"
        )
    try:
        samples = read_sound_file(record.path)[: LONGEST_TAKE_S * SAMPLE_RATE_HZ]
    except MediaError as error:
        raise LibraryError(f"{where}: {error}") from None
    return _marked_take(np.ascontiguousarray(samples, np.float32), record, where)


def _marked_take(samples: np.ndarray, record: TakeRecord, where: str) -> Take:
    anchor = find_anchor(samples) if record.anchor_s is None else to_sample(record.anchor_s)
    if anchor >= len(samples):
        raise LibraryError(f"{where}: anchor_s must lie in the file, got {record.anchor_s}")
    if record.loop_start_s is None or record.loop_end_s is None:
        return Take(samples=samples, anchor=anchor)
    start, end = to_sample(record.loop_start_s), to_sample(record.loop_end_s)
    if not start < end <= len(samples):
        raise LibraryError(f"{where}: loop_end_s must lie in the file, got {record.loop_end_s}")
    # Points set by hand meet each other's phase: a short join keeps what they were set for.
    crossfade = min(start, (end - start) // 4, to_sample(_MARKED_JOIN_S))
    return Take(
        samples=samples, anchor=anchor, loop=Loop(start=start, end=end, crossfade=crossfade)
    )


def _file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read ({error.strerror})") from None


def _library_sha256(manifest: Path, digests: Mapping[str, str], recipes: str) -> str:
    """Hash the manifest, the files and the recipes that stand in for what is missing."""
    digest = hashlib.sha256(manifest.read_bytes())
    for file in sorted(digests):
        digest.update(f"\n{digests[file]} {file}".encode())
    digest.update(f"\n{recipes}".encode())
    return digest.hexdigest()
