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
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
import soxr
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from data_pipeline.builders.labelled_files import recording_of
from data_pipeline.builders.sounds import Mono, read_mono
from data_pipeline.compose.speech_like import speech_like
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import MediaError
from temporal_foley.media.audio import read_audio
from temporal_foley.media.video import probe_video
from temporal_foley.models.audio.columns import Window, hear_windows
from temporal_foley.models.audio.effect_tags import OTHER_SOUNDS, column_features, tag_log_odds
from temporal_foley.models.audio.student import COLUMNS_EACH, load_student
from temporal_foley.sound.synth.signals import coloured_noise

RATE_HZ = 32_000
SAMPLES = 5 * RATE_HZ
COLUMN = 5120
BEDS = ("silence", "noise", "speech", "music")
BED_PARTS = (0.15, 0.25, 0.4, 0.2)
HELD_OUT = 5

Pool = dict[str, dict[str, list[Mono]]]
"""Sounds by class and source; the class "" has a sound that is none of the effects."""


def is_held_out(source: str) -> bool:
    """Return whether a source is left out of the fit."""
    return zlib.crc32(source.encode()) % HELD_OUT == 0


def read_sounds(table: Path) -> Pool:
    """Read all labelled sounds, at most 10 s of each."""
    pool: Pool = defaultdict(lambda: defaultdict(list))
    with table.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            try:
                sound = read_mono(table.parent / row["file"])[: 10 * RATE_HZ]
            except MediaError:
                continue
            if np.abs(sound).max(initial=0.0) > 1e-3:
                classes = row["class"].split("|")
                pool[classes[0]][recording_of(row["file"])].append(sound)
    return pool


def read_voices(listing: Path) -> Pool:
    """Read the sound of clips; lines are `speech` or `music`, a tab and a path."""
    pool: Pool = defaultdict(lambda: defaultdict(list))
    for line in listing.read_text("utf-8").splitlines():
        name, path = line.split("\t")
        blocks = read_audio(probe_video(Path(path)), sample_rate_hz=RATE_HZ, channels=1)
        if blocks is not None:
            pool[name][path].append(np.concatenate(list(blocks))[:, 0])
    return pool


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

    def draw(pool: dict[str, list[Mono]]) -> Mono | None:
        sources = [source for source in pool if is_held_out(source) == held_out]
        if not sources:
            return None
        takes = pool[sources[rng.integers(len(sources))]]
        return takes[rng.integers(len(takes))]

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


def embed(stretches: list[Mono]) -> list[np.ndarray]:
    """Return the student's columns of each stretch."""
    import jax  # noqa: F401
    from temporal_foley.models.audio.student import _columns

    student = load_student()
    windows = [Window(0, np.pad(one, (0, 16 * 10_240 - len(one))), len(one)) for one in stretches]

    def run(waves: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return np.asarray(_columns(student.graphdef, student.params, waves, lengths))

    return [c for _, c in hear_windows(windows, run, columns_each=COLUMNS_EACH)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--stretches", type=int, default=2400)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    vocabulary = load_vocabulary()
    names = [*vocabulary.names, *OTHER_SOUNDS]
    tags = [effect.audioset for effect in vocabulary.effects] + list(OTHER_SOUNDS.values())
    sounds, voices = read_sounds(given.sounds), read_voices(given.voices)
    print("read", {k: len(v) for k, v in sounds.items()}, flush=True)
    sets = []
    for held_out, count in ((False, given.stretches), (True, given.stretches // 3)):
        rng = np.random.default_rng(int(held_out))
        made = [compose(rng, sounds, voices, names, held_out=held_out) for _ in range(count)]
        print("composed", count, flush=True)
        columns = embed([mix for mix, _ in made])
        features = [column_features(one) for one in columns]
        prior = np.concatenate([tag_log_odds(one, tags) for one in features])
        target = np.concatenate([t[: len(c)] for (_, t), c in zip(made, columns, strict=True)])
        sets.append((np.concatenate(features), prior, target))
        print("embedded", flush=True)
    (x, prior, target), (x_test, prior_test, target_test) = sets
    np.savez(
        "/tmp/when/fit_sets.npz",
        x=x.astype(np.float16),
        prior=prior,
        target=target,
        x_test=x_test.astype(np.float16),
        prior_test=prior_test,
        target_test=target_test,
    )
    scale = x.std(axis=0) + 1e-6
    gains, biases, kernels = [], [], []
    for at, name in enumerate(names):
        keep = target[:, at] >= 0
        rows = np.concatenate([prior[keep, at : at + 1], 0.25 * x[keep] / scale], axis=1)
        y = target[keep, at]
        if y.sum() < 50:
            print(name, "too few", int(y.sum()))
            gains.append(1.0), biases.append(1.0), kernels.append(np.zeros(x.shape[1]))
            continue
        fit = LogisticRegression(C=0.05, max_iter=300).fit(rows, y)
        gains.append(float(fit.coef_[0, 0]))
        biases.append(float(fit.intercept_[0]))
        kernels.append(0.25 * fit.coef_[0, 1:] / scale)
        keep = target_test[:, at] >= 0
        y = target_test[keep, at]
        odds = gains[-1] * prior_test[keep, at] + biases[-1] + x_test[keep] @ kernels[-1]
        if 0 < y.sum() < len(y):
            print(
                f"{name:16s} {int(y.sum()):6d} prior {roc_auc_score(y, prior_test[keep, at]):.3f}"
                f" fitted {roc_auc_score(y, odds):.3f} gain {gains[-1]:.2f}",
                flush=True,
            )
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
