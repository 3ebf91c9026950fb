"""Held-back recordings are not heard, mixes follow their seed, and a student learns its windows."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from data_pipeline.__main__ import main
from data_pipeline.distill.mix import mix_window
from data_pipeline.distill.sounds import read_pool, training_files
from data_pipeline.distill.windows import make_window_shard, read_shard, shard_path
from temporal_foley.effects import load_vocabulary

RATE_HZ = 32_000


def sound(seconds, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE_HZ)).astype(np.float32)


@pytest.fixture
def table(tmp_path):
    rows = ["file,class"]
    for name in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta"):
        for take in (1, 2):
            path = tmp_path / f"{name}_{take}.wav"
            soundfile.write(path, sound(0.3, len(rows)), RATE_HZ)
            # Of the second takes nobody said what they are.
            rows.append(f"{path.name},{'typing' if take == 1 else ''}")
    path = tmp_path / "sounds.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_recordings_that_are_held_back_are_not_heard(table):
    from data_pipeline.builders.stills import StillsConfig, read_all, split_files

    config = StillsConfig(paths=(table,))
    files, _ = read_all(config, load_vocabulary())
    split_of = split_files(files, config)
    held_back = {source for source, split in split_of.items() if split != "train"}
    chosen = training_files([table], load_vocabulary())
    assert held_back
    assert not held_back & set(chosen)
    assert set(chosen) == set(split_of) - held_back
    # With a recording go its takes without a class.
    assert all(len(paths) == 2 for paths in chosen.values())


@pytest.fixture
def pool():
    return {
        name: [np.round(sound(seconds) * 2**15).astype(np.int16)]
        for name, seconds in (("click", 0.01), ("step", 0.2), ("rain", 7.0))
    }


def test_a_mix_follows_its_seed_and_stays_within_full_scale(pool):
    for seed in range(60):
        first, again = (
            mix_window(np.random.default_rng(seed), pool, sorted(pool), 20_000) for _ in range(2)
        )
        np.testing.assert_array_equal(first, again)
        assert first.shape == (20_000,)
        assert first.dtype == np.float32
        assert np.abs(first).max() <= 1.0


def test_what_cannot_be_read_or_is_silent_is_left_out(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "silent.wav", np.zeros(1_000), RATE_HZ)
    soundfile.write(tmp_path / "good.wav", sound(0.1), RATE_HZ)
    names = ("broken", "silent", "good")
    assert set(read_pool({name: [tmp_path / f"{name}.wav"] for name in names})) == {"good"}


def deaf_teacher(waves, lengths):
    columns = waves.shape[1] // 10_240
    return SimpleNamespace(feature_map=np.ones((len(waves), 4, columns, 384), np.float32))


def test_a_shard_is_the_same_whoever_makes_it_and_is_made_once(tmp_path, pool):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_window_shard(tmp_path / name, 3, pool, sorted(pool), deaf_teacher, seed=1)
    first, second = (read_shard(shard_path(tmp_path / name, 3)) for name in ("a", "b"))
    np.testing.assert_array_equal(first.mel, second.mel)
    np.testing.assert_array_equal(first.samples, second.samples)
    assert np.isfinite(first.mel).all()
    before = shard_path(tmp_path / "a", 3).stat().st_mtime_ns
    make_window_shard(tmp_path / "a", 3, pool, ["click"], deaf_teacher, seed=2)
    assert shard_path(tmp_path / "a", 3).stat().st_mtime_ns == before


def test_columns_between_the_teachers_are_interpolated_up_to_the_last_real_one():
    from data_pipeline.distill.train import between_columns

    teacher = np.array([[[0.0], [2.0], [6.0], [99.0]]], np.float32)
    line = np.asarray(between_columns(teacher, np.array([3])))[0, :, 0]
    np.testing.assert_array_equal(line, [0, 1, 2, 4, 6, 6, 6, 6])


@pytest.mark.campaign
def test_a_student_learns_its_windows_and_a_finished_run_stays_finished(tmp_path, monkeypatch):
    import jax
    from flax import nnx

    from data_pipeline.distill import train as distill_train
    from temporal_foley.models.audio.efficientat import EfficientAT
    from temporal_foley.models.audio.teacher import AudioTeacher

    rng = np.random.default_rng(0)
    graphdef, state = nnx.split(nnx.eval_shape(EfficientAT))
    params = jax.tree.map(
        lambda leaf: rng.normal(0, 0.3 / np.sqrt(max(leaf.shape[0], 1)), leaf.shape).astype("f4"),
        nnx.to_pure_dict(state),
    )
    teacher = AudioTeacher(graphdef=graphdef, params=params, sha256="")
    np.savez(
        tmp_path / "windows-00000.npz",
        mel=rng.normal(0, 0.5, (4, 128, 64)).astype(np.float16),
        columns=rng.normal(0, 0.2, (4, 2, 384)).astype(np.float16),
        samples=np.full(4, 20_480, np.int32),
    )
    monkeypatch.setattr(distill_train, "_LOGGED_EVERY", 10)
    config = distill_train.DistillConfig(steps=60, batch=2, learning_rate=3e-3)
    out = tmp_path / "student.safetensors"
    for _ in range(2):
        outcome = distill_train.distill(
            [tmp_path], out, tmp_path / "work", teacher, config, show=False
        )
    losses = [row["loss"] for row in outcome.rows if "loss" in row]
    assert len(losses) == 6
    assert losses[-1] < 0.7 * losses[0]
    assert load_student_of(out).features == 384


def load_student_of(path):
    from temporal_foley.models.audio.student import load_student

    return load_student(path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["windows", "--sounds", "none.csv", "--out", "out", "--shards", "0"], "--shards"),
        (["windows", "--sounds", "none.csv", "--out", "out"], "none.csv"),
    ],
)
def test_a_wrong_word_is_told_in_one_line(words, told, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["distill", *words]) in (2, 3)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert told in error
