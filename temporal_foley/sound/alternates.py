"""Alternates: an effect and a library in; takes that a cue of it could have, with their sound, out.

What a take would be as a cue (where it begins, what of it repeats) is decided by casting, and by
casting alone: each take is cast once, from a library that holds nothing else.
"""

import dataclasses
from collections.abc import Iterator

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.sound.casting import SUSTAINED_KINDS, cast_events
from temporal_foley.sound.library import Library, LibraryTake
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Alternate, Asset, Event

# Far from the start, so that what lies before a hit's anchor has room; longer than any take.
_ONSET_S = 120.0
_LENGTH_S = 600.0


def list_alternates(
    effect: Effect, library: Library, *, first: tuple[Asset, ...] = (), most: int
) -> Iterator[tuple[Alternate, Take]]:
    """Yield the takes in `first`, as far as the library has them, then others, up to `most`.

    At least all of `first` are yielded. A take that sounds in another way than the effect does is
    left out.
    """
    kinds = {entry.asset: entry.kind or effect.kind for entry in library.takes(effect.name)}
    entries = [
        entry
        for entry in library.takes(effect.name)
        if (kinds[entry.asset] in SUSTAINED_KINDS) == (effect.kind in SUSTAINED_KINDS)
    ]
    # A take that is played faster or slower stands beside the one it is made of.
    by_asset = {entry.asset: entry for entry in entries}
    for asset in first:
        base = by_asset.get(dataclasses.replace(asset, cents=0))
        if base is not None and asset.cents:
            entries.append(dataclasses.replace(base, asset=asset))
    order = {asset: place for place, asset in enumerate(first)}
    entries.sort(key=lambda entry: order.get(entry.asset, len(order)))
    own = sum(entry.asset in order for entry in entries)
    for entry in entries[: max(own, most)]:
        yield _alternate(entry, effect, library), library.read(entry.asset)


def _alternate(entry: LibraryTake, effect: Effect, library: Library) -> Alternate:
    alone = Library(name=library.name, sha256="", takes=[entry], load=library.read)
    event = Event(effect=effect.name, onset=_ONSET_S, offset=_ONSET_S + _LENGTH_S, confidence=1.0)
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
