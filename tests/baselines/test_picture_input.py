import jax
import numpy as np
import pytest

from baselines.stills.input import (
    PictureInputConfig,
    augment_batch,
    find_pictures,
    open_batches,
    open_stills,
)
from data_pipeline.builders.pictures import encode_picture
from data_pipeline.input.augment import PictureRanges
from data_pipeline.prepare.built import DatasetError
from data_pipeline.schema import EffectEvent, Example, to_example
from temporal_foley.effects import load_vocabulary

VOCABULARY = load_vocabulary()
FIRE, WAVE = VOCABULARY.index("fire"), VOCABULARY.index("wave")


def still(name, *effects, labelled=VOCABULARY.names, grey=0, modality="picture"):
    picture = np.full((24, 32, 3), grey, np.uint8)
    return to_example(
        Example(
            id=name,
            source=name,
            times_s=np.zeros(1),
            pictures=(encode_picture(picture),),
            events=tuple(
                EffectEvent(effect=effect, onset_s=0.0, offset_s=1.0, modality=modality)
                for effect in effects
            ),
            labelled=labelled,
        )
    )


def many(count):
    names = ("fire", "wave")
    return find_pictures(
        [still(f"{i}", names[i % 2], grey=8 * i) for i in range(count)], VOCABULARY
    )


def config(**changes):
    return PictureInputConfig(**{"size_px": 8, "batch_size": 4, "threads": 1} | changes)


def test_a_picture_has_the_class_of_its_one_effect_or_of_none():
    records = [
        still("a", "fire"),
        still("b", "fire", "wave"),
        still("c"),
        still("d", labelled=("fire",)),
        to_example(Example(id="e", source="e", sound=np.zeros(9, np.int16))),
        still("f", "wave", labelled=()),
        still("g", "fire", modality="sound"),
    ]
    found = find_pictures(records, VOCABULARY)
    np.testing.assert_array_equal(found.places, [0, 2, 5, 6])
    np.testing.assert_array_equal(found.classes, [FIRE, 20, WAVE, 20])
    assert found.names[-1] == "other"
    assert found.left_out == {
        "shows several effects": 1,
        "may show an effect": 1,
        "no still picture": 1,
    }
    without = find_pictures(records, VOCABULARY, has_other=False)
    np.testing.assert_array_equal(without.classes, [FIRE, WAVE])
    assert without.names == VOCABULARY.names
    assert without.left_out["shows no effect"] == 2


def test_an_epoch_holds_every_picture_once_and_marks_empty_rows():
    pictures = many(10)
    batches = list(open_batches(pictures, config(epochs=2)))
    assert len(batches) == 6
    for epoch in (batches[:3], batches[3:]):
        seen = np.concatenate([b["picture"][b["is_real"]] for b in epoch])
        np.testing.assert_array_equal(np.sort(seen), np.arange(10))
    for batch in batches:
        assert batch["images"].shape == (4, 8, 8, 3)
        assert not batch["images"][~batch["is_real"]].any()
        for row in np.flatnonzero(batch["is_real"]):
            number = batch["picture"][row]
            assert batch["classes"][row] == pictures.classes[number]
            # Through JPEG and back.
            assert abs(int(batch["images"][row].mean()) - 8 * number) <= 2


def test_pictures_come_in_order_where_nothing_is_trained():
    (first, *_) = open_batches(many(10), config(is_training=False))
    np.testing.assert_array_equal(first["picture"], [0, 1, 2, 3])


def test_a_run_goes_on_exactly_where_it_was():
    pictures = many(10)
    unbroken = open_batches(pictures, config(epochs=3))
    for _ in range(4):
        next(unbroken)
    place = unbroken.get_state()
    rest = list(unbroken)
    resumed = open_batches(pictures, config(epochs=3))
    resumed.set_state(place)
    by_number = open_batches(pictures, config(epochs=3), first=4)
    for again in (list(resumed), list(by_number)):
        assert len(again) == len(rest) == 5
        for one, other in zip(rest, again, strict=True):
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])


def test_augmentation_changes_each_picture_by_itself():
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 255, (1, 9, 9, 3), np.uint8), 3, axis=0)
    key = jax.random.key(0)
    none = PictureRanges(rotation_deg=0, shift=0, shear=0, zoom=0, channel_shift=0, flips=False)
    np.testing.assert_array_equal(augment_batch(key, images, none), images)
    changed = np.asarray(augment_batch(key, images))
    assert changed.shape == images.shape
    assert (changed[0] != changed[1]).any()
    np.testing.assert_array_equal(changed, augment_batch(key, images))


def test_a_folder_without_dataset_is_named(tmp_path):
    with pytest.raises(DatasetError, match="contains no finished dataset"):
        open_stills(tmp_path, "train", VOCABULARY)


@pytest.mark.parametrize(
    "wrong", [{"size_px": 0}, {"batch_size": 0}, {"aspect": "native"}, {"aspect": "round"}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"pictures.{next(iter(wrong))}"):
        PictureInputConfig(**wrong)
