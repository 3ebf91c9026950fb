"""Laying up: stems as long as the picture, their sum as the mix, loudness and peaks on target."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from temporal_foley.errors import CueListError, MediaError
from temporal_foley.sound.mix import MixReport, mix_warnings, write_mix
from temporal_foley.sound.signal.loudness import measure
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library
from temporal_foley.timeline import (
    Asset,
    Cue,
    Loop,
    MixSettings,
    Timeline,
    Track,
)
from tests.factories import make_asset, make_cue, make_timeline

RATE = 48_000
LOOP = Loop(start=4800, end=2 * RATE, crossfade=2400)


def make_take(asset: Asset) -> Take:
    rng = np.random.default_rng(asset.seed)
    if asset.name == "noise":
        return Take(samples=rng.normal(0, 0.1, (2 * RATE, 2)).astype(np.float32), loop=LOOP)
    if asset.name == "whisper":
        return Take(samples=rng.normal(0, 0.002, (2 * RATE, 1)).astype(np.float32), loop=LOOP)
    decay = np.exp(-np.arange(RATE // 4) / 1200)
    knock = rng.normal(0, 1.0, (RATE // 4, 1)) * decay[:, None]
    return Take(samples=(0.5 * knock / np.abs(knock).max()).astype(np.float32))


LIBRARY = Library(name="test", sha256="", takes=[], load=make_take)


def cue_of(number: int, name: str, onset: float, offset: float, effect: str, **fields) -> Cue:
    is_loop = offset - onset > 2
    shape = {"loop": LOOP, "source_end": 2 * RATE} if is_loop else {}
    return make_cue(
        f"{effect}-{number:04d}",
        effect=effect,
        onset_sample=round(onset * RATE),
        offset_sample=round(offset * RATE),
        asset=make_asset(name, number),
        fade_in=20,
        fade_out=200,
        **shape,
        **fields,
    )


def knocks(every_s: float, seconds: float, effect: str = "steps", **fields) -> Track:
    onsets = np.arange(0.0, seconds - 0.25, every_s)
    cues = [cue_of(n, "knock", t, t + 0.25, effect, **fields) for n, t in enumerate(onsets)]
    return Track(effect=effect, kind="repeated", bus="hard_effects", cues=tuple(cues))


def noise(onset: float, offset: float, effect: str = "river", name: str = "noise", **fields):
    cue = cue_of(0, name, onset, offset, effect, **fields)
    return Track(effect=effect, kind="loop", bus="hard_effects", cues=(cue,))


INAUDIBLE = noise(0.0, 1.0, gain_db=-100.0)
"""An effect that changes nothing that can be measured: with none, the original stays as it is."""


def timeline_of(*tracks: Track, seconds: float = 6.0, **settings) -> Timeline:
    mix = MixSettings(**settings)
    return make_timeline(*tracks, seconds=seconds, source={"has_audio": True}, mix=mix)


def speech(seconds: float = 6.0, level: float = 0.05):
    """Return a sound that can be read again and again, in blocks of odd lengths."""

    def blocks() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(9)
        left = round(seconds * RATE)
        while left:
            length = min(left, 10_007)
            yield rng.normal(0, level, (length, 2)).astype(np.float32)
            left -= length

    return blocks


def read(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="int32", always_2d=True)
    assert rate == RATE
    return samples.astype(np.int64) >> 8


def stems_of(report: MixReport) -> dict[str, np.ndarray]:
    return {stem.name: read(stem.path) for stem in report.stems}


def test_stems_are_24_bit_stereo_and_as_long_as_the_picture(tmp_path: Path) -> None:
    timeline = timeline_of(knocks(0.5, 5.0), noise(1.0, 4.0), seconds=5.4321)
    report = write_mix(timeline, LIBRARY, tmp_path, original=speech(3.0))
    assert [stem.name for stem in report.stems] == ["steps", "river", "original"]
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    expected = ["mix.wav", "stems/original.wav", "stems/river.wav", "stems/steps.wav"]
    assert files == expected
    for file in files:
        info = soundfile.info(tmp_path / file)
        assert (info.samplerate, info.channels, info.subtype) == (RATE, 2, "PCM_24")
        assert info.frames == timeline.source.duration_samples


def test_sound_stays_at_its_place(tmp_path: Path) -> None:
    report = write_mix(timeline_of(noise(2.5, 5.0)), LIBRARY, tmp_path, original=None)
    river = stems_of(report)["river"]
    sounding = np.flatnonzero(np.abs(river).max(axis=1))
    assert sounding[0] == pytest.approx(2.5 * RATE, abs=10)
    assert sounding[-1] == pytest.approx(5.0 * RATE, abs=40)


@pytest.mark.parametrize("original", ["fill", "replace", "keep", "duck", "mute"])
def test_an_unlimited_mix_is_the_sum_of_its_stems_to_the_bit(tmp_path: Path, original) -> None:
    timeline = timeline_of(knocks(0.5, 6.0), noise(1.0, 4.0), original=original)
    report = write_mix(timeline, LIBRARY, tmp_path, original=speech())
    assert (report.limiter_db, report.stems_trim_db) == (0.0, 0.0)
    stems = stems_of(report)
    assert ("original" in stems) == (original != "mute")
    np.testing.assert_array_equal(sum(stems.values()), read(tmp_path / "mix.wav"))


MATERIAL = {
    "quiet": (noise(0.0, 6.0, name="whisper"),),
    "loud": tuple(noise(0.0, 6.0, effect=f"river{n}", gain_db=12.0) for n in range(4)),
    "peaky": (knocks(0.4, 6.0), knocks(0.3, 6.0, "doors")),
    "a part": (noise(2.0, 4.5),),
}


@pytest.mark.parametrize("name", sorted(MATERIAL))
@pytest.mark.parametrize("target", [-27.0, -23.0, -14.0])
def test_loudness_and_true_peak_are_met(tmp_path: Path, name: str, target: float) -> None:
    timeline = timeline_of(*MATERIAL[name], loudness_lufs=target)
    report = write_mix(timeline, LIBRARY, tmp_path, original=None)
    mix = (read(tmp_path / "mix.wav") / 2**23).astype(np.float32)
    loudness, peak = measure([mix])
    assert loudness == report.loudness_lufs == pytest.approx(target, abs=0.2)
    assert peak == report.true_peak_dbtp
    assert peak is not None
    assert peak <= timeline.mix.true_peak_dbtp + 0.1


def test_a_limited_mix_has_stems_that_sum_to_what_was_limited(tmp_path: Path) -> None:
    timeline = timeline_of(knocks(0.4, 6.0), noise(2.0, 4.5), loudness_lufs=-9.0)
    report = write_mix(timeline, LIBRARY, tmp_path, original=None)
    assert report.limiter_db > 2.0
    untrimmed = 10 ** (-report.stems_trim_db / 20)
    before = sum(stems_of(report).values()) * untrimmed / 2**23
    mix = read(tmp_path / "mix.wav") / 2**23
    # The limiter only takes away: never louder, never of another sign.
    rounding = 2 * untrimmed / 2**23
    assert (np.abs(mix) <= np.abs(before) + rounding).all()
    assert (mix * before >= -rounding).all()
    assert np.abs(before).max() > 1.1 * np.abs(mix).max()


def test_stems_that_would_clip_are_all_trimmed_alike(tmp_path: Path) -> None:
    timeline = timeline_of(knocks(1.0, 6.0), noise(0.0, 6.0, gain_db=-20), loudness_lufs=-8.0)
    report = write_mix(timeline, LIBRARY, tmp_path, original=None)
    assert report.stems_trim_db < -1.0
    peaks = {stem.name: stem.peak_dbfs for stem in report.stems}
    assert peaks["steps"] == pytest.approx(0.0, abs=1e-4)
    assert np.abs(stems_of(report)["steps"]).max() < 2**23 - 1


def test_one_click_is_not_limited_out_of_shape(tmp_path: Path) -> None:
    click = knocks(9.0, 6.0)
    report = write_mix(timeline_of(click, loudness_lufs=-0.5), LIBRARY, tmp_path, original=None)
    assert report.limiter_db == pytest.approx(24.0, abs=0.1)
    assert report.loudness_lufs is not None
    assert report.loudness_lufs < -3.0
    assert report.true_peak_dbtp is not None
    assert report.true_peak_dbtp <= -0.9


def test_what_a_listener_may_not_expect_is_said(tmp_path: Path) -> None:
    mix = MixSettings(loudness_lufs=-0.5)
    timeline = timeline_of(knocks(9.0, 6.0), loudness_lufs=-0.5)
    report = write_mix(timeline, LIBRARY, tmp_path, original=None)
    squashed, missed = mix_warnings(report, mix, 2)
    assert squashed.startswith("the limiter lowers peaks of the mix by up to 24 dB")
    assert "LUFS, not -0.5" in missed
    calm = dataclasses.replace(report, limiter_db=0.0, loudness_lufs=-1.0)
    assert mix_warnings(calm, mix, 2) == ()
    assert mix_warnings(calm, dataclasses.replace(mix, loudness_lufs=-9.0), 2) == ()
    assert mix_warnings(calm, mix, 6) == ("its own sound of 6 channels is mixed down to stereo",)
    assert mix_warnings(calm, dataclasses.replace(mix, original="mute"), 6) == ()


@pytest.mark.parametrize("original", [None, speech(level=0.0)])
def test_silence_stays_silence(tmp_path: Path, original) -> None:
    report = write_mix(timeline_of(), LIBRARY, tmp_path, original=original)
    assert (report.loudness_lufs, report.true_peak_dbtp, report.gain_db) == (None, None, 0.0)
    assert not read(tmp_path / "mix.wav").any()
    assert not report.mix.envelope.any()


@pytest.mark.parametrize("samples", [0, 1, 100, 9600])
def test_very_short_pictures_are_laid_up(tmp_path: Path, samples: int) -> None:
    timeline = timeline_of(seconds=samples / RATE)
    report = write_mix(timeline, LIBRARY, tmp_path, original=speech(1.0))
    assert soundfile.info(tmp_path / "mix.wav").frames == samples
    assert len(report.mix.envelope) == min(samples, 2000)
    if samples == 9600:
        assert report.loudness_lufs == pytest.approx(-23.0, abs=0.2)


def test_two_runs_give_the_same_samples(tmp_path: Path) -> None:
    timeline = timeline_of(knocks(0.4, 6.0), noise(1.0, 5.0), original="duck", loudness_lufs=-14)
    for name in ("one", "two"):
        write_mix(timeline, LIBRARY, tmp_path / name, original=speech())
    for path in (tmp_path / "one").rglob("*.wav"):
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes()


def test_leaving_an_effect_out_leaves_the_other_stems_but_for_the_gain(tmp_path: Path) -> None:
    steps, river = knocks(0.5, 6.0), noise(1.0, 4.0)
    both = write_mix(timeline_of(steps, river), LIBRARY, tmp_path / "both", original=None)
    alone = write_mix(timeline_of(river), LIBRARY, tmp_path / "alone", original=None)
    gain = 10 ** ((alone.gain_db - both.gain_db) / 20)
    difference = stems_of(both)["river"] * gain - stems_of(alone)["river"]
    assert np.abs(difference).max() <= 1.5


def test_the_original_ducks_under_effects_only(tmp_path: Path) -> None:
    settings = {"original": "duck", "duck_db": -12.0}
    timeline = timeline_of(noise(4.0, 8.0), seconds=12.0, **settings)
    report = write_mix(timeline, LIBRARY, tmp_path, original=speech(12.0))
    original = stems_of(report)["original"] / 2**23
    level = 10 * np.log10(np.square(original.reshape(12, RATE, 2)).mean(axis=(1, 2)))
    np.testing.assert_allclose(level[4:8] - level[0], -12.0, atol=0.3)
    np.testing.assert_allclose(level[[1, 2, 9, 10, 11]] - level[0], 0.0, atol=0.3)


def test_numbers_that_are_none_do_not_break_the_mix(tmp_path: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        block = np.full((6 * RATE, 2), 0.1, np.float32) * np.random.default_rng(0).choice(
            np.array([-1, 1], np.float32), (6 * RATE, 1)
        )
        block[100], block[200] = np.nan, np.inf
        yield block

    report = write_mix(timeline_of(INAUDIBLE), LIBRARY, tmp_path, original=broken)
    assert report.loudness_lufs == pytest.approx(-23.0, abs=0.2)


def test_reports_tell_levels_and_waveforms(tmp_path: Path) -> None:
    timeline = timeline_of(knocks(0.5, 6.0), noise(2.0, 5.0))
    report = write_mix(timeline, LIBRARY, tmp_path, original=None)
    for stem in (*report.stems, report.mix):
        samples = (read(stem.path) / 2**23).astype(np.float32)
        assert stem.peak_dbfs == pytest.approx(20 * math.log10(np.abs(samples).max()))
        assert stem.loudness_lufs == pytest.approx(measure([samples])[0], abs=0.02)
        columns = np.array_split(samples, 2000)
        expected = [(column.min(), column.max()) for column in columns]
        np.testing.assert_allclose(stem.envelope, expected)


def test_progress_only_goes_forward(tmp_path: Path) -> None:
    seen: list[float] = []
    timeline = timeline_of(knocks(0.4, 6.0), loudness_lufs=-10.0)
    write_mix(timeline, LIBRARY, tmp_path, original=None, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_folder_that_cannot_be_written_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match=r"file: cannot be written .*; choose another folder"):
        write_mix(timeline_of(), LIBRARY, tmp_path / "file", original=None)


def test_an_error_halfway_leaves_no_file(tmp_path: Path) -> None:
    passes = []

    def vanishing() -> Iterator[np.ndarray]:
        passes.append(1)
        yield np.full((RATE, 2), 0.1, np.float32)
        if len(passes) > 1:
            raise MediaError("clip.mp4: vanished")
        yield np.full((5 * RATE, 2), 0.1, np.float32)

    with pytest.raises(MediaError, match="vanished"):
        write_mix(timeline_of(), LIBRARY, tmp_path, original=vanishing)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("effect", ["../../escape", "original", "a/b", ""])
def test_names_that_are_no_stems_are_refused(tmp_path: Path, effect: str) -> None:
    track = Track(effect=effect, kind="loop", bus="foley")
    with pytest.raises(CueListError, match="is not a name for a stem"):
        write_mix(timeline_of(track), LIBRARY, tmp_path, original=None)


def test_a_floor_that_passes_the_gate_only_when_louder_does_not_spoil_the_loudness(tmp_path):
    # Before the gain the floor lies under the meter's gate of -70 LUFS and does not count;
    # after it, it does, and the whole measures quieter than the hits alone did.
    floor = np.random.default_rng(0).standard_normal((10 * RATE, 2)).astype(np.float32)
    loudness, _ = measure(iter([floor * np.float32(0.01)]))
    floor *= np.float32(0.01 * 10 ** ((-72.0 - loudness) / 20))
    floor[RATE : 2 * RATE] *= np.float32(10 ** (17 / 20))
    timeline = timeline_of(INAUDIBLE, seconds=10.0, loudness_lufs=-30.0)
    report = write_mix(timeline, LIBRARY, tmp_path, original=lambda: iter([floor]))
    assert report.loudness_lufs == pytest.approx(-30.0, abs=0.1)


def test_an_original_without_effects_stays_at_its_own_level(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    own = (0.2 * rng.standard_normal((6 * RATE, 2))).clip(-0.99, 0.99).astype(np.float32)
    timeline = timeline_of(loudness_lufs=-16.0)
    report = write_mix(timeline, LIBRARY, tmp_path, original=lambda: iter([own]))
    assert (report.gain_db, report.target_lufs) == (0.0, None)
    assert np.abs(read(report.mix.path) / 2**23 - own).max() < 2**-22
    assert mix_warnings(report, timeline.mix, 2) == ()


def test_as_is_leaves_the_original_at_its_level_and_adds_effects(tmp_path: Path) -> None:
    own = 0.05 * np.random.default_rng(1).standard_normal((6 * RATE, 2)).astype(np.float32)
    timeline = timeline_of(knocks(1.0, 6.0), loudness_lufs=None, match=False)
    report = write_mix(timeline, LIBRARY, tmp_path, original=lambda: iter([own]))
    stem = next(stem for stem in report.stems if stem.name == "original")
    assert report.gain_db == 0.0
    assert np.abs(read(stem.path) / 2**23 - own).max() < 2**-22
    assert np.abs(read(report.mix.path) - read(stem.path)).max() > 1000


@pytest.mark.parametrize("peak", [0.9, 3.0])
def test_as_is_limits_only_what_would_clip(tmp_path: Path, peak: float) -> None:
    own = np.zeros((6 * RATE, 2), np.float32)
    own[:, :] = (peak * np.sin(2 * np.pi * 100 * np.arange(6 * RATE) / RATE))[:, None]
    timeline = timeline_of(INAUDIBLE, loudness_lufs=None)
    report = write_mix(timeline, LIBRARY, tmp_path, original=lambda: iter([own]))
    assert report.true_peak_dbtp <= 0.01
    assert (report.limiter_db > 9.0) == (peak > 1.0)
