"""Parts of plain pictures are embedded on the way, in batches, and pictures pass unchanged."""

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.models.closer_look import PARTS, CloserLook, enlarged_parts, is_plain
from temporal_foley.models.detector import BATCH_FRAMES
from temporal_foley.models.imagenet_classes import load_class_tree
from temporal_foley.models.zero_shot import (
    FAR_AWAY,
    LEAST_SEEN,
    MOST_SEEN,
    PRIOR_LOG_ODDS,
    closer_evidence,
    zero_shot_log_odds,
)

EVERYDAY = load_vocabulary("everyday")
AIRLINER = load_class_tree().classes["n02690373"][0]


def sky(level=200, size=224):
    return np.full((size, size, 3), level, np.uint8)


def street(seed=0, size=224):
    return np.random.default_rng(seed).integers(0, 255, (size, size, 3), np.uint8)


def embedded(calls):
    """What computes features: the mean of a picture, and how many pictures came at a time."""

    def embed(images):
        calls.append(len(images))
        return np.array([[image.mean()] for image in images], np.float16)

    return embed


def test_a_sky_is_plain_with_a_small_thing_in_it_and_a_street_is_not():
    assert is_plain(sky())
    with_plane = sky()
    with_plane[100:108, 60:90] = 30
    assert is_plain(with_plane)
    assert not is_plain(street())
    half = sky()
    half[112:] = street()[112:]
    assert not is_plain(half)


@pytest.mark.parametrize("size", [224, 15])
def test_parts_are_the_quarters_and_the_middle_as_large_as_the_picture(size):
    image = sky(0, size)
    image[: size // 2, : size // 2] = 255
    parts = enlarged_parts(image)
    assert len(parts) == PARTS
    assert {part.shape for part in parts} == {image.shape}
    assert parts[0].mean() > 180
    assert max(part.mean() for part in parts[1:4]) < 35
    assert 30 < parts[4].mean() < 100


def test_pictures_pass_unchanged_and_plain_ones_are_looked_at_every_so_often():
    calls = []
    closer = CloserLook(embedded(calls), every=3)
    given = [sky(n) if n != 6 else street() for n in range(10)]
    passed = list(closer.watch(given))
    assert all(one is other for one, other in zip(passed, given, strict=True))
    found = closer.found()
    assert found is not None
    assert found.frames.tolist() == [0, 3, 9]
    assert found.features.shape == (3, PARTS, 1)
    np.testing.assert_allclose(found.features[:, 0, 0], [0, 3, 9])
    assert sum(calls) == 3 * PARTS


def test_parts_are_embedded_in_whole_batches_while_pictures_come():
    calls = []
    closer = CloserLook(embedded(calls), every=1)
    pictures = closer.watch(sky() for _ in range(40))
    for _ in range(20):
        next(pictures)
    assert calls == [BATCH_FRAMES] * (20 * PARTS // BATCH_FRAMES)
    assert len(list(pictures)) == 20
    assert sum(calls) == 40 * PARTS
    assert set(calls[:-1]) == {BATCH_FRAMES}


def test_without_a_plain_picture_there_is_nothing():
    closer = CloserLook(embedded([]), every=1)
    list(closer.watch([street(n) for n in range(3)]))
    assert closer.found() is None
    empty = CloserLook(embedded([]), every=1)
    assert list(empty.watch([])) == []
    assert empty.found() is None


def test_the_best_part_counts_for_what_flies_and_for_nothing_else():
    logits = np.zeros((2, PARTS, 1000), np.float32)
    logits[1, 3, AIRLINER] = 20.0
    evidence = closer_evidence(logits, EVERYDAY)
    column = EVERYDAY.index("aeroplane")
    np.testing.assert_allclose(evidence[1, column], MOST_SEEN)
    assert evidence[0, column] < 1.0
    others = [n for n, name in enumerate(EVERYDAY.names) if name not in FAR_AWAY]
    assert np.isnan(evidence[:, others]).all()


def test_parts_only_raise_what_the_whole_picture_says():
    whole = np.zeros((2, 1000), np.float32)
    whole[0, AIRLINER] = 20.0
    column = EVERYDAY.index("aeroplane")
    plain = zero_shot_log_odds(whole, None, EVERYDAY)
    closer = np.full((2, len(EVERYDAY)), np.nan)
    closer[:, column] = (LEAST_SEEN, 3.0)
    found = zero_shot_log_odds(whole, None, EVERYDAY, closer=closer)
    np.testing.assert_allclose(found[0], plain[0])
    np.testing.assert_allclose(found[1, column], PRIOR_LOG_ODDS + 3.0)
    np.testing.assert_array_equal(np.delete(found, column, 1), np.delete(plain, column, 1))
