"""Pictures in shades of one colour: they keep all but their colours."""

import dataclasses
from fractions import Fraction

import numpy as np

from data_pipeline.builders.pictures import encode_picture
from data_pipeline.features.extractor import extract
from data_pipeline.features.toned import tone
from tests.data_pipeline.features.feature_kit import Memory, networks, still


def test_a_toned_picture_has_one_hue_and_keeps_its_shades():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 200, (40, 40, 3), dtype=np.uint8)
    toned = tone(picture, "a").astype(float)
    grey = picture @ np.array([0.299, 0.587, 0.114])
    for channel in range(3):
        gain = toned[..., channel].sum() / grey.sum()
        np.testing.assert_allclose(toned[..., channel], gain * grey, atol=1.0)


def test_the_tone_depends_on_the_name_alone():
    picture = np.full((4, 4, 3), 120, np.uint8)
    assert (tone(picture, "a") == tone(picture, "a")).all()
    tones = {tuple(tone(picture, str(n))[0, 0]) for n in range(30)}
    assert len(tones) > 20
    assert {red > blue for red, _, blue in tones} == {True, False}


def test_features_are_toned_where_asked():
    red = np.zeros((32, 32, 3), np.uint8) + np.array([200, 40, 40], np.uint8)
    source = Memory((dataclasses.replace(still("a"), pictures=(encode_picture(red),)),))
    seen = []

    def look(images):
        seen.append(images[0, 0, 0].astype(int))
        return np.zeros((len(images), 5))

    for toned in (False, True):
        senses = dataclasses.replace(networks(), toned=toned, look=look)
        assert next(iter(extract(source, [0], Fraction(4), senses))).has_picture
    kept, toned = seen
    assert kept[0] - kept[1] > 150
    assert abs(toned[0] - toned[1]) < 50
