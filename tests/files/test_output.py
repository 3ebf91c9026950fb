"""The output folder: whole or not there, known again, never overwritten unasked."""

import os

import pytest

from temporal_foley.errors import FoleyError, OutputExistsError
from temporal_foley.files.output import (
    check_output,
    output_folder,
    read_run,
    staged,
    write_run,
)

MADE_WITH = {"video": "aa", "seed": "0"}


def finish(folder, files, made_with=MADE_WITH, command="generate"):
    with staged(folder) as staging:
        for name, text in files.items():
            (staging / name).parent.mkdir(exist_ok=True)
            (staging / name).write_text(text)
        write_run(staging, {"command": command, "made_with": made_with})


def test_a_finished_run_is_known_again(tmp_path):
    folder = tmp_path / "clip.foley"
    finish(folder, {"stems/a.wav": "a"})
    assert check_output(folder, "generate", MADE_WITH, overwrite=False) == "unchanged"
    run = read_run(folder)
    assert run.files == ("stems/a.wav",)


def test_nothing_is_left_of_a_run_that_failed(tmp_path):
    def fail():
        with staged(tmp_path / "clip.foley") as staging:
            (staging / "half.wav").write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_does_not_get_into_the_next(tmp_path):
    leftover = tmp_path / ".clip.foley.part"
    leftover.mkdir()
    (leftover / "old.wav").write_text("old")
    finish(tmp_path / "clip.foley", {"new.wav": "new"})
    assert sorted(p.name for p in (tmp_path / "clip.foley").iterdir()) == ["new.wav", "run.json"]
    assert not leftover.exists()


def test_other_settings_are_named_and_need_overwrite(tmp_path):
    folder = tmp_path / "clip.foley"
    finish(folder, {"mix.wav": "1"})
    with pytest.raises(OutputExistsError, match=r"other settings \(seed\); use --overwrite"):
        check_output(folder, "generate", MADE_WITH | {"seed": "1"}, overwrite=False)
    assert check_output(folder, "generate", MADE_WITH | {"seed": "1"}, overwrite=True) == "make"


def test_a_strange_folder_and_a_file_are_not_overwritten(tmp_path):
    strange = tmp_path / "strange.foley"
    strange.mkdir()
    (strange / "diary.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="without a finished run"):
        check_output(strange, "generate", MADE_WITH, overwrite=False)
    with pytest.raises(OutputExistsError, match="not a folder"):
        check_output(strange / "diary.txt", "generate", MADE_WITH, overwrite=True)


def test_overwriting_replaces_old_files_and_keeps_those_of_the_user(tmp_path):
    folder = tmp_path / "clip.foley"
    finish(folder, {"stems/dog.wav": "dog", "mix.wav": "old"})
    (folder / "notes.txt").write_text("mine")
    finish(folder, {"stems/cat.wav": "cat", "mix.wav": "new"})
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "mix.wav").read_text() == "new"
    assert not (folder / "stems" / "dog.wav").exists()
    assert check_output(folder, "generate", MADE_WITH, overwrite=False) == "unchanged"


def test_a_lost_file_is_noticed(tmp_path):
    folder = tmp_path / "clip.foley"
    finish(folder, {"mix.wav": "1"})
    (folder / "mix.wav").unlink()
    with pytest.raises(OutputExistsError, match=r"mix\.wav is missing"):
        check_output(folder, "generate", MADE_WITH, overwrite=False)


def test_generate_may_follow_tag_but_not_the_other_way_unless_it_is_the_same(tmp_path):
    folder = tmp_path / "clip.foley"
    finish(folder, {"scores.tsv": "1"}, {"video": "aa"}, "tag")
    assert check_output(folder, "generate", MADE_WITH, overwrite=False) == "make"
    finish(folder, {"scores.tsv": "1"})
    assert check_output(folder, "tag", {"video": "aa"}, overwrite=False) == "unchanged"


def test_a_run_file_that_names_outside_files_is_not_believed(tmp_path):
    folder = tmp_path / "clip.foley"
    folder.mkdir()
    (tmp_path / "precious").write_text("mine")
    text = '{"schema": "temporal-foley/run", "command": "generate", "made_with": {}, "files": [%s]}'
    for name in ('"../precious"', f'"{tmp_path}/precious"', "7"):
        (folder / "run.json").write_text(text % name)
        assert read_run(folder) is None
    finish(folder, {"mix.wav": "1"})
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(FoleyError, match="cannot be written"),
        staged(tmp_path / "file" / "x.foley"),
    ):
        pass


def test_the_folder_stands_beside_the_video_or_in_out(tmp_path):
    assert output_folder(tmp_path / "a.b.mp4", None) == tmp_path / "a.b.foley"
    assert output_folder(tmp_path / "clip.mp4", tmp_path / "o") == tmp_path / "o" / "clip.foley"


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_move_that_was_killed_is_gone_on_with(tmp_path, monkeypatch, moved):
    folder = tmp_path / "clip.foley"
    finish(folder, {"a.txt": "old", "old.txt": "old"})
    (folder / "mine.txt").write_text("mine")
    replace, count = os.replace, 0

    def dies(source, target):
        nonlocal count
        if count == moved + 1:  # The first is the old run.json.
            raise KeyboardInterrupt
        count += 1
        replace(source, target)

    staging = tmp_path / ".clip.foley.part"
    with monkeypatch.context() as killed:
        killed.setattr("os.replace", dies)
        # Whoever is killed removes nothing.
        killed.setattr("shutil.rmtree", lambda *words, **more: None)
        with pytest.raises(KeyboardInterrupt):
            finish(folder, {"a.txt": "new", "new.txt": "new"}, MADE_WITH | {"seed": "1"})
    assert read_run(folder) is None
    made_with = MADE_WITH | {"seed": "1"}
    assert check_output(folder, "generate", made_with, overwrite=False) == "unchanged"
    assert {path.name: path.read_text() for path in folder.glob("*.txt")} == {
        "a.txt": "new",
        "new.txt": "new",
        "mine.txt": "mine",
    }
    assert not staging.exists()
