import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.__main__ import main as run_pipeline
from data_pipeline.self_label.cross_check import (
    LEAST_LOGIT,
    CrossCheckConfig,
    mean_around,
    sigmoid,
    weigh,
)
from data_pipeline.self_label.file_labels import (
    LabelEvidence,
    SelfLabelConfig,
    SilentError,
    decide_labels,
    effect_logits,
    gather_evidence,
)
from data_pipeline.self_label.label_folder import COLUMNS, find_videos, label_folder, summarise
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import OutputExistsError, UsageError, VocabularyError
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.timegrid import TimeGrid
from tests.detectors import FakeDetector


def main(words):
    return run_pipeline(["self-label", *words])


SHARED = Path(__file__).parents[3] / "../shared"
VOCABULARY = load_vocabulary()
DOG, BLENDER = VOCABULARY.index("dog_barking"), VOCABULARY.index("blender")
RATE_HZ = 32_000


class LoudnessTeacher:
    """Hears a dog wherever it is loud: the embedding of a frame is its level."""

    sha256 = "loudness"

    def frame_embeddings(self, sound, grid):
        wave = np.concatenate([np.zeros(0, np.float32), *sound])
        edges = [round(grid.time(i) * RATE_HZ) for i in range(grid.frames + 1)]
        levels = [np.abs(wave[a:b]).max(initial=0.0) for a, b in itertools.pairwise(edges)]
        return np.array(levels, np.float32)[:, None]

    def tag(self, embedding):
        tags = np.full((len(embedding), 527), -9.0, np.float32)
        tags[:, class_places(["Bark"])] = 20.0 * embedding - 6.0
        return tags


class BrightDetector(FakeDetector):
    """Takes a bright picture for a dog, and knows no other effect."""

    def __init__(self):
        super().__init__(
            lambda image: {"dog_barking": 0.99 if image.mean() > 128 else 0.001}, VOCABULARY
        )

    def blind_effects(self):
        return {name: "dark" for name in VOCABULARY.names if name != "dog_barking"}


def noise(seconds, *loud, level=0.003):
    """Make soft noise with loud stretches."""
    wave = np.random.default_rng(0).uniform(-level, level, round(seconds * 48_000))
    for onset, offset in loud:
        wave[round(onset * 48_000) : round(offset * 48_000)] *= 0.5 / level
    return wave[:, None].astype(np.float32)


def shade(value):
    return lambda number: np.full((48, 64, 3), value, np.uint8)


def make(make_clip, path, sound, value):
    path.parent.mkdir(exist_ok=True, parents=True)
    seconds = 10.0 if sound is None else len(sound) / 48_000
    picture = shade(value)
    return make_clip(path, seconds=seconds, rate=8, size=(64, 48), audio=sound, picture=picture)


def label(folder, out, **more):
    return label_folder(folder, out, LoudnessTeacher(), BrightDetector(), **more)


def rows_of(path):
    header, *lines = path.read_text("utf-8").split("\n")
    assert header.split("\t") == list(COLUMNS)
    return [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines if line]


def flat(value, frames=8):
    return np.full((frames, len(VOCABULARY)), value)


def test_what_is_heard_and_seen_becomes_a_label_in_its_place(make_clip, tmp_path) -> None:
    make(make_clip, tmp_path / "v" / "dog.mkv", noise(10.0, (4.0, 8.0)), 200)
    label(tmp_path / "v", tmp_path / "out.tsv")
    (row,) = rows_of(tmp_path / "out.tsv")
    assert (row["filename"], row["event_label"]) == ("dog.mkv", "dog_barking")
    assert row["modality"] == "both"
    assert float(row["onset"]) == pytest.approx(4.0, abs=1.5)
    assert float(row["offset"]) == pytest.approx(8.0, abs=1.5)
    assert 0.5 <= float(row["confidence"]) <= 1.0


def test_a_source_that_is_not_seen_is_labelled_as_heard_only(make_clip, tmp_path) -> None:
    make(make_clip, tmp_path / "v" / "off.mkv", noise(10.0, (0.0, 10.0)), 20)
    entries = label(tmp_path / "v", tmp_path / "out.tsv")
    assert [row["modality"] for row in rows_of(tmp_path / "out.tsv")] == ["audio"]
    (line,) = [line for line in summarise(entries, VOCABULARY) if "dog_barking" in line]
    assert "only sound 1, only picture 0" in line


def test_what_is_seen_and_makes_no_sound_is_no_label(make_clip, tmp_path) -> None:
    make(make_clip, tmp_path / "v" / "calm.mkv", noise(10.0), 200)
    config = SelfLabelConfig(doubt=0.1)
    label(tmp_path / "v", tmp_path / "out.tsv", config=config)
    (row,) = rows_of(tmp_path / "out.tsv")
    # Somebody listened, and there was nothing: a row with the name of the file alone.
    assert row == dict.fromkeys(COLUMNS, "") | {"filename": "calm.mkv"}


def test_what_is_in_doubt_is_left_out_whole(make_clip, tmp_path) -> None:
    make(make_clip, tmp_path / "v" / "maybe.mkv", noise(10.0, level=0.03), 200)
    config = SelfLabelConfig(threshold_on=0.9, threshold_off=0.85)
    entries = label(tmp_path / "v", tmp_path / "out.tsv", config=config)
    assert entries[0]["doubtful"] == ("dog_barking",)
    assert rows_of(tmp_path / "out.tsv") == []
    assert "1 in doubt" in next(summarise(entries, VOCABULARY))


def test_bad_and_soundless_files_are_told_and_stop_nothing(make_clip, tmp_path) -> None:
    folder = tmp_path / "v"
    make(make_clip, folder / "a" / "mute.mp4", None, 200)
    make(make_clip, folder / "b" / "silent.mkv", noise(3.0, level=1e-9), 200)
    make(make_clip, folder / "dog.mkv", noise(6.0, (0.0, 6.0)), 200)
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("no video")
    entries = label(folder, tmp_path / "out.tsv")
    reasons = {e["name"]: e["rejected"] for e in entries if "rejected" in e}
    assert set(reasons) == {"a/mute.mp4", "b/silent.mkv", "broken.mp4"}
    assert reasons["a/mute.mp4"] == "has no sound"
    assert reasons["b/silent.mkv"] == "its sound is silent"
    assert [row["filename"] for row in rows_of(tmp_path / "out.tsv")] == ["dog.mkv"]


def test_a_run_that_is_cut_off_goes_on_and_ends_alike(make_clip, tmp_path) -> None:
    folder = tmp_path / "v"
    for name in "abc":
        make(make_clip, folder / f"{name}.mkv", noise(4.0, (1.0, 4.0)), 200)
    label(folder, tmp_path / "whole.tsv")

    class Killed(Exception):
        pass

    heard = []

    class Counting(LoudnessTeacher):
        def frame_embeddings(self, sound, grid):
            heard.append(1)
            if len(heard) == 3:
                raise Killed
            return super().frame_embeddings(sound, grid)

    with pytest.raises(Killed):
        label_folder(folder, tmp_path / "out.tsv", Counting(), BrightDetector())
    assert not (tmp_path / "out.tsv").exists()
    label_folder(folder, tmp_path / "out.tsv", Counting(), BrightDetector())
    assert len(heard) == 4
    assert (tmp_path / "out.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.tsv", "v", "whole.tsv"]


def test_a_table_is_not_replaced_unasked_and_an_empty_folder_is_told(tmp_path, capsys) -> None:
    out = tmp_path / "out.tsv"
    out.write_text("mine")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        label(tmp_path, out)
    with pytest.raises(UsageError, match="videos"):
        find_videos(tmp_path)
    assert main([str(tmp_path), "--out", str(out)]) == 3
    assert main([str(tmp_path / "none"), "--out", str(tmp_path / "x.tsv")]) == 2
    assert capsys.readouterr().err.count("error: ") == 2
    assert out.read_text() == "mine"


def test_frames_of_silence_are_not_listened_to(make_clip, tmp_path) -> None:
    sound = noise(8.0, (0.0, 8.0))
    sound[4 * 48_000 :] = 0.0
    path = make(make_clip, tmp_path / "half.mkv", sound, 200)
    evidence = gather_evidence(path, LoudnessTeacher(), BrightDetector(), SelfLabelConfig())
    assert (evidence.heard[16:] == LEAST_LOGIT).all()
    assert (evidence.heard[:14, DOG] > 0).all()
    mute = make(make_clip, tmp_path / "mute.mp4", None, 200)
    with pytest.raises(SilentError):
        gather_evidence(mute, LoudnessTeacher(), BrightDetector(), SelfLabelConfig())


def test_weights_are_those_of_late_fusion() -> None:
    # Over 1 - a: sound + a / (1 - a) picture; a picture of the prior adds nothing.
    visible = np.ones(len(VOCABULARY), bool)
    config = CrossCheckConfig(unseen_threshold=0.5)
    same = weigh(flat(0.7), flat(0.01), visible, config)
    np.testing.assert_allclose(same, sigmoid(np.float64(0.7)), rtol=1e-6)
    more = weigh(flat(0.7), flat(0.9), visible, config)
    evidence = np.log(0.9 / 0.1) - np.log(0.01 / 0.99)
    np.testing.assert_allclose(more, sigmoid(0.7 + evidence / 3), rtol=1e-6)


def test_an_effect_that_is_not_seen_must_be_heard_more_firmly() -> None:
    visible = np.arange(len(VOCABULARY)) != BLENDER
    threshold = np.log(0.7 / 0.3)
    blind = weigh(flat(threshold), flat(0.0), visible)[:, BLENDER]
    np.testing.assert_allclose(blind, 0.5, rtol=1e-6)
    unseen = weigh(flat(threshold), flat(0.0), visible)[:, DOG]
    seen = weigh(flat(threshold), flat(0.99), visible)[:, DOG]
    assert (unseen < blind).all()
    assert (seen > 0.9).all()


def test_more_sound_or_more_picture_is_never_less_likely() -> None:
    rng = np.random.default_rng(0)
    visible = np.ones(len(VOCABULARY), bool)
    heard, seen = rng.normal(0, 4, (50, 20)), rng.uniform(0, 1, (50, 20))
    base = weigh(heard, seen, visible)
    assert (weigh(heard + 0.5, seen, visible) >= base).all()
    assert (weigh(heard, np.minimum(seen + 0.1, 1.0), visible) >= base).all()


def test_means_are_over_what_is_there() -> None:
    grid = TimeGrid.covering(5, 4)
    rising = np.arange(20, dtype=np.float32)[:, None]
    mean = mean_around(rising, grid, 1.25)
    np.testing.assert_allclose(mean[5:15], rising[5:15], rtol=1e-6)
    np.testing.assert_allclose(mean[[0, -1], 0], [1.0, 18.0], rtol=1e-6)
    np.testing.assert_allclose(mean_around(np.ones((20, 3)), grid, 3.75), 1.0)


def test_effects_take_the_best_of_their_audioset_classes() -> None:
    tags = np.full((1, 527), -6.0)
    tags[0, class_places(["Siren"])] = 3.0
    logits = effect_logits(tags, VOCABULARY)[0]
    assert logits[VOCABULARY.index("ambulance")] == 3.0
    assert logits[DOG] == -6.0
    effect = dataclasses.replace(VOCABULARY["fire"], audioset=())
    deaf = dataclasses.replace(VOCABULARY, effects=(effect,), groups=())
    assert effect_logits(tags, deaf)[0, 0] == LEAST_LOGIT
    wrong = dataclasses.replace(effect, audioset=("No such class",))
    with pytest.raises(VocabularyError, match="No such class"):
        effect_logits(tags, dataclasses.replace(VOCABULARY, effects=(wrong,), groups=()))


def test_a_label_lasts_as_long_as_it_is_heard_however_short_its_cue_must_be() -> None:
    assert VOCABULARY["lightning"].max_duration_s == 4.0
    grid = TimeGrid.covering(20, 4)
    likely = np.zeros((80, len(VOCABULARY)))
    likely[8:60, VOCABULARY.index("lightning")] = 0.9
    evidence = LabelEvidence(grid=grid, heard=likely - 5, seen=likely * 0, likely=likely)
    ((event, modality),) = decide_labels(evidence, VOCABULARY, SelfLabelConfig()).events
    assert (event.onset, event.offset, modality) == (2.0, 15.0, "audio")


@pytest.mark.parametrize(
    "wrong",
    [{"doubt": 0.0}, {"doubt": 0.4}, {"threshold_off": 0.6}, {"near_s": 5.0}, {"frame_rate": 0.0}],
)
def test_settings_that_make_no_sense_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="self_label"):
        SelfLabelConfig(**wrong)


@pytest.mark.slow
def test_a_real_dog_is_labelled_by_the_real_networks(tmp_path) -> None:
    clip = SHARED / "data/clips/dev/video_BjCEufrlXm4.mp4"
    weights = SHARED / "weights/efficientat_mn04/mn04_as_mAP_432.pt"
    if not clip.is_file() or not weights.is_file():
        pytest.skip("the clip or the weights are not there")
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "dog.mp4").write_bytes(clip.read_bytes())
    out = tmp_path / "out.tsv"
    assert main([str(tmp_path / "v"), "--out", str(out), "--weights", str(weights)]) == 0
    (row,) = rows_of(out)
    assert (row["event_label"], row["modality"]) == ("dog_barking", "both")
    assert float(row["offset"]) - float(row["onset"]) > 5.0
