"""Fit the linear correction of `models/audio/effect_tags.py` on composed sound.

    python -m data_pipeline.distill.fit_effect_tags --sounds SOUNDS.csv --voices CLIPS.txt
        --out temporal_foley/models/audio/effect_tags.safetensors

Stretches of five seconds hold none to two labelled sounds over silence, noise, speech or music.
A column is positive where the sound itself is at most 20 dB below its own peak and at most 10 dB
below all the rest, negative where it is absent or 40 dB down; between, it does not count. Every
fifth source is left out of the fit and gives the figures that are printed: ROC-AUC by effect.
"""

import argparse
import csv
import functools
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
import soxr
from jaxtyping import Float, Int8
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from data_pipeline.builders.labelled_files import recording_of
from data_pipeline.builders.sounds import Mono, read_mono
from data_pipeline.compose.speech_like import speech_like
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import MediaError
from temporal_foley.media.audio import read_audio
from temporal_foley.media.video import probe_video
from temporal_foley.models.audio.effect_tags import OTHER_SOUNDS, column_features, tag_log_odds
from temporal_foley.models.audio.student import load_student
from temporal_foley.sound.synth.signals import coloured_noise

RATE_HZ = 32_000
SAMPLES = 5 * RATE_HZ
COLUMN = 5120
BEDS = ("silence", "noise", "speech", "music")
BED_PARTS = (0.15, 0.25, 0.4, 0.2)
HELD_OUT = 5
FEW_SOURCES = 9
MOST_ABSENT = 15_000
PASSES = 0.004
"""Part of the columns without an effect that pass."""
TAGS_ALONE = {"typing": -1.64, "writing": -1.5, "blender": -1.5}
"""Effects with one or two kinds of sounds in the table, and the log odds of their tags that speak
neither for nor against them: the fit learnt the recordings."""

Pool = dict[str, dict[str, list[Path]]]
"""Files by class and source; the class "" has sounds that are none of the effects."""


def is_held_out(source: str) -> bool:
    """Return whether a source is left out of the fit."""
    return zlib.crc32(source.encode()) % HELD_OUT == 0


def list_sounds(table: Path) -> Pool:
    """List all labelled sounds of a table by their first class."""
    pool: Pool = defaultdict(lambda: defaultdict(list))
    with table.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            classes = row["class"].split("|")
            pool[classes[0]][recording_of(row["file"])].append(table.parent / row["file"])
    return pool


def list_voices(listing: Path) -> Pool:
    """List clips; lines are `speech` or `music`, a tab and a path."""
    pool: Pool = defaultdict(lambda: defaultdict(list))
    for line in listing.read_text("utf-8").splitlines():
        name, path = line.split("\t")
        pool[name][path].append(Path(path))
    return pool


@functools.lru_cache(maxsize=64)
def read_sound(path: Path) -> Mono:
    """Read at most 10 s of a sound or of the sound of a clip; silence if it cannot be read."""
    if path.suffix == ".mp4":
        blocks = read_audio(probe_video(path), sample_rate_hz=RATE_HZ, channels=1)
        return np.concatenate([np.zeros(1, np.float32), *(b[:, 0] for b in blocks or ())])
    try:
        return read_mono(path)[: 10 * RATE_HZ]
    except MediaError:
        return np.zeros(RATE_HZ, np.float32)


def loudness(sound: Mono) -> float:
    """Return the RMS of what is within 26 dB of the peak."""
    loud = np.abs(sound) > 0.05 * np.abs(sound).max(initial=0.0)
    return float(np.sqrt(np.mean(np.square(sound[loud])))) if loud.any() else 0.0


def place(rng: np.random.Generator, sound: Mono) -> Mono:
    """Put a sound somewhere into a stretch at unit level, once or now and then repeated."""
    out = np.zeros(SAMPLES, np.float32)
    if rng.random() < 0.5:
        speed = float(np.exp(rng.uniform(-0.25, 0.25)))
        sound = soxr.resample(sound, RATE_HZ * speed, RATE_HZ, quality="LQ")
    if rng.random() < 0.4:
        low = int(rng.choice([8_000, 11_025, 16_000]))
        sound = soxr.resample(soxr.resample(sound, RATE_HZ, low), low, RATE_HZ)
    level = loudness(sound)
    if level < 1e-5:
        return out
    if len(sound) > SAMPLES:
        start = int(rng.integers(len(sound) - SAMPLES))
        sound = sound[start : start + SAMPLES]
    sound = sound / np.float32(level)
    if rng.random() < 0.3:
        tail = np.exp(-6.9 * np.arange(RATE_HZ // 2) / (RATE_HZ * rng.uniform(0.1, 0.6)))
        tail = tail * rng.standard_normal(len(tail)) * 0.02
        tail[0] = 1.0
        sound = np.fft.irfft(
            np.fft.rfft(sound, 2 * SAMPLES) * np.fft.rfft(tail, 2 * SAMPLES), 2 * SAMPLES
        )[: min(SAMPLES, len(sound) + len(tail))].astype(np.float32)
    at = int(rng.integers(0, max(1, SAMPLES - len(sound) // 2)))
    step = len(sound) + int(rng.uniform(0.05, 1.5) * RATE_HZ)
    for start in range(at, SAMPLES, step) if rng.random() < 0.5 else [at]:
        part = sound[: SAMPLES - start]
        out[start : start + len(part)] += part
    return out


def column_levels(sound: Mono) -> Float[np.ndarray, " columns"]:
    """Return the level in decibels of the samples around each column."""
    count = -(-len(sound) // COLUMN) + 1
    padded = np.pad(sound, (COLUMN // 2, 2 * COLUMN))
    power = padded[: count * COLUMN].reshape(count, COLUMN).astype(np.float64) ** 2
    return 10.0 * np.log10(power.mean(axis=1) + 1e-12)


def compose(
    rng: np.random.Generator, sounds: Pool, voices: Pool, names: Sequence[str], *, held_out: bool
) -> tuple[Mono, np.ndarray]:
    """Mix a stretch; return it with a target per column and name: 1, 0, or -1 for undecided."""

    def draw(pool: dict[str, list[Path]]) -> Mono | None:
        sources = [source for source in pool if is_held_out(source) == held_out]
        if not sources:
            return None
        takes = pool[sources[rng.integers(len(sources))]]
        return read_sound(takes[rng.integers(len(takes))])

    parts: list[tuple[str, Mono]] = []
    bed = str(rng.choice(BEDS, p=BED_PARTS))
    base = 10.0 ** (rng.uniform(-45.0, -15.0) / 20.0)
    noise = coloured_noise(SAMPLES, rng, float(rng.choice([0.0, 1.0, 2.0]))).astype(np.float32)
    floor = base * 10.0 ** (-rng.uniform(25.0, 50.0) / 20.0)
    rest = floor * noise
    if bed == "noise":
        rest = rest + base * noise
    elif bed in ("speech", "music"):
        voice = draw(voices[bed])
        if voice is None or (bed == "speech" and rng.random() < 0.3):
            voice = speech_like(rng, SAMPLES) if bed == "speech" else None
        if voice is not None:
            parts.append((bed, base * place(rng, voice)))
    count = int(rng.choice([0, 1, 2], p=[0.25, 0.55, 0.2]))
    for name in rng.choice([*sounds], count, replace=False):
        sound = draw(sounds[str(name)])
        if sound is not None:
            gain = base * 10.0 ** (rng.uniform(-8.0, 22.0) / 20.0)
            parts.append((str(name), (gain * place(rng, sound)).astype(np.float32)))
    mix = rest + sum((part for _, part in parts), np.zeros(SAMPLES, np.float32))
    columns = len(column_levels(mix))
    target = np.zeros((columns, len(names)), np.int8)
    for name, part in parts:
        if name not in names:
            continue
        own, others = column_levels(part), column_levels(mix - part)
        at = names.index(name)
        on = (own > own.max() - 20.0) & (own > others - 10.0)
        maybe = (own > own.max() - 40.0) & ~on
        target[:, at] = np.where(on, 1, np.where(maybe & (target[:, at] == 0), -1, target[:, at]))
    peak = float(np.abs(mix).max())
    return (mix / max(1.0, peak / 0.99)).astype(np.float32), target


def fit_effect_tag(
    prior: Float[np.ndarray, " columns"],
    features: Float[np.ndarray, "columns both"],
    target: Int8[np.ndarray, " columns"],
    sources: int,
) -> tuple[float, float, Float[np.ndarray, " both"]]:
    """Fit gain, bias and kernel of one effect.

    The fewer sources there are, the more the tags count and the less the rest. The bias lets one
    column of 250 without the effect pass a probability of one half.
    """
    scale = features.std(axis=0) + 1e-6
    is_small = sources < FEW_SOURCES
    weight = 2.0 if is_small else 1.0
    rng = np.random.default_rng(0)
    absent = rng.permutation(np.flatnonzero(target == 0))[:MOST_ABSENT]
    rows = np.concatenate([np.flatnonzero(target == 1), absent])
    inputs = np.concatenate([weight * prior[rows, None], 0.25 * features[rows] / scale], axis=1)
    cost = LogisticRegression(C=0.0004 if is_small else 0.003, max_iter=60)
    cost.fit(inputs, target[rows])
    gain, kernel = weight * float(cost.coef_[0, 0]), 0.25 * cost.coef_[0, 1:] / scale
    odds = gain * prior + features @ kernel
    return gain, -float(np.quantile(odds[target == 0], 1.0 - PASSES)), kernel


def main() -> None:
    """Compose, embed, fit, and write the correction."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--stretches", type=int, default=2400)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    vocabulary = load_vocabulary()
    names = [*vocabulary.names, *OTHER_SOUNDS]
    tags = [effect.audioset for effect in vocabulary.effects] + list(OTHER_SOUNDS.values())
    sounds, voices = list_sounds(given.sounds), list_voices(given.voices)
    student = load_student()
    sets: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for held_out, count in ((False, given.stretches), (True, given.stretches // 3)):
        rng = np.random.default_rng(int(held_out))
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for _ in range(count):
            mix, target = compose(rng, sounds, voices, names, held_out=held_out)
            features = column_features(student.column_embeddings(mix, SAMPLES))
            parts.append((features, tag_log_odds(features, tags), target[: len(features)]))
        x, prior, target = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        sets.append((x, prior, target))
    (x, prior, target), (x_test, prior_test, target_test) = sets
    fitted = []
    for at, name in enumerate(names):
        if name in TAGS_ALONE:
            gain, centre = 0.8, TAGS_ALONE[name]
            fitted.append((gain, -gain * centre, np.zeros(x.shape[1])))
            continue
        pool = sounds[name] if name in sounds else voices[name]
        fitted.append(fit_effect_tag(prior[:, at], x, target[:, at], len(pool)))
        known = target_test[:, at] >= 0
        truth = target_test[known, at]
        if 0 < truth.sum() < len(truth):
            odds = fitted[-1][0] * prior_test[known, at] + x_test[known] @ fitted[-1][2]
            areas = [roc_auc_score(truth, one) for one in (prior_test[known, at], odds)]
            print(f"{name}\t{int(truth.sum())} columns\ttags {areas[0]:.3f}\tfitted {areas[1]:.3f}")
    gains, biases, kernels = zip(*fitted, strict=True)
    safetensors.numpy.save_file(
        {
            "names": np.frombuffer("\n".join(names).encode(), np.uint8),
            "gain": np.array(gains, np.float32),
            "bias": np.array(biases, np.float32),
            "kernel": np.stack(kernels, axis=1).astype(np.float16),
        },
        given.out,
    )


if __name__ == "__main__":
    main()
