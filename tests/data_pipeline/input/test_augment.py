"""Augmentation: known warps and mixtures, what stays as it was, and wrong ranges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipeline.input import augment
from data_pipeline.input.augment import PictureRanges, SoundRanges, draw_warp

# Compiled once for all tests, as in a step.
augment_pictures = jax.jit(augment.augment_pictures, static_argnums=2)
augment_sounds = jax.jit(augment.augment_sounds, static_argnums=(2, 3))
mask_mels = jax.jit(augment.mask_mels, static_argnames=("bands", "frames", "count"))
mix_clips = jax.jit(augment.mix_clips)

STILL = PictureRanges(rotation_deg=0, shift=0, shear=0, zoom=0, channel_shift=0, flips=False)


def a_clip(batch=1, frames=1, rows=12, columns=16):
    size = (batch, frames, rows, columns, 3)
    return np.random.default_rng(0).integers(0, 256, size, np.uint8)


def a_batch(**changes):
    """Make two clips of four frames, the second with two real ones; effects: 3."""
    labels = np.zeros((2, 4, 3), np.float32)
    labels[0, :2, 0] = 1.0
    labels[1, :2, 1] = 0.5
    known = np.ones((2, 4, 3), bool)
    known[:, :, 2] = False
    batch = {
        "visual": np.stack([np.full((4, 2), 1.0), np.full((4, 2), 3.0)]).astype(np.float16),
        "audio": np.stack([np.full((4, 2), 5.0), np.full((4, 2), 9.0)]).astype(np.float16),
        "mask": np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool),
        "lengths": np.array([4, 2], np.int32),
        "labels": labels,
        "known": known,
        "clip_labels": labels.max(axis=1),
        "clip_known": known.all(axis=1),
        "has_picture": np.array([True, True]),
        "has_sound": np.array([True, True]),
        "is_real": np.array([True, True]),
        "scene": np.array([0, 1], np.int32),
        "record": np.array([0, 1], np.int32),
    }
    return {name: jnp.asarray(rows) for name, rows in (batch | changes).items()}


def mixing_key(batch, **settings):
    """Find a key that pairs the two clips."""
    for seed in range(50):
        mixed = mix_clips(jax.random.key(seed), batch, probability=1.0, **settings)
        if mixed["scene"][0] == -1:
            return mixed
    raise AssertionError("no key pairs them")


def test_without_ranges_pictures_stay_as_they_are():
    clips = a_clip(batch=2, frames=3)
    np.testing.assert_array_equal(augment_pictures(jax.random.key(0), clips, STILL), clips)


def test_a_flip_mirrors_the_columns():
    clips = a_clip()
    ranges = PictureRanges(rotation_deg=0, shift=0, shear=0, zoom=0, channel_shift=0)
    results = [np.asarray(augment_pictures(jax.random.key(i), clips, ranges)) for i in range(12)]
    flipped = [np.array_equal(result, clips[:, :, :, ::-1]) for result in results]
    kept = [np.array_equal(result, clips) for result in results]
    assert any(flipped)
    assert any(kept)
    assert all(a != b for a, b in zip(flipped, kept, strict=True))


def test_all_frames_of_a_clip_are_warped_alike_and_clips_are_not():
    frame = a_clip(rows=32, columns=32)
    clips = np.tile(frame, (2, 3, 1, 1, 1))
    warped = np.asarray(augment_pictures(jax.random.key(1), clips))
    np.testing.assert_array_equal(warped[:, 0], warped[:, 1])
    np.testing.assert_array_equal(warped[:, 0], warped[:, 2])
    assert not np.array_equal(warped[0], warped[1])
    assert not np.array_equal(warped[0], clips[0])


def test_a_warp_keeps_its_bounds():
    keys = jax.random.split(jax.random.key(0), 500)
    only = dict.fromkeys(("rotation_deg", "shift", "shear", "zoom"), 0.0) | {"flips": False}
    draw = jax.vmap(draw_warp, in_axes=(0, None, None, None))

    def warps(name, value):
        return np.asarray(draw(keys, PictureRanges(**(only | {name: value})), 101, 201))

    turned = np.rad2deg(np.arctan2(warps("rotation_deg", 15.0)[:, 1, 0], 1.0))
    assert 12 < np.abs(turned).max() <= 15.0 + 1e-3
    moved = warps("shift", 0.15)[:, :, 2] / [101, 201]
    assert np.all(np.abs(moved).max(axis=0) <= 0.15 + 1e-6)
    assert np.all(np.abs(moved).max(axis=0) > 0.13)
    zoomed = warps("zoom", 0.15)[:, [0, 1], [0, 1]]
    assert zoomed.min() >= 0.85 - 1e-6
    assert zoomed.max() <= 1.15 + 1e-6
    assert np.abs(zoomed[:, 0] - zoomed[:, 1]).max() > 0.1
    sheared = warps("shear", 0.15)[:, 1, 0]
    assert 0.13 < np.abs(sheared).max() <= 0.15 + 1e-6


def test_a_quarter_turn_agrees_with_numpy():
    # 90 degrees is beyond the report's range, but shows that rows and columns are not mixed up.
    clips = a_clip(rows=9, columns=9)
    ranges = PictureRanges(rotation_deg=90, shift=0, shear=0, zoom=0, channel_shift=0, flips=False)
    key = jax.random.key(3)
    warp = np.asarray(draw_warp(jax.random.split(jax.random.split(key, 1)[0])[0], ranges, 9, 9))
    rows, columns = np.meshgrid(np.arange(9), np.arange(9), indexing="ij")
    row, column = np.einsum("ij,jrc->irc", warp, np.stack([rows, columns, np.ones((9, 9))]))
    row, column = np.clip(row, 0, 8), np.clip(column, 0, 8)
    top, left = np.minimum(row.astype(int), 7), np.minimum(column.astype(int), 7)
    a, b = (row - top)[..., None], (column - left)[..., None]
    image = clips[0, 0].astype(float)
    expected = (
        image[top, left] * (1 - a) * (1 - b)
        + image[top + 1, left] * a * (1 - b)
        + image[top, left + 1] * (1 - a) * b
        + image[top + 1, left + 1] * a * b
    )
    got = np.asarray(augment_pictures(key, clips, ranges))[0, 0].astype(float)
    assert np.abs(got - expected).max() <= 1.0


def test_a_tint_moves_each_channel_by_itself():
    clips = np.full((1, 2, 8, 8, 3), 128, np.uint8)
    ranges = PictureRanges(rotation_deg=0, shift=0, shear=0, zoom=0, channel_shift=0.1, flips=False)
    tint = np.asarray(augment_pictures(jax.random.key(0), clips, ranges)).astype(int) - 128
    assert len(np.unique(tint.reshape(-1, 3), axis=0)) == 1
    assert len(set(tint[0, 0, 0, 0])) > 1
    assert np.abs(tint).max() <= 26


def test_sound_keeps_its_length_and_level_range():
    wave = np.sin(np.arange(3200) / 5)[None].astype(np.float32)
    ranges = SoundRanges(gain_db=6.0, noise_below_db=(60.0, 60.0), shift_s=0.0)
    for seed in range(8):
        louder = np.asarray(augment_sounds(jax.random.key(seed), wave, 32_000, ranges))
        gain_db = 20 * np.log10(np.std(louder) / np.std(wave))
        assert louder.shape == wave.shape
        assert abs(gain_db) <= 6.1


def test_noise_lies_as_far_below_the_sound_as_asked():
    wave = np.sin(np.arange(32_000) / 5)[None].astype(np.float32)
    ranges = SoundRanges(gain_db=0.0, noise_below_db=(20.0, 20.0), shift_s=0.0)
    noise = np.asarray(augment_sounds(jax.random.key(0), wave, 32_000, ranges)) - wave
    assert 20 * np.log10(np.std(wave) / np.std(noise)) == pytest.approx(20.0, abs=0.3)


def test_a_shifted_sound_does_not_come_round_and_silence_stays_silent():
    wave = np.zeros((16, 1000), np.float32)
    wave[:, 5], wave[:, -5] = 1.0, 1.0
    ranges = SoundRanges(gain_db=0.0, noise_below_db=(200.0, 200.0), shift_s=0.1)
    shifted = np.asarray(augment_sounds(jax.random.key(0), wave, 1000, ranges))
    hits = (shifted > 0.5).sum(axis=1)
    assert hits.min() == 1
    assert len({tuple(np.flatnonzero(row > 0.5)) for row in shifted}) > 4
    silence = np.zeros((1, 100), np.float32)
    assert not np.asarray(augment_sounds(jax.random.key(0), silence, 1000)).any()


def test_masks_hide_whole_bands_and_frames_and_nothing_else():
    mels = np.random.default_rng(0).normal(size=(4, 20, 50)).astype(np.float32)
    masked = np.asarray(mask_mels(jax.random.key(2), mels, bands=5, frames=10, count=1))
    for before, after in zip(mels, masked, strict=True):
        changed = before != after
        bands, frames = changed.all(axis=1), changed.all(axis=0)
        assert bands.sum() <= 5
        assert frames.sum() <= 10
        np.testing.assert_array_equal(changed, bands[:, None] | frames[None, :])
        np.testing.assert_allclose(after[changed], before.mean(), atol=1e-5)
    assert (mels != masked).any()


def test_a_mixture_has_the_labels_of_both_and_weights_of_both():
    batch = a_batch()
    mixed = mixing_key(batch)
    np.testing.assert_allclose(mixed["labels"][0, 0], [1.0, 0.5, 0.0])
    visual = np.asarray(mixed["visual"][0, 0], np.float32)
    weight = (3.0 - visual[0]) / 2.0
    assert 0.3 - 1e-2 <= weight <= 0.7 + 1e-2
    audio = np.asarray(mixed["audio"][0, 0], np.float32)
    np.testing.assert_allclose(audio, 5.0 * weight + 9.0 * (1 - weight), rtol=1e-2)
    np.testing.assert_array_equal(mixed["scene"], [-1, -1])


def test_behind_the_end_of_its_partner_a_clip_is_itself():
    batch = a_batch()
    mixed = mixing_key(batch)
    np.testing.assert_array_equal(mixed["visual"][0, 2:], batch["visual"][0, 2:])
    np.testing.assert_array_equal(mixed["labels"][0, 2:], batch["labels"][0, 2:])
    np.testing.assert_array_equal(mixed["mask"], batch["mask"])
    # The padded frames of the shorter stay as they were, too.
    np.testing.assert_array_equal(mixed["visual"][1, 2:], batch["visual"][1, 2:])


def test_absence_is_known_only_where_it_is_known_of_both():
    known = np.ones((2, 4, 3), bool)
    known[1, :, 0] = False
    known[1, :, 2] = False
    mixed = mixing_key(a_batch(known=known))
    # There in the first, whatever is known of the second; unknown where neither is sure.
    np.testing.assert_array_equal(mixed["known"][0, 0], [True, True, False])
    # Effect 0 is absent in the padding of the labels, present in frames 0 and 1 of the other.
    np.testing.assert_array_equal(mixed["labels"][1, 0], [1.0, 0.5, 0.0])


def test_what_a_longer_partner_holds_later_is_not_claimed_of_the_mixture():
    mixed = mixing_key(a_batch())
    np.testing.assert_array_equal(mixed["clip_labels"], [[1.0, 0.5, 0.0], [0.0, 0.5, 0.0]])
    np.testing.assert_array_equal(mixed["clip_known"], [[True, True, False], [False, True, False]])


def test_a_missing_picture_is_taken_from_the_partner():
    batch = a_batch(
        has_picture=np.array([False, True]),
        visual=np.stack([np.zeros((4, 2)), np.full((4, 2), 3.0)]).astype(np.float16),
    )
    mixed = mixing_key(batch)
    np.testing.assert_array_equal(mixed["visual"][0, :2], np.full((2, 2), 3.0))
    np.testing.assert_array_equal(mixed["visual"][1, :2], np.full((2, 2), 3.0))
    assert mixed["has_picture"].all()


def test_empty_rows_are_never_mixed_in():
    batch = a_batch(is_real=np.array([True, False]))
    for seed in range(10):
        mixed = mix_clips(jax.random.key(seed), batch, probability=1.0)
        for name, rows in batch.items():
            np.testing.assert_array_equal(mixed[name], rows)


def test_probability_nothing_changes_nothing():
    batch = a_batch()
    mixed = mix_clips(jax.random.key(0), batch, probability=0.0)
    for name, rows in batch.items():
        np.testing.assert_array_equal(mixed[name], rows)


def test_everything_is_a_function_of_its_key_and_can_be_compiled():
    clips = a_clip(batch=2, frames=2)
    one, same = (augment_pictures(jax.random.key(5), clips) for _ in range(2))
    other = augment.augment_pictures(jax.random.key(6), clips)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("wrong", [{"zoom": 1.0}, {"shift": -0.1}, {"rotation_deg": -1}])
def test_wrong_ranges_are_refused(wrong):
    with pytest.raises(ValueError, match=f"pictures.{next(iter(wrong))}"):
        PictureRanges(**wrong)
