"""Scene clips out of features: made of stills and recordings by source, read as arrays."""

from fractions import Fraction

import numpy as np
import pytest

from baselines.scenes.clips import (
    mean_over_time,
    measure_standards,
    standardised_batch,
)
from baselines.scenes.input import open_scene_splits
from baselines.scenes.pairs import Pairs, PairsConfig, make_pairs
from data_pipeline.features.record import FeatureError, FeatureRecord
from data_pipeline.features.store import FeatureStore, begin, finish, shard_name, write_shard
from data_pipeline.schema import EffectEvent
from temporal_foley.cli.runner import run
from temporal_foley.errors import UsageError

SETTINGS = {"version": 1, "frame_rate": "4", "backbone": "any", "weights": {"backbone": "w"}}
SMALL = PairsConfig(clips_per_class=(6, 3, 3), stretches=3, stretch_frames=2, min_sources=4)


def record(name, *, source, frames=1, visual=None, audio=None, scene="", effect=None):
    """Return a record whose rows all hold one number a modality."""
    rows = [np.full((frames, 3), number or 0.0, np.float16) for number in (visual, audio)]
    events = (EffectEvent(effect=effect, onset_s=0.0, offset_s=1.0),) if effect else ()
    return FeatureRecord(
        id=name,
        source=source,
        scene=scene,
        sha256=name,
        frame_rate=Fraction(4),
        times_s=np.arange(frames) / 4,
        visual=rows[0],
        audio=rows[1],
        has_picture=visual is not None,
        has_sound=audio is not None,
        events=events,
        labelled=("fire", "wave"),
    )


def write(folder, records):
    begin(folder, SETTINGS)
    finish(folder, SETTINGS, [write_shard(folder, shard_name(0, 1), records)])


@pytest.fixture
def stills(tmp_path):
    """Write stills of fire (1) and waves (2), recordings of them (11, 12), and of nothing (5)."""
    made = []
    for number in range(8):
        for place, effect in enumerate(("fire", "wave")):
            name = f"{effect}{number}"
            made.append(record(name, source=f"p/{name}", visual=place + 1, effect=effect))
            made.append(
                record(f"{name}s", source=f"s/{name}", audio=place + 11, effect=effect, frames=3)
            )
        made.append(record(f"none{number}", source=f"p/none{number}", visual=5))
        made.append(record(f"none{number}s", source=f"s/none{number}", audio=5, frames=1))
    made.append(record("rare", source="p/rare", visual=9, effect="rain"))
    write(tmp_path / "stills" / "train", made[:30])
    write(tmp_path / "stills" / "test", made[30:])
    return tmp_path / "stills"


def test_pairs_show_and_sound_their_class_and_share_no_source(stills, tmp_path):
    table = make_pairs(stills, tmp_path / "pairs", SMALL)
    assert [line.split("\t")[:3] for line in table[1:4]] == [
        ["fire", "train", "6"],
        ["wave", "train", "6"],
        ["(distracting)", "train", "0"],
    ]
    seen = {}
    for split in ("train", "validation", "test"):
        store = FeatureStore(tmp_path / "pairs" / split)
        for place in range(len(store)):
            clip = store[place]
            number = {"fire": 1, "wave": 2}[clip.scene]
            assert clip.frames == 6
            assert set(np.unique(clip.visual)) <= {number, 5}
            assert set(np.unique(clip.audio)) <= {number + 10, 5}
            assert number in clip.visual
            assert number + 10 in clip.audio
            for source in clip.source.split("|"):
                assert seen.setdefault(source, split) == split


def test_the_same_features_make_the_same_pairs(stills, tmp_path):
    for name in ("one", "two"):
        make_pairs(stills, tmp_path / name, SMALL)
    assert (
        FeatureStore(tmp_path / "one" / "test").sha256
        == FeatureStore(tmp_path / "two" / "test").sha256
    )


def test_pairs_without_enough_material_are_refused(stills, tmp_path, capsys):
    out = ["--out", str(tmp_path / "pairs")]
    assert run("pairs", Pairs, [str(stills), *out, "--min-sources", "9"]) == 2
    assert "0 classes have 9 sources" in capsys.readouterr().err
    assert run("pairs", Pairs, [str(tmp_path), *out]) == 2
    assert "holds no finished features of stills" in capsys.readouterr().err


def clip(name, scene, frames, source=None):
    return record(name, source=source or name, frames=frames, visual=1, audio=2, scene=scene)


def test_clips_become_arrays_of_one_length(tmp_path):
    write(tmp_path / "train", [clip("a", "tram", 4), clip("b", "bus", 2)])
    write(tmp_path / "validation", [clip("c", "bus", 1)])
    write(tmp_path / "test", [clip("d", "tram", 3), record("e", source="e", visual=1)])
    splits = open_scene_splits(tmp_path)
    train = splits["train"]
    assert train.names == ("bus", "tram")
    assert train.scenes.tolist() == [1, 0]
    assert train.lengths.tolist() == [4, 2]
    assert train.visual.shape == (2, 4, 3)
    # What lacks a modality is no clip to fuse.
    assert [len(splits[split]) for split in ("train", "validation", "test")] == [2, 1, 1]


def test_validation_is_held_out_by_source(tmp_path):
    made = [clip(f"{n}{part}", "bus", 2, source=f"place{n}") for n in range(10) for part in "ab"]
    write(tmp_path / "train", made)
    write(tmp_path / "test", [clip("t", "bus", 2)])
    splits = open_scene_splits(tmp_path)
    assert len(splits["train"]) + len(splits["validation"]) == 20
    assert len(splits["validation"]) == 2
    assert not set(splits["train"].sources) & set(splits["validation"].sources)


def test_what_is_no_task_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no finished features there"):
        open_scene_splits(tmp_path)
    write(tmp_path / "train", [clip("a", "bus", 2)])
    write(tmp_path / "test", [clip("b", "tram", 2)])
    with pytest.raises(FeatureError, match="b is tram, which is not in train"):
        open_scene_splits(tmp_path)
    write(tmp_path / "nameless" / "train", [clip("a", "", 2)])
    write(tmp_path / "nameless" / "test", [clip("b", "", 2)])
    with pytest.raises(FeatureError, match="a has no scene"):
        open_scene_splits(tmp_path / "nameless")


def test_features_are_standardised_over_real_frames(tmp_path):
    made = [
        record("a", source="a", frames=3, visual=1, audio=7, scene="bus"),
        record("b", source="b", frames=1, visual=5, audio=7, scene="bus"),
    ]
    write(tmp_path / "train", made)
    write(tmp_path / "validation", made[:1])
    write(tmp_path / "test", made)
    clips = open_scene_splits(tmp_path)["train"]
    standards = measure_standards(clips)
    # 1, 1, 1 and 5; what never changes is not divided by 0.
    np.testing.assert_allclose(standards.visual.mean, 2.0)
    np.testing.assert_allclose(standards.visual.std, 3**0.5, rtol=1e-6)
    np.testing.assert_allclose(standards.audio.std, 1.0)
    batch = standardised_batch(clips, np.array([1, 0]), standards)
    np.testing.assert_allclose(batch["visual"][0, :, 0], [3**0.5, 0, 0], rtol=1e-6)
    means = standardised_batch(mean_over_time(clips), np.array([1, 0]), standards)
    np.testing.assert_allclose(means["visual"][:, 0, 0], [3**0.5, -(3**-0.5)], rtol=1e-6)
