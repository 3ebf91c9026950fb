"""Test the student network: it ships with the package, and blocks change nothing."""

from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from temporal_foley.errors import WeightsError
from temporal_foley.models.audio import student
from temporal_foley.models.audio.efficientat import StudentNetwork
from temporal_foley.models.audio.encoders import listen, load_encoder
from temporal_foley.models.audio.geometry import SAMPLE_RATE_HZ
from temporal_foley.models.audio.mel import log_mel
from temporal_foley.models.named_weights import name_weights
from temporal_foley.timegrid import TimeGrid

SHARED = Path(__file__).parents[3] / "../shared"
PADDING_TOLERANCE = 1e-4
BAND_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("student")


def noise(seconds, seed=0):
    samples = round(seconds * SAMPLE_RATE_HZ)
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def test_the_student_ships_and_answers_in_the_teachers_space(encoder):
    grid = TimeGrid.covering(1.0, 4)
    embeddings = encoder.frame_embeddings(noise(1.0), grid)
    assert (encoder.name, encoder.features) == ("student", 384)
    assert len(encoder.sha256) == 64
    assert embeddings.shape == (4, 384)
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()


def test_a_sound_in_blocks_is_heard_as_in_one_piece(encoder):
    sound, grid = noise(14.0), TimeGrid.covering(14.0, 8)
    blocks = np.split(sound, [7, 50_000, 50_001, 400_000])
    np.testing.assert_array_equal(
        encoder.frame_embeddings(iter(blocks), grid), encoder.frame_embeddings(sound, grid)
    )


def test_silence_follows_a_sound_that_ends_early(encoder):
    sound, grid = noise(0.7), TimeGrid.covering(2.0, 4)
    padded = np.pad(sound, (0, 2 * SAMPLE_RATE_HZ - len(sound)))
    np.testing.assert_array_equal(
        encoder.frame_embeddings(sound, grid), encoder.frame_embeddings(padded, grid)
    )


def test_what_lies_behind_the_end_of_a_sound_is_not_heard(encoder):
    sound = noise(1.28)[None]
    length = np.array([30_000])
    other = sound.copy()
    other[:, 30_000:] = 0.9
    first, second = (encoder.columns(wave, length)[:, :5] for wave in (sound, other))
    np.testing.assert_allclose(first, second, atol=PADDING_TOLERANCE)


def test_a_burst_is_heard_when_it_sounds(encoder):
    sound = np.zeros(5 * SAMPLE_RATE_HZ, np.float32)
    sound[2 * SAMPLE_RATE_HZ : 3 * SAMPLE_RATE_HZ] = noise(1.0)
    grid = TimeGrid.covering(5.0, 4)
    silence = encoder.frame_embeddings(np.zeros_like(sound), grid)
    change = np.linalg.norm(encoder.frame_embeddings(sound, grid) - silence, axis=1)
    assert 8 <= change.argmax() < 12
    assert change[8:12].mean() > 2 * np.concatenate([change[:6], change[14:]]).mean()


def test_a_silent_track_is_as_none(encoder):
    grid = TimeGrid.covering(3.0, 4)
    faint = 1e-4 * noise(2.0)
    assert listen(encoder, faint, grid) is None
    heard = listen(encoder, iter([faint, noise(1.0)]), grid)
    np.testing.assert_array_equal(
        heard,
        encoder.frame_embeddings(np.concatenate([faint, noise(1.0)]), grid).astype(np.float16),
    )


def test_clips_are_heard_alone_whatever_is_in_their_batch(encoder):
    waves = np.stack([noise(0.5, seed) for seed in range(5)])
    together = encoder.clip_embeddings(waves)
    assert together.shape == (5, 384)
    np.testing.assert_allclose(
        together[4:], encoder.clip_embeddings(waves[4:]), atol=PADDING_TOLERANCE
    )


def test_a_clip_of_a_few_samples_is_refused(encoder):
    with pytest.raises(ValueError, match="at least"):
        encoder.clip_embeddings(np.zeros((1, 100), np.float32))


def test_a_folded_picture_has_every_second_frame_and_pairs_of_bands():
    sound = noise(0.5)[None]
    energy = np.exp(5.0 * np.asarray(log_mel(sound)) - 4.5) - 1e-5
    folded = np.exp(5.0 * np.asarray(log_mel(sound, fold=2)) - 4.5) - 1e-5
    pairs = energy[:, 0::2, ::2] + energy[:, 1::2, ::2]
    np.testing.assert_allclose(folded, pairs, rtol=BAND_TOLERANCE, atol=1e-6)


def random_params(seed=0):
    _, state = nnx.split(nnx.eval_shape(StudentNetwork))
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: rng.normal(0, 0.1, leaf.shape).astype(np.float16).astype(np.float32),
        nnx.to_pure_dict(state),
    )


def test_weights_of_ones_own_are_read_as_they_were_written(tmp_path):
    params = random_params()
    path = tmp_path / "own.safetensors"
    path.write_bytes(safetensors.numpy.save(name_weights(params)))
    loaded = load_encoder("student", path)
    jax.tree.map(np.testing.assert_array_equal, loaded.params, params)
    assert loaded.sha256 != student.SHA256


@pytest.mark.parametrize("damage", ["missing", "cut", "shape", "nan", "name"])
def test_wrong_weights_are_refused_by_name(tmp_path, damage):
    path = tmp_path / "own.safetensors"
    tensors = name_weights(random_params())
    if damage == "shape":
        tensors["head.bias"] = tensors["head.bias"][:-1]
    elif damage == "nan":
        tensors["head.bias"][3] = np.nan
    elif damage == "name":
        tensors["tail.bias"] = tensors.pop("head.bias")
    blob = safetensors.numpy.save(tensors)
    if damage != "missing":
        path.write_bytes(blob[:-10] if damage == "cut" else blob)
    with pytest.raises(WeightsError, match=r"own\.safetensors"):
        load_encoder("student", path)


def test_altered_weights_of_the_package_are_refused(monkeypatch):
    monkeypatch.setattr(student, "SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="altered"):
        load_encoder("student")


def test_an_unknown_encoder_is_refused():
    with pytest.raises(ValueError, match="student or teacher"):
        load_encoder("pupil")  # type: ignore[arg-type]


def test_the_teacher_is_asked_for_by_the_same_words(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.pt"):
        load_encoder("teacher", tmp_path / "none.pt")


@pytest.mark.slow
def test_student_and_teacher_hear_nearly_the_same(encoder):
    weights = SHARED / "weights/efficientat_mn04/mn04_as_mAP_432.pt"
    sounds = SHARED / "data/sounds/esc10"
    if not weights.exists() or not sounds.exists():
        pytest.skip("needs the teacher's weights and ESC-10")
    import soundfile
    import soxr

    teacher = load_encoder("teacher", weights)
    grid = TimeGrid.covering(5.0, 2)
    similar = []
    for path in sorted(sounds.rglob("5-*"))[::20]:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        wave = soxr.resample(sound.mean(axis=1), rate, SAMPLE_RATE_HZ)
        found, wanted = (e.frame_embeddings(wave, grid).mean(axis=0) for e in (encoder, teacher))
        similar.append(found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted))
    assert np.median(similar) > 0.8
