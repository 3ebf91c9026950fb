"""Broadcast WAV: read back by other libraries, to the sample."""

from fractions import Fraction

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from temporal_foley.session.broadcast_wav import SoundNotes, broadcast_chunks, write_broadcast_wav
from temporal_foley.session.timecode import EditRate
from temporal_foley.sound.signal.wav import _header

NOTES = SoundNotes(
    description="Film: dog barking",
    project="Film & <Söhne>",
    track_name="Hündchen",
    time_reference=(1 << 32) + 5,
    edit=EditRate(rate=Fraction(30000, 1001), drop=True),
)


def write(path, samples, notes=NOTES):
    write_broadcast_wav(path, [samples], notes, samples=len(samples), channels=samples.shape[1])


def test_another_library_reads_time_reference_and_track_names(tmp_path):
    wavinfo = pytest.importorskip("wavinfo", reason="wavinfo is not installed")
    write(tmp_path / "a.wav", np.arange(-10, 10, dtype=np.int32).reshape(10, 2))
    info = wavinfo.WavInfoReader(str(tmp_path / "a.wav"))
    assert info.bext.time_reference == NOTES.time_reference
    assert info.bext.description == NOTES.description
    assert info.bext.coding_history.startswith("A=PCM,F=48000,W=24,M=stereo")
    assert [track.name for track in info.ixml.track_list] == ["Hündchen L", "Hündchen R"]
    assert info.ixml.project == "Film & <Söhne>"
    assert (info.fmt.bits_per_sample, info.fmt.sample_rate) == (24, 48_000)


@given(st.lists(st.integers(-(1 << 23), (1 << 23) - 1), min_size=1, max_size=40))
def test_every_sample_comes_back(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    write(path, np.array(values, np.int32)[:, None])
    read, rate = soundfile.read(path, dtype="int32", always_2d=True)
    assert rate == 48_000
    assert (read[:, 0] >> 8).tolist() == values


def test_silence_reads_as_zeros(tmp_path):
    loud = np.full((7, 1), 99, np.int32)
    blocks = [np.zeros((5, 1), np.int32), loud, np.zeros((9, 1), np.int32)]
    write_broadcast_wav(tmp_path / "a.wav", blocks, NOTES, samples=21, channels=1)
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="int32")
    assert (read >> 8).tolist() == [0] * 5 + [99] * 7 + [0] * 9


def test_a_wrong_number_of_samples_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must hold 3 samples, got 2"):
        write_broadcast_wav(
            tmp_path / "a.wav", [np.ones((2, 1), np.int32)], NOTES, samples=3, channels=1
        )


def test_a_file_above_four_gibibytes_is_rf64():
    head = _header(1 << 30, 2, broadcast_chunks(NOTES))
    assert head[:4] == b"RF64"
    assert head[12:16] == b"ds64"
