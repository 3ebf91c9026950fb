import numpy as np
import pytest

from data_pipeline.schema import (
    EffectEvent,
    Example,
    features,
    frame_labels,
    from_example,
    to_example,
)
from temporal_foley.effects import load_vocabulary
from temporal_foley.timegrid import TimeGrid, as_fraction

VOCABULARY = load_vocabulary()
GRID = TimeGrid(frame_rate=as_fraction(4), frames=8)


def _event(effect="fire", onset_s=0.3, offset_s=1.1, **more):
    return EffectEvent(effect=effect, onset_s=onset_s, offset_s=offset_s, **more)


def _example(*events, **more):
    return Example(
        **{
            "id": "a",
            "source": "s",
            "frame_rate": 4.0,
            "times_s": np.arange(8) / 4,
            "pictures": (b"\xff\x00\xd8",) * 8,
            "events": events,
            **more,
        }
    )


def _same(a: Example, b: Example) -> bool:
    left, right = to_example(a), to_example(b)
    return all(np.array_equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize(
    "example",
    [
        _example(_event(), _event("wave", modality="sound", confidence=0.25, strength="clip")),
        Example(id="nothing, é", source="s", sound=np.array([1, -(2**15), 2**15 - 1], np.int16)),
        _example(labelled=("fire", "wave"), scene="metro", licence="CC0", origin="o"),
    ],
)
def test_an_example_survives_being_written_and_read(example):
    schema = features()
    record = schema.deserialize_example_np(schema.serialize_example(to_example(example)))
    assert _same(from_example(record), example)
    assert _same(from_example(to_example(example)), example)


def test_times_come_back_to_the_frame_that_they_were_in():
    events = [_event(onset_s=i / 10, offset_s=(i + 1) / 10) for i in range(200)]
    schema = features()
    written = schema.serialize_example(to_example(_example(*events, frame_rate=30000 / 1001)))
    read = from_example(schema.deserialize_example_np(written))
    assert read.events == tuple(events)
    assert read.frame_rate == 30000 / 1001


def test_an_event_marks_every_frame_that_it_touches():
    found = frame_labels(_example(_event(), labelled=("fire",)), VOCABULARY, GRID)
    fire = VOCABULARY.index("fire")
    assert found.labels[:, fire].tolist() == [0, 1, 1, 1, 1, 0, 0, 0]
    assert found.known[:, fire].all()
    assert found.clip_labels[fire] == 1
    assert found.labels.sum() == 4


def test_of_effects_that_are_not_labelled_absence_is_unknown():
    found = frame_labels(_example(_event()), VOCABULARY, GRID)
    fire, wave = VOCABULARY.index("fire"), VOCABULARY.index("wave")
    assert found.known[:, fire].tolist() == [False, True, True, True, True, False, False, False]
    assert not found.known[:, wave].any()
    assert found.clip_known[fire]
    assert not found.clip_known[wave]


def test_an_event_somewhere_in_a_clip_tells_of_no_frame():
    weak = _event(onset_s=0.0, offset_s=2.0, strength="clip")
    fire = VOCABULARY.index("fire")
    found = frame_labels(_example(weak, labelled=VOCABULARY.names), VOCABULARY, GRID)
    assert not found.known[:, fire].any()
    assert found.clip_labels[fire] == 1
    assert found.known[:, VOCABULARY.index("wave")].all()
    both = frame_labels(_example(_event(), weak), VOCABULARY, GRID)
    assert both.known[:, fire].tolist() == [False, True, True, True, True, False, False, False]


def test_what_is_only_heard_is_absent_from_the_picture():
    example = _example(_event(modality="sound"), labelled=("fire",))
    fire = VOCABULARY.index("fire")
    assert frame_labels(example, VOCABULARY, GRID, "picture").labels[:, fire].sum() == 0
    assert frame_labels(example, VOCABULARY, GRID, "sound").labels[:, fire].sum() == 4
    assert frame_labels(example, VOCABULARY, GRID, "picture").known[:, fire].all()


def test_a_still_shows_what_it_shows_in_every_frame():
    still = _example(
        _event(onset_s=0.0, offset_s=1.0),
        frame_rate=0.0,
        times_s=np.zeros(1),
        pictures=(b"x",),
    )
    assert frame_labels(still, VOCABULARY, GRID).labels[:, VOCABULARY.index("fire")].all()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"times_s": np.zeros(3)}, "times_s"),
        ({"times_s": np.arange(8)[::-1] / 4}, "times_s"),
        ({"sound": np.zeros(4, np.float32)}, "sound"),
        ({"id": ""}, "id"),
    ],
)
def test_an_example_that_cannot_be_is_refused(change, field):
    with pytest.raises(ValueError, match=field):
        _example(**change)


def test_an_event_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="onset"):
        _event(onset_s=2.0, offset_s=1.0)
    with pytest.raises(ValueError, match="modality"):
        _event(modality="smell")
    with pytest.raises(ValueError, match="confidence"):
        _event(confidence=0.0)


def test_a_record_without_a_field_is_refused_by_its_name():
    record = to_example(_example())
    del record["licence"]
    with pytest.raises(ValueError, match="licence"):
        from_example(record)
