"""The limiter holds its ceiling, leaves quiet sound alone, and does not care for blocks."""

import numpy as np
import pytest

from temporal_foley.sound.signal.limiter import limit
from temporal_foley.sound.signal.loudness import measure

RATE = 48_000


def joined(blocks) -> np.ndarray:
    return np.concatenate(list(blocks))


def materials() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    times = np.arange(2 * RATE) / RATE
    clicks = np.zeros((2 * RATE, 2))
    clicks[rng.integers(0, 2 * RATE, 40)] = rng.choice([-3.0, 3.0], (40, 2))
    square = 2.0 * np.sign(np.sin(2 * np.pi * 997.0 * times))
    tone = 3.0 * np.sin(2 * np.pi * RATE / 4 * times + np.pi / 4)
    return {
        "noise": rng.normal(0, 0.7, (2 * RATE, 2)),
        "clicks": clicks,
        "square": np.stack([square, square], axis=1),
        "tone between samples": np.stack([tone, 0.1 * tone], axis=1),
    }


@pytest.mark.parametrize("name", sorted(materials()))
@pytest.mark.parametrize("ceiling", [-1.0, -6.0])
def test_true_peak_stays_below_the_ceiling(name: str, ceiling: float) -> None:
    sound = materials()[name].astype(np.float32)
    _, peak = measure([joined(limit([sound], ceiling)).astype(np.float32)])
    assert peak is not None
    assert ceiling - 1.0 < peak <= ceiling + 0.1


def test_sound_below_the_ceiling_is_untouched() -> None:
    sound = np.random.default_rng(2).uniform(-0.4, 0.4, (RATE, 2)).astype(np.float32)
    np.testing.assert_array_equal(joined(limit([sound], -1.0)), sound)


def test_it_lets_go_completely_after_a_peak() -> None:
    sound = np.full((4 * RATE, 2), 0.25, np.float32)
    sound[RATE] = 2.0
    limited = joined(limit([sound], -1.0))
    np.testing.assert_array_equal(limited[: RATE - 200], sound[: RATE - 200])
    assert np.abs(limited[RATE]).max() < 1.0
    np.testing.assert_allclose(limited[-RATE:], sound[-RATE:], atol=2**-26)


def test_gain_moves_smoothly() -> None:
    sound = np.full((RATE, 2), 0.5, np.float32)
    sound[RATE // 2] = 4.0
    gain = joined(limit([sound], -1.0))[:, 0] / sound[:, 0]
    # The whole reduction takes the 2.5 ms of look-ahead: no step in the gain.
    assert np.abs(np.diff(gain)).max() < 0.02


def test_both_channels_share_one_gain() -> None:
    sound = np.random.default_rng(3).normal(0, 0.5, (RATE, 2)).astype(np.float32)
    sound[:, 1] = sound[:, 0] / 8
    limited = joined(limit([sound], -3.0))
    np.testing.assert_allclose(limited[:, 1] * 8, limited[:, 0], rtol=1e-6)


@pytest.mark.parametrize("cut", [1, 480, 7777, 60_000])
def test_blocks_do_not_matter(cut: int) -> None:
    sound = np.random.default_rng(4).normal(0, 0.5, (70_001, 2)).astype(np.float32)
    if cut == 1:
        sound = sound[:2000]
    whole = joined(limit([sound], -1.0))
    pieces = joined(limit((sound[i : i + cut] for i in range(0, len(sound), cut)), -1.0))
    assert len(whole) == len(sound)
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize("samples", [0, 1, 50, 500])
def test_very_short_streams_keep_their_length(samples: int) -> None:
    sound = np.full((samples, 2), 2.0, np.float32)
    limited = list(limit([sound], -1.0))
    assert sum(map(len, limited)) == samples
    assert all(np.abs(block).max(initial=0.0) < 1.0 for block in limited)
