"""Compute the log-mel spectrograms that the audio networks take, from mono sound at 32 kHz.

The recipe is EfficientAT's (Schmid et al., "Efficient Large-Scale Audio Tagging via
Transformer-to-CNN Knowledge Distillation", ICASSP 2023): pre-emphasis, power spectrum of centred
frames (1024 points, symmetric Hann window of 800 samples, one frame every 320), 128 triangular
bands of Kaldi's mel scale from 0 to 15 kHz, logarithm.
"""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from temporal_foley.models.audio.geometry import (
    FFT_POINTS,
    HOP_SAMPLES,
    MIN_SAMPLES,
    SAMPLE_RATE_HZ,
)

MEL_BANDS = 128

_PREEMPHASIS = 0.97
_WINDOW_SAMPLES = 800
_TOP_HZ = 15_000.0
_FLOOR = 1e-5

Waves = Float[Array | np.ndarray, "batch samples"]


def log_mel(
    wave: Waves, lengths: Int[Array | np.ndarray, " batch"] | None = None, *, fold: int = 1
) -> Float[Array, "batch mel_bands mel_frames"]:
    """Compute the log-mel spectrograms of a batch of sounds.

    Args:
        wave: Mono at 32 kHz, full scale at 1.
        lengths: Number of real samples of each sound; later ones are ignored. Mel frames after the
            end of a sound are finite but meaningless.
        fold: For a coarser spectrogram: keep every `fold`-th frame, and sum `fold` adjacent bands.
    """
    if wave.shape[1] < MIN_SAMPLES:
        raise ValueError(f"wave must have at least {MIN_SAMPLES} samples, got {wave.shape[1]}")
    padded = _reflected(wave[:, 1:] - _PREEMPHASIS * wave[:, :-1], lengths)
    power = power_spectrum(padded, fold * HOP_SAMPLES)
    bands = jnp.asarray(kaldi_mel_bands().reshape(MEL_BANDS // fold, fold, -1).sum(axis=1))
    # Transposed only when it is small.
    energy = jnp.matmul(power, bands.T, precision=jax.lax.Precision.HIGHEST)
    return ((jnp.log(energy + _FLOOR) + 4.5) / 5.0).swapaxes(1, 2)


def _reflected(
    wave: Waves, lengths: Int[Array | np.ndarray, " batch"] | None
) -> Float[Array, "batch padded"]:
    """Mirror a sound at both ends by half a frame; `lengths` are those before pre-emphasis."""
    half = FFT_POINTS // 2
    if lengths is None:
        return jnp.pad(wave, ((0, 0), (half, half)), mode="reflect")
    # Only the end is overwritten: to gather the whole sound would cost more than the FFT.
    beginning = wave[:, half:0:-1]
    padded = jnp.concatenate([beginning, wave, jnp.zeros_like(beginning)], axis=1)
    end = jnp.take_along_axis(wave, (lengths - 3)[:, None] - jnp.arange(half)[None, :], axis=1)
    return jax.vmap(partial(jax.lax.dynamic_update_slice_in_dim, axis=0))(
        padded, end, half + lengths - 1
    )


def power_spectrum(
    padded: Float[Array | np.ndarray, "batch samples"], hop_samples: int = HOP_SAMPLES
) -> Float[Array, "batch mel_frames bins"]:
    """Compute the power spectrum of every frame of a sound that is padded by half a frame."""
    # The window is shorter than the transform. Its position only changes phases, so the
    # window's own samples are cut out and the transform appends the zeros. Frames overlap by
    # multiples of half a hop, so they are put together from blocks of that length, without a
    # gather.
    block = HOP_SAMPLES // 2
    margin = (FFT_POINTS - _WINDOW_SAMPLES) // 2
    step = hop_samples // block
    frames = 1 + (padded.shape[1] - FFT_POINTS) // hop_samples
    parts = _WINDOW_SAMPLES // block
    used = padded[:, margin : margin + ((frames - 1) * step + parts) * block]
    blocks = used.reshape(padded.shape[0], -1, block)
    framed = jnp.concatenate(
        [blocks[:, part : part + (frames - 1) * step + 1 : step] for part in range(parts)], axis=-1
    )
    spectrum = jnp.fft.rfft(framed * np.hanning(_WINDOW_SAMPLES).astype(np.float32), FFT_POINTS)
    return spectrum.real**2 + spectrum.imag**2


@functools.cache
def kaldi_mel_bands() -> Float[np.ndarray, "mel_bands bins"]:
    """Return the weights of Kaldi's triangular mel bands over the bins of the spectrum.

    Source: `MelBanks` of Kaldi's feat/mel-computations.cc: triangles are straight on the mel
    scale, and the topmost bin (half the sample rate) belongs to no band.
    """
    bins = _mel(np.arange(FFT_POINTS // 2) * (SAMPLE_RATE_HZ / FFT_POINTS))
    corners = np.linspace(_mel(0.0), _mel(_TOP_HZ), MEL_BANDS + 2)[:, None]
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    bands = np.maximum(0.0, np.minimum(rising, falling))
    return np.pad(bands, ((0, 0), (0, 1))).astype(np.float32)


def _mel(hz: float | Float[np.ndarray, " bins"]) -> float | Float[np.ndarray, " bins"]:
    return 1127.0 * np.log1p(np.asarray(hz) / 700.0)
