"""Check the deliverables report by known answers of EBU Tech 3341 and 3342, and by made files."""

import json

import numpy as np
import pytest
import soundfile

from temporal_foley.cli.main import main
from temporal_foley.documents.deliverables import measure_folder, measure_sounds
from temporal_foley.errors import FoleyError
from temporal_foley.files.digest import file_sha256
from temporal_foley.timeline import MixSettings
from tests.clips import tone
from tests.factories import make_cue, make_timeline, write_cue_list

RATE = 48_000


def sine(level_dbfs, seconds, channels=2, hz=1000.0):
    """Return a sine of a peak level, as in the signals of EBU Tech 3341 and 3342."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hz * time)
    return np.repeat(wave[:, None], channels, axis=1)


def write(path, *parts, rate=RATE, subtype="PCM_24"):
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, np.concatenate(parts), rate, subtype=subtype)
    return path


@pytest.mark.parametrize(
    ("levels", "range_lu"),
    [
        ((-20, -30), 10.0),
        ((-20, -15), 5.0),
        ((-40, -20), 20.0),
        ((-50, -35, -20, -35, -50), 15.0),
    ],
)
def test_loudness_ranges_are_those_of_ebu_tech_3342(tmp_path, levels, range_lu):
    path = write(tmp_path / "a.wav", *(sine(level, 20) for level in levels))
    (sound,) = measure_sounds(path)
    assert sound.range_lu == pytest.approx(range_lu, abs=1.0)


def test_integrated_and_short_term_are_those_of_ebu_tech_3341(tmp_path):
    path = write(tmp_path / "a.wav", sine(-36, 10), sine(-23, 60), sine(-36, 10))
    (sound,) = measure_sounds(path)
    assert sound.integrated_lufs == pytest.approx(-23.0, abs=0.1)
    assert sound.short_term_max_lufs == pytest.approx(-23.0, abs=0.1)
    assert sound.true_peak_dbtp == pytest.approx(-23.0, abs=0.3)
    # Two seconds at -20 and one of nothing: a window of three holds two thirds of the power.
    path = write(tmp_path / "b.wav", *([sine(-20, 2), sine(-200, 1)] * 4))
    expected = -20.0 + 10 * np.log10(2 / 3)
    assert measure_sounds(path)[0].short_term_max_lufs == pytest.approx(expected, abs=0.1)


def test_silence_at_head_and_tail_is_measured_to_the_sample(tmp_path):
    hit = np.full((100, 2), 0.5)
    parts = (np.zeros((12_000, 2)), hit, np.zeros((36_001, 2)))
    (sound,) = measure_sounds(write(tmp_path / "a.wav", *parts))
    assert sound.head_silence_s == 0.25
    assert sound.tail_silence_s == round(36_001 / RATE, 6)
    one_side = np.zeros((48_000, 2))
    one_side[24_000, 1] = 0.1
    (sound,) = measure_sounds(write(tmp_path / "b.wav", one_side))
    assert sound.head_silence_s == 0.5


def test_a_silent_or_short_file_has_no_levels(tmp_path):
    (sound,) = measure_sounds(write(tmp_path / "a.wav", np.zeros((4 * RATE, 2))))
    levels = (sound.integrated_lufs, sound.range_lu, sound.short_term_max_lufs)
    assert levels == (None, None, None)
    assert sound.head_silence_s == sound.tail_silence_s == sound.seconds == 4.0
    (sound,) = measure_sounds(write(tmp_path / "b.wav", sine(-20, 1)))
    assert sound.integrated_lufs == pytest.approx(-20.0, abs=0.1)
    assert (sound.range_lu, sound.short_term_max_lufs) == (None, None)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_other_rates_and_mono_are_measured(tmp_path, rate):
    time = np.arange(5 * rate) / rate
    wave = 0.1 * np.sin(2 * np.pi * 1000 * time)[:, None]
    (sound,) = measure_sounds(write(tmp_path / "a.wav", wave, rate=rate))
    assert (sound.rate_hz, sound.channels) == (rate, ("FC",))
    assert sound.seconds == pytest.approx(5.0, abs=1e-3)
    assert sound.integrated_lufs == pytest.approx(-23.0, abs=0.2)


def test_the_order_of_channels_is_that_of_the_file(tmp_path, make_clip):
    parts = np.zeros((4 * RATE, 6), np.float32)
    parts[:, 0] = sine(-20, 4, 1)[:, 0]
    clip = make_clip(tmp_path / "a.mov", seconds=4, audio=parts, audio_layout="5.1")
    (sound,) = measure_sounds(clip)
    assert sound.channels == ("FL", "FR", "FC", "LFE", "BL", "BR")
    assert sound.states_channels
    assert sound.integrated_lufs == pytest.approx(-23.0, abs=0.2)
    plain = tmp_path / "plain"
    write(plain / "surround.wav", parts)
    report = measure_folder(plain)
    assert report.files[0].sounds[0].channels == ("FL", "FR", "FC", "LFE", "BL", "BR")
    assert any("does not state the order" in note for note in report.notes) == (
        not report.files[0].sounds[0].states_channels
    )


def test_a_folder_is_reported_with_what_does_not_fit_together(tmp_path, make_clip):
    mix = MixSettings(loudness_lufs=-23.0, true_peak_dbtp=-1.0)
    folder = write_cue_list(tmp_path, make_timeline(make_cue(), mix=mix)).parent
    write(folder / "mix.wav", sine(-16, 5))
    write(folder / "stems" / "door.wav", sine(-16, 4))
    write(folder / "stems" / "dog.wav", sine(-16, 5))
    make_clip(folder / "silent.mp4", seconds=1)
    make_clip(folder / "clip.mp4", seconds=1, audio=tone(1.0))
    (folder / "broken.wav").write_bytes(b"RIFF")
    (folder / ".hidden.wav").write_bytes(b"RIFF")
    report = measure_folder(folder)
    assert {file.name: file.sha256 for file in report.files} == {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    notes = "\n".join(report.notes)
    assert "mix.wav: has -16.0 LUFS, not -23 as its cue list asks" in notes
    assert "stems/door.wav: is 4 s long, the mix 5 s" in notes
    assert "silent.mp4: has no sound" in notes
    assert "broken.wav: not a media file" in notes
    assert len(report.notes) == 4


def test_the_command_writes_text_and_json_and_replaces_them_only_if_asked(tmp_path, capsys):
    write(tmp_path / "made" / "mix.wav", sine(-23, 4))
    words = ["deliverables", str(tmp_path / "made")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    document = json.loads((tmp_path / "made" / "deliverables.json").read_text())
    assert document["schema"] == "temporal-foley/deliverables"
    (file,) = document["files"]
    assert file["sha256"] in printed
    assert file["sounds"][0]["integrated_lufs"] == pytest.approx(-23.0, abs=0.1)
    assert main(words) == 3
    assert "deliverables.txt: exists; use --overwrite or --out DIR" in capsys.readouterr().err
    before = (tmp_path / "made" / "deliverables.json").read_bytes()
    assert main([*words, "--overwrite"]) == 0
    # The report does not list itself.
    assert (tmp_path / "made" / "deliverables.json").read_bytes() == before
    assert main([*words, "--out", str(tmp_path / "elsewhere")]) == 0
    assert (tmp_path / "elsewhere" / "deliverables.txt").is_file()


def test_a_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(FoleyError, match="no such folder"):
        measure_folder(tmp_path / "none")
    with pytest.raises(FoleyError, match="has no files"):
        measure_folder(tmp_path)
