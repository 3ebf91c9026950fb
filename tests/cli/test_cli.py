"""The command line as a user types it: exit codes, one-line errors, several videos."""

import subprocess
import sys

import numpy as np
import pytest

from temporal_foley.cli import commands
from temporal_foley.cli.main import main
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import one_line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate"], "generate needs a video"),
        (["generate", "a.mp4", "--orignal", "keep"], "perhaps you meant --original"),
        (["generate", "a.mp4", "--seed", "x"], "--seed"),
        (["generate", "a.mp4", "--original", "loud"], "keep"),
        (["generate", "a.mp4", "--loudness", "loud"], "r128"),
        (["generate", "a.mp4", "--loudness", "12"], "loudness"),
        (["generate", "a.mp4", "--effects", "dog_barkin"], "dog_barking"),
        (["generate", "a.mp4", "--frame-rate", "4/0"], "--frame-rate"),
        (["generate", "a.mp4", "--frame-rate", "999"], "frame_rate"),
        (["generate", "a.mp4", "--backbone", "resnet"], "efficientnet_lite0"),
        (["nonsense"], "generate"),
        (["render"], "CUES.json"),
    ],
)
def test_wrong_words_are_told_in_one_line(words, said, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


@pytest.mark.parametrize("command", ["generate", "tag"])
def test_bad_files_are_told_in_one_line_and_leave_nothing(command, tmp_path, capsys):
    bad = tmp_path / "bad\nname.mp4"
    bad.write_text("#EXTM3U\nhttp://127.0.0.1/secret.ts\n")
    assert main([command, str(bad), str(tmp_path / "missing.mp4")]) == 3
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert "name.mp4: not a media file" in lines[0]
    assert "missing.mp4" in lines[1]
    assert [p.name for p in tmp_path.iterdir()] == ["bad\nname.mp4"]


def test_a_missing_cue_list_is_bad_input(tmp_path, capsys):
    assert main(["render", str(tmp_path / "cues.json")]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_without_videos_is_told(tmp_path, capsys):
    assert main(["generate", str(tmp_path)]) == 2
    assert "holds no video" in capsys.readouterr().err


def test_version_and_help_answer():
    for words in (["--version"], ["--help"], ["generate", "--help"]):
        done = subprocess.run(
            [sys.executable, "-m", "temporal_foley", *words], capture_output=True, text=True
        )
        assert done.returncode == 0
        assert "temporal-foley" in done.stdout


def test_info_says_what_can_and_cannot_be_seen(capsys):
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    assert "dog_barking" in said
    assert "cannot be seen" in said
    assert "CC0-1.0" in said


class QuickFoley:
    """Stands in for the path: only what the command line makes of its outcomes is tested."""

    vocabulary = load_vocabulary()

    @classmethod
    def load(cls, **_):
        return cls()

    def generate(self, video, out, settings, mix, **_):
        from temporal_foley.errors import MediaError
        from temporal_foley.files.output import output_folder
        from temporal_foley.foley import Outcome

        if "bad" in video.name:
            raise MediaError(f"{video}: not a video; give another")
        folder = output_folder(video, out)
        status = "finished" if folder.exists() else "made"
        folder.mkdir(exist_ok=True)
        return Outcome(folder=folder, status=status, events=(), cues=0)


def test_one_bad_video_does_not_stop_the_rest(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(commands, "Foley", QuickFoley)
    for name in ("a.mp4", "bad.mp4", "c.MOV", "note.txt"):
        (tmp_path / name).touch()
    assert main(["generate", str(tmp_path)]) == 3
    captured = capsys.readouterr()
    assert "2 made, 0 finished before, 1 failed" in captured.out
    assert "bad.mp4" in captured.err
    (tmp_path / "bad.mp4").unlink()
    assert main(["generate", str(tmp_path)]) == 0
    assert "0 made, 2 finished before, 0 failed" in capsys.readouterr().out


def test_two_videos_for_one_folder_are_refused_before_one_overwrites_the_other(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(commands, "Foley", QuickFoley)
    for name in ("a.mov", "a.mp4"):
        (tmp_path / name).touch()
    assert main(["generate", str(tmp_path), "--overwrite"]) == 3
    assert "is already for a.mov" in capsys.readouterr().err


def test_names_with_control_characters_stay_on_one_line():
    assert one_line("a\nb\x1b[31m\u2028c") == "a b [31m c"


@pytest.mark.slow
def test_the_demo_hears_the_cat_and_nothing_in_the_coffee(tmp_path, capsys):
    import soundfile

    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    assert "not a real video" in capsys.readouterr().out
    folder = tmp_path / "demo" / "demo.foley"
    events = [row.split("\t") for row in (folder / "events.tsv").read_text().splitlines()[1:]]
    assert {event[3] for event in events} == {"cat_meowing"}
    mix, rate = soundfile.read(folder / "mix.wav")
    assert np.abs(mix[: 4 * rate]).max() > 0.01
    assert not mix[6 * rate : 7 * rate].any()
