import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from baselines.stills import run as stills_run
from baselines.stills.__main__ import Scratch, Transfer, main
from baselines.stills.conclusion import Stills
from baselines.stills.input import find_pictures
from baselines.stills.run import feature_batches
from baselines.stills.small_resnet import SmallResNetConfig
from data_pipeline.builders.pictures import encode_picture
from data_pipeline.input.batch_plan import BatchPlan
from data_pipeline.schema import EffectEvent, Example, to_example
from temporal_foley.effects import load_vocabulary
from temporal_foley.models.image.releases import RESNET_DEPTHS
from temporal_foley.models.image.resnet_v2 import keras_layers

VOCABULARY = load_vocabulary()
COLOURS = {"fire": (230, 60, 0), "wave": (0, 90, 220), "": (90, 90, 90)}
GOLDEN = Path(__file__).parents[1] / "golden"


def still(number):
    effect = list(COLOURS)[number % 3]
    rng = np.random.default_rng(number)
    picture = np.array(COLOURS[effect]) + rng.integers(-20, 20, (16, 16, 3))
    events = [
        EffectEvent(effect=name, onset_s=0.0, offset_s=1.0, modality="picture")
        for name in [effect]
        if name
    ]
    return to_example(
        Example(
            id=str(number),
            source=str(number),
            times_s=np.zeros(1),
            pictures=(encode_picture(np.clip(picture, 0, 255).astype(np.uint8)),),
            events=tuple(events),
            labelled=VOCABULARY.names,
        )
    )


@pytest.fixture
def stills(monkeypatch):
    pictures = find_pictures([still(number) for number in range(9)], VOCABULARY)
    made = Stills(train=pictures, validation=pictures, test=pictures, effects=len(VOCABULARY))
    monkeypatch.setattr(stills_run, "open_data", lambda config: made)
    return made


def scratch(tmp_path, name, epochs):
    return Scratch(
        data=tmp_path,
        out=tmp_path / name,
        size_px=16,
        batch_size=4,
        epochs=epochs,
        network=SmallResNetConfig(stages=1, blocks=1),
    )


def test_epochs_of_features_take_turns_with_the_views():
    plan = BatchPlan([1] * 5, lengths=(1,), batch_size=4, epochs=3, seed=0, is_training=True)
    views = [np.full((5, 2), view, np.float32) + np.arange(5)[:, None] / 10 for view in range(2)]
    classes = np.arange(5)
    batches = list(feature_batches(plan, views, classes))
    for number, batch in enumerate(batches):
        real = batch["is_real"]
        view = number // 2 % 2
        expected = view + batch["classes"][real] / 10
        np.testing.assert_allclose(batch["features"][real, 0], expected, atol=1e-6)
        assert not batch["features"][~real].any()
    for one, other in zip(feature_batches(plan, views, classes, first=3), batches[3:], strict=True):
        np.testing.assert_array_equal(one["features"], other["features"])


def test_a_folder_without_dataset_is_told_in_one_line(tmp_path, capsys):
    words = ["scratch", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(words) == 3
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("stills")
def test_a_stopped_run_continues_bit_for_bit(tmp_path, monkeypatch):
    whole = scratch(tmp_path, "whole", 3)
    stills_run.run_scratch(whole)
    stopped = scratch(tmp_path, "stopped", 3)
    open_batches = stills_run.open_batches

    def broken(pictures, settings, first=0):
        for number, batch in enumerate(open_batches(pictures, settings, first=first)):
            if settings.is_training and number == 4:
                raise KeyboardInterrupt  # As if the machine had gone down after an epoch.
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(stills_run, "open_batches", broken)
        with pytest.raises(KeyboardInterrupt):
            stills_run.run_scratch(stopped)
    assert not (stopped.out / "metrics.json").exists()
    stills_run.run_scratch(stopped)
    for name in ("model.safetensors", "metrics.json"):
        assert (stopped.out / name).read_bytes() == (whole.out / name).read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("stills")
def test_resnet152v2_takes_a_weights_file_of_the_user(tmp_path):
    h5py = pytest.importorskip("h5py")
    spec = importlib.util.spec_from_file_location("backbone_inputs", GOLDEN / "backbone_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    inputs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inputs)
    weights = tmp_path / "weights.h5"
    with h5py.File(weights, "w") as file:
        draws = inputs.resnet_draws(keras_layers(RESNET_DEPTHS["resnet152v2"]))
        file.attrs["layer_names"] = [name.encode() for name in draws]
        for layer, parts in draws.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{part}:0".encode() for part in parts]
            for part, values in parts.items():
                group[f"{layer}/{part}:0"] = values
    config = Transfer(
        data=tmp_path,
        out=tmp_path / "run",
        size_px=32,
        batch_size=4,
        epochs=2,
        freeze_epochs=2,
        views=1,
        augment=False,
        backbone="resnet152v2",
        weights=weights,
    )
    table = stills_run.run_transfer(config)
    assert "(6)" in table
    found = json.loads((config.out / "metrics.json").read_text())
    assert found["test"] == found["test_before_fine_tuning"]
