"""Buses, speech and room tone: what steps back, what is metered, and that sums stay exact."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from temporal_foley.sound.levels import DEFAULT_LEVELS as LEVELS
from temporal_foley.sound.mix import MixReport, write_mix
from temporal_foley.sound.room_tone import room_tone
from temporal_foley.sound.signal.loudness import measure
from temporal_foley.sound.take import Take
from temporal_foley.timeline import Asset, MixSettings, Track
from tests.factories import make_asset, make_cue, make_library, make_timeline, make_track

RATE = 48_000
SECONDS = 12


def make_take(asset: Asset) -> Take:
    rng = np.random.default_rng(asset.seed)
    return Take(samples=rng.normal(0, 0.05, (SECONDS * RATE, 1)).astype(np.float32))


LIBRARY = make_library(make_take)


def track(effect: str, bus: str, onset: float, offset: float) -> Track:
    asset = make_asset(effect, len(effect))
    cue = make_cue(f"{effect}-1", onset, offset - onset, asset=asset)
    return make_track(cue, kind="loop", bus=bus)


def lay(folder: Path, *tracks: Track, original=None, mute: bool = False, **settings) -> MixReport:
    mix = MixSettings(original="mute" if mute else "keep", **settings)
    timeline = make_timeline(*tracks, seconds=SECONDS, source={"has_audio": True}, mix=mix)
    return write_mix(timeline, LIBRARY, folder, original=original)


def read(path: Path) -> np.ndarray:
    samples, _ = soundfile.read(path, dtype="int32", always_2d=True)
    return samples.astype(np.int64) >> 8


def level_db(samples: np.ndarray, first_s: float, last_s: float) -> float:
    part = samples[round(first_s * RATE) : round(last_s * RATE)] / 2**23
    return 10 * math.log10(np.mean(part**2) + 1e-20)


def talk() -> Iterator[np.ndarray]:
    """Room noise throughout; a voice from 4 to 8 seconds."""
    rng = np.random.default_rng(1)
    sound = 0.0005 * rng.standard_normal(SECONDS * RATE)
    at = np.arange(4 * RATE) / RATE
    turns = 2 * np.pi * np.cumsum(130 + 25 * np.sin(4 * at) + 12 * np.sin(19 * at)) / RATE
    harmonics = sum(np.sin(k * turns) / k for k in range(1, 16))
    sound[4 * RATE : 8 * RATE] += 0.1 * harmonics * np.clip(np.sin(25 * at) + 0.3, 0.02, None)
    for start in range(0, len(sound), 30_001):
        yield np.repeat(sound[start : start + 30_001, None], 2, axis=1).astype(np.float32)


def test_effects_step_back_under_speech_and_come_back(tmp_path: Path) -> None:
    report = lay(tmp_path, track("river", "backgrounds", 0, 12), original=talk, speech_db=-9.0)
    ((onset, offset),) = report.speech_s
    assert 3.0 < onset < 5.0
    assert 7.0 < offset < 9.0
    river = read(tmp_path / "stems" / "river.wav")
    depth = level_db(river, 5.0, 7.0) - level_db(river, 0.5, 3.0)
    assert abs(depth + 9.0) < 0.3
    assert abs(level_db(river, 10.0, 12.0) - level_db(river, 0.5, 3.0)) < 0.3


def test_a_mix_with_speech_is_still_the_sum_of_its_stems(tmp_path: Path) -> None:
    tracks = (track("river", "backgrounds", 0, 12), track("motor", "hard_effects", 2, 6))
    report = lay(tmp_path, *tracks, original=talk, loudness_lufs=-40.0)
    assert report.stems_trim_db == report.limiter_db == 0.0
    total = sum(read(stem.path) for stem in report.stems)
    np.testing.assert_array_equal(read(report.mix.path), total)


def test_effects_do_not_step_back_where_the_original_is_muted(tmp_path: Path) -> None:
    report = lay(tmp_path, track("river", "backgrounds", 0, 12), original=talk, mute=True)
    assert report.speech_s == ()


def test_music_and_effects_lack_the_speech_and_nothing_else(tmp_path: Path) -> None:
    report = lay(
        tmp_path,
        track("motor", "hard_effects", 9, 12),
        original=talk,
        music_and_effects=True,
        loudness_lufs=-40.0,
    )
    assert report.music_and_effects is not None
    without, mix = read(report.music_and_effects.path), read(report.mix.path)
    assert level_db(without, 5.0, 7.0) < level_db(mix, 5.0, 7.0) - 60.0
    assert abs(level_db(without, 10.0, 12.0) - level_db(mix, 10.0, 12.0)) < 0.01
    assert abs(level_db(without, 0.5, 3.0) - level_db(mix, 0.5, 3.0)) < 0.01


def test_every_bus_is_metered_and_a_bus_of_one_stem_reads_like_it(tmp_path: Path) -> None:
    tracks = (track("steps", "foley", 0, 4), track("motor", "hard_effects", 2, 6))
    report = lay(tmp_path, *tracks, original=talk)
    buses = {bus.name: bus for bus in report.buses}
    assert set(buses) == {"foley", "hard_effects", "original"}
    steps = next(stem for stem in report.stems if stem.name == "steps")
    assert buses["foley"].loudness_lufs is not None
    assert steps.loudness_lufs is not None
    assert abs(buses["foley"].loudness_lufs - steps.loudness_lufs) < 0.1


def test_room_tone_lies_under_bare_foley_only(tmp_path: Path) -> None:
    steps = track("steps", "foley", 2, 4)
    report = lay(tmp_path, steps, room_tone=True)
    tone = read(tmp_path / "stems" / "room_tone.wav")
    assert level_db(tone, 2.0, 4.0) > -90.0
    assert not tone[8 * RATE :].any()
    total = sum(read(stem.path) for stem in report.stems)
    if report.limiter_db == report.stems_trim_db == 0.0:
        np.testing.assert_array_equal(read(report.mix.path), total)
    covered = lay(tmp_path, steps, track("river", "backgrounds", 0, 12), room_tone=True)
    assert {stem.name for stem in covered.stems} == {"steps", "river"}


def test_room_tone_goes_round_without_a_seam_and_at_its_level() -> None:
    tone = room_tone(0, 24 * RATE, LEVELS.room_tone_dbfs)
    steps = np.abs(np.diff(tone[:, 0]))
    assert steps[11 * RATE - 1] <= steps.max()
    assert abs(level_db(tone * 2**23, 0.0, 11.0) - LEVELS.room_tone_dbfs) < 0.1
    np.testing.assert_array_equal(room_tone(5, 100, LEVELS.room_tone_dbfs), tone[5:100])


def test_every_stem_and_every_bus_has_its_true_peak(tmp_path: Path) -> None:
    tracks = (track("steps", "foley", 0, 4), track("motor", "hard_effects", 2, 6))
    report = lay(tmp_path, *tracks, track("train", "hard_effects", 5, 9))
    read_again = {}
    for stem in report.stems:
        samples, _ = soundfile.read(stem.path, dtype="float32", always_2d=True)
        read_again[stem.name] = measure([samples])[1]
        assert stem.true_peak_dbtp == read_again[stem.name]
    buses = {bus.name: bus.true_peak_dbtp for bus in report.buses}
    assert {"foley", "hard_effects"} <= set(buses)
    without_trim = read_again["steps"] - report.stems_trim_db
    assert abs(buses["foley"] - without_trim) < 0.01
    assert buses["hard_effects"] >= max(read_again["motor"], read_again["train"]) - 0.1
