"""Test the command of the scenes baseline, from features to its tables."""

import json
from fractions import Fraction

import numpy as np
import pytest

from baselines.scenes.__main__ import main
from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import begin, finish, shard_name, write_shard

SCENES = ("bus", "park", "tram")


def write_clips(folder, count, seed):
    """Write clips whose picture shows the first two scenes, and whose sound the last two."""
    generator = np.random.default_rng(seed)

    def clip(number):
        scene = number % 3
        visual, audio = generator.normal(0.0, 0.3, (2, 4, 3))
        visual[:, (0, 1, 1)[scene]] += 2.0
        audio[:, (0, 0, 2)[scene]] += 2.0
        return FeatureRecord(
            id=f"{folder.name}{number}",
            source=f"{folder.name}{number // 2}",
            scene=SCENES[scene],
            sha256="",
            frame_rate=Fraction(4),
            times_s=np.arange(4) / 4,
            visual=visual.astype(np.float16),
            audio=audio.astype(np.float16),
            has_picture=True,
            has_sound=True,
        )

    begin(folder, {})
    finish(folder, {}, [write_shard(folder, shard_name(0, 1), map(clip, range(count)))])


@pytest.mark.slow
def test_the_command_trains_compares_and_tells(tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    for seed, (split, count) in enumerate((("train", 120), ("validation", 30), ("test", 30))):
        write_clips(data / split, count, seed)
    words = ["--data", str(data), "--out", str(out), "--epochs", "16"]
    words += ["--heads", "video", "audio", "late", "--alphas", ".25", ".75"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "late, best alpha" in told
    assert "the report's recalls, ranked the same way: airport 0.49, tram 0.28" in told
    document = json.loads((out / "metrics.json").read_text("utf-8"))
    assert document["schema"] == "temporal-foley/report_004"
    heads = document["heads"]
    # Neither sense tells all three, both together do.
    assert heads["video"]["test"]["scenes"]["bus"]["recall"] > 0.9
    assert heads["late"]["test"]["accuracy"] > 0.9
    assert heads["late"]["test"]["accuracy"] > heads["video"]["test"]["accuracy"] + 0.1
    assert [point["alpha"] for point in document["alpha"]["points"]] == [0.25, 0.75]
    assert {conflict["scene"] for conflict in document["conflicts"]} == set(SCENES)
    assert {"alpha.png", "conflicts.tsv", "heatmaps.png", "losses.png"} < {
        path.name for path in out.iterdir()
    }
    assert main(words) != 0
    assert "exists; use --overwrite" in capsys.readouterr().err


def test_wrong_words_are_told_in_one_line(tmp_path, capsys):
    words = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main([*words, "--heads", "vidoe"]) == 2
    assert "did you mean video?" in capsys.readouterr().err
    assert main([*words, "--alphas", "2"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
