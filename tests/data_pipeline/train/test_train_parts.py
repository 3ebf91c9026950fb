"""The parts of the one command: vocabulary, checks, stages, configurations, drawn scenes."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.builders.labelled_files import LabelledFile, check_known
from data_pipeline.train.check import check_splits, choose_parts
from data_pipeline.train.configuration import config_names, load_config
from data_pipeline.train.demo import EFFECTS, RATE_HZ, draw_scene, write_demo
from data_pipeline.train.options import TrainOptions
from data_pipeline.train.stages import Stages, folder_digest, no_progress
from data_pipeline.train.vocabulary import folder_classes, vocabulary_of
from temporal_foley.effects import load_vocabulary, parse_vocabulary
from temporal_foley.errors import UsageError
from tests.data_pipeline.features.feature_kit import clip, extracted, still
from tests.factories import make_vocabulary


def labelled(name, effect, source=None, medium="picture"):
    return LabelledFile(
        id=name,
        path=Path(name),
        medium=medium,
        source=source or name,
        classes=(effect,),
        effects=(effect,) if effect in load_vocabulary().names else (),
        is_known=effect in (*load_vocabulary().names, "other"),
    )


def test_a_vocabulary_has_the_records_of_known_effects_and_loops_of_others():
    text = vocabulary_of(["Dog barking", "kettle", "other", "junk"], nothing=["junk"])
    made = parse_vocabulary(text, "made")
    assert made.names == ("dog_barking", "kettle")
    assert made["dog_barking"] == load_vocabulary()["dog_barking"]
    assert (made["kettle"].kind, made["kettle"].bus) == ("loop", "hard_effects")


def test_the_classes_of_folders_are_counted(tmp_path):
    for name in ("fire/a.jpg", "fire/b/c.png", "other/d.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert folder_classes([tmp_path]) == {"fire": 2, "other": 1}


@pytest.mark.parametrize(
    ("classes", "message"), [((), "no class"), (("other",), "no class"), (("日本",), "cannot name")]
)
def test_folders_without_a_class_are_an_error(classes, message):
    with pytest.raises(UsageError, match=message):
        vocabulary_of(classes)


@pytest.mark.parametrize(("sources", "parts"), [(12, "80_10_10"), (5, "60_20_20"), (3, "50_25_25")])
def test_small_sets_get_a_larger_part_for_validation(sources, parts):
    files = [
        labelled(f"{effect}{n}", effect) for effect in ("fire", "wave") for n in range(sources)
    ]
    assert choose_parts([*files, labelled("x", "other")]).parts == parts


def test_too_few_sources_name_the_effect_and_the_remedy():
    files = [labelled(f"{n}.wav", "fire", "one", "sound") for n in range(9)]
    with pytest.raises(UsageError, match=r"sounds of fire \(1\); give at least 3") as error:
        choose_parts(files)
    assert "--group" not in str(error.value), "sounds are not divided by likeness"
    pictures = [labelled(f"{n}.jpg", "fire", "one") for n in range(9)]
    with pytest.raises(UsageError, match=r"pictures of fire \(1\).* --group series .*'fire/\*'"):
        choose_parts(pictures)
    with pytest.raises(UsageError) as error:
        choose_parts(pictures, by_series=True)
    assert "--group" not in str(error.value)


def test_an_unknown_class_is_named_counted_and_corrected():
    files = [labelled("a", "fire"), labelled("b", "dogbarking"), labelled("c", "dogbarking")]
    with pytest.raises(UsageError, match=r"2 files of the class dogbarking") as error:
        check_known(files, load_vocabulary())
    assert "did you mean dog_barking?" in str(error.value)
    assert "--nothing dogbarking" in str(error.value)


def test_files_without_any_effect_are_an_error():
    with pytest.raises(UsageError, match="no file has an effect of the vocabulary"):
        check_known([labelled("a", "other")], load_vocabulary())


def test_training_needs_effects_and_validation_needs_the_same():
    vocabulary = load_vocabulary()
    fire = extracted(still("a"), clip(sound_s=1.0))
    check_splits(vocabulary, fire, fire)
    with pytest.raises(UsageError, match="no effect of the vocabulary test"):
        check_splits(make_vocabulary("steps"), fire, fire)
    nothing = [dataclasses.replace(record, events=()) for record in fire]
    with pytest.raises(UsageError, match="validation has no pictures of fire, sounds of fire"):
        check_splits(vocabulary, fire, nothing)
    with pytest.raises(UsageError, match=r"no sounds of fire; .*--group series"):
        check_splits(vocabulary, fire, fire[:1])


def test_an_unchanged_stage_is_skipped_and_those_after_a_changed_one_are_not(tmp_path):
    done, said = [], []

    def run(*inputs):
        stages = Stages(folder=tmp_path, total=2, progress=no_progress, print=said.append)
        for name, value in zip("ab", inputs, strict=True):
            output = tmp_path / name
            stages.run(
                name, value, (output,), lambda report, o=output: (o.touch(), done.append(o.name))[1]
            )

    run(1, 1)
    run(1, 1)
    assert done == ["a", "b"]
    assert said[-1] == "2/2 b: unchanged"
    run(1, 2)
    assert done == ["a", "b", "b"]
    run(2, 2)
    assert done == ["a", "b", "b", "a", "b"]
    (tmp_path / "b").unlink()
    run(2, 2)
    assert done[-1] == "b"


def test_a_folder_has_another_digest_when_a_file_changes(tmp_path):
    (tmp_path / "a").write_text("one")
    before = folder_digest(tmp_path, None)
    (tmp_path / "a").write_text("three")
    assert folder_digest(tmp_path) != before


def test_a_configuration_is_found_by_name_or_path(tmp_path):
    assert load_config("foley20").name == "foley20"
    path = tmp_path / "mine.py"
    path.write_text(
        "from temporal_foley.training.config import Config\n"
        "def config():\n    return Config(name='mine', steps=7)\n"
    )
    assert (load_config(str(path)).name, load_config(str(path)).steps) == ("mine", 7)
    assert "foley_demo" in config_names()


@pytest.mark.parametrize(
    ("text", "message"),
    [("x = 1", "no function config"), ("import nowhere", "cannot be run"), (None, "no such")],
)
def test_a_wrong_configuration_is_named(tmp_path, text, message):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_config(str(path))
    with pytest.raises(UsageError, match="did you mean foley20"):
        load_config("foley21")


def test_a_door_that_opens_looks_like_one_that_closes():
    from data_pipeline.train.demo import _door, _paper

    pictures = {}
    for happens in (True, False):
        rng = np.random.default_rng(3)
        draw, events = _door(rng, _paper(rng), happens, 1.0, 2.0)
        pictures[happens] = np.stack([draw(time) for time in np.linspace(1.0, 2.0, 5)])
        assert bool(events) == happens
    np.testing.assert_array_equal(pictures[True], pictures[False][::-1])
    assert (pictures[True][0] != pictures[True][-1]).any()


def test_scenes_are_the_same_for_a_seed_and_show_every_effect():
    scenes = [draw_scene(np.random.default_rng([0, n])) for n in range(40)]
    assert {event[2] for scene in scenes for event in scene.events} == set(EFFECTS)
    assert sum(not scene.events for scene in scenes) > 8
    again = draw_scene(np.random.default_rng([0, 7]))
    np.testing.assert_array_equal(scenes[7].draw(2.0), again.draw(2.0))


def test_a_demo_has_videos_events_and_sounds(tmp_path, monkeypatch):
    monkeypatch.setattr("data_pipeline.train.demo.SPLITS", (("train", 2), ("test", 1)))
    write_demo(tmp_path)
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == 3
    assert {path.name for path in (tmp_path / "sounds").iterdir()} == set(EFFECTS)
    assert (tmp_path / "events.tsv").read_text().count("\n") >= 4
    assert RATE_HZ >= 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "nothing to train on; give --pictures"),
        ({"pictures": Path("nowhere")}, "nowhere: no such folder"),
        ({"annotations": Path("a.tsv"), "sounds": Path()}, "--annotations: needs --videos"),
        ({"demo": True, "sounds": Path()}, "--demo: needs no folders"),
    ],
)
def test_wrong_options_are_refused(tmp_path, fields, message):
    with pytest.raises(UsageError, match=message):
        TrainOptions(out=tmp_path, **fields)
