import contextlib
import struct

import numpy as np
import pytest
import soundfile

from temporal_foley.errors import MediaError
from temporal_foley.media.audio import read_sound_file, sound_file_rate


@pytest.mark.parametrize(
    ("suffix", "tolerance"),
    [(".wav", 1e-4), (".flac", 1e-4), (".aiff", 1e-4), (".ogg", 0.05), (".mp3", 0.05)],
)
def test_formats_are_read(tmp_path, clips, suffix, tolerance):
    sound = clips.tone(0.5)
    soundfile.write(tmp_path / f"a{suffix}", sound, 48_000)
    found = read_sound_file(tmp_path / f"a{suffix}")
    assert found.dtype == np.float32
    if suffix != ".mp3":  # Whether its padding is cut depends on the decoder.
        assert found.shape == sound.shape
    assert abs(np.abs(found).max() - np.abs(sound).max()) < tolerance


def test_rates_become_one(tmp_path, clips):
    soundfile.write(tmp_path / "a.wav", clips.tone(1, 44_100, channels=1), 44_100)
    found = read_sound_file(tmp_path / "a.wav")
    assert found.shape == (48_000, 1)
    assert np.abs(found - clips.tone(1, channels=1))[1_000:-1_000].max() < 1e-3


def test_header_that_promises_too_much_gives_what_is_there(tmp_path, clips):
    path = tmp_path / "a.wav"
    soundfile.write(path, clips.tone(0.5), 48_000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 0x7FFFFFF0)
    path.write_bytes(content)
    assert read_sound_file(path).shape == (24_000, 2)


def test_what_cannot_be_is_refused(tmp_path, clips):
    def refused(name, match):
        with pytest.raises(MediaError, match=match) as error:
            read_sound_file(tmp_path / name)
        assert "\n" not in str(error.value)

    soundfile.write(tmp_path / "six.wav", np.zeros((100, 6)), 48_000)
    refused("six.wav", "6 channels")
    soundfile.write(tmp_path / "slow.wav", np.zeros((100, 1)), 100)
    refused("slow.wav", "100 Hz")
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 48_000)
    refused("empty.wav", "no sound")
    soundfile.write(tmp_path / "nan.wav", np.full((9, 1), np.nan), 48_000, subtype="FLOAT")
    refused("nan.wav", "no numbers")
    soundfile.write(tmp_path / "huge.wav", np.full((9, 1), 3e38), 48_000, subtype="FLOAT")
    refused("huge.wav", "huge")
    soundfile.write(tmp_path / "long.flac", np.zeros((4_000 * 601, 1)), 4_000)
    refused("long.flac", "10 minutes")
    (tmp_path / "text.wav").write_text("not a sound")
    refused("text.wav", "cannot be read|can be read")
    refused("absent.wav", "no such file")
    soundfile.write(tmp_path / "a.caf", np.zeros((9, 1)), 48_000)
    refused("a.caf", "CAF")


def write_m4a(path, sound, rate=48_000):
    import av

    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound.T, np.float32), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts = rate, 0
        for one in (frame, None):
            container.mux(stream.encode(one))


def test_mpeg4_sound_is_read_where_it_was(tmp_path):
    sound = np.zeros((48_000, 2))
    sound[20_000:24_000] = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(4_000) / 48_000)[:, None]
    write_m4a(tmp_path / "a.m4a", sound)
    found = read_sound_file(tmp_path / "a.m4a")
    assert found.dtype == np.float32
    assert abs(len(found) - len(sound)) <= 2_048  # The last frames of AAC are filled up.
    loud = np.flatnonzero(np.abs(found[:, 0]) > 0.1)
    assert abs(loud[0] - 20_000) < 64
    assert abs(loud[-1] - 24_000) < 64
    assert len(read_sound_file(tmp_path / "a.m4a", 24_000)) == pytest.approx(len(found) / 2, abs=1)


@pytest.mark.parametrize("content", [b"", b"not a sound", b"\x00\x00\x00\x18ftypM4A " + bytes(90)])
def test_mpeg4_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "a.m4a"
    path.write_bytes(content)
    for read in (read_sound_file, sound_file_rate):
        with pytest.raises(MediaError, match=r"a\.m4a") as error:
            read(path)
        assert "\n" not in str(error.value)


def test_cut_off_mpeg4_gives_what_is_there_or_is_refused(tmp_path, clips):
    path = tmp_path / "a.m4a"
    write_m4a(path, clips.tone(1.0))
    content = path.read_bytes()
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(content[: int(share * len(content))])
        with contextlib.suppress(MediaError):
            assert len(read_sound_file(path)) <= 49_024


def test_the_rate_of_a_file_is_told_before_it_is_read(tmp_path, clips):
    soundfile.write(tmp_path / "a.wav", clips.tone(0.1, 44_100), 44_100)
    write_m4a(tmp_path / "a.m4a", clips.tone(0.1, 32_000), 32_000)
    assert sound_file_rate(tmp_path / "a.wav") == 44_100
    assert sound_file_rate(tmp_path / "a.m4a") == 32_000
