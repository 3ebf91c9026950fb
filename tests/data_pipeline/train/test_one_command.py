"""The one command from folders to a model: every stage once, none twice, a model that can learn."""

import dataclasses

import pytest

from configs import foley_demo
from data_pipeline.train.options import TrainOptions
from data_pipeline.train.pipeline import train_model
from data_pipeline.train.stages import no_progress
from temporal_foley.errors import UsageError
from temporal_foley.models.bundle.bundle import load_bundle
from tests.data_pipeline.train.test_material import write_picture, write_sound

STAGES = ("vocabulary", "build stills", "build composed", "features", "train", "decide")
STAGES += ("background", "evaluate", "library")


def run(folder, **given):
    said, warned = [], []
    config = foley_demo.config()
    loop = dataclasses.replace(config.loop, evaluate_every=2)
    options = TrainOptions(
        pictures=folder / "pictures",
        sounds=folder / "sounds",
        out=folder / "MINE",
        config=dataclasses.replace(config, batch_size=8, lengths_frames=(8,), loop=loop),
        clips=4,
        workers=1,
        baseline=False,
        **{"steps": 2, **given},
    )
    train_model(options, progress=no_progress, print_line=said.append, warn=warned.append)
    return said, warned


@pytest.mark.slow
def test_folders_become_a_model_that_can_be_taught_and_nothing_is_done_twice(tmp_path):
    seed = 0
    for name in ("fire", "wave", "other"):
        for number in range(10):
            seed += 1
            write_picture(tmp_path / f"pictures/{name}/{number}.png", seed)
            write_sound(tmp_path / f"sounds/{name}/{number}.wav", seed)
    (tmp_path / "pictures/wave/5.png").write_bytes(b"no picture")
    said, warned = run(tmp_path)
    assert warned == []
    assert all(f" {name}" in line for name, line in zip(STAGES, said, strict=False))
    assert "wave/5.png (" in said[1], "what was left out is named"
    assert "kept the defaults of fire" in said[5]
    assert "python -m data_pipeline decide" in said[5]
    bundle = load_bundle(tmp_path / "MINE")
    assert bundle.background is not None
    assert len(bundle.background.codes) >= 16
    assert sorted(path.name for path in (tmp_path / "MINE/library").rglob("*.wav"))
    assert said[-1].endswith(f"--model {tmp_path / 'MINE'} --library {tmp_path / 'MINE/library'}")

    again, _ = run(tmp_path)
    assert [line.rpartition(": ")[2] for line in again[: len(STAGES)]] == ["unchanged"] * 9
    with pytest.raises(UsageError, match=r"--steps \(2, now 3\)"):
        run(tmp_path, steps=3)
    more, _ = run(tmp_path, steps=3, overwrite=True)
    changed = [not line.endswith("unchanged") for line in more[: len(STAGES)]]
    assert changed == [False] * 4 + [True] * 5
