"""Batches: what is in them, that padding is marked, and that a run resumes where it stood."""

import itertools
from collections import Counter
from fractions import Fraction

import grain
import numpy as np
import orbax.checkpoint as ocp
import pytest

from data_pipeline.features.record import FeatureRecord
from data_pipeline.input.batch_plan import BatchPlan
from data_pipeline.input.loader import InputConfig, make_plan, open_batches
from data_pipeline.schema import EffectEvent
from temporal_foley.effects import load_vocabulary

VOCABULARY = load_vocabulary()
FIRE, RIVER = VOCABULARY.index("fire"), VOCABULARY.index("river")


class Memory:
    """Records of wanted lengths; record i has i + 1 in its features, and frame f adds f / 8."""

    def __init__(self, *frames, **facts):
        self.frames = frames
        self.facts = facts

    def __getitem__(self, index):
        frames = self.frames[index]
        rows = (index + 1 + np.arange(frames) / 8)[:, None].astype(np.float16)
        facts = {
            "has_picture": True,
            "has_sound": True,
            "events": (EffectEvent(effect="fire", onset_s=1.0, offset_s=1.5, modality="sound"),),
            "labelled": ("fire",),
        }
        return FeatureRecord(
            id=str(index),
            source=str(index),
            sha256="",
            frame_rate=Fraction(4),
            times_s=np.arange(frames) / 4,
            visual=np.repeat(rows, 2, axis=1),
            audio=np.repeat(-rows, 3, axis=1),
            **(facts | self.facts),
        )


def batches(records, process=0, processes=1, **settings):
    settings = {"lengths_frames": (4, 8), "batch_size": 2, "threads": 2} | settings
    config = InputConfig(**settings)
    return open_batches(records, VOCABULARY, config, process=process, processes=processes)


def in_order(records, **settings):
    return list(batches(records, is_training=False, **settings))


def test_clips_are_padded_to_the_next_length_and_what_is_real_is_marked():
    short, long = in_order(Memory(3, 6, 4))
    assert short["visual"].shape == (2, 4, 2)
    assert long["visual"].shape == (2, 8, 2)
    np.testing.assert_array_equal(short["record"], [0, 2])
    np.testing.assert_array_equal(short["lengths"], [3, 4])
    np.testing.assert_array_equal(short["mask"], [[1, 1, 1, 0], [1, 1, 1, 1]])
    np.testing.assert_array_equal(short["visual"][0, :, 0], [1, 1.125, 1.25, 0])
    np.testing.assert_array_equal(short["audio"][0, :, 2], [-1, -1.125, -1.25, 0])
    np.testing.assert_array_equal(short["is_real"], [True, True])


def test_rows_that_nothing_fills_are_marked():
    _, long = in_order(Memory(3, 6, 4))
    np.testing.assert_array_equal(long["is_real"], [True, False])
    np.testing.assert_array_equal(long["record"], [1, -1])
    assert long["lengths"][1] == 0
    for name in ("mask", "known", "clip_known", "has_picture", "has_sound", "visual", "labels"):
        assert not long[name][1].any()


def test_labels_stand_in_their_frames_and_only_what_is_known_is_marked():
    (batch,) = in_order(Memory(7, 8))
    np.testing.assert_array_equal(batch["labels"][0, :, FIRE], [0, 0, 0, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(batch["known"][0, :, FIRE], [1] * 7 + [0])
    assert not batch["known"][:, :, RIVER].any()
    assert batch["clip_labels"][0, FIRE] == 1.0
    assert not batch["clip_known"][0, RIVER]


def test_only_what_is_seen_counts_if_asked():
    (batch,) = in_order(Memory(7, 8), labels_of="picture")
    assert not batch["labels"].any()
    assert batch["clip_known"][0, FIRE]


def test_a_missing_modality_is_marked():
    (batch,) = in_order(Memory(8, 8, has_sound=False))
    assert batch["has_picture"].all()
    assert not batch["has_sound"].any()


def test_a_long_clip_is_cut_into_windows_that_hold_every_frame_once():
    (first,) = in_order(Memory(18), batch_size=3, lengths_frames=(8,))
    np.testing.assert_array_equal(first["lengths"], [8, 8, 2])
    seen = np.concatenate([first["visual"][row, :n, 0] for row, n in enumerate([8, 8, 2])])
    np.testing.assert_array_equal(seen, 1 + np.arange(18) / 8)
    np.testing.assert_array_equal(first["labels"][0, :, FIRE], [0, 0, 0, 0, 1, 1, 0, 0])
    # The event is in the first window, and known to be in none of the others.
    np.testing.assert_array_equal(first["clip_labels"][:, FIRE], [1, 0, 0])
    np.testing.assert_array_equal(first["clip_known"][:, FIRE], [True, True, True])
    np.testing.assert_allclose(first["times_s"][1], np.arange(8) / 4)


def test_training_cuts_at_random_places_with_the_labels_of_the_place():
    starts = set()
    for batch in batches(Memory(40), lengths_frames=(8,), batch_size=1, epochs=6):
        start = round((float(batch["visual"][0, 0, 0]) - 1) * 8)
        starts.add(start)
        expected = [float(start + f in (4, 5)) for f in range(8)]
        np.testing.assert_array_equal(batch["labels"][0, :, FIRE], expected)
        assert batch["lengths"][0] == 8
    assert len(starts) > 8


def test_every_epoch_holds_every_clip_once_in_another_order():
    frames = tuple(np.random.default_rng(0).integers(1, 9, 50))
    orders = []
    records = Memory(*frames)
    per_epoch = make_plan(records, InputConfig(lengths_frames=(4, 8), batch_size=4))
    iterator = batches(records, epochs=3, batch_size=4)
    for _ in range(3):
        epoch = list(itertools.islice(iterator, len(per_epoch)))
        seen = np.concatenate([batch["record"] for batch in epoch])
        assert Counter(seen[seen >= 0]) == Counter(range(50))
        orders.append(tuple(seen))
    assert len(set(orders)) == 3
    assert next(iterator, None) is None


def test_a_seed_gives_the_same_batches_whatever_the_threads_and_another_seed_others():
    records = Memory(*range(1, 30))
    one, same, other = (
        [b["record"].tolist() for b in batches(records, seed=seed, threads=threads)]
        for seed, threads in ((1, 1), (1, 4), (2, 4))
    )
    assert one == same
    assert one != other


def test_processes_share_out_the_rows_of_the_same_batches():
    records = Memory(*range(1, 12))
    whole = list(batches(records, batch_size=4))
    parts = [list(batches(records, process=i, processes=2, batch_size=4)) for i in range(2)]
    assert len(parts[0]) == len(parts[1]) == len(whole)
    for all_rows, first, second in zip(whole, *parts, strict=True):
        for name, rows in all_rows.items():
            np.testing.assert_array_equal(rows, np.concatenate([first[name], second[name]]))


def test_a_run_resumes_exactly_from_a_checkpoint(tmp_path):
    records = Memory(*range(1, 40))
    unbroken = batches(records, epochs=2)
    for _ in range(7):
        next(unbroken)
    with ocp.CheckpointManager(tmp_path) as manager:
        place = ocp.args.Composite(input=grain.checkpoint.CheckpointSave(unbroken))
        manager.save(7, args=place)
        manager.wait_until_finished()
    rest = list(unbroken)
    resumed = batches(records, epochs=2)
    next(resumed)
    with ocp.CheckpointManager(tmp_path) as manager:
        place = ocp.args.Composite(input=grain.checkpoint.CheckpointRestore(resumed))
        manager.restore(7, args=place)
    again = list(resumed)
    assert len(again) == len(rest) > 20
    for one, other in zip(rest, again, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_the_digest_of_a_plan_tells_other_data_and_other_settings():
    def digest(*frames, **settings):
        return make_plan(Memory(*frames), InputConfig(**settings)).digest

    base = digest(3, 4)
    assert base == digest(3, 4, threads=1, epochs=9)
    assert len({base, digest(4, 3), digest(3, 4, seed=1), digest(3, 4, batch_size=3)}) == 4


def test_scenes_are_numbered_and_unknown_ones_are_not():
    (batch,) = in_order(Memory(8, 8, scene="bus"), scenes=("airport", "bus"))
    np.testing.assert_array_equal(batch["scene"], [1, 1])
    (batch,) = in_order(Memory(8, 8, scene="moon"), scenes=("airport", "bus"))
    np.testing.assert_array_equal(batch["scene"], [-1, -1])


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"epochs": 0}, {"lengths_frames": ()}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"input.{next(iter(wrong))}"):
        InputConfig(**wrong)


def test_rows_that_do_not_share_out_are_refused():
    with pytest.raises(ValueError, match="multiple of the 2 processes, got 3"):
        batches(Memory(3), batch_size=3, processes=2)


def test_nothing_to_plan_is_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        BatchPlan((), lengths=(4,), batch_size=1, epochs=1, seed=0, is_training=True)
