"""The audio network equals its reference; padding, windows and blocks change nothing."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from temporal_foley.errors import VocabularyError, WeightsError
from temporal_foley.models.audio.audioset import audioset_classes, class_places
from temporal_foley.models.audio.efficientat import EfficientAT, params_from_torch
from temporal_foley.models.audio.geometry import SAMPLE_RATE_HZ, mel_frames
from temporal_foley.models.audio.mel import log_mel
from temporal_foley.models.audio.teacher import AudioTeacher, load_teacher
from temporal_foley.timegrid import TimeGrid

SHARED = Path(__file__).parents[3] / "../shared/weights"
WEIGHTS = SHARED / "efficientat_mn04/mn04_as_mAP_432.pt"
REFERENCE = SHARED / "reference/efficientat_mn04.npz"
NAMES = ("noise_1s", "chirp_2s", "dog", "fire")
LOGITS_TOLERANCE = 1e-2
EMBEDDING_TOLERANCE = 1e-3
# The reference's maps are stored in half precision: half a step of values from 8 to 16.
MAP_TOLERANCE = 4e-3

# Of outputs that are some units large.
LEAK_TOLERANCE = 1e-4
SAMPLES = 12_500

needs_weights = pytest.mark.skipif(
    not (WEIGHTS.exists() and REFERENCE.exists()), reason="weights and reference are not there"
)


def assert_near(found, expected, tolerance):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def teacher():
    return load_teacher(WEIGHTS)


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def untrained():
    """The network with random weights of a size that keeps its maps alive."""
    graphdef, params = nnx.split(EfficientAT())
    rng = np.random.default_rng(5)

    def draw(leaf):
        inputs = int(np.prod(leaf.shape[:-1])) if leaf.ndim > 1 else 100
        return jnp.asarray(rng.normal(0, np.sqrt(2 / inputs), leaf.shape), jnp.float32)

    params = jax.tree.map(draw, nnx.to_pure_dict(params))
    return AudioTeacher(graphdef=graphdef, params=params, sha256="")


@pytest.fixture(scope="module")
def long_wave():
    """Twenty-three seconds of bursts of noise."""
    rng = np.random.default_rng(7)
    wave = rng.normal(0, 0.1, 23 * SAMPLE_RATE_HZ + 1_234).astype(np.float32)
    return wave * (np.sin(np.arange(len(wave)) / 20_000) > 0)


@needs_weights
def test_outputs_equal_the_reference(teacher, reference):
    waves = [reference[f"{name}.wave"] for name in NAMES]
    longest = max(map(len, waves))
    padded = np.stack([np.pad(wave, (0, longest - len(wave))) for wave in waves])
    heard = teacher(padded, np.array([len(wave) for wave in waves]))
    for row, name in enumerate(NAMES):
        expected_map = reference[f"{name}.map"].astype(np.float32).transpose(1, 2, 0)
        found_map = heard.feature_map[row, :, : expected_map.shape[1]]
        assert_near(heard.logits[row], reference[f"{name}.logits"], LOGITS_TOLERANCE)
        assert_near(heard.embedding[row], reference[f"{name}.embedding"], EMBEDDING_TOLERANCE)
        assert_near(found_map, expected_map, MAP_TOLERANCE)


@needs_weights
def test_the_bare_network_equals_the_reference(teacher, reference):
    network = nnx.merge(teacher.graphdef, teacher.params)
    logits = jax.jit(lambda mel: network(mel).logits)(reference["noise_1s.mel"][None])
    assert_near(logits[0], reference["noise_1s.logits"], LOGITS_TOLERANCE)


@needs_weights
def test_a_barking_dog_is_heard_as_a_dog_while_it_barks(teacher, reference):
    silence = np.zeros(5 * SAMPLE_RATE_HZ, np.float32)
    wave = np.concatenate([silence, reference["dog.wave"], silence])
    logits = teacher.tag(teacher.frame_embeddings(wave, TimeGrid.covering(15, 4)))
    dog = logits[:, class_places(["Dog"])[0]]
    assert np.median(dog[24:36]) > 0 > dog[:16].max()
    assert dog[44:].max() < 0
    assert class_places(["Dog"])[0] in np.argsort(logits[np.argmax(dog)])[-5:]


@needs_weights
def test_frames_of_a_short_sound_average_to_its_embedding(teacher, reference):
    wave = reference["dog.wave"]
    columns = teacher.column_embeddings(wave, len(wave))
    assert_near(columns.mean(axis=0), reference["dog.embedding"], EMBEDDING_TOLERANCE)


def test_padding_does_not_leak(untrained):
    waves = np.random.default_rng(1).normal(0, 0.3, (4, SAMPLES)).astype(np.float32)
    lengths = np.array([10_241, SAMPLES, 600, 12_000])
    padded = untrained(waves, lengths)
    alone = untrained(waves[:1, :10_241])
    assert np.abs(alone.logits).max() > 1
    assert_near(padded.logits[0], alone.logits[0], LEAK_TOLERANCE)
    columns = alone.feature_map.shape[2]
    assert_near(padded.feature_map[0, :, :columns], alone.feature_map[0], LEAK_TOLERANCE)
    others = waves.copy()
    for wave, length in zip(others, lengths, strict=True):
        wave[length:] = 0.9
    np.testing.assert_array_equal(untrained(others, lengths).logits, padded.logits)


def test_order_in_a_batch_does_not_matter(untrained):
    waves = np.random.default_rng(2).normal(0, 0.3, (4, SAMPLES)).astype(np.float32)
    assert_near(untrained(waves).logits, untrained(waves[::-1]).logits[::-1], LEAK_TOLERANCE)


@pytest.mark.slow
def test_a_large_batch_is_heard_in_groups(untrained):
    waves = np.random.default_rng(2).normal(0, 0.3, (10, SAMPLES)).astype(np.float32)
    heard = untrained(waves)
    assert heard.embedding.shape == (10, 384)
    assert_near(heard.logits[6:], untrained(waves[6:]).logits, LEAK_TOLERANCE)


def test_blocks_give_the_same_frames_as_the_whole(untrained, long_wave):
    grid = TimeGrid.covering(len(long_wave) / SAMPLE_RATE_HZ, 8)
    whole = untrained.frame_embeddings(long_wave, grid)
    blocks = (long_wave[start : start + 7_001] for start in range(0, len(long_wave), 7_001))
    assert whole.shape == (grid.frames, 384)
    np.testing.assert_array_equal(untrained.frame_embeddings(blocks, grid), whole)


def test_a_grid_behind_the_end_hears_silence(untrained, long_wave):
    short = long_wave[:20_000]
    grid = TimeGrid.covering(6, 8)
    silent = np.concatenate([short, np.zeros(6 * SAMPLE_RATE_HZ - 20_000, np.float32)])
    np.testing.assert_array_equal(
        untrained.frame_embeddings(short, grid), untrained.frame_embeddings(silent, grid)
    )


def test_a_very_short_sound_and_an_empty_grid_are_answered(untrained):
    click = np.ones(3, np.float32)
    assert untrained.frame_embeddings(click, TimeGrid.covering(0, 8)).shape == (0, 384)
    one = untrained.frame_embeddings(click, TimeGrid.covering(0.01, 8))
    assert untrained.tag(one).shape == (1, 527)


@pytest.mark.slow
def test_a_sound_shorter_than_the_transform_is_answered(untrained):
    assert np.isfinite(untrained(np.ones((1, 3), np.float32)).logits).all()


def test_stereo_is_refused(untrained):
    with pytest.raises(ValueError, match="mono"):
        untrained.frame_embeddings(np.zeros((32_000, 2), np.float32), TimeGrid.covering(1, 8))


@pytest.mark.slow
def test_gradients_reach_every_weight(untrained):
    wave = np.random.default_rng(4).normal(0, 0.3, (1, 8_000)).astype(np.float32)
    mel = log_mel(wave)
    frames = jnp.array([mel_frames(8_000)])

    @jax.jit
    @jax.grad
    def gradient(params):
        return jnp.sum(nnx.merge(untrained.graphdef, params)(mel, frames).logits ** 2)

    sizes = [float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient(untrained.params))]
    assert np.isfinite(sizes).all()
    assert min(sizes) > 0


@needs_weights
def test_a_checkpoint_of_another_shape_is_refused():
    with pytest.raises(KeyError, match=r"features\.0\.1\.weight"):
        params_from_torch({})
    with pytest.raises(ValueError, match="has the shape"):
        params_from_torch({"features.0.1.weight": np.zeros(16, np.float32)})


def test_another_file_is_refused_as_weights(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="altered or another file"):
        load_teacher(path)


def test_class_names_are_in_the_order_of_the_logits():
    classes = audioset_classes()
    assert len(classes) == 527
    assert classes[0] == ("/m/09x0r", "Speech")
    assert classes[526].name == "Field recording"
    assert class_places(["Speech", "Dog", "Bark"]) == [0, 74, 75]


def test_an_unknown_class_name_lists_near_ones():
    with pytest.raises(VocabularyError, match=r"near it are .*Train whistle"):
        class_places(["train"])
