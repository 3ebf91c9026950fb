"""Folds, joined splits, listening again, and made-up negatives."""

import importlib.util
import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.__main__ import main
from data_pipeline.features.folds import deal, write_folds
from data_pipeline.features.measure import measure_split
from data_pipeline.features.relisten import relisten
from data_pipeline.features.split import draw_out, open_split
from data_pipeline.features.store import FeatureStore
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import UsageError

MAKER = Path(__file__).parents[2] / "training" / "training_data.py"
spec = importlib.util.spec_from_file_location("training_data", MAKER)
training_data = importlib.util.module_from_spec(spec)
spec.loader.exec_module(training_data)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return training_data.make_features(tmp_path_factory.mktemp("features"))


def test_folds_hold_every_record_once_and_spread_effects(features, tmp_path):
    store = FeatureStore(features / "made" / "train")
    folds = write_folds(store, tmp_path, 3)
    ids = [[fold[i].id for i in range(len(fold))] for fold in folds]
    assert sorted(itertools.chain(*ids)) == sorted(store[i].id for i in range(len(store)))
    for fold in folds:
        shown = [event.effect for i in range(len(fold)) for event in fold[i].events]
        assert all(shown.count(effect) in (2, 3) for effect in set(shown))


def test_what_is_of_one_source_stays_in_one_fold(features):
    store = FeatureStore(features / "made" / "train")
    records = [store[0], store[1], store[0], store[2]]
    assert sorted(map(tuple, deal(records, 2))) in (
        [(0, 2), (1, 3)],
        [(0, 2, 3), (1,)],
        [(0, 1, 2), (3,)],
        [(0, 2), (1, 3)],
    )


def test_too_many_folds_are_refused(features, tmp_path, capsys):
    words = [str(features / "made" / "test"), "--out", str(tmp_path), "--folds", "99"]
    assert main(["folds", *words]) == 2
    assert "--folds" in capsys.readouterr().err


def test_a_split_joins_its_datasets(features):
    once = open_split(features, "train")
    thrice = open_split(features, "train", datasets=("made:3",))
    assert len(thrice) == 3 * len(once)
    assert thrice[len(once)].id == once[0].id
    assert once.dataset(0) == "made"
    for wrong in ("other", "made:0", "made:x"):
        with pytest.raises(UsageError):
            open_split(features, "train", datasets=(wrong,))


def test_a_still_is_drawn_out_and_shows_the_same_all_along(features):
    record = open_split(features, "train")[0]
    still = training_data.FeatureRecord(
        **{
            **{name: getattr(record, name) for name in ("id", "source", "sha256", "frame_rate")},
            "times_s": np.zeros(1),
            "visual": record.visual[:1],
            "audio": record.audio[:1],
            "has_picture": True,
            "has_sound": False,
            "is_still": True,
        }
    )
    drawn = draw_out(still, 5)
    assert drawn.frames == 5
    assert (drawn.visual == still.visual).all()
    assert draw_out(record, 5) is record


def test_a_split_is_measured(features):
    measured = measure_split(open_split(features, "train"), load_vocabulary())
    assert measured.visual_mean.shape == (training_data.VISUAL,)
    assert sum(row["made"]["records"] for row in measured.examples if row) == 24
    twice = measure_split(open_split(features, "train", datasets=("made:2",)), load_vocabulary())
    counted = {"records": 8, "sources": 8, "pictures": 0, "sounds": 0}
    assert twice.table(load_vocabulary())["water_drop"] == {"made": counted}


def test_a_copy_of_a_dataset_is_no_more_material(features, tmp_path):
    for name in ("made", "toned"):
        shutil.copytree(features / "made", tmp_path / name)
    once = measure_split(open_split(features, "train"), load_vocabulary())
    assert measure_split(open_split(tmp_path, "train"), load_vocabulary()).examples == once.examples


def test_listening_again_changes_the_sound_only(features, tmp_path):
    store = FeatureStore(features / "made" / "test")

    class Encoder:
        name, sha256 = "student", "9" * 64

        def frame_embeddings(self, sound, grid):
            return np.full((grid.frames, training_data.AUDIO), float(np.sum(sound)))

    class Source:
        digest = "made"

        def __len__(self):
            return len(store)

        def name(self, index):
            return str(index)

        def load(self, index, frame_rate):
            from data_pipeline.features.source import Material
            from data_pipeline.schema import Example

            record = store[index]
            facts = Example(id=record.id, source=record.source, events=record.events)
            sound = (lambda: np.ones(5)) if record.has_sound else None
            return Material(facts=facts, grid=record.grid, sha256=record.sha256, sound=sound)

    # All records of the maker share a hash of media; give each its own.
    class Store(FeatureStore):
        def __getitem__(self, index):
            import dataclasses

            return dataclasses.replace(super().__getitem__(index), sha256=f"{index:064d}")

    store = Store(features / "made" / "test")
    heard = relisten(Source(), store, tmp_path / "new", Encoder())
    assert heard.settings["weights"]["listener"] == "9" * 64
    for i in range(len(store)):
        np.testing.assert_array_equal(heard[i].visual, store[i].visual)
        wanted = 5.0 if store[i].has_sound else store[i].audio
        assert (heard[i].audio == wanted).all()


def test_deciding_without_a_bundle_is_told_in_one_line(features, tmp_path, capsys):
    assert main(["decide", str(tmp_path), "--data", str(features)]) == 3
    assert "manifest.json" in capsys.readouterr().err
