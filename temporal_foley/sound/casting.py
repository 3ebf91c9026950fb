"""Cast events: choose a take for each, and place it as a cue.

Random numbers are drawn separately for each effect and event, so that leaving an effect out does
not change the others.
"""

import dataclasses
import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.errors import LibraryError
from temporal_foley.sound.hits import (
    CUT_OUT_S,
    hit_length,
    hit_times,
    is_guessed,
    matching_gain,
)
from temporal_foley.sound.signal.landmarks import find_body
from temporal_foley.sound.signal.loops import find_loop
from temporal_foley.sound.synth import SEEDS_A_FILM
from temporal_foley.sound.take import MOST_CENTS, STEP_CENTS, Take
from temporal_foley.sound.takes.library import Library, LibraryTake
from temporal_foley.sound.takes.shuffle import ShuffleBag, sets_of
from temporal_foley.spotting.own_sound.modality import MODALITY_REASONS
from temporal_foley.timegrid import to_sample
from temporal_foley.timeline import Cue, Event, Evidence, Loop, Track

SUSTAINED_KINDS = ("loop", "ambience")

_FADES_S = {"loop": (0.05, 0.15), "ambience": (0.4, 0.4)}
_CUT_IN_S = 0.001
_WEAKEST_DB = -24.0
_LATE_S = 0.05
_PRESENT_S, _AT_CUT_S = 0.015, 0.3
_RING_OUT_S = 0.005
_SALTED_SEEDS = 1 << 32
# With at least this many takes in a set, neighbours differ enough without a change of pitch.
_ENOUGH_TAKES = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Casting:
    """The takes that the events of one effect are cast from."""

    effect: Effect
    kind: str
    takes: tuple[LibraryTake, ...]
    sets: ShuffleBag
    bags: tuple[ShuffleBag, ...]
    sizes: tuple[int, ...]
    library: Library
    duration: int
    cuts_s: tuple[float, ...]
    uses: Counter[int]
    """How often each take was used in earlier events."""


def cast_events(
    events: Sequence[Event],
    vocabulary: Vocabulary,
    library: Library,
    *,
    seed: int,
    duration_samples: int,
    salt: str = "",
    cuts_s: tuple[float, ...] = (),
) -> tuple[Track, ...]:
    """Choose and place takes for all events; the tracks are in the order of the vocabulary.

    `salt`, such as the hash of the video, gives every film its own takes and random numbers.
    Lasting sounds that begin at a cut (`cuts_s`) do not fade in slowly.

    Raises:
        LibraryError: The library has no take for the effect of an event.
        VocabularyError: An event is of an effect that is not in the vocabulary.
    """
    for event in events:
        vocabulary.index(event.effect)
    tracks: list[Track] = []
    for effect in vocabulary.effects:
        own = [event for event in events if event.effect == effect.name]
        own.sort(key=lambda event: (event.onset, event.offset))
        cues = (
            _cast_effect(own, effect, library, seed, duration_samples, salt, cuts_s) if own else ()
        )
        if cues:
            track = Track(
                effect=effect.name,
                kind=effect.kind,
                bus=effect.bus,
                gain_db=effect.level_db,
                cues=cues,
            )
            tracks.append(track)
    return tuple(tracks)


def _cast_effect(
    events: Sequence[Event],
    effect: Effect,
    library: Library,
    seed: int,
    duration: int,
    salt: str,
    cuts_s: tuple[float, ...],
) -> tuple[Cue, ...]:
    own = int.from_bytes(hashlib.sha256(f"{salt}{effect.name}".encode()).digest()[:8], "big")
    kind, takes = _usable_takes(effect, library, own % _SALTED_SEEDS if salt else 0)
    source = [seed, own]
    # A run of hits keeps one shoe or keyboard; other events may have any take.
    sets = [list(range(len(takes)))]
    if kind == "repeated":
        sets = sets_of([take.asset for take in takes])
    rng = np.random.default_rng(source)
    casting = _Casting(
        effect=effect,
        kind=kind,
        takes=takes,
        sets=ShuffleBag(range(len(sets)), rng),
        bags=tuple(ShuffleBag(members, rng) for members in sets),
        sizes=tuple(map(len, sets)),
        library=library,
        duration=duration,
        cuts_s=cuts_s,
        uses=Counter(),
    )
    cues: list[Cue] = []
    for number, event in enumerate(events):
        if kind in SUSTAINED_KINDS:
            cues.extend(_sustain(event, casting))
        else:
            # Seeded by the number from 1: a trailing 0 would give the numbers of the bag.
            cues.extend(_strike(event, casting, np.random.default_rng([*source, number + 1])))
    cues.sort(key=lambda cue: cue.onset_sample)
    return tuple(
        dataclasses.replace(cue, id=f"{effect.name}-{number:04d}")
        for number, cue in enumerate(cues, 1)
    )


def _usable_takes(
    effect: Effect, library: Library, first_set: int
) -> tuple[str, tuple[LibraryTake, ...]]:
    """Return the kind to cast as, and the takes of it: the effect's own, or the first take's.

    Recipes make takes of other seeds, beginning with those of `first_set`.
    """
    takes = library.takes(effect.name)
    if not takes:
        raise LibraryError(
            f"library {library.name}: has no take for {effect.name}; add a [[take]] for it or "
            "leave the effect out"
        )
    kinds = [take.kind or effect.kind for take in takes]
    kind = effect.kind if effect.kind in kinds else kinds[0]
    usable = (take for take, own in zip(takes, kinds, strict=True) if own == kind)
    return kind, tuple(_reseeded(take, first_set) for take in usable)


def _reseeded(take: LibraryTake, first_set: int) -> LibraryTake:
    if take.asset.kind != "recipe" or not first_set:
        return take
    seed = (take.asset.seed or 0) + first_set * SEEDS_A_FILM
    return dataclasses.replace(take, asset=dataclasses.replace(take.asset, seed=seed))


def _misfit(number: int, seconds: float, casting: _Casting) -> float:
    """Return how badly the length of a take fits an event; 0 for recipes."""
    entry = casting.takes[number]
    if entry.asset.kind == "recipe":
        return 0.0
    take = casting.library.read(entry.asset)
    length = len(take.samples) / to_sample(1)
    if casting.kind in SUSTAINED_KINDS:
        # Any loop is long enough; a longer one repeats less audibly.
        return max(0.0, math.log2(seconds / length))
    # Hits may outlast their event, but a long scream does not fit a short glimpse.
    return max(0.0, math.log2(length / max(seconds, 1.0)))


def _strike(event: Event, casting: _Casting, rng: np.random.Generator) -> Iterator[Cue]:
    """Place hits from an event's onset on; each rings out, but not past the end of the picture."""
    times = hit_times(event, casting.effect, casting.kind, casting.duration, rng)
    varies = len(times) > 1 or casting.kind == "repeated"
    chosen_set = casting.sets.draw()
    bag = casting.bags[chosen_set]
    # A source has one pitch; each hit deviates from it by a step.
    run_steps = int(rng.integers(1 - MOST_CENTS // STEP_CENTS, MOST_CENTS // STEP_CENTS))
    spread_db = casting.library.levels.hit_spread_db
    drawn: list[int] = []
    for number, time in enumerate(times, 1):
        if casting.kind == "repeated":
            chosen = bag.draw()
        else:
            seconds = event.offset - event.onset if len(times) == 1 else 1.0
            if event.lengths_s:
                seconds = event.lengths_s[number - 1]
            chosen = bag.draw(lambda take, seconds=seconds: _misfit(take, seconds, casting))
        entry = casting.takes[chosen]
        is_again = casting.uses[chosen] > 0
        # The mean of two draws: most hits are near the middle. Only where strengths are unknown.
        strayed_db = float(rng.uniform(-spread_db, spread_db, 2).mean()) if varies else 0.0
        if event.strengths_db:
            strayed_db = max(event.strengths_db[number - 1], _WEAKEST_DB)
        doubtful_db = 0.0 if event.audible else casting.library.levels.doubtful_db
        varied_db = strayed_db - doubtful_db * (1.0 - event.confidence)
        steps = run_steps + int(rng.integers(-1, 2))
        asset = entry.asset
        is_varied = varies or is_again
        if asset.kind == "file" and is_varied and casting.sizes[chosen_set] < _ENOUGH_TAKES:
            asset = dataclasses.replace(asset, cents=(steps or int(is_again)) * STEP_CENTS)
        drawn.append(chosen)
        take = casting.library.read(asset)
        meets = to_sample(time)
        begin = max(0, meets - take.anchor)
        source_start = begin - (meets - take.anchor)
        if source_start <= to_sample(_LATE_S):
            # At the first frame a hit begins with its attack, a moment late, not inside of it.
            source_start = 0
        end = min(
            casting.duration, begin + hit_length(take, event, number, casting.effect) - source_start
        )
        if end <= begin or meets >= casting.duration:
            bag.put_back(chosen)
            continue
        # Most of a repeated hit must play while its source is still there.
        middle = meets + (len(take.samples) - take.anchor) // 2
        ends_early = number > 1 and casting.kind == "one_shot" and not event.lengths_s
        if ends_early and middle > to_sample(event.offset):
            bag.put_back(chosen)
            continue
        gain_db = entry.gain_db + varied_db
        if event.levels_db:
            heard = take.samples[take.anchor : source_start + end - begin]
            gain_db = matching_gain(
                event.levels_db[number - 1], heard, casting.effect, casting.library.levels
            )
        source_end = source_start + end - begin
        is_cut = source_end < len(take.samples)
        lead_in = 0 if source_start == 0 else min(to_sample(_CUT_IN_S), (end - begin) // 4)
        ring = to_sample(CUT_OUT_S if is_cut else _RING_OUT_S)
        hit = f"; hit {number} of {len(times)}" if len(times) > 1 else ""
        guessed = is_guessed(event, number, casting.effect)
        if guessed:
            hit += "; timing guessed"
        pitch = f"; pitch {asset.cents:+d} cents" if asset.cents else ""
        yield Cue(
            id="",
            effect=event.effect,
            onset_sample=begin,
            offset_sample=end,
            confidence=event.confidence,
            asset=asset,
            licence=entry.licence,
            credit=entry.credit,
            source_start=source_start,
            source_end=source_end,
            anchor=take.anchor,
            gain_db=round(gain_db, 2),
            fade_in=lead_in,
            fade_out=min(ring, (end - max(begin, meets)) // 2),
            reason=_reason(event, chosen, casting) + hit + pitch,
            evidence=_evidence(event, number, is_guessed=guessed),
        )
    casting.uses.update(drawn)


def _sustain(event: Event, casting: _Casting) -> Iterator[Cue]:
    """Place one cue from an event's onset to its offset, looped if necessary and possible."""
    seconds = event.offset - event.onset
    chosen = casting.bags[0].draw(lambda number: _misfit(number, seconds, casting))
    entry = casting.takes[chosen]
    asset, again = entry.asset, casting.uses[chosen]
    casting.uses[chosen] += 1
    if asset.kind == "file" and again and len(casting.takes) < _ENOUGH_TAKES:
        # Higher and lower in turn: a second use is not the very same sound.
        steps = (again + 1) // 2 * (1 if again % 2 else -1)
        cents = min(max(steps * STEP_CENTS, -MOST_CENTS), MOST_CENTS)
        asset = dataclasses.replace(asset, cents=cents)
        entry = dataclasses.replace(entry, asset=asset)
    take = casting.library.read(entry.asset)
    begin = max(0, to_sample(event.onset))
    end = min(casting.duration, to_sample(event.offset))
    source_start = _first_sample(entry, take)
    loop = _loop(entry, take)
    rise_s, fall_s = _FADES_S[casting.kind]
    if begin == 0 or any(abs(event.onset - cut) < _AT_CUT_S for cut in casting.cuts_s):
        # The sound is present when the shot begins: leave out the lead-in of a recipe.
        rise_s = _PRESENT_S
        if loop is not None and entry.asset.kind == "recipe":
            source_start = max(source_start, loop.start)
    if loop is not None and source_start >= loop.end:
        source_start = loop.start
    left = (len(take.samples) if loop is None else loop.end) - source_start
    if end - begin <= left and not (event.carries and loop is not None):
        loop = None
    elif loop is None:
        end = begin + left
    if end <= begin:
        return
    if end == casting.duration:
        # Nothing comes after the last frame: the sound ends with the picture, without fading first.
        fall_s = _PRESENT_S
    shortened = (end - begin) // 4
    yield Cue(
        id="",
        effect=event.effect,
        onset_sample=begin,
        offset_sample=end,
        confidence=event.confidence,
        asset=entry.asset,
        licence=entry.licence,
        credit=entry.credit,
        source_start=source_start,
        source_end=loop.end if loop else source_start + end - begin,
        loop=loop,
        anchor=source_start,
        gain_db=round(entry.gain_db, 2),
        fade_in=min(to_sample(rise_s), shortened),
        fade_out=min(to_sample(fall_s), shortened),
        reason=_reason(event, chosen, casting) + ("; looped" if loop else ""),
        evidence=_evidence(event),
    )


def _first_sample(entry: LibraryTake, take: Take) -> int:
    """Return where a sustained take begins: its anchor, or the end of its silent lead-in."""
    if entry.anchor is None and entry.asset.kind == "file" and take.loop is None:
        return find_body(take.samples)[0]
    return take.anchor if entry.anchor is not None or entry.asset.kind == "recipe" else 0


def _loop(entry: LibraryTake, take: Take) -> Loop | None:
    """Return the take's loop; one is found in a recording that has none, but not in a recipe."""
    if take.loop is None and entry.asset.kind == "file":
        return find_loop(take.samples)
    return take.loop


def _evidence(event: Event, number: int = 1, *, is_guessed: bool = False) -> Evidence:
    """Return the evidence for a hit of an event before it is placed in the picture."""
    original = None
    if event.audible:
        start, end = event.onset, event.offset
        if event.lengths_s:
            start = event.hits[number - 1]
            end = start + event.lengths_s[number - 1]
        original = (max(0, to_sample(start)), to_sample(end))
    return Evidence(
        probability=round(event.confidence, 4),
        peak_s=event.peak,
        motion=event.motion,
        timing="guessed" if is_guessed else event.timing,
        original=original,
        carries=event.carries,
        modality=event.modality,
    )


def _reason(event: Event, chosen: int, casting: _Casting) -> str:
    peak = "" if event.peak is None else f", highest at {event.peak:.2f} s"
    # What is off screen says so itself.
    shown = "" if event.off_screen else MODALITY_REASONS.get(event.modality, "")
    why = "".join(f"; {text}" for text in (shown, event.reason) if text)
    taken = f"take {chosen + 1} of {len(casting.takes)}"
    return f"probability {event.confidence:.2f}{peak}{why}; {taken}"
