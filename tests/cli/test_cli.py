"""Test the command line as a user types it: exit codes, one-line errors, folders of videos."""

import numpy as np
import pytest

from temporal_foley.cli.main import main
from temporal_foley.cli.shared import MixOptions
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import MediaError, one_line
from temporal_foley.files.output import output_folder
from temporal_foley.foley import Foley
from temporal_foley.render import RunResult

WRONG = [
    ("genrate a.mp4", "did you mean generate?"),
    ("gen a.mp4", "did you mean generate?"),
    ("exprot cues.json", "did you mean export?"),
    ("libary list", "did you mean library?"),
    ("library ad x.wav", "did you mean add?"),
    ("nonsense", "unknown command 'nonsense'; known are demo, check, generate"),
    ("generate", "VIDEO...: missing; see temporal-foley generate --help"),
    ("generate a.mp4 --orignal keep", "did you mean --original?"),
    ("generate a.mp4 --modle foley20", "did you mean --model?"),
    ("generate a.mp4 --output x", "did you mean --out?"),
    ("generate a.mp4 --force", "unknown option '--force'; see temporal-foley generate --help"),
    ("generate a.mp4 --out", "--out: needs a value"),
    ("generate a.mp4 --overwrite=yes", "--overwrite: takes no value"),
    ("generate a.mp4 --seed x", "--seed: must be a whole number, got 'x'"),
    ("generate a.mp4 --original loud", "--original: unknown value 'loud'; known are fill, replace"),
    ("generate a.mp4 --original muted", "did you mean mute?"),
    ("generate a.mp4 --loudness netflx", "did you mean netflix?"),
    ("generate a.mp4 --loudness loud", "--loudness: must be r128, atsc"),
    ("generate a.mp4 --loudness 12", "--loudness: loudness_lufs must be in"),
    ("generate a.mp4 --speech-db 3", "--speech-db: speech_db must be in [-60, 0]"),
    ("generate a.mp4 --space indoors", "did you mean indoor?"),
    ("generate a.mp4 --effects hammr", "did you mean hammer? The nearest are hammer,"),
    ("generate a.mp4 --effects dgo", "--effects: unknown effect 'dgo'; did you mean"),
    ("generate a.mp4 --effects violin", "--effects: 'violin': instruments are recognised and"),
    ("generate a.mp4 --effects philosophy", "The nearest are"),
    ("generate a.mp4 --exclude foot_steps", "--exclude: unknown effect 'foot_steps'"),
    ("generate a.mp4 --model foley2", "--model: unknown model 'foley2'; did you mean foley20?"),
    ("generate a.mp4 --model imagnet", "did you mean imagenet?"),
    ("generate a.mp4 --vocabulary foley21", "did you mean foley20?"),
    ("generate a.mp4 --backbone efficientnet", "did you mean efficientnet_lite0?"),
    ("generate a.mp4 --frame-rate 4/0", "--frame-rate: must be a number, got '4/0'"),
    ("generate a.mp4 --frame-rate 999", "frame_rate must be in [0.1, 60] Hz"),
    ("generate a.mp4 --smoothing medain", "did you mean median?"),
    ("generate a.mp4 --allow cc-0", "did you mean cc0?"),
    ("generate a.mp4 --export repaer", "--export: unknown format 'repaer'; did you mean reaper?"),
    ("generate a.mp4 --discard-edits", "--discard-edits: needs --overwrite"),
    ("export cues.json --to premier", "did you mean premiere?"),
    ("export cues.json --to wave", "--to: unknown format 'wave'"),
    ("export cues.json", "--to: missing; see temporal-foley export --help"),
    ("render", "CUES...: missing"),
    ("import s.rpp", "--cues: missing"),
    ("import s.rpp t.rpp --cues cues.json", "unexpected argument 't.rpp'"),
    ("learn", "CUES...: missing"),
    ("teach --examples x --out y", "NAME: missing"),
    ("teach bell --examples x --out y --kind repeat", "did you mean repeated?"),
    ("deploy", "--out: missing"),
    ("--versoin", "unknown option '--versoin'; did you mean --version?"),
    ("-v", "did you mean --version?"),
    ("library add x --out y", "unknown option '--out'; did you mean --to?"),
    ("export cues.json --to edl --handles -1", "--handles: must be in [0, 60] seconds"),
    ("export cues.json --to edl --rate 24fps", "--rate: must be a picture rate such as 25"),
    ("library audition --out x.mp3", "--out: must end in .wav"),
]


@pytest.mark.parametrize(("words", "text"), WRONG)
def test_mistyped_command_lines_are_answered_in_one_line(words, text, capsys):
    assert main(words.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert text in line


@pytest.mark.parametrize("command", ["generate", "tag"])
def test_bad_files_are_errors_in_one_line_and_leave_nothing(command, tmp_path, capsys):
    bad = tmp_path / "bad\nname.mp4"
    bad.write_text("#EXTM3U\nhttp://127.0.0.1/secret.ts\n")
    assert main([command, str(bad), str(tmp_path / "missing.mp4")]) == 3
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert "name.mp4: not a media file" in first
    assert "missing.mp4" in second
    assert [p.name for p in tmp_path.iterdir()] == ["bad\nname.mp4"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("render {}/cues.json", "no such file; check the name"),
        ("export {}/cues.json --to csv", "cues.json"),
        ("review {}/nosuch.foley", "no such file or folder"),
        ("deliverables {}/nosuch.foley", "no such folder"),
        ("library list {}", "make it with temporal-foley library add DIR --to"),
    ],
)
def test_missing_files_are_bad_input(words, text, tmp_path, capsys):
    assert main(words.format(tmp_path).split()) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert text in line


def test_a_mistyped_file_is_found_by_its_neighbours(tmp_path, capsys):
    (tmp_path / "street.mp4").write_bytes(b"\x00\xff no video")
    (tmp_path / "street.foley").mkdir()
    (tmp_path / "street.foley" / "cues.json").touch()
    for words, text in [
        ("generate {}/street.mp5", "no such file; did you mean {}/street.mp4?"),
        ("render {}/street.foley/cues.jsn", "did you mean {}/street.foley/cues.json?"),
        ("export {}/street.foley/cue.json --to csv", "did you mean {}/street.foley/cues.json?"),
        ("review {}/stret.foley", "no such file or folder; did you mean {}/street.foley?"),
        ("render {}/street.mp4", "street.mp4: not a cue list; give the cues.json in a folder"),
        ("{}/street.mp4", "is no command; did you mean temporal-foley generate {}/street.mp4?"),
    ]:
        assert main(words.replace("{}", str(tmp_path)).split()) in (2, 3)
        (line,) = capsys.readouterr().err.splitlines()
        assert text.replace("{}", str(tmp_path)) in line


@pytest.mark.parametrize(
    ("text", "lufs"),
    [
        *(("as-is", None), ("as is", None), ("AsIs", None), ("Netflix", -27.0)),
        *(("-23 LUFS", -23.0), ("-18lufs", -18.0), ("-24 LKFS", -24.0), ("-16.5", -16.5)),
    ],
)
def test_loudness_is_read_as_people_write_it(text, lufs):
    assert MixOptions(loudness=text).mix_changes() == {"loudness_lufs": lufs}


def test_help_is_a_command_too(capsys):
    assert main(["help", "render"]) == 0
    assert capsys.readouterr().out.startswith("usage: temporal-foley render")
    assert main(["help"]) == 0
    assert "--version" in capsys.readouterr().out


def test_empty_folders_are_errors_with_a_remedy(tmp_path, capsys):
    assert main(["generate", str(tmp_path)]) == 2
    assert "no video in this folder; known endings are" in capsys.readouterr().err
    assert main(["render", str(tmp_path)]) == 2
    assert "make one with temporal-foley generate VIDEO" in capsys.readouterr().err


def test_old_underscores_in_options_still_work(capsys):
    assert main(["generate", "a.mp4", "--no_listen", "--seed", "x"]) == 2
    assert "--seed" in capsys.readouterr().err


@pytest.fixture
def quick_foley(monkeypatch):
    """Replace the model and all its work, to test only what the command line does around it."""

    class QuickFoley:
        vocabulary = load_vocabulary()
        settings: object = None

        def generate(self, video, out, settings, mix, **_):
            QuickFoley.settings = settings
            if "bad" in video.name:
                raise MediaError("not a video", path=video, remedy="give another")
            folder = output_folder(video, out)
            status = "unchanged" if folder.exists() else "made"
            folder.mkdir(exist_ok=True, parents=True)
            (folder / "review.html").touch()
            return RunResult(folder=folder, status=status, events=())

    monkeypatch.setattr(Foley, "load", lambda **_: QuickFoley())
    return QuickFoley


def test_one_bad_video_does_not_stop_the_rest(tmp_path, capsys, quick_foley):
    for name in ("a.mp4", "bad.mp4", "c.MOV", "note.txt"):
        (tmp_path / name).touch()
    assert main(["generate", str(tmp_path)]) == 3
    captured = capsys.readouterr()
    assert "3 files: 2 made, 0 unchanged, 1 failed" in captured.out
    assert "bad.mp4: not a video; give another" in captured.err
    assert f"listen and edit in {tmp_path / 'a.foley' / 'review.html'}" in captured.out
    (tmp_path / "bad.mp4").unlink()
    assert main(["generate", str(tmp_path)]) == 0
    assert "2 files: 0 made, 2 unchanged, 0 failed" in capsys.readouterr().out


def test_folders_are_searched_at_any_depth_and_mirrored_under_out(tmp_path, quick_foley):
    for card in ("card1", "card2"):
        (tmp_path / card / "DCIM").mkdir(parents=True)
        (tmp_path / card / "DCIM" / "0001.mp4").touch()
        (tmp_path / card / ".trash").mkdir()
        (tmp_path / card / ".trash" / "gone.mp4").touch()
    cards = [str(tmp_path / "card1" / "DCIM"), str(tmp_path / "card2" / "DCIM")]
    for out, folders in (("one", [str(tmp_path)]), ("two", cards)):
        assert main(["generate", *folders, "--out", str(tmp_path / out)]) == 0
        made = sorted(p.relative_to(tmp_path / out) for p in (tmp_path / out).rglob("*.foley"))
        assert [str(p.parent) for p in made] == ["card1/DCIM", "card2/DCIM"]
    # What was made before is not taken for a video.
    (tmp_path / "one" / "card1" / "DCIM" / "0001.foley" / "0001.mp4").touch()
    (tmp_path / "one" / "0001.foley.mp4").touch()
    assert main(["generate", str(tmp_path / "one")]) == 2


def test_effects_may_be_written_with_spaces(tmp_path, quick_foley):
    (tmp_path / "a.mp4").touch()
    words = ["generate", str(tmp_path / "a.mp4"), "--effects", "Dog barking, fire"]
    assert main(words) == 0
    assert quick_foley.settings.only == ("dog_barking", "fire")


def test_two_videos_for_one_folder_are_refused_before_one_overwrites_the_other(
    tmp_path, capsys, quick_foley
):
    for name in ("a.mov", "a.mp4"):
        (tmp_path / name).touch()
    assert main(["generate", str(tmp_path), "--overwrite"]) == 3
    assert "output folder is already that of a.mov" in capsys.readouterr().err


def test_programs_stand_for_the_format_that_they_open(tmp_path, capsys):
    (tmp_path / "cues.json").write_text("{}")
    assert main(["export", str(tmp_path), "--to", "premiere,Pro Tools"]) == 3
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: premiere opens fcp7: writing fcp7",
        "note: Pro Tools opens aaf: writing aaf",
    ]


def test_control_characters_in_names_stay_on_one_line():
    assert one_line("a\nb\x1b[31m\u2028c") == "a b [31m c"


@pytest.mark.slow
def test_the_demo_adds_a_cat_and_leaves_the_coffee_silent(tmp_path, capsys):
    import soundfile

    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    text = capsys.readouterr().out
    assert "not a real video" in text
    assert any(line.endswith("review.html") for line in text.splitlines())
    assert "temporal-foley review " in text.splitlines()[-1]
    folder = tmp_path / "demo" / "demo.foley"
    events = [row.split("\t") for row in (folder / "events.tsv").read_text().splitlines()[1:]]
    assert {event[3] for event in events} == {"cat_meowing"}
    mix, rate = soundfile.read(folder / "mix.wav")
    assert np.abs(mix[: 4 * rate]).max() > 0.01
    assert not mix[6 * rate : 7 * rate].any()
