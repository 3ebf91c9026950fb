"""Augment pictures, sounds and batches of features in JAX.

Everything is a pure function of a key and belongs inside the jitted step. The ranges for pictures
are those of the first report, which names them as Keras' ImageDataGenerator does: rotation 15
degrees, shifts 15 %, shear 15 %, zoom 15 %, channel shift 10 %, horizontal flip.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Shaped, UInt8

Clips = UInt8[Array, "batch frames rows columns 3"]
Waves = Float[Array, "batch samples"]
Mels = Float[Array, "batch mel_bands mel_frames"]
Batch = dict[str, Shaped[Array, "batch ..."]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureRanges:
    """How far pictures are changed, to either side; each value is drawn evenly."""

    rotation_deg: float = 15.0
    shift: float = 0.15
    """Of the height and of the width."""
    shear: float = 0.15
    """How far a row moves sideways for each row further down. The report says only 15 %."""
    zoom: float = 0.15
    """Height and width each by themselves, as Keras does."""
    channel_shift: float = 0.10
    """Of full scale, each channel by itself: the report's words say hue, so no common shift."""
    flips: bool = True

    def __post_init__(self) -> None:
        for name in ("rotation_deg", "shift", "shear", "zoom", "channel_shift"):
            if getattr(self, name) < 0:
                raise ValueError(f"pictures.{name} must be at least 0, got {getattr(self, name)}")
        if self.zoom >= 1:
            raise ValueError(f"pictures.zoom must be below 1, got {self.zoom}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoundRanges:
    """How far sounds are changed."""

    gain_db: float = 12.0
    """To either side."""
    noise_below_db: tuple[float, float] = (10.0, 50.0)
    """White noise at this level below the sound; silence stays silent."""
    shift_s: float = 0.1
    """Earlier or later; less than half a frame, so that labels stay right."""

    def __post_init__(self) -> None:
        if self.gain_db < 0 or self.shift_s < 0:
            raise ValueError("sound.gain_db and sound.shift_s must be at least 0")
        if self.noise_below_db[0] > self.noise_below_db[1]:
            raise ValueError(f"sound.noise_below_db must ascend, got {self.noise_below_db}")


def augment_pictures(
    key: Key[Array, ""], clips: Clips, ranges: PictureRanges = PictureRanges()
) -> Clips:
    """Warp, flip and tint clips, all frames of a clip alike; edges are repeated."""

    def augment(inputs: tuple[Key[Array, ""], UInt8[Array, "frames rows columns 3"]]) -> Array:
        key, clip = inputs
        warp_key, tint_key = jax.random.split(key)
        warped = _warp(clip, draw_warp(warp_key, ranges, clip.shape[1], clip.shape[2]))
        bound = 255.0 * ranges.channel_shift
        tint = jax.random.uniform(tint_key, (3,), minval=-bound, maxval=bound)
        return jnp.clip(jnp.round(warped + tint), 0.0, 255.0).astype(jnp.uint8)

    # One clip after the other: what one needs in between stays small.
    return jax.lax.map(augment, (jax.random.split(key, clips.shape[0]), clips))


def draw_warp(
    key: Key[Array, ""], ranges: PictureRanges, rows: int, columns: int
) -> Float[Array, "2 3"]:
    """Draw where in the picture each pixel comes from: (row, column, 1) to (row, column).

    Rotation, shift, shear and zoom follow one another as in Keras, about the middle.
    """
    draws = jax.random.uniform(key, (7,), minval=-1.0, maxval=1.0)
    angle = jnp.deg2rad(ranges.rotation_deg) * draws[0]
    down, right = ranges.shift * rows * draws[1], ranges.shift * columns * draws[2]
    shear, tall, wide = ranges.shear * draws[3], ranges.zoom * draws[4], ranges.zoom * draws[5]
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    turned = jnp.array([[cos, -sin], [sin, cos]])
    # Rotation @ shear @ zoom; the shift is turned with the picture.
    linear = turned @ jnp.array([[1.0, 0.0], [shear, 1.0]])
    linear = linear * jnp.array([1.0 + tall, 1.0 + wide])
    if ranges.flips:
        linear = linear * jnp.array([1.0, jnp.where(draws[6] < 0, -1.0, 1.0)])
    centre = jnp.array([(rows - 1) / 2, (columns - 1) / 2])
    offset = centre + turned @ jnp.array([down, right]) - linear @ centre
    return jnp.concatenate([linear, offset[:, None]], axis=1)


def _warp(
    clip: UInt8[Array, "frames rows columns 3"], warp: Float[Array, "2 3"]
) -> Float[Array, "frames rows columns 3"]:
    frames, rows, columns, channels = clip.shape
    down, right = jnp.meshgrid(jnp.arange(rows), jnp.arange(columns), indexing="ij")
    places = jnp.stack([down.ravel(), right.ravel(), jnp.ones(rows * columns)])
    row, column = jnp.matmul(warp, places, precision=jax.lax.Precision.HIGHEST)
    row, column = jnp.clip(row, 0.0, rows - 1.0), jnp.clip(column, 0.0, columns - 1.0)
    top = jnp.minimum(row.astype(jnp.int32), rows - 2) if rows > 1 else jnp.zeros_like(row, int)
    left = jnp.minimum(column.astype(jnp.int32), max(columns - 2, 0))
    below, beside = (row - top)[:, None], (column - left)[:, None]
    # A pixel of all frames lies in one piece, so that each is fetched once a clip.
    pixels = clip.transpose(1, 2, 0, 3).reshape(rows * columns, frames * channels)

    def at(down: int, right: int) -> Float[Array, "pixels values"]:
        place = jnp.minimum(top + down, rows - 1) * columns + jnp.minimum(left + right, columns - 1)
        return pixels[place].astype(jnp.float32)

    upper = at(0, 0) * (1 - beside) + at(0, 1) * beside
    lower = at(1, 0) * (1 - beside) + at(1, 1) * beside
    warped = upper * (1 - below) + lower * below
    return warped.reshape(rows, columns, frames, channels).transpose(2, 0, 1, 3)


def augment_sounds(
    key: Key[Array, ""], waves: Waves, sample_rate_hz: int, ranges: SoundRanges = SoundRanges()
) -> Waves:
    """Shift sounds in time, change their level and add noise."""
    shift_key, gain_key, level_key, noise_key, place_key = jax.random.split(key, 5)
    batch, samples = waves.shape
    bound = round(ranges.shift_s * sample_rate_hz)
    shifts = jax.random.randint(shift_key, (batch,), -bound, bound + 1)
    gains_db = jax.random.uniform(gain_key, (batch,), minval=-1.0, maxval=1.0) * ranges.gain_db
    low, high = ranges.noise_below_db
    below_db = jax.random.uniform(level_key, (batch,), minval=low, maxval=high)
    # To draw is what costs: all sounds get the same noise, each from a place of its own.
    noise = jnp.tile(jax.random.normal(noise_key, (samples,), waves.dtype), 2)
    places = jax.random.randint(place_key, (batch,), 0, samples)

    def augment(inputs: tuple[Array, ...]) -> Float[Array, " samples"]:
        wave, shift, gain_db, below_db, place = inputs
        # Later by `shift`; what enters is silence.
        wave = jax.lax.dynamic_slice(jnp.pad(wave, bound), (bound - shift,), (samples,))
        level = jnp.sqrt(jnp.mean(wave**2)) * 10 ** (-below_db / 20)
        own_noise = jax.lax.dynamic_slice(noise, (place,), (samples,))
        return (wave + level * own_noise) * 10 ** (gain_db / 20)

    return jax.lax.map(augment, (waves, shifts, gains_db, below_db, places))


def mask_mels(
    key: Key[Array, ""],
    mels: Mels,
    *,
    bands: int = 16,
    frames: int = 32,
    count: int = 2,
) -> Mels:
    """Hide stretches of bands and of frames behind the mean of their sound.

    Source: SpecAugment (Park et al., Interspeech 2019).

    Args:
        key: For the places and sizes.
        mels: Log-mel pictures.
        bands: The widest stretch of bands.
        frames: The longest stretch of frames.
        count: Stretches of each kind.
    """
    filling = mels.mean(axis=(1, 2), keepdims=True)
    for axis, widest in ((1, bands), (2, frames)):
        for _ in range(count):
            key, size_key, place_key = jax.random.split(key, 3)
            length = mels.shape[axis]
            size = jax.random.randint(size_key, (mels.shape[0],), 0, min(widest, length) + 1)
            place = jax.random.uniform(place_key, size.shape) * (length - size + 1)
            along = jnp.arange(length)[None, :]
            first = jnp.floor(place)[:, None]
            hidden = (along >= first) & (along < first + size[:, None])
            mels = jnp.where(jnp.expand_dims(hidden, 3 - axis), filling, mels)
    return mels


def mix_clips(
    key: Key[Array, ""], batch: Batch, *, probability: float = 0.5, least: float = 0.3
) -> Batch:
    """Lay clips of a batch over one another; what is in either is in the mixture.

    mixup (Zhang et al., ICLR 2018), but with the union of the labels: two things at once are both
    audible. So that neither vanishes, each has at least the weight `least`.

    Args:
        key: For the pairs and weights.
        batch: What `input.open_batches` yields, on the device.
        probability: Of a clip to be mixed.
        least: The smaller of the two weights at least.

    Returns:
        The batch with `visual`, `audio`, labels and flags of the mixtures; the frames of a clip
        behind the end of its partner are its own.
    """
    pair_key, choice_key, weight_key = jax.random.split(key, 3)
    size = batch["mask"].shape[0]
    partner = jax.random.permutation(pair_key, size)
    is_mixed = jax.random.uniform(choice_key, (size,)) < probability
    is_mixed &= batch["is_real"] & batch["is_real"][partner] & (partner != jnp.arange(size))
    weight = jax.random.uniform(weight_key, (size,), minval=least, maxval=1.0 - least)
    shared = is_mixed[:, None] & batch["mask"] & batch["mask"][partner]
    mixed = dict(batch)
    for name, flag in (("visual", "has_picture"), ("audio", "has_sound")):
        own, other = batch[flag], batch[flag][partner]
        # Where only one of the two has a picture (or a sound), it is that of the mixture.
        share = jnp.where(own & other, weight, jnp.where(other, 0.0, 1.0))
        share = jnp.where(shared, share[:, None], 1.0)[..., None]
        rows = batch[name].astype(jnp.float32)
        laid = share * rows + (1.0 - share) * rows[partner]
        mixed[name] = laid.astype(batch[name].dtype)
        mixed[flag] = own | (is_mixed & other)
    # Of a longer partner only the first part is laid over: what it holds may lie behind.
    is_cut = is_mixed & (batch["lengths"][partner] > batch["lengths"])
    for sense in ("", "seen_", "heard_"):
        if f"{sense}labels" not in batch:
            continue
        of_frames = (batch[f"{sense}labels"], batch[f"{sense}known"])
        mixed[f"{sense}labels"], mixed[f"{sense}known"] = _union(
            *of_frames, partner, shared[..., None]
        )
        own, own_known = batch[f"{sense}clip_labels"], batch[f"{sense}clip_known"]
        labels, known = _union(own, own_known, partner, is_mixed[:, None])
        unsure = is_cut[:, None] & ~(own_known & (own > 0)) & (labels > 0)
        mixed[f"{sense}clip_labels"] = jnp.where(unsure, 0.0, labels)
        mixed[f"{sense}clip_known"] = known & ~unsure
    mixed["scene"] = jnp.where(is_mixed, -1, batch["scene"])
    return mixed


def _union(labels: Array, known: Array, partner: Array, where: Array) -> tuple[Array, Array]:
    """Join labels: what is in one is there, whatever is known of the other."""
    other, other_known = labels[partner], known[partner]
    own_there, other_there = known & (labels > 0), other_known & (other > 0)
    joined = jnp.maximum(jnp.where(own_there, labels, 0.0), jnp.where(other_there, other, 0.0))
    joined_known = (known & other_known) | own_there | other_there
    return jnp.where(where, joined, labels), jnp.where(where, joined_known, known)
