"""Mix the sound of a composed clip from its visible events and a pool of recordings.

Takes start and stop with the visible events, each by its effect's kind. The audible span of an
event is known to the sample: from the first to the last audible sample of its take.
"""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import signal

from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.builders.sounds import Mono, read_mono
from data_pipeline.compose.config import ComposeConfig, SoundConfig
from data_pipeline.compose.draw import draw_effect
from data_pipeline.compose.pools import NOTHING, Pools
from data_pipeline.compose.speech_like import speech_like
from data_pipeline.schema import SOUND_RATE_HZ
from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.sound.synth.signals import coloured_noise

_KEPT_SOUNDS = 128
_FRAME = SOUND_RATE_HZ // 50
_AUDIBLE = 10.0 ** (-35.0 / 20.0)
"""Of the loudest 20 ms of a recording."""
_GAP_FRAMES = 10
_LONGEST_TAKE_S = 4.0
_CEILING = 0.89
_CUT_FADE_S = 0.01
_MOST_GAIN = 10.0 ** (50.0 / 20.0)
"""Of a video's own sound."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeardEvent:
    """An effect that sounds in the samples `[onset, offset)`."""

    effect: str
    onset: int
    offset: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaidSound:
    """The sound of a clip, and of what it is made."""

    samples: Mono
    events: tuple[HeardEvent, ...]
    files: tuple[LabelledFile, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnSound:
    """The sound of a part of a video, with its audible events."""

    samples: Mono
    onset: int
    events: tuple[HeardEvent, ...]
    file: LabelledFile


def lay_sound(
    rng: np.random.Generator,
    seen: Sequence[tuple[str, float, float]],
    own: Sequence[OwnSound],
    samples: int,
    config: ComposeConfig,
    pools: Pools,
    vocabulary: Vocabulary,
) -> LaidSound:
    """Add takes for silent visible events, own sounds of clips, and sounds of invisible events.

    Raises:
        MediaError: A recording cannot be read.
    """
    sound = config.sound
    takes_of = {effect: files for effect, files in pools.sounds.items() if files}
    wanted = [
        (effect, round(onset_s * SOUND_RATE_HZ), min(round(offset_s * SOUND_RATE_HZ), samples))
        for effect, onset_s, offset_s in seen
        if effect in takes_of and rng.random() >= sound.silent_part
    ]
    if rng.random() < sound.off_screen_part:
        counts = {name: len(files) for name, files in takes_of.items()}
        effect = draw_effect(rng, takes_of, counts, config.shots.rarity_power)
        length = min(round(rng.uniform(*sound.off_screen_s) * SOUND_RATE_HZ), samples)
        onset = int(rng.integers(0, samples - length + 1))
        if effect is not None:
            wanted.append((effect, onset, onset + length))
    mix = np.zeros(samples, np.float32)
    events: list[HeardEvent] = []
    files: list[LabelledFile] = []
    levels: list[float] = []
    for effect, onset, offset in wanted:
        file = takes_of[effect][rng.integers(len(takes_of[effect]))]
        level = 10.0 ** (rng.uniform(*sound.level_db) / 20.0)
        laid, spans = _lay_effect(rng, vocabulary[effect], file, onset, offset, samples, sound)
        mix += level * laid
        levels.append(level)
        files.append(file)
        # A recording may hold a second effect.
        for name in file.effects:
            events += [HeardEvent(effect=name, onset=a, offset=b) for a, b in spans]
    for brought in own:
        level = 10.0 ** (rng.uniform(*sound.level_db) / 20.0)
        take = _faded(level * _evened(brought.samples), round(_CUT_FADE_S * SOUND_RATE_HZ))
        take = take[: samples - brought.onset]
        mix[brought.onset : brought.onset + len(take)] += take
        levels.append(level)
        files.append(brought.file)
        events += brought.events
    base = min(levels, default=10.0 ** (-30.0 / 20.0))
    if rng.random() < sound.distractor_part and NOTHING in takes_of:
        file = takes_of[NOTHING][rng.integers(len(takes_of[NOTHING]))]
        take = _unit(_take(file.path))[: samples // 2]
        onset = int(rng.integers(0, samples - len(take) + 1))
        level = base * 10.0 ** (rng.uniform(-12.0, 6.0) / 20.0)
        mix[onset : onset + len(take)] += level * take
        files.append(file)
    if rng.random() < sound.speech_part:
        level = base * 10.0 ** (-rng.uniform(*sound.speech_below_db) / 20.0)
        mix += level * speech_like(rng, samples)
    if rng.random() < sound.reverb_part:
        mix = _reverb(rng, mix, sound)
    if rng.random() < sound.noise_part:
        level = base * 10.0 ** (-rng.uniform(*sound.noise_below_db) / 20.0)
        slope = float(rng.choice([0.0, 1.0, 2.0]))
        mix += (level * coloured_noise(samples, rng, slope)).astype(np.float32)
    peak = float(np.abs(mix).max(initial=0.0))
    if peak > _CEILING:
        mix *= _CEILING / peak
    return LaidSound(samples=mix, events=_joined(events), files=tuple(dict.fromkeys(files)))


def audible_spans(samples: Mono) -> list[tuple[int, int]]:
    """Return where a recording is audible, as sample ranges; short gaps are bridged."""
    frames = len(samples) // _FRAME
    if frames == 0:
        return [(0, len(samples))] if np.any(samples) else []
    blocks = samples[: frames * _FRAME].reshape(frames, _FRAME)
    level = np.sqrt(np.mean(blocks.astype(np.float64) ** 2, axis=1))
    loud = level > max(float(level.max()) * _AUDIBLE, 1e-6)
    steps = np.diff(np.concatenate([[0], loud.astype(np.int8), [0]]))
    spans: list[tuple[int, int]] = []
    for start, end in zip(np.nonzero(steps == 1)[0], np.nonzero(steps == -1)[0], strict=True):
        if spans and start - spans[-1][1] <= _GAP_FRAMES:
            spans[-1] = (spans[-1][0], int(end))
        else:
            spans.append((int(start), int(end)))
    whole = len(samples)
    return [(a * _FRAME, whole if b == frames else b * _FRAME) for a, b in spans]


def _lay_effect(
    rng: np.random.Generator,
    effect: Effect,
    file: LabelledFile,
    onset: int,
    offset: int,
    samples: int,
    config: SoundConfig,
) -> tuple[Mono, list[tuple[int, int]]]:
    """Lay the takes of one event; return the sound at unit level and where it is audible."""
    laid = np.zeros(samples, np.float32)
    fade = round(rng.uniform(*config.fade_s) * SOUND_RATE_HZ)
    if effect.kind in ("loop", "ambience"):
        take = _unit(_looped(rng, _take(file.path), offset - onset))
        laid[onset : onset + len(take)] = _faded(take, fade)
        return laid, [(onset, onset + len(take))]
    takes = _single_takes(file.path)
    spans: list[tuple[int, int]] = []
    place = onset
    while place < offset:
        take = _unit(takes[int(rng.integers(len(takes)))])
        # One hit may ring on when its picture is gone; a row of them stops with it.
        end = samples if effect.kind == "one_shot" else offset
        take = _faded(take[: end - place], fade, fades_in=False)
        laid[place : place + len(take)] += take
        spans.append((place, place + len(take)))
        if effect.interval_s is None:
            break
        gap = round(rng.uniform(*effect.interval_s) * SOUND_RATE_HZ)
        place += max(gap, len(take) if effect.kind == "one_shot" else 0)
    if effect.kind == "repeated":
        # A run of steps or keys is one event, as it is one in the picture.
        spans = [(spans[0][0], max(end for _, end in spans))]
    return laid, spans


@functools.lru_cache(maxsize=_KEPT_SOUNDS)
def _take(path: Path) -> Mono:
    """Return a recording from its first to its last audible sample."""
    samples = read_mono(path)
    spans = audible_spans(samples)
    if not spans:
        return samples[:1]
    return samples[spans[0][0] : spans[-1][1]]


@functools.lru_cache(maxsize=_KEPT_SOUNDS)
def _single_takes(path: Path) -> tuple[Mono, ...]:
    """Return the single sounds of a recording: the barks of a dog, say."""
    samples = _take(path)
    longest = round(_LONGEST_TAKE_S * SOUND_RATE_HZ)
    spans = audible_spans(samples) or [(0, len(samples))]
    return tuple(samples[a : min(b, a + longest)] for a, b in spans)


def _looped(rng: np.random.Generator, take: Mono, length: int) -> Mono:
    """Return so much of a recording, from anywhere in it, that goes round if it is too short."""
    if len(take) >= length:
        start = int(rng.integers(0, len(take) - length + 1))
        return take[start : start + length]
    cross = min(len(take) // 4, SOUND_RATE_HZ // 10)
    ramp = np.linspace(0.0, 1.0, cross, dtype=np.float32)
    # Two different stretches of sound: they add up in power.
    period = take[: len(take) - cross].copy()
    period[:cross] = period[:cross] * np.sqrt(ramp) + take[len(take) - cross :] * np.sqrt(1 - ramp)
    start = int(rng.integers(0, len(period)))
    return np.resize(np.roll(period, -start), length)


def _unit(take: Mono) -> Mono:
    """Bring a take to an RMS of 1 where it is audible."""
    loud = [take[a:b] for a, b in audible_spans(take)]
    heard = np.concatenate(loud) if loud else take
    level = float(np.sqrt(np.mean(heard.astype(np.float64) ** 2))) if len(heard) else 0.0
    return (take / max(level, 1e-5)).astype(np.float32)


def _evened(sound: Mono) -> Mono:
    """Bring the sound of a video to an RMS of 1 where it is audible; near silence stays silent."""
    evened = _unit(sound)
    gain = float(np.abs(evened).max(initial=0.0)) / max(float(np.abs(sound).max(initial=0.0)), 1e-9)
    return evened * np.float32(min(1.0, _MOST_GAIN / max(gain, 1e-9)))


def _faded(take: Mono, fade: int, fades_in: bool = True) -> Mono:
    fade = min(fade, len(take) // 2)
    if fade == 0:
        return take
    take = take.copy()
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)).astype(np.float32)
    if fades_in:
        take[:fade] *= ramp
    take[len(take) - fade :] *= ramp[::-1]
    return take


def _reverb(rng: np.random.Generator, dry: Mono, config: SoundConfig) -> Mono:
    """Add a diffuse room: noise that falls by 60 dB in the reverberation time."""
    seconds = rng.uniform(*config.reverb_s)
    length = round(seconds * SOUND_RATE_HZ)
    decay = np.exp(-np.log(1000.0) * np.arange(length) / length)
    room = rng.standard_normal(length) * decay
    room /= np.sqrt(np.sum(room**2))
    wet = signal.fftconvolve(dry, room)[: len(dry)]
    mix = rng.uniform(*config.reverb_mix)
    return ((1.0 - mix) * dry + mix * wet).astype(np.float32)


def _joined(events: Sequence[HeardEvent]) -> tuple[HeardEvent, ...]:
    """Make one event of those of one effect that touch or overlap."""
    joined: list[HeardEvent] = []
    for event in sorted(events, key=lambda event: (event.effect, event.onset, event.offset)):
        if joined and joined[-1].effect == event.effect and event.onset <= joined[-1].offset:
            offset = max(joined[-1].offset, event.offset)
            joined[-1] = dataclasses.replace(joined[-1], offset=offset)
        elif event.offset > event.onset:
            joined.append(event)
    return tuple(sorted(joined, key=lambda event: (event.onset, event.effect)))
