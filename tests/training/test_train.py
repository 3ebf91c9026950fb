"""Training as a user runs it: it learns, resumes to the bit, stops, and says what is wrong."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.training import checkpoint, validation
from temporal_foley.training.step import TrainState

MAKER = Path(__file__).parent / "training_data.py"
ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("training_data", MAKER)
training_data = importlib.util.module_from_spec(spec)
spec.loader.exec_module(training_data)

import train  # noqa: E402


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return training_data.make_features(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def finished(features, tmp_path_factory):
    run = tmp_path_factory.mktemp("finished") / "run"
    assert train.main([*training_data.small_words(features, run), *training_data.NO_PRIOR]) == 0
    return run


def losses(run):
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def start(features, run, *words, devices=1, steps=30, save_every=10):
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, str(MAKER), str(features), "train", str(run)]
    return subprocess.Popen(
        [*command, str(steps), str(save_every), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def start_two(features, run, **settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process"]
    return [start(features, run, *words, str(number), **settings) for number in (0, 1)]


def test_a_run_learns_and_leaves_what_it_promises(finished):
    told = losses(finished)
    assert told[30] < 0.6 * told[5]
    assert {"bundle", "curves.png", "log.jsonl", "last", "best"} <= {
        path.name for path in finished.iterdir()
    }
    bundle = load_bundle(finished / "bundle")
    assert bundle.tagger.visual_features == training_data.VISUAL
    assert bundle.training_info["examples"]["train_passing"]["made"]["records"] == 8
    assert bundle.inputs.listener == "student"


def test_one_batch_is_learnt_by_heart(features, tmp_path):
    words = training_data.small_words(features, tmp_path / "run", steps=250)
    flags = {
        "batch-size": 24,
        "mix": 0.0,
        "dropout.sound": 0.0,
        "dropout.picture": 0.0,
        "tagger.fusion.dropout": 0.0,
        "tagger.recurrent.dropout": 0.0,
        "loss.clip-weight": 0.0,
        "optimizer.weight-decay": 0.0,
        "loop.save-every": 1000,
        "loop.evaluate-every": 1000,
    }
    for name, value in flags.items():
        words += [f"--config.{name}", str(value)]
    assert train.main([*words, *training_data.NO_PRIOR]) == 0
    assert losses(tmp_path / "run")[250] < 0.005


def test_a_run_that_was_stopped_goes_on_to_the_bit(features, finished, tmp_path):
    run = tmp_path / "run"
    process = start(features, run)
    # After the first checkpoint, wherever it is by then.
    deadline = time.monotonic() + 240
    while not list((run / "last").glob("*/sha256.json")) and time.monotonic() < deadline:
        assert process.poll() in (None, 0)
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert train.main([*training_data.small_words(features, run), *training_data.NO_PRIOR]) == 0
    assert losses(run) == losses(finished)
    first, second = (load_bundle(folder / "bundle") for folder in (run, finished))
    assert first.sha256 == second.sha256


def test_sigterm_saves_and_ends_and_the_same_command_goes_on(features, finished, tmp_path):
    run = tmp_path / "run"
    process = start(features, run, save_every=1000)
    deadline = time.monotonic() + 240
    log = run / "log.jsonl"
    while not (log.is_file() and log.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=240)
    if process.returncode == 0:
        pytest.skip("the run ended before the signal came")
    assert process.returncode == train.STOPPED
    assert "continues the run" in told
    # How often is saved belongs to the run's settings.
    words = training_data.small_words(features, run, save_every=1000)
    assert train.main([*words, *training_data.NO_PRIOR]) == 0
    ended, whole = losses(run), losses(finished)
    assert ended[30] == whole[30]


def test_sigterm_cuts_an_evaluation_short_which_the_next_run_makes(
    features, finished, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    words = [*training_data.small_words(features, run), *training_data.NO_PRIOR]
    calls = []

    def make_slow(*given):
        def evaluate(state):
            calls.append(int(state.step))
            signal.raise_signal(signal.SIGTERM)
            raise AssertionError("the evaluation went on")

        return evaluate

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(validation, "make_evaluate", make_slow)
            assert train.main(words) == train.STOPPED
    # The second run is stopped in the evaluation that the first one left.
    assert calls == [15, 15]
    assert train.main(words) == 0
    manifest = Path("bundle") / "manifest.json"
    assert (run / manifest).read_text() == (finished / manifest).read_text()


@pytest.mark.campaign
def test_two_processes_stop_at_the_same_step_if_one_is_told_to(features, finished, tmp_path):
    run = tmp_path / "run"
    processes = start_two(features, run, save_every=1000, steps=100_000)
    deadline = time.monotonic() + 240
    log = run / "log.jsonl"
    while not (log.is_file() and log.stat().st_size) and time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGTERM)
    told = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [train.STOPPED] * 2, told
    steps = {text.split("saved at step ")[1].split(";")[0] for text, _ in told}
    assert len(steps) == 1, told
    assert (run / "last" / steps.pop() / "sha256.json").is_file()


def test_eight_devices_lose_as_much_as_one(features, finished, tmp_path):
    # Four parts of a batch, and the large weights in halves.
    run = tmp_path / "run"
    process = start(features, run, "--config.mesh.model", "2", devices=8)
    told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    one = losses(finished)
    np.testing.assert_allclose(list(losses(run).values()), list(one.values()), rtol=1e-4)


def test_two_processes_lose_as_much_as_one(features, finished, tmp_path):
    run = tmp_path / "run"
    processes = start_two(features, run)
    told = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    one = losses(finished)
    np.testing.assert_allclose(list(losses(run).values()), list(one.values()), rtol=1e-4)


def test_a_loss_that_is_no_number_ends_the_run_and_names_the_step(features, tmp_path, capsys):
    words = training_data.small_words(features, tmp_path / "run")
    words += ["--config.optimizer.learning-rate", "1e30", "--config.optimizer.clip-norm", "0"]
    assert train.main([*words, *training_data.NO_PRIOR]) == 3
    assert "error: step " in capsys.readouterr().err


def test_another_configuration_does_not_go_on_in_the_same_folder(features, finished, capsys):
    words = training_data.small_words(features, finished, steps=40)
    assert train.main([*words, *training_data.NO_PRIOR]) == 3
    assert "another config" in capsys.readouterr().err


def test_a_changed_checkpoint_is_passed_over(features, finished, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    shutil.rmtree(run / "bundle")
    newest = run / "last" / "30"
    path = max((p for p in newest.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert train.main([*training_data.small_words(features, run), *training_data.NO_PRIOR]) == 0
    assert "has changed" in capsys.readouterr().out
    assert losses(run) == losses(finished)


def test_a_best_state_that_was_not_finished_is_made_again(features, finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    shutil.rmtree(run / "bundle")
    (run / "best" / "30" / "sha256.json").unlink()
    shutil.rmtree(run / "last" / "30" / "state")
    assert train.main([*training_data.small_words(features, run), *training_data.NO_PRIOR]) == 0
    manifest = Path("bundle") / "manifest.json"
    assert (run / manifest).read_text() == (finished / manifest).read_text()


def test_a_best_state_is_sealed_before_one_that_speaks_of_it(tmp_path, monkeypatch):
    sealed = []
    seal = checkpoint.seal

    def slow_for_the_best(folder):
        time.sleep(0.5 if folder.parent.name == "best" else 0)
        seal(folder)
        sealed.append((folder.parent.name, int(folder.name)))

    monkeypatch.setattr(checkpoint, "seal", slow_for_the_best)
    keeper = checkpoint.Checkpoints(tmp_path, keep_last=1)
    for step in (1, 2, 3):
        rest = [np.zeros(2)] * (len(TrainState._fields) - 1)
        state = TrainState(np.asarray(step), *rest)
        keeper.save_best(state, {}, float(step))
        keeper.save_last(state, {})
        whole = [path.parent.name for path in tmp_path.glob("best/*/sha256.json")]
        assert step == 1 or whole, "none is whole while the next is written"
    keeper.close()
    assert sealed == [(kind, step) for step in (1, 2, 3) for kind in ("best", "last")]
    assert [path.name for path in tmp_path.glob("*/*")] == ["3", "3"]


def test_wrong_words_are_told_in_one_line(tmp_path, capsys):
    assert train.main(["nothing"]) == 2
    assert "known are" in capsys.readouterr().err
    words = ["foley20", "--data", str(tmp_path / "absent"), "--out", str(tmp_path / "run")]
    assert train.main(words) == 2
    assert "no such folder" in capsys.readouterr().err
