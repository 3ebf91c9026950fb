"""Extraction: what is in a record, and what is rejected."""

import dataclasses

import numpy as np
import pytest

from data_pipeline.features.extractor import BATCH, RejectedItem
from data_pipeline.features.record import (
    FeatureError,
    FeatureRecord,
    record_from_bytes,
    record_labels,
    record_to_bytes,
)
from data_pipeline.schema import Example
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import MediaError
from tests.data_pipeline.features.feature_kit import clip, extracted, still


def test_each_grid_frame_shows_the_last_picture_that_began_by_then():
    (record,) = extracted(clip())
    np.testing.assert_allclose(record.visual[:, 0], [10, 10, 50, 50, 90, 90], atol=2)
    np.testing.assert_allclose(record.times_s, [0, 0, 0.5, 0.5, 1, 1])
    assert record.has_picture
    assert not record.has_sound
    assert not record.audio.any()
    assert (record.licence, record.source) == ("CC0", "video")


def test_sound_is_on_the_same_grid_and_may_outlast_the_picture():
    (record,) = extracted(clip(sound_s=2.25))
    assert record.frames == 9
    assert record.has_sound
    np.testing.assert_allclose(record.audio[:, 0], 0.5)
    np.testing.assert_allclose(record.visual[-3:, 0], 90, atol=2)


def test_a_still_has_one_frame_that_knows_what_it_shows():
    (record,) = extracted(still("a"))
    assert record.is_still
    assert record.frames == 1
    vocabulary = load_vocabulary()
    known = record_labels(record, vocabulary)
    assert known.labels[0, vocabulary.index("fire")] == 1.0
    assert known.known[0, vocabulary.index("river")]
    assert not known.known[0, vocabulary.index("wave")]
    heard = record_labels(record, vocabulary, modality="sound")
    assert heard.labels.max() == 0.0


def test_labels_are_those_of_the_grid():
    (record,) = extracted(clip())
    vocabulary = load_vocabulary()
    fire = record_labels(record, vocabulary).labels[:, vocabulary.index("fire")]
    np.testing.assert_array_equal(fire, [0, 0, 1, 1, 0, 0])


def test_pictures_of_neighbouring_items_share_batches_and_repeated_ones_are_seen_once():
    looks = []
    records = extracted(*[still(f"s{i}", 7 * i) for i in range(20)], clip(), looks=looks)
    assert looks == [BATCH, 20 + 3 - BATCH]
    levels = [float(record.visual[0, 0]) for record in records[:20]]
    np.testing.assert_allclose(levels, 7 * np.arange(20), atol=2)
    assert [record.id for record in records] == [*[f"s{i}" for i in range(20)], "clip"]


def test_bad_items_are_told_with_a_reason_and_do_not_stop_the_others():
    broken = dataclasses.replace(clip("broken"), pictures=(*clip().pictures[:2], b"no picture"))
    results = extracted(still("a"), MediaError("gone.mp4: no such file"), broken, still("b"))
    assert [type(result) for result in results] == [
        FeatureRecord,
        RejectedItem,
        RejectedItem,
        FeatureRecord,
    ]
    assert results[1] == RejectedItem(item="item 1", reason="gone.mp4: no such file")
    assert results[2].item == "broken"
    assert "picture 2" in results[2].reason


def test_an_example_of_nothing_is_rejected():
    (result,) = extracted(Example(id="empty", source="empty"))
    assert result == RejectedItem(item="empty", reason="has neither picture nor sound")


def test_a_record_survives_its_bytes_and_equal_records_have_equal_bytes():
    (record,) = extracted(clip(sound_s=1.0))
    encoded = record_to_bytes(record)
    again = record_from_bytes(encoded)
    assert record_to_bytes(again) == encoded
    for field in dataclasses.fields(FeatureRecord):
        one, other = getattr(record, field.name), getattr(again, field.name)
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def test_an_absent_modality_takes_no_room():
    (record,) = extracted(still("a"))
    again = record_from_bytes(record_to_bytes(record))
    assert b'"audio"' not in record_to_bytes(record)[:400]
    assert again.audio.shape == (1, 3)


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b"x" + b, lambda b: b""])
def test_damaged_bytes_are_refused(damage):
    (record,) = extracted(still("a"))
    with pytest.raises(FeatureError, match="extract them again"):
        record_from_bytes(damage(record_to_bytes(record)))


def test_the_source_hash_is_that_of_pictures_and_sound():
    one, same, other = extracted(clip("a"), clip("b"), clip("c", levels=(10, 50, 91)))
    assert one.sha256 == same.sha256 != other.sha256
