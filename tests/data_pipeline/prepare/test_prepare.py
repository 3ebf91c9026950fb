import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from data_pipeline.__main__ import main
from data_pipeline.prepare.built import open_splits, records_digest
from data_pipeline.schema import from_example

ROOT = Path(__file__).parents[3]


def _media(folder: Path, pictures: int = 6) -> Path:
    rng = np.random.default_rng(0)
    for name in ("fire", "wave", "other"):
        (folder / name).mkdir(parents=True)
        for number in range(pictures):
            small = rng.integers(0, 255, (6, 8, 3), np.uint8)
            cv2.imwrite(str(folder / name / f"{number}.png"), cv2.resize(small, (160, 120)))
        for number in range(3):
            noise = 0.1 * rng.standard_normal(8000)
            soundfile.write(folder / name / f"s{number}.wav", noise, 16_000)
    (folder / "fire/broken.jpg").write_bytes(b"no picture")
    return folder


def _build(*words: object) -> int:
    return main(["build", *map(str, words), "--workers", "1"])


def _sources(folder: Path) -> dict[str, set[str]]:
    return {
        split: {name for record in records for name in from_example(record).sources}
        for split, records in open_splits(folder).items()
    }


def test_stills_are_built_listed_and_checked(tmp_path, capsys):
    media, out = _media(tmp_path / "media"), tmp_path / "out"
    assert _build("stills", "--files", media, "--out", out) == 0
    folder = out / "stills/foley20-by_source-80_10_10/1.0.0"
    said = capsys.readouterr().out
    assert "rejected: 1" in said
    assert "none in two splits" in said
    rejected = (folder / "rejected.tsv").read_text()
    assert "fire/broken.jpg" in rejected
    assert "not a picture" in rejected
    classes = [line.split("\t") for line in (folder / "classes.tsv").read_text().splitlines()]
    fire = {row[1]: int(row[2]) for row in classes if row[0] == "fire"}
    assert sum(fire.values()) == 9
    assert all(fire.values())
    assert (folder / "contact_stills_train.png").stat().st_size > 10_000
    sources = _sources(folder)
    assert not sources["train"] & (sources["validation"] | sources["test"])
    assert main(["list", str(out)]) == 0
    assert "'train':" in capsys.readouterr().out
    assert main(["check", str(folder)]) == 0
    assert [path.name for path in out.iterdir()] == ["stills"]


def test_what_is_built_is_not_built_again_and_what_is_altered_is_found(tmp_path, capsys):
    media, out = _media(tmp_path / "media", 3), tmp_path / "out"
    words = ("stills", "--files", media, "--out", out, "--parts", "report_000")
    assert _build(*words) == 0
    folder = out / "stills/foley20-by_source-stills_baseline/1.0.0"
    digest = records_digest(folder)
    assert set(open_splits(folder)) == {"train", "test"}
    left = out / ".stills-foley20-by_source-stills_baseline.part"  # By a kill when all was done.
    left.mkdir()
    assert _build(*words) == 3
    assert "is built already" in capsys.readouterr().err
    assert not left.exists()
    assert _build(*words, "--overwrite") == 0
    assert records_digest(folder) == digest
    shard = next(folder.glob("*.array_record*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert main(["check", str(folder)]) == 3
    assert "was altered" in capsys.readouterr().err
    (folder / "manifest.json").unlink()
    assert main(["check", str(folder)]) == 3
    assert "run the build again" in capsys.readouterr().err


def test_composed_clips_keep_to_the_splits_of_the_stills(tmp_path):
    media, out = _media(tmp_path / "media", 10), tmp_path / "out"
    assert _build("stills", "--files", media, "--out", out) == 0
    config = tmp_path / "small.toml"
    config.write_text("clips = 10\nshort_side_px = 48\nduration_s = [2, 3]\n")
    assert _build("composed", "--files", media, "--out", out, "--config", config) == 0
    stills = _sources(out / "stills/foley20-by_source-80_10_10/1.0.0")
    (folder,) = out.glob("composed/*/1.1.0")
    composed = _sources(folder)
    for split, names in composed.items():
        assert {name.partition(":")[2] for name in names} <= stills[split]
    assert {split: len(records) for split, records in open_splits(folder).items()} == {
        "train": 8,
        "validation": 1,
        "test": 1,
    }
    assert json.loads((folder / "prepare.json").read_text())["settings"]["seed"] == "0"


def test_clips_are_built_from_a_table(tmp_path, clips, capsys):
    (tmp_path / "v").mkdir()
    for number in (1, 2):
        clips.make_clip(tmp_path / f"v/{number}.mp4", seconds=1.0)
    clips.make_clip(tmp_path / "v/0.mp4", seconds=1.0, audio=clips.tone(1.0))
    (tmp_path / "v/3.mp4").write_bytes(b"no video")
    table = tmp_path / "events.tsv"
    rows = ["0.mp4\t0\t0.5\tfire", "1.mp4\t\t\t", "2.mp4\t0.2\t0.4\twave", "3.mp4\t0\t1\tfire"]
    table.write_text(
        "\n".join(["filename\tonset\toffset\tevent_label", *rows, "9.mp4\t0\t1\tfire"])
    )
    words = ("--annotations", table, "--media", tmp_path / "v", "--out", tmp_path / "out")
    assert _build("clips", *words) == 0
    folder = tmp_path / "out/clips/foley20-dcase-80_10_10/1.0.0"
    examples = [from_example(r) for records in open_splits(folder).values() for r in records]
    assert sorted(example.source for example in examples) == ["0", "1", "2"]
    rejected = (folder / "rejected.tsv").read_text()
    assert "there is no file of this name" in rejected
    assert "3.mp4" in rejected


def test_nothing_that_can_be_used_is_one_line(tmp_path, capsys):
    (tmp_path / "fire").mkdir()
    (tmp_path / "fire/a.jpg").write_bytes(b"no picture")
    assert _build("stills", "--files", tmp_path, "--out", tmp_path / "out") == 3
    error = capsys.readouterr().err
    assert "files can be used" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["build", "stills", "--out", "o"], "stills needs --files"),
        (["build", "clips", "--out", "o"], "clips needs --annotations and --media"),
        (["build", "stills", "--out", "o", "--files", "nowhere"], "nowhere: no such folder"),
        (["build", "stills", "--out", "o", "--files", ".", "--workers", "0"], "--workers"),
        (["check", "nowhere"], "nowhere: has no manifest"),
    ],
)
def test_a_wrong_word_is_one_line(tmp_path, monkeypatch, capsys, words, reason):
    monkeypatch.chdir(tmp_path)
    assert main(words) in (2, 3)
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_a_killed_build_goes_on_and_gives_the_same(tmp_path):
    media = _media(tmp_path / "media", 8)
    config = tmp_path / "small.toml"
    config.write_text("clips = 96\nshort_side_px = 64\nduration_s = [4, 5]\n")
    words = ["composed", "--files", media, "--config", config, "--out"]
    command = [sys.executable, "-m", "data_pipeline", "build", *map(str, words)]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for workers, out in (("1", whole), ("2", broken)):
        running = subprocess.Popen(
            [*command, str(out), "--workers", workers], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        if out == broken:
            deadline = time.monotonic() + 50
            while time.monotonic() < deadline and len(list(out.rglob("*.chunk"))) < 2:
                time.sleep(0.05)
            kept = list(out.rglob("*.chunk"))
            running.send_signal(signal.SIGKILL)
            running.wait()
            assert kept
            assert not list(out.rglob("manifest.json"))
            resumed = subprocess.run(
                [*command, str(out), "--workers", "2"], cwd=ROOT, stdout=subprocess.DEVNULL
            )
            assert resumed.returncode == 0
        assert running.wait() in (0, -signal.SIGKILL)
    (one,), (other,) = whole.glob("composed/*/1.1.0"), broken.glob("composed/*/1.1.0")
    assert records_digest(one) == records_digest(other)
    shutil.rmtree(whole)
