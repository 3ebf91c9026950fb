"""The log-mel picture equals the reference and formulas written another way."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temporal_foley.models.audio.geometry import MIN_SAMPLES, SAMPLE_RATE_HZ, mel_frames
from temporal_foley.models.audio.mel import kaldi_mel_bands, log_mel, power_spectrum

REFERENCE = Path(__file__).parents[3] / "../shared/weights/reference/efficientat_mn04.npz"
MEL_TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def wave():
    return np.random.default_rng(3).normal(0, 0.1, 9_000).astype(np.float32)


def plain_power(padded):
    """Frame by frame, in float64: 1024 samples, the 800-sample window in their middle."""
    n = np.arange(800)
    window = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * n / 799), 112)
    starts = range(0, len(padded) - 1023, 320)
    return np.array([np.abs(np.fft.fft(padded[s : s + 1024] * window)[:513]) ** 2 for s in starts])


def plain_bands():
    """Kaldi's loop over bands and bins."""

    def mel(hz):
        return 1127.0 * np.log(1.0 + hz / 700.0)

    step = (mel(15_000.0) - mel(0.0)) / 129
    bands = np.zeros((128, 513))
    for band in range(128):
        left, centre, right = (mel(0.0) + (band + k) * step for k in range(3))
        for bin_ in range(512):
            place = mel(bin_ * 32_000 / 1024)
            if left < place <= centre:
                bands[band, bin_] = (place - left) / (centre - left)
            elif centre < place < right:
                bands[band, bin_] = (right - place) / (right - centre)
    return bands


@pytest.mark.skipif(not REFERENCE.exists(), reason="reference outputs are not there")
@pytest.mark.parametrize("name", ["noise_1s", "chirp_2s", "dog", "fire"])
def test_mel_equals_the_reference(name):
    with np.load(REFERENCE) as reference:
        mel = log_mel(reference[f"{name}.wave"][None])
        np.testing.assert_allclose(mel[0], reference[f"{name}.mel"], rtol=0, atol=MEL_TOLERANCE)


def test_power_spectrum_equals_a_plain_transform(wave):
    np.testing.assert_allclose(
        power_spectrum(jnp.asarray(wave[None]))[0], plain_power(wave), rtol=1e-4, atol=1e-5
    )


def test_bands_equal_kaldis_loop():
    np.testing.assert_allclose(kaldi_mel_bands(), plain_bands(), rtol=0, atol=1e-6)


def test_mel_equals_the_whole_formula_written_another_way(wave):
    emphasised = wave[1:].astype(np.float64) - 0.97 * wave[:-1]
    power = plain_power(np.pad(emphasised, 512, mode="reflect"))
    expected = (np.log(power @ plain_bands().T + 1e-5) + 4.5) / 5.0
    np.testing.assert_allclose(log_mel(wave[None])[0], expected.T, rtol=0, atol=MEL_TOLERANCE)


def test_power_spectrum_equals_librosa(wave):
    librosa = pytest.importorskip("librosa", reason="librosa is not installed")
    spectrum = librosa.stft(
        wave, n_fft=1024, hop_length=320, win_length=800, window=np.hanning(800), center=False
    )
    np.testing.assert_allclose(
        power_spectrum(jnp.asarray(wave[None]))[0], np.abs(spectrum.T) ** 2, rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("hz", [200.0, 1_000.0, 6_000.0])
def test_a_tone_is_loudest_in_the_band_of_its_pitch(hz):
    time = np.arange(16_000) / SAMPLE_RATE_HZ
    mel = log_mel(0.5 * np.sin(2 * np.pi * hz * time, dtype=np.float32)[None].astype(np.float32))
    loudest = int(np.argmax(mel[0, :, 20]))
    top = 1127.0 * np.log1p(15_000 / 700)
    assert loudest == pytest.approx(1127.0 * np.log1p(hz / 700) / top * 129 - 1, abs=1.0)


def test_a_tone_above_the_top_band_is_not_heard():
    time = np.arange(16_000) / SAMPLE_RATE_HZ
    mel = log_mel(0.5 * np.sin(2 * np.pi * 15_800 * time)[None].astype(np.float32))
    inner = mel[0, :120, 5:-5]
    np.testing.assert_allclose(inner, log_mel(np.zeros((1, 16_000)))[0, :120, 5:-5], atol=2e-2)


@pytest.mark.parametrize("length", [514, 5_121])
def test_what_lies_behind_a_sound_is_not_looked_at(wave, length):
    alone = log_mel(wave[None, :length])
    padded = log_mel(jnp.stack([jnp.asarray(wave)] * 2), jnp.array([length, 9_000]))
    assert alone.shape == (1, 128, mel_frames(length))
    np.testing.assert_allclose(padded[0, :, : mel_frames(length)], alone[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(padded[1], log_mel(wave[None])[0], rtol=0, atol=1e-5)


def test_silence_has_a_finite_gradient():
    gradient = jax.grad(lambda wave: log_mel(wave).sum())(jnp.zeros((1, 2_000)))
    assert np.isfinite(gradient).all()


def test_a_sound_too_short_to_be_reflected_is_refused():
    with pytest.raises(ValueError, match=f"at least {MIN_SAMPLES} samples, got 513"):
        log_mel(jnp.zeros((1, 513)))
