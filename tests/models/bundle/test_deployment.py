"""Exported programs: read back, they say what the bundle says, for any batch and time."""

import dataclasses
from fractions import Fraction

import jax
import numpy as np
import pytest

from temporal_foley.models.audio.student import load_student
from temporal_foley.models.bundle.deployment import clip_frames, export_clip, export_tagger
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.tagging.taught import TaughtEffects
from temporal_foley.timegrid import TimeGrid
from tests.factories import make_bundle

pytest.importorskip("flatbuffers")
# What another order of sums may change.
TOLERANCE = 1e-5


def bundle(features=1280, audio_features=384):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(features, 1)).astype(np.float16) / 10
    return make_bundle(
        tagger={"visual_features": features, "audio_features": audio_features},
        taught=TaughtEffects(kernel=kernel, bias=np.zeros(1, np.float16)),
    )


def test_the_tagger_is_equal_for_any_batch_and_time():
    own = bundle(12, 6)
    program = export_tagger(own)
    read = jax.export.deserialize(bytearray(program.content))
    assert set(read.platforms) == {"cpu", "cuda", "tpu"}
    rng = np.random.default_rng(1)
    for batch, frames in ((1, 5), (3, 9)):
        visual = rng.random((batch, frames, 12), np.float32)
        audio = rng.normal(size=(batch, frames, 6)).astype(np.float32)
        lengths = np.arange(frames - batch + 1, frames + 1, dtype=np.int32)
        heard = np.arange(batch) % 2 == 0
        found = np.asarray(read.call(visual, audio, np.ones(batch, bool), heard, lengths))
        assert found.shape == (batch, frames, 21)
        for row, length in enumerate(lengths):
            wanted = own.logits(
                visual[row, :length],
                audio[row, :length],
                has_picture=True,
                has_sound=bool(heard[row]),
            )
            np.testing.assert_allclose(found[row, :length], wanted, atol=TOLERANCE)


@pytest.mark.slow
def test_pictures_and_waves_give_what_the_parts_give_one_by_one():
    # A coarse grid: few pictures.
    own = bundle()
    own = dataclasses.replace(
        own, inputs=dataclasses.replace(own.inputs, frame_rate=Fraction(1, 2))
    )
    backbone, listener = load_backbone(), load_student()
    read = jax.export.deserialize(
        bytearray(export_clip(own, backbone, listener, platforms=("cpu",)).content)
    )
    frames = clip_frames(own)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (2, frames, 224, 224, 3), np.uint8)
    waves = rng.normal(size=(2, read.in_avals[1].shape[1])).astype(np.float32) * 0.1
    lengths = np.array([frames, 3], np.int32)
    yes = np.ones(2, bool)
    found = np.asarray(read.call(pictures, waves, yes, yes, lengths))
    for row, length in enumerate(lengths):
        grid = TimeGrid(frame_rate=own.frame_rate, frames=int(length))
        visual = backbone(pictures[row, :length]).features.astype(np.float16)
        audio = listener.frame_embeddings(waves[row], grid).astype(np.float16)
        wanted = own.logits(visual, audio, has_picture=True, has_sound=True)
        # A sum in another order may cross the border of two half-precision numbers.
        np.testing.assert_allclose(found[row, :length], wanted, atol=1e-2)
