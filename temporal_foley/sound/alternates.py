"""Choose alternates: other takes that a cue could use.

Every cue lists three of them, so that it can be swapped. Casting alone decides what a take would be
as a cue (where it begins, which part repeats): each take is cast once, from a library that contains
nothing else.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.sound.casting import SUSTAINED_KINDS, cast_events
from temporal_foley.sound.synth import RECIPES
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library, LibraryTake
from temporal_foley.sound.takes.shuffle import set_of
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import MOST_ALTERNATES, Alternate, Asset, Cue, Event, Track

# Far enough from the start for the part before the anchor; longer than any take.
_ONSET_S = 120.0
_LENGTH_S = 600.0


def fill_alternates(
    tracks: Sequence[Track], vocabulary: Vocabulary, library: Library
) -> tuple[Track, ...]:
    """Give every cue up to three other takes, the best fitting first.

    They are the takes of other cues of the effect and three more, so that few takes are read that
    the mix does not need.
    """
    return tuple(
        dataclasses.replace(track, cues=_filled(track, vocabulary[track.effect], library))
        for track in tracks
    )


def _filled(track: Track, effect: Effect, library: Library) -> tuple[Cue, ...]:
    own = tuple(dict.fromkeys(cue.asset for cue in track.cues))
    most = len(own) + MOST_ALTERNATES
    pool = [other for other, _ in list_alternates(effect, library, first=own, most=most)]
    by_asset: dict[Asset, tuple[Alternate, ...]] = {}
    for asset in own:
        by_asset[asset] = _most_fitting(asset, pool)
    return tuple(dataclasses.replace(cue, alternates=by_asset[cue.asset]) for cue in track.cues)


def _most_fitting(asset: Asset, pool: Sequence[Alternate]) -> tuple[Alternate, ...]:
    """Return the best replacements: of the same set, at the same pitch, of similar length."""
    lengths = {other.asset: other.samples for other in pool}
    place = {other.asset: number for number, other in enumerate(pool)}

    def misfit(other: Alternate) -> tuple[bool, bool, int, int]:
        # Length in whole octaves: takes of a recipe differ slightly in length, and all fit.
        octaves = abs(math.log2(other.samples / lengths.get(asset, other.samples)))
        after = (place[other.asset] - place.get(asset, 0)) % len(pool)
        return (
            set_of(other.asset) != set_of(asset),
            other.asset.cents != asset.cents,
            round(octaves),
            after,
        )

    chosen: dict[Asset, Alternate] = {}
    for other in sorted(pool, key=misfit):
        base = dataclasses.replace(other.asset, cents=0)
        if base != dataclasses.replace(asset, cents=0):
            chosen.setdefault(base, other)
    return tuple(chosen.values())[:MOST_ALTERNATES]


def list_alternates(
    effect: Effect, library: Library, *, first: tuple[Asset, ...] = (), most: int
) -> Iterator[tuple[Alternate, Take]]:
    """Yield the takes in `first` that the library has, then others, up to `most`.

    All of `first` are yielded even beyond `most`.
    """
    entries = choose_alternates(effect, library, first=first, most=most)
    library.read_ahead(entry.asset for entry in entries)
    for entry in entries:
        yield _alternate(entry, effect, library), library.read(entry.asset)


def choose_alternates(
    effect: Effect, library: Library, *, first: tuple[Asset, ...] = (), most: int
) -> list[LibraryTake]:
    """Return the takes that `list_alternates` yields; none is read.

    Takes of a sustained kind are left out for a struck effect and vice versa. A recipe makes as
    many takes as necessary.
    """
    kinds = {entry.asset: entry.kind or effect.kind for entry in library.takes(effect.name)}
    entries = [
        entry
        for entry in library.takes(effect.name)
        if (kinds[entry.asset] in SUSTAINED_KINDS) == (effect.kind in SUSTAINED_KINDS)
    ]
    by_asset = {entry.asset: entry for entry in entries}
    for asset in first:
        # A take with changed pitch is listed beside the one that it is made from.
        base = by_asset.get(dataclasses.replace(asset, cents=0)) or _made_by_recipe(asset, entries)
        if base is not None and asset not in by_asset:
            entries.append(dataclasses.replace(base, asset=asset))
    order = {asset: place for place, asset in enumerate(first)}
    entries.sort(key=lambda entry: order.get(entry.asset, len(order)))
    own = sum(entry.asset in order for entry in entries)
    entries += _more_by_recipe(entries, max(own, most) - len(entries))
    return entries[: max(own, most)]


def _made_by_recipe(asset: Asset, entries: Sequence[LibraryTake]) -> LibraryTake | None:
    """Return the entry for a take of a recipe with a seed that the library does not list."""
    same = [one for one in entries if one.asset.kind == "recipe" and one.asset.name == asset.name]
    return same[0] if same and asset.kind == "recipe" and asset.name in RECIPES else None


def _more_by_recipe(entries: Sequence[LibraryTake], count: int) -> list[LibraryTake]:
    """Return `count` takes of a recipe beyond those that the library lists."""
    recipes = [entry for entry in entries if entry.asset.name in RECIPES]
    if count < 1 or len(recipes) < len(entries) or not entries:
        return []
    seeds = {entry.asset.seed for entry in entries}
    others = itertools.islice((seed for seed in itertools.count() if seed not in seeds), count)
    base = entries[0]
    return [
        dataclasses.replace(base, asset=dataclasses.replace(base.asset, seed=seed, cents=0))
        for seed in others
    ]


def _alternate(entry: LibraryTake, effect: Effect, library: Library) -> Alternate:
    alone = Library(name=library.name, sha256="", takes=[entry], load=library.read)
    event = Event(
        effect=effect.name,
        onset=_ONSET_S,
        offset=_ONSET_S + _LENGTH_S,
        confidence=1.0,
        hits=(_ONSET_S,),
    )
    vocabulary = Vocabulary(name=effect.name, effects=(effect,))
    duration = round((_ONSET_S + 2 * _LENGTH_S) * SAMPLE_RATE_HZ)
    (track,) = cast_events([event], vocabulary, alone, seed=0, duration_samples=duration)
    cue = track.cues[0]
    return Alternate(
        asset=entry.asset,
        licence=entry.licence,
        credit=entry.credit,
        samples=len(library.read(entry.asset).samples),
        loop=cue.loop,
        anchor=cue.anchor,
        gain_db=round(entry.gain_db, 2),
    )
