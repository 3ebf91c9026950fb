"""Test that feature extraction gives the same bytes in any way, and errors of one line."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest
import soundfile

from data_pipeline.__main__ import main
from data_pipeline.features.jobs import all_jobs
from data_pipeline.features.run import ExtractionConfig, extract_features
from data_pipeline.features.store import begin, rejected_items
from data_pipeline.prepare.built import write_manifest
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError
from tests.data_pipeline.features.feature_kit import Memory, Small, content, labelled, media

ROOT = Path(__file__).parents[3]
TEACHER = ROOT / "../shared/weights/efficientat_mn04/mn04_as_mAP_432.pt"


def test_nothing_to_do_is_said_in_one_line(tmp_path, capsys):
    with pytest.raises(UsageError, match="nothing to extract"):
        extract_features(Memory(()), tmp_path / "out", ExtractionConfig(), workers=1)
    words = [
        "features",
        "media",
        str(tmp_path / "none"),
        "--events",
        "x.tsv",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_misspelt_option_is_not_passed_to_beam(tmp_path, capsys):
    words = ["features", "dataset", str(tmp_path), "--out", str(tmp_path / "out"), "--overwite"]
    assert main(words) == 2
    assert "'--overwite'; did you mean --overwrite?" in capsys.readouterr().err


def built(data, *places):
    """Make folders look like finished builds, one clip each."""
    for place in places:
        builder = Small(data_dir=data / ".made", file_format="array_record")
        builder.download_and_prepare()
        folder = data / place
        shutil.copytree(builder.data_path, folder)
        write_manifest(folder)


def folders_of(data, out):
    return [folder for _, folder in all_jobs(data, out)]


def test_all_names_a_folder_for_each_split_of_each_finished_dataset(tmp_path):
    data, out = tmp_path / "data", tmp_path / "features"
    built(data, "stills/a/1.0.0", "clips/b/1.0.0")
    (data / "clips/unfinished/1.0.0").mkdir(parents=True)
    assert folders_of(data, out) == [out / "clips/train", out / "stills/train"]


def test_all_keeps_two_datasets_of_a_kind_apart_and_never_mixes_them_with_old_features(tmp_path):
    data, out = tmp_path / "data", tmp_path / "features"
    built(data, "clips/a/1.0.0", "clips/b/1.0.0")
    assert folders_of(data, out) == [out / "clips/a/train", out / "clips/b/train"]
    begin(out / "clips/train", {"of": "one"})
    with pytest.raises(OutputExistsError, match="delete it"):
        folders_of(data, out)


def test_all_of_nothing_is_said(tmp_path):
    with pytest.raises(UsageError, match="build one"):
        folders_of(tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    "wrong", [{"frame_rate": Fraction(0)}, {"items_per_shard": 0}, {"listener": "nobody"}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ExtractionConfig(**wrong)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory, make_clip, clips):
    """Make a folder of small media, among them a broken one, and what is labelled in them."""
    if not TEACHER.is_file():
        pytest.skip("the audio network's weights are not beside the repository")
    folder = tmp_path_factory.mktemp("media")
    for number in range(5):
        audio = clips.tone(1.0, hz=300.0 * (number + 1)) if number % 2 else None
        make_clip(folder / f"v{number}.mp4", seconds=1.0, rate=10 + number, audio=audio)
    soundfile.write(folder / "s.wav", clips.tone(1.5), 48_000)
    (folder / "broken.mp4").write_bytes(b"not a video")
    names = [*[f"v{i}.mp4" for i in range(5)], "broken.mp4", "s.wav"]
    rows = [f"{name}\t0.25\t0.75\tfire\n" for name in names]
    (folder / "events.tsv").write_text("filename\tonset\toffset\tevent_label\n" + "".join(rows))
    config = ExtractionConfig(listener_weights=TEACHER.resolve(), items_per_shard=2)
    source = media(folder, *[labelled(name) for name in names])
    plain = tmp_path_factory.mktemp("plain") / "features"
    extract_features(source, plain, config, workers=1)
    return source, config, plain


@pytest.mark.slow
def test_two_beam_workers_make_the_same_bytes_as_a_plain_loop(small_set, tmp_path):
    source, config, plain = small_set
    made = extract_features(source, tmp_path / "beam", config, workers=2)
    assert content(tmp_path / "beam") == content(plain)
    assert len(made) == 6
    assert [item.item for item in rejected_items(tmp_path / "beam")] == ["broken.mp4"]
    assert made[0].visual.shape == (4, 1280)
    assert made[1].audio.shape == (4, 384)


@pytest.mark.slow
def test_a_failing_worker_is_told_in_one_line_and_what_was_made_stays(small_set, tmp_path):
    source, config, plain = small_set
    out = tmp_path / "beam"
    begin(out, json.loads((plain / "settings.json").read_text()))
    # A folder where a shard belongs: that shard cannot be put in place.
    blocked = out / sorted(plain.glob("*.array_record"))[-1].name
    (blocked / "in the way").mkdir(parents=True)
    with pytest.raises(FoleyError, match="run it again") as failed:
        extract_features(source, out, config, workers=1)
    assert "\n" not in str(failed.value)
    shutil.rmtree(blocked)
    extract_features(source, out, config, workers=1)
    assert content(out) == content(plain)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_killed_run_goes_on_to_the_same_bytes_and_leaves_no_process(small_set, tmp_path):
    source, config, plain = small_set
    out = tmp_path / "killed"
    code = (
        "import sys, pickle\n"
        "from pathlib import Path\n"
        "from data_pipeline.features.run import extract_features\n"
        "source, config, out = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "extract_features(source, out, config, workers=2)\n"
    )
    words = pickle.dumps((source, config, out)).hex()
    run = subprocess.Popen(
        [sys.executable, "-c", code, words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(1200):
            if list(out.glob("*.json")) and list(out.glob("features-*")):
                break
            assert run.poll() is None
            time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    # A worker that loads its networks ends a moment later; on a busy machine that is long.
    for _ in range(2400):
        try:
            os.killpg(run.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        os.killpg(run.pid, signal.SIGKILL)
        raise AssertionError("workers outlive the run")
    assert not (out / "manifest.json").exists()
    extract_features(source, out, config, workers=1)
    assert content(out) == content(plain)
