"""Files that no command reads are passed over or named, and never stop the others."""

import numpy as np
import pytest
import soundfile

from temporal_foley.cli.main import main
from tests.detectors import painted


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts"])
def test_what_macos_puts_beside_a_video_is_passed_over(
    tmp_path, clips, suffix, monkeypatch, capsys
):
    from temporal_foley import foley
    from tests.detectors import colour_detector

    monkeypatch.setattr(foley, "load_detector", lambda *words, **options: colour_detector())
    folder = tmp_path / "card"
    folder.mkdir()
    clips.make_clip(folder / f"x{suffix}", **painted((0.6, (0, 255, 0))))
    (folder / f"._x{suffix}").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X" + bytes(64))
    assert main(["generate", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x.foley"]
    assert "._x" not in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".m4b", ".caf", ".wma", ".aac", ".mka", ".ac3"])
def test_library_add_names_what_it_passes_over(tmp_path, capsys, suffix):
    folder = tmp_path / "sounds"
    folder.mkdir()
    sound = np.random.default_rng(0).normal(0, 0.1, (24_000, 1))
    soundfile.write(folder / "door knock.wav", sound, 48_000)
    (folder / f"door slam{suffix}").write_bytes(b"unknown")
    words = ["library", "add", str(folder), "--to", str(tmp_path / "library"), "--no-listen"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert f"door slam{suffix}" in said.err + said.out
    assert "convert it to WAV or FLAC" in said.err + said.out
