"""How well the fill decision and hit finding do on composed sound whose truth is known.

    python benchmarks/fill.py --sounds SOUNDS.csv --voices CLIPS.txt --clips 400

Stretches of ten seconds hold speech, music, noise or nothing as a bed, and in half of them an
effect, at +20, +10, +3 or -3 dB against the bed; in a quarter another sound at the same levels; in
a quarter only the bed. An event of the effect is given over the middle eight seconds, as a detector
would from the picture. Recognised: the effect is in the sound and its event counts as audible, so
`fill` adds nothing. Wrongly skipped: it is not in the sound and counts as audible. Hits of short
takes have known times, which give F1. Sources are those that the fit of the tags left out, where
there are any; for classes with fewer sources, all. CLIPS.txt has lines of `speech` or `music`, a
tab, a path.
"""

import argparse
import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hits import compare, f1

from data_pipeline.distill.fit_effect_tags import (
    is_held_out,
    list_sounds,
    list_voices,
    loudness,
    read_sound,
)
from temporal_foley.effects import load_vocabulary
from temporal_foley.models.audio.sound_evidence import analyse_sound
from temporal_foley.sound.synth.signals import coloured_noise
from temporal_foley.spotting.own_sound.align import HIT_KINDS, align_with_sound
from temporal_foley.timeline import Event

RATE_HZ = 32_000
SAMPLES = 10 * RATE_HZ
LEVELS_DB = (20.0, 10.0, 3.0, -3.0)
BEDS = ("nothing", "noise", "speech", "music")
LONGEST_HIT_S = 1.5
PACES_S = {
    effect.name: effect.interval_s
    for effect in load_vocabulary().effects
    if effect.kind == "repeated" and effect.interval_s is not None
}
"""Seconds from one hit to the next: keys half a second apart are no typing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Composed:
    """A composed stretch with its truth."""

    effect: str
    bed: str
    level_db: float
    contains: bool
    is_bed_only: bool
    sound: np.ndarray
    hits: tuple[float, ...]
    source: str
    """The recording of the effect or of the other sound."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=400)
    given = parser.parse_args(words)
    vocabulary = load_vocabulary()
    sounds, voices = list_sounds(given.sounds), list_voices(given.voices)
    rng = np.random.default_rng(1)
    effects = [e for e in vocabulary.effects if e.name in sounds]
    table: dict[tuple[str, str], list[bool]] = defaultdict(list)
    counts: dict[str, list[np.ndarray]] = defaultdict(list)
    for number in range(given.clips):
        effect = effects[number % len(effects)]
        one = compose(rng, effect.name, sounds, voices, contents(number // len(effects)))
        blocks = iter(np.split(one.sound, 10))
        sound = analyse_sound(blocks, vocabulary, SAMPLES)
        event = Event(effect=effect.name, onset=1.0, offset=9.0, confidence=0.7)
        events = () if sound is None else align_with_sound([event], sound)
        own = [e for e in events if e.effect == effect.name and e.audible and not e.off_screen]
        truth = "in" if one.contains else "out"
        level = "only the bed" if one.is_bed_only else f"{one.level_db:+.0f} dB"
        for key in (effect.name, f"bed {one.bed}", level, "all"):
            table[key, truth].append(bool(own))
        if one.hits and effect.kind in HIT_KINDS:
            placed = sorted(hit for e in events if e.effect == effect.name for hit in e.hits)
            counts[effect.name].append(compare(one.hits, placed))
            counts["all"].append(counts[effect.name][-1])
    print("what\tin\trecognised\tout\twrongly_skipped\tF1_50\tF1_100")
    for key in dict.fromkeys(key for key, _ in table):
        inside, outside = table[key, "in"], table[key, "out"]
        row = [key, len(inside), rate(inside), len(outside), rate(outside)]
        if counts[key]:
            total = np.sum(counts[key], axis=0)
            row += [f"{f1(total[:3]):.2f}", f"{f1(total[3:]):.2f}"]
        print("\t".join(map(str, row)))


def rate(values: Sequence[bool]) -> str:
    """Return the part that is true."""
    return f"{np.mean(values):.2f}" if len(values) else ""


def contents(number: int) -> str:
    """Return what the stretch of a number holds over its bed: effect, other, or nothing."""
    return ("effect", "other", "effect", "nothing")[number % 4]


def compose(
    rng: np.random.Generator, effect: str, sounds, voices, holds: str, *, every_source: bool = False
) -> Composed:
    """Compose a stretch that holds an effect, another sound, or nothing but its bed.

    Args:
        rng: Source of all draws.
        effect: The effect that is expected.
        sounds: Recordings by class and source.
        voices: Clips of speech and music.
        holds: What `contents` returned.
        every_source: Draw also from sources that the fit of the tags has seen.
    """
    contains = holds == "effect"
    bed = str(rng.choice(BEDS[1:] if holds == "nothing" else BEDS))
    level_db = float(rng.choice(LEVELS_DB))
    mix = (1e-4 * rng.standard_normal(SAMPLES)).astype(np.float32)
    source = f"noise {rng.integers(1 << 30)}"
    if bed == "noise":
        colour = float(rng.choice([0.0, 1.0, 2.0]))
        mix += (0.05 * coloured_noise(SAMPLES, rng, colour)).astype(np.float32)
    elif bed != "nothing":
        voice, source = draw(rng, voices[bed], every_source=every_source)
        mix += 0.05 / max(loudness(voice), 1e-4) * np.resize(voice, SAMPLES)
    hits: list[float] = []
    is_short = False
    if holds != "nothing":
        names = [name for name in sounds if name not in (effect, "")]
        name = effect if contains else str(rng.choice(names))
        take, source = draw(rng, sounds[name], every_source=every_source)
        is_short = len(take) < LONGEST_HIT_S * RATE_HZ
        hits = lay(rng, mix, take, level_db, PACES_S.get(name) if is_short else None)
    mix = mix / max(1.0, float(np.abs(mix).max()) / 0.99)
    return Composed(
        effect=effect,
        bed=bed,
        level_db=level_db,
        contains=contains,
        is_bed_only=holds == "nothing",
        sound=mix,
        hits=tuple(hits) if contains and is_short else (),
        source=source,
    )


def lay(
    rng: np.random.Generator,
    mix: np.ndarray,
    take: np.ndarray,
    level_db: float,
    pace_s: tuple[float, float] | None,
) -> list[float]:
    """Add a take to the middle of a mix, again and again if it is short; return its attacks."""
    gain = 0.05 * 10.0 ** (level_db / 20.0) / max(loudness(take), 1e-4)
    hits: list[float] = []
    place = int(rng.uniform(1.0, 2.0) * RATE_HZ)
    while place < 8 * RATE_HZ:
        part = take[: 9 * RATE_HZ - place]
        mix[place : place + len(part)] += gain * part
        hits.append(place / RATE_HZ + attack_s(take))
        if pace_s is None:
            place += len(part) + int(rng.uniform(0.3, 1.5) * RATE_HZ)
        else:
            place += int(rng.uniform(*pace_s) * RATE_HZ)
        if len(take) >= LONGEST_HIT_S * RATE_HZ:
            break
    return hits


def draw(
    rng: np.random.Generator, pool: dict[str, list[Path]], *, every_source: bool
) -> tuple[np.ndarray, str]:
    """Draw a sound and its source, of those that were left out of the fit, if there are any."""
    left_out = [source for source in pool if is_held_out(source)]
    sources = list(pool) if every_source or not left_out else left_out
    source = sources[rng.integers(len(sources))]
    takes = pool[source]
    return read_sound(takes[rng.integers(len(takes))]), source


def attack_s(take: np.ndarray) -> float:
    """Return when a take first reaches a third of its highest level over 5 ms."""
    step = RATE_HZ // 200
    level = np.abs(take[: len(take) // step * step]).reshape(-1, step).max(axis=1)
    return float(np.argmax(level >= level.max() / 3.0)) / 200.0


if __name__ == "__main__":
    main()
