"""Find the hits of an effect in a video's own sound: when each begins, how loud it is and how long.

A hit is a peak of the onset strength in the effect's bands after which the level stands well above
what it was before; its time is where that rise begins. Hits are kept where the sound is tagged as
the effect, or where they sound like hits that are: barks over speech carry the tag of speech, but
their spectrum is that of the other barks.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from temporal_foley.effects import Effect
from temporal_foley.spotting.own_sound.attacks import Attack, attack_of
from temporal_foley.spotting.own_sound.evidence import TAG_STEP_S, SoundEvidence
from temporal_foley.spotting.own_sound.onset_strength import (
    FRAME_S,
    SoundLevels,
    band_slice,
    noise_floor,
    onset_strength,
    total_level,
)

DIP_DB = 6.0
"""Two rises with a smaller dip between them are one."""
WINDOW_LEADS_S = 0.005
"""A frame's window reaches into a hit this long before the hit begins."""

PARTS = 3
"""Parts of the bands in which a rise counts by itself."""

PerFrame = Float[np.ndarray, " frames"]
Rise = tuple[int, int, float]
"""First frame, frame of the highest level, and the level before."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hit:
    """One hit in a sound."""

    time: float
    """Seconds at which its level begins to rise."""
    level_db: float
    """Highest level in the effect's bands, in decibels below full scale."""
    rise_db: float
    """How far that is above the level just before."""
    length_s: float
    """How long it is audible: until its level fell by 20 dB, or to what was there before."""
    probability: float = 1.0
    """How probable the sound is the effect's."""


def find_candidates(levels: SoundLevels, attack: Attack) -> tuple[list[Hit], np.ndarray]:
    """Return every rise that could be a hit, in order of time, with the spectrum of each.

    A spectrum is what a hit adds to the bands, as square roots of powers of unit length.
    """
    bands = band_slice(attack.lowest_hz, attack.highest_hz)
    own = np.asarray(levels.bands_db[:, bands], np.float32)
    if len(own) < 3:
        return [], np.zeros((0, own.shape[1]))
    level = _smooth(total_level(own))
    parts = [_smooth(total_level(part)) for part in np.array_split(own, PARTS, axis=1)]
    lag, rise = max(1, round(attack.lag_s / FRAME_S)), max(2, round(attack.rise_s / FRAME_S))
    strength = onset_strength(own, lag, noise_floor(own))
    rises: list[Rise] = []
    masked: list[Rise] = []
    for peak in _peaks(strength, max(2, round(0.5 * attack.apart_s / FRAME_S))):
        first = max(0, peak - lag - rise)
        low = first + int(level[first : peak + 1].argmin())
        top = peak + int(level[peak : peak + rise + 1].argmax())
        if level[top] - level[low] < attack.least_rise_db:
            masked += _masked_rise(parts, level, first, peak, peak + rise + 1, attack)
        start = _start(level, low, top, attack)
        if rises and (start - rises[-1][0]) * FRAME_S < attack.apart_s:
            before, last, _ = rises.pop()
            has_dip = level[before : top + 1].min() <= level[last] - DIP_DB
            if level[top] <= level[last] or (
                has_dip and level[top] <= level[last] + attack.louder_db
            ):
                # The second is only how the first goes on.
                low, top = _lowest(level, before, rise), last
            elif not has_dip:
                low = _lowest(level, before, rise)
            # Else the first was only what announced the second.
        rises.append((_start(level, low, top, attack), top, float(level[low])))
    rises = [one for one in rises if level[one[1]] - one[2] >= attack.least_rise_db]
    apart = attack.apart_s / FRAME_S
    for one in masked:
        if all(abs(one[0] - start) >= apart for start, _, _ in rises):
            rises.append(one)
    rises.sort()
    hits = [
        Hit(
            time=round(start * FRAME_S + WINDOW_LEADS_S, 4),
            level_db=round(float(level[top]), 2),
            rise_db=round(float(level[top]) - before, 2),
            length_s=0.0,
        )
        for start, top, before in rises
    ]
    spectra = np.array([_added(own, start, top) for start, top, _ in rises])
    return _with_lengths(hits, level), spectra.reshape(len(hits), own.shape[1])


def find_hits(
    sound: SoundEvidence,
    effect: Effect,
    start: float = 0.0,
    end: float | None = None,
    *,
    expected: Sequence[tuple[float, float]] = (),
    attack: Attack | None = None,
) -> list[Hit]:
    """Return the hits of an effect in a stretch of a video's own sound, in order of time.

    Args:
        sound: Levels and tags of the whole sound.
        effect: What is sought, one of the vocabulary of `sound`.
        start: Seconds at which the stretch begins.
        end: Seconds at which it ends; None: with the sound.
        expected: Where the detector expects the effect. There a strike needs no tag of its own, if
            neither speech nor music explains it: strikes have many sounds, and tags miss most.
        attack: How its hits begin; None for its family's.
    """
    attack = attack or attack_of(effect)
    end = sound.levels.seconds if end is None else end
    first, last = sound.levels.within(start - MARGIN_S, end + MARGIN_S)
    piece = SoundLevels(bands_db=sound.levels.bands_db[first:last])
    hits, spectra = find_candidates(piece, attack)
    if not hits:
        return []
    hits = [dataclasses.replace(hit, time=round(hit.time + first * FRAME_S, 4)) for hit in hits]
    probable = judge_hits(hits, spectra, sound, effect, attack, expected)
    return [
        dataclasses.replace(hit, probability=round(float(one), 3))
        for hit, one in zip(hits, probable, strict=True)
        if one >= LEAST_PROBABILITY and start <= hit.time < end
    ]


MARGIN_S = 1.0
"""Sound around a stretch that is measured with it."""
LEAST_PROBABILITY = 0.5
UNEXPLAINED = 0.75
"""Probability of a strike that is expected and that nothing else explains."""
EXPECTED_ODDS = 2.4
"""How much more probable an effect is audible where the detector expects it."""
SURELY_ANOTHER = 0.6
"""Tag of another effect that explains a strike."""
NEAR_S = 1.0
"""Hits this near are compared by level as they are."""
SURE_OF_ALIKE = 0.12
"""A hit that is like the others needs only this much of a tag."""


def judge_hits(
    hits: Sequence[Hit],
    spectra: Float[np.ndarray, "hits bands"],
    sound: SoundEvidence,
    effect: Effect,
    attack: Attack,
    expected: Sequence[tuple[float, float]] = (),
) -> Float[np.ndarray, " hits"]:
    """Return how probable each candidate is a hit of the effect.

    That is its tag, less if its spectrum is unlike that of the loud hits with a sure tag, and less
    the softer it is than those. One that is very like them needs little of a tag: barks over speech
    are tagged as speech.
    """
    levels = np.array([hit.level_db for hit in hits])
    is_expected = np.array([_is_within(hit, expected) for hit in hits])
    own = np.ones(len(hits))
    if effect.audioset:
        tags = sound.tags[:, sound.vocabulary.index(effect.name)]
        own = np.array([_tag_at(tags, hit) for hit in hits])
        own = np.where(is_expected, expected_tag(own), own)
    likely = own
    if attack.is_struck and own.max() >= SURE_OF_ALIKE:
        rest = np.delete(sound.tags, sound.vocabulary.index(effect.name), axis=1)
        rest = np.where(rest.max(axis=1, initial=0.0) >= SURELY_ANOTHER, 1.0, 0.0)
        others = np.maximum(np.maximum(sound.speech, sound.music), rest)
        explained = np.array([_tag_at(others, hit) for hit in hits])
        likely = np.maximum(own, UNEXPLAINED * is_expected * (1.0 - explained))
    is_sure = likely >= LEAST_PROBABILITY
    if not is_sure.any():
        return likely
    apart = np.abs(np.subtract.outer([hit.time for hit in hits], [hit.time for hit in hits]))
    counted = levels - attack.fade_db_per_s * np.maximum(apart - NEAR_S, 0.0)
    loudest = counted[:, is_sure].max(axis=1)
    alike = _alikeness(spectra, likely * 10.0 ** (levels / 20.0), is_sure)
    likely = np.maximum(likely, np.minimum(own / SURE_OF_ALIKE, 1.0) * _ramp(alike, 0.9, 0.98))
    half = 0.5 * attack.range_db
    return (
        likely
        * _ramp(alike, attack.least_alike, attack.least_alike + 0.12)
        * _ramp(levels - loudest, -attack.range_db, -half)
    )


def _alikeness(
    spectra: Float[np.ndarray, "hits bands"],
    weights: Float[np.ndarray, " hits"],
    is_sure: Bool[np.ndarray, " hits"],
) -> Float[np.ndarray, " hits"]:
    """Return how like each spectrum is to the mean of the probable ones, or to two sure ones.

    Two dogs bark in one clip: their mean is like neither.
    """
    centre = (weights[:, None] * spectra).sum(axis=0)
    alike = spectra @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
    if is_sure.sum() > 2:
        pairs = spectra @ spectra.T
        np.fill_diagonal(pairs, 0.0)
        second = np.sort(pairs[:, is_sure], axis=1)[:, -2]
        alike = np.maximum(alike, second)
    return alike


def expected_tag(tags: np.ndarray) -> np.ndarray | np.floating:
    """Return tags where the detector expects the effect: a tag of .3 is as good as one of .5."""
    odds = EXPECTED_ODDS * tags
    return odds / (odds + 1.0 - tags)


def _ramp(values: np.ndarray, zero: float, one: float) -> np.ndarray:
    return np.clip((values - zero) / (one - zero), 0.0, 1.0)


def _is_within(hit: Hit, spans: Sequence[tuple[float, float]]) -> bool:
    return any(start <= hit.time < end for start, end in spans)


def _tag_at(tags: Float[np.ndarray, " columns"], hit: Hit) -> float:
    """Return the largest tag from just before a hit to its end, at most 0.3 s on."""
    if not len(tags):
        return 0.0
    first = int(np.clip(round((hit.time - 0.02) / TAG_STEP_S), 0, len(tags) - 1))
    last = round((hit.time + min(hit.length_s, 0.3)) / TAG_STEP_S)
    return float(tags[first : max(first, min(last, len(tags) - 1)) + 1].max())


def _smooth(level: PerFrame) -> PerFrame:
    padded = np.pad(level, 1, mode="edge")
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3.0


def _peaks(strength: PerFrame, reach: int) -> list[int]:
    """Return local maxima above an adaptive threshold: the median around and a part of the best."""
    if not len(strength):
        return []
    padded = np.pad(strength, reach, mode="constant")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    is_peak: Bool[np.ndarray, " frames"] = (strength >= windows.max(axis=1)) & (strength > 0.0)
    if not is_peak.any():  # A steady sound.
        return []
    wide = round(1.0 / FRAME_S)
    least = np.maximum(1.0, 0.12 * float(np.percentile(strength[is_peak], 95.0, method="higher")))
    places = np.flatnonzero(is_peak & (strength >= least))
    kept = []
    for place in places:
        around = strength[max(0, place - wide // 2) : place + wide // 2]
        if strength[place] >= 2.0 * float(np.median(around)) + 0.5:
            kept.append(int(place))
    return kept


def _masked_rise(
    parts: Sequence[PerFrame], level: PerFrame, first: int, peak: int, end: int, attack: Attack
) -> list[Rise]:
    """Return the rise of one part of the bands that another sound hides in their sum, if any."""
    for part in parts:
        low = first + int(part[first : peak + 1].argmin())
        top = peak + int(part[peak:end].argmax())
        is_loud = part[top] >= level.max() - attack.range_db
        if is_loud and part[top] - part[low] >= attack.least_rise_db:
            before = float(level[top] - (part[top] - part[low]))
            return [(_start(part, low, top, attack), top, before)]
    return []


def _start(level: PerFrame, low: int, top: int, attack: Attack) -> int:
    """Return the frame between the lowest one before a hit and its top at which it begins."""
    # People place a hit where most of its level has come, not where a breath before it begins.
    below = level[top] - min(attack.near_top_db, 0.6 * (level[top] - level[low]))
    return low + int(np.flatnonzero(level[low : top + 1] < below)[-1]) + 1 if low < top else low


def _lowest(level: PerFrame, start: int, rise: int) -> int:
    first = max(0, start - rise)
    return first + int(level[first : start + 1].argmin())


def _added(bands_db: np.ndarray, start: int, top: int) -> np.ndarray:
    """Return what a hit adds to the bands, as square roots of powers of unit length."""
    power = 10.0 ** (bands_db / 10.0)
    after = power[min(start + 1, len(power) - 1) : max(top, start + 8) + 5].mean(axis=0)
    before = power[max(0, start - 10) : max(1, start - 1)].mean(axis=0)
    added = np.sqrt(np.sqrt(np.maximum(after - before, 1e-12)))
    return added / max(float(np.linalg.norm(added)), 1e-12)


def _with_lengths(hits: Sequence[Hit], level: PerFrame) -> list[Hit]:
    """Measure how long each hit is audible, at most until the next one begins."""
    measured = []
    for number, hit in enumerate(hits):
        start = round(hit.time / FRAME_S)
        stop = len(level)
        if number + 1 < len(hits):
            stop = round(hits[number + 1].time / FRAME_S)
        # A hit may begin in the last frame, or be announced one frame before the next.
        own = level[min(start, stop - 1) : stop]
        top = int(own[: round(0.5 / FRAME_S)].argmax())
        floor = max(hit.level_db - 20.0, hit.level_db - hit.rise_db + 3.0)
        ended = np.flatnonzero(own[top:] < floor)
        frames = top + int(ended[0]) if len(ended) else len(own)
        measured.append(dataclasses.replace(hit, length_s=round(max(frames, 2) * FRAME_S, 3)))
    return measured
