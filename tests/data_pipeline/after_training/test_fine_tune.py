"""Test the command that fine-tunes a bundle with its own backbone on built clips."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_pipeline import schema
from data_pipeline.__main__ import main as run_pipeline
from data_pipeline.after_training import fine_tune_input
from data_pipeline.after_training.fine_tune import score_bundle
from data_pipeline.after_training.fine_tune_input import (
    StretchConfig,
    TuningClips,
    find_sources,
    load_stretches,
    open_tuning_batches,
)
from data_pipeline.builders.pictures import encode_picture
from data_pipeline.features import jobs as features
from data_pipeline.features.run import extract_features
from data_pipeline.features.source import DatasetSource
from data_pipeline.prepare.built import write_manifest
from data_pipeline.schema import EffectEvent, Example
from temporal_foley.effects import load_vocabulary
from temporal_foley.models.bundle.bundle import load_bundle, save_bundle
from temporal_foley.models.bundle_detector import BundleDetector
from temporal_foley.training.log import read_log
from tests.tiny_backbone import SIZE_PX, add_tiny, tiny_bundle

ROOT = Path(__file__).parents[3]


def main(words):
    return run_pipeline(["fine-tune", *words])


VOCABULARY = load_vocabulary()
COLOURS = {"fire": (230, 90, 20), "wave": (20, 90, 230), "": (90, 90, 90)}


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    add_tiny(monkeypatch)


def picture(effect):
    return encode_picture(np.full((24, 32, 3), COLOURS[effect], np.uint8))


def clip(name, effect):
    """Show nothing for a second, and then an effect for another."""
    return Example(
        id=name,
        source=name,
        frame_rate=4.0,
        times_s=np.arange(8) / 4,
        pictures=tuple(picture("" if frame < 4 else effect) for frame in range(8)),
        events=(EffectEvent(effect=effect, onset_s=1.0, offset_s=2.0, modality="picture"),),
        labelled=VOCABULARY.names,
    )


def still(name, effect):
    return Example(
        id=name,
        source=name,
        times_s=np.zeros(1),
        pictures=(picture(effect),),
        events=(EffectEvent(effect=effect, onset_s=0.0, offset_s=1.0, modality="picture"),),
        labelled=VOCABULARY.names,
    )


class Made(tfds.core.GeneratorBasedBuilder):
    """Write clips of two effects, and a still, as the builders of the package do."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(features=schema.features())

    def _split_generators(self, dl_manager):
        splits = {
            "train": [clip("a", "fire"), clip("b", "wave"), still("c", "fire")],
            "validation": [clip("d", "fire"), clip("e", "wave")],
        }
        return {
            split: [(example.id, schema.to_example(example)) for example in examples]
            for split, examples in splits.items()
        }

    def _generate_examples(self):
        raise NotImplementedError


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    data = tmp_path_factory.mktemp("built")
    builder = Made(data_dir=data / "made", file_format="array_record")
    builder.download_and_prepare()
    write_manifest(data / "made/made/1.0.0")
    return data


def words(built, folder, *more):
    named = ("--data", built, "--out", folder / "out", "--steps", 4, "--frames", 4, "--quiet")
    given = ("--learning-rate", 1e-3, "--no-augment", "--evaluate-every", 2)
    return [str(word) for word in (folder / "in", *named, *given, *more)]


def open_clips(built, split, bundle):
    return TuningClips(find_sources(built, split), bundle.frame_rate, BundleDetector(bundle), 384)


def test_a_batch_holds_each_picture_once_and_is_always_the_same(built):
    clips = open_clips(built, "train", tiny_bundle())
    config = StretchConfig(batch_size=6, frames=6, seed=3)
    batch, again = (load_stretches(clips, VOCABULARY, config, 5) for _ in range(2))
    for name in batch:
        np.testing.assert_array_equal(batch[name], again[name])
    assert batch["images"].shape == (6, 6, SIZE_PX, SIZE_PX, 3)
    for row in range(6):
        assert batch["lengths"][row] == 6
        shown = batch["images"][row][batch["shown"][row]].mean(axis=(1, 2))
        is_fire = batch["labels"][row, :, VOCABULARY.index("fire")] > 0
        is_wave = batch["labels"][row, :, VOCABULARY.index("wave")] > 0
        np.testing.assert_array_equal(shown[:, 0] > 180, is_fire)
        np.testing.assert_array_equal(shown[:, 2] > 180, is_wave)
        assert not batch["images"][row, batch["pictures"][row] :].any()
    assert set(batch["pictures"]) == {1, 6}


@pytest.mark.slow
def test_a_run_writes_a_bundle_that_says_what_training_measured(built, tmp_path, capsys):
    before = tiny_bundle()
    save_bundle(tmp_path / "in", before)
    assert main(words(built, tmp_path)) == 0
    assert "steps per second" in capsys.readouterr().out
    after = load_bundle(tmp_path / "out")
    moved = jax.tree.map(
        lambda a, b: np.abs(a - b).max(), after.backbone.params, before.backbone.params
    )
    assert moved["stem"]["kernel"] > 0
    assert moved["readout"]["kernel"] == 0
    told = after.training_info["fine_tuning"]
    rows = [row for row in read_log(tmp_path / "out.run") if "validation/score" in row]
    assert [row["step"] for row in rows] == [0, 2, 4]
    assert rows[0]["validation/score"] == told["validation_before"]["score"]
    clips = open_clips(built, "validation", after)
    assert score_bundle(after, clips, 40) == told["validation"]

    # Given again, the command makes no step more, and the same bundle.
    weights = (tmp_path / "out/weights.safetensors").read_bytes()
    assert main(words(built, tmp_path, "--overwrite")) == 0
    assert (tmp_path / "out/weights.safetensors").read_bytes() == weights
    # Another run has no place there.
    assert main(words(built, tmp_path, "--overwrite", "--seed", 1)) == 3
    assert "settings" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_run_with_a_frozen_start_continues_bit_for_bit(built, tmp_path, monkeypatch):
    before = tiny_bundle(cell="gru")
    save_bundle(tmp_path / "in", before)
    more = ("--freeze-steps", 2, "--head-learning-rate", 1e-2)
    whole, killed = (words(built, tmp_path, *more, "--overwrite") for _ in range(2))
    whole[4], killed[4] = (str(tmp_path / name) for name in ("whole", "killed"))
    assert main(whole) == 0

    def broken(*given, first=0):
        for number, batch in enumerate(open_tuning_batches(*given, first=first)):
            if number == 3:
                raise RuntimeError("power cut")  # After a checkpoint at step 2.
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(fine_tune_input, "open_tuning_batches", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            main(killed)
    assert main(killed) == 0
    for name in ("weights.safetensors", "bundle.json"):
        files = [(tmp_path / run / name).read_bytes() for run in ("whole", "killed")]
        assert files[0] == files[1]
    moved = jax.tree.map(
        lambda a, b: np.abs(a - b).max(),
        load_bundle(tmp_path / "whole").weights["head"],
        before.weights["head"],
    )
    assert max(jax.tree.leaves(moved)) > 1e-3


EIGHT = """
import sys
import pytest
from data_pipeline.__main__ import main
from tests.tiny_backbone import add_tiny
import jax
assert jax.device_count() == 8
add_tiny(pytest.MonkeyPatch())
sys.exit(main(["fine-tune", *sys.argv[1:]]))
"""


@pytest.mark.campaign
def test_eight_devices_lose_as_much_as_one(built, tmp_path):
    save_bundle(tmp_path / "in", tiny_bundle(cell="gru"))
    more = ("--batch-size", 8, "--validation-clips", 1, "--steps", 2, "--evaluate-every", 1)
    one, eight = (words(built, tmp_path, *more) for _ in range(2))
    one[4], eight[4] = str(tmp_path / "one"), str(tmp_path / "eight")
    assert main(one) == 0
    devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", EIGHT, *eight],
        env={**os.environ, **devices},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    losses = [
        [row["loss"] for row in read_log(tmp_path / f"{name}.run") if "loss" in row]
        for name in ("one", "eight")
    ]
    assert len(losses[0]) == 2
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_wrong_words_are_told_in_one_line(built, tmp_path, capsys):
    def told(*given):
        try:
            code = main([str(word) for word in given])
        except SystemExit as ended:
            code = ended.code
        (line,) = capsys.readouterr().err.splitlines()
        return code, line

    save_bundle(tmp_path / "in", tiny_bundle())
    data, out = ("--data", built), ("--out", tmp_path / "new")
    code, line = told(tmp_path / "in", *data, *out, "--frames", 0)
    assert (code, "--frames" in line) == (2, True)
    code, line = told(tmp_path / "in", *data, *out, "--learning-rate", 3)
    assert (code, "--learning-rate" in line) == (2, True)
    code, line = told(tmp_path / "in", "--data", tmp_path, *out)
    assert (code, "no finished dataset" in line) == (2, True)
    code, line = told(tmp_path / "in", *data, *out, "--datasets", "x")
    assert (code, "there are made" in line) == (2, True)
    code, line = told(tmp_path / "in", *data, "--out", tmp_path / "in")
    assert (code, "--overwrite" in line) == (3, True)
    code, line = told(built, *data, *out)
    assert (code, "is this a bundle" in line) == (3, True)


def test_features_are_made_with_the_backbone_of_a_bundle(built, tmp_path):
    bundle = tiny_bundle()
    save_bundle(tmp_path / "tuned", bundle)
    folder = built / "made/made/1.0.0"
    config = features.extraction_config(bundle=tmp_path / "tuned")
    source = DatasetSource(str(folder), "validation")
    store = extract_features(source, tmp_path / "f", config, workers=1)
    assert store.settings["weights"]["backbone"] == bundle.inputs.backbone_sha256
    detector = BundleDetector(bundle)
    assert len(store) == 2
    for record in (store[number] for number in range(2)):
        shown = "fire" if record.id == "d" else "wave"
        pictures = [np.full((24, 32, 3), COLOURS[e], np.uint8) for e in ("", shown)]
        wanted = detector.look([detector.prepare(image) for image in pictures])
        np.testing.assert_allclose(record.visual[[0, -1]], wanted, rtol=2e-2, atol=2e-2)


def test_what_a_bundle_says_is_not_said_again(built, tmp_path, capsys):
    words = ["features", "dataset", str(built / "made/made/1.0.0"), "--out", str(tmp_path / "f")]
    assert run_pipeline([*words, "--bundle", "x", "--backbone", "efficientnet_lite1"]) == 2
    assert "--backbone: is fixed by --bundle" in capsys.readouterr().err
    assert run_pipeline([*words, "--bundle", str(tmp_path / "none")]) == 3
    assert "none" in capsys.readouterr().err
