"""Write WAV files as streams, and draw waveforms of them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from temporal_foley.sound.signal.wav import WavWriter, quantise
from temporal_foley.sound.signal.waveform import WaveformPen

RATE = 48_000


def test_24_bit_samples_survive_the_file(tmp_path: Path) -> None:
    samples = np.array([[-(2**23), 2**23 - 1], [0, 1], [-1, 255], [256, -65_536]], np.int32)
    with WavWriter(tmp_path / "x.wav", 9) as writer:
        writer.write(samples)
        writer.skip(4)
        writer.write(samples[:1])
    expected = np.concatenate([samples, np.zeros((4, 2), np.int32), samples[:1]])
    written, _ = soundfile.read(tmp_path / "x.wav", dtype="int32")
    np.testing.assert_array_equal(written >> 8, expected)
    assert quantise(np.array([[1.5, -1.5]])).tolist() == [[2**23 - 1, -(2**23)]]


def test_a_stem_above_4_gib_is_rf64_and_empty_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    samples = 5 * 3600 * RATE
    with WavWriter(path, samples) as writer:
        writer.skip(samples - 2)
        writer.write(np.array([[1, 2], [3, 4]], np.int32))
    if path.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("the file system keeps no holes")
    with soundfile.SoundFile(path) as file:
        assert (file.format, file.frames) == ("RF64", samples)
        file.seek(samples - 3)
        assert (file.read(dtype="int32") >> 8).tolist() == [[0, 0], [1, 2], [3, 4]]


def test_a_wav_file_of_another_length_than_said_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got more"), WavWriter(tmp_path / "x.wav", 3) as writer:
        writer.skip(4)
    with pytest.raises(ValueError, match="got 2"), WavWriter(tmp_path / "x.wav", 3) as writer:
        writer.skip(2)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".wav"] == []


def test_a_waveform_does_not_depend_on_blocks() -> None:
    sound = np.random.default_rng(0).normal(size=(10_001, 2)).astype(np.float32)
    whole, parts = WaveformPen(10_001, columns=37), WaveformPen(10_001, columns=37)
    whole.draw(0, sound)
    for start in range(0, 10_001, 333):
        parts.draw(start, sound[start : start + 333])
    np.testing.assert_array_equal(parts.envelope, whole.envelope)
    assert whole.envelope[:, 0].min() == sound.min()
