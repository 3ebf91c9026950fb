"""Choose the thresholds of hits on other recordings than those that judge them.

    python benchmarks/detection/hit_thresholds.py CLIPS --voices CLIPS.txt
        --truth CLIPS/hits.tsv benchmarks/detection/hits_more.tsv

Each recording is judged with the thresholds that are best, by the sum of F1 at 50 and 100 ms, on
all other recordings of its family (calls, keys, strikes, blasts); a choice whose 5th percentile of
errors is earlier than 20 ms is only taken where there is no other. Printed: F1 with thresholds
chosen so, and with those that ship, for clean sound and for three that are harder: noise 10 dB
below the effect, a reverberant hall (0.6 s), and speech 6 dB below. The event given is the clip.
"""

import argparse
import dataclasses
import itertools
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from hits import analysed, compare, extended_vocabulary, f1, read_truth, signed_errors

from data_pipeline.distill.fit_effect_tags import list_voices, loudness, read_sound
from temporal_foley.effects import Effect
from temporal_foley.spotting.own_sound import attacks
from temporal_foley.spotting.own_sound.attacks import Attack, attack_of
from temporal_foley.spotting.own_sound.evidence import SoundEvidence
from temporal_foley.spotting.own_sound.hits import find_hits

RATE_HZ = 32_000
BEDS = ("clean", "noise", "hall", "speech")
EARLIEST_S = -0.02
FAMILIES = {"CALL": "calls", "KEY": "keys", "STRIKE": "strikes", "BLAST": "blasts"}
CHOICES: dict[str, dict[str, tuple[float, ...]]] = {
    "CALL": {"near_top_db": (10.0, 12.5, 15.0), "least_alike": (0.7, 0.82)},
    "KEY": {"apart_s": (0.05, 0.06), "least_rise_db": (5.0, 6.0, 7.0)},
    "STRIKE": {"apart_s": (0.06, 0.08, 0.1), "least_rise_db": (6.0, 9.0)},
    "BLAST": {"range_db": (10.0, 14.0, 20.0), "least_rise_db": (9.0, 12.0)},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """One clip on one bed, with the counts and errors of every choice of thresholds."""

    source: str
    family: str
    bed: str
    counts: dict[Attack, np.ndarray]
    errors: dict[Attack, np.ndarray]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--truth", type=Path, nargs="+", required=True)
    parser.add_argument("--voices", type=Path, required=True)
    given = parser.parse_args(words)
    vocabulary = extended_vocabulary()
    voices = [path for paths in list_voices(given.voices)["speech"].values() for path in paths]
    judged: list[Judged] = []
    for file, effect, hits in [row for table in given.truth for row in read_truth(table)]:
        clean = read_sound(given.clips / file)
        for bed in BEDS:
            rng = np.random.default_rng(zlib.crc32(f"{file} {bed}".encode()))
            sound = analysed(on_bed(clean, bed, voices, rng), vocabulary)
            judged.append(judge(file, vocabulary[effect], hits, bed, sound))
    print("family\tbed\trecordings\thits\tnested F1_50\tF1_100\tshipped F1_50\tF1_100\tearly\tlate")
    for family, bed in itertools.product(FAMILIES, ("all", *BEDS)):
        chosen = [one for one in judged if one.family == family and bed in ("all", one.bed)]
        nested, errors = pooled(chosen, lambda one: best(judged, one))
        shipped, _ = pooled(chosen, lambda one: getattr(attacks, one.family))
        early, late = np.percentile(errors, [5, 95]) * 1e3 if len(errors) else (np.nan, np.nan)
        cells = [FAMILIES[family], bed, len({one.source for one in chosen}), int(nested[1])]
        cells += [f"{f1(counts):.2f}" for counts in (nested[:3], nested[3:])]
        cells += [f"{f1(counts):.2f}" for counts in (shipped[:3], shipped[3:])]
        print("\t".join(map(str, [*cells, f"{early:.0f}", f"{late:.0f}"])), flush=True)
    for family in FAMILIES:
        own = [one for one in judged if one.family == family]
        taken = best(own, dataclasses.replace(own[0], source=""))
        print(family, {name: getattr(taken, name) for name in CHOICES[family]})


def judge(
    file: str, effect: Effect, hits: Sequence[float], bed: str, sound: SoundEvidence
) -> Judged:
    """Return what every choice of thresholds finds in one clip."""
    own = attack_of(effect)
    family = next(name for name in FAMILIES if getattr(attacks, name) == own)
    names = CHOICES[family]
    counts, errors = {}, {}
    every = [dict(zip(names, values, strict=True)) for values in itertools.product(*names.values())]
    for attack in {own, *(dataclasses.replace(own, **changes) for changes in every)}:
        whole = [(-1.0, sound.levels.seconds + 1.0)]
        found = [hit.time for hit in find_hits(sound, effect, expected=whole, attack=attack)]
        counts[attack] = compare(hits, found)
        errors[attack] = signed_errors(hits, found, 0.1)
    return Judged(source=source_of(file), family=family, bed=bed, counts=counts, errors=errors)


def best(judged: Sequence[Judged], left_out: Judged) -> Attack:
    """Return the thresholds that are best on all other sources of a family."""
    others = [
        one for one in judged if one.family == left_out.family and one.source != left_out.source
    ]
    ranked = []
    for attack in left_out.counts:
        total = np.sum([one.counts[attack] for one in others], axis=0)
        errors = np.concatenate([one.errors[attack] for one in others])
        is_late_enough = len(errors) > 0 and np.percentile(errors, 5) >= EARLIEST_S
        ranked.append((is_late_enough, f1(total[:3]) + f1(total[3:]), repr(attack), attack))
    return max(ranked, key=lambda one: one[:3])[3]


def pooled(
    judged: Sequence[Judged], choose: Callable[[Judged], Attack]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts and errors of clips, each with thresholds of its own."""
    taken = [(one, choose(one)) for one in judged]
    counts = np.sum([one.counts[attack] for one, attack in taken], axis=0)
    return counts, np.concatenate([one.errors[attack] for one, attack in taken])


def source_of(file: str) -> str:
    """Return the recording of a file: clips of ESC-10 have its number in their name."""
    name = Path(file).stem
    return name.rsplit("-", 1)[0] if "esc10" in file else name


def on_bed(
    sound: np.ndarray, bed: str, voices: Sequence[Path], rng: np.random.Generator
) -> np.ndarray:
    """Return a sound as it is, in noise, in a hall, or over speech."""
    level = loudness(sound)
    if bed == "noise":
        sound = sound + 10.0 ** (-10 / 20) * level * rng.standard_normal(len(sound))
    elif bed == "hall":
        count = round(0.6 * RATE_HZ)
        tail = np.exp(-6.9 * np.arange(count) / count) * 0.03 * rng.standard_normal(count)
        tail[0] = 1.0
        size = 1 << (len(sound) + count).bit_length()
        whole = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
        sound = whole[: len(sound)]
    elif bed == "speech":
        voice = read_sound(voices[int(rng.integers(len(voices)))])
        gain = 10.0 ** (-6 / 20) * level / max(loudness(voice), 1e-4)
        sound = sound + gain * np.resize(voice, len(sound))
    return (sound / max(1.0, float(np.abs(sound).max()) / 0.99)).astype(np.float32)


if __name__ == "__main__":
    main()
