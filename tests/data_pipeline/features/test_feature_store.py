"""Features on disk: back in order, whole or refused, and never over other things."""

import pytest

from data_pipeline.features.extractor import RejectedItem
from data_pipeline.features.record import FeatureError
from data_pipeline.features.run import ExtractionConfig, make_shard
from data_pipeline.features.store import (
    FeatureStore,
    begin,
    finish,
    read_note,
    rejected_items,
    write_shard,
)
from temporal_foley.errors import MediaError, OutputExistsError
from tests.data_pipeline.features.feature_kit import (
    Memory,
    clip,
    content,
    extracted,
    networks,
    still,
)


def store(folder, examples, per_shard=2):
    source = Memory(tuple(examples))
    config = ExtractionConfig(items_per_shard=per_shard)
    settings = {"of": "test"}
    begin(folder, settings)
    notes = []
    for number in range(-(-len(source) // per_shard)):
        make_shard(source, config, networks(), folder, number)
        name = f"features-{number:05d}-of-{-(-len(source) // per_shard):05d}.array_record"
        notes.append(read_note(folder, name))
    finish(folder, settings, notes)
    return FeatureStore(folder)


def test_a_store_gives_records_back_in_order_and_names_what_was_rejected(tmp_path):
    bad = MediaError("x.mp4: damaged")
    records = store(tmp_path, [still("a"), bad, bad, bad, clip(), still("b")])
    assert [records[i].id for i in range(len(records))] == ["a", "clip", "b"]
    assert records.frames == (1, 6, 1)
    first = next(rejected_items(tmp_path))
    assert first == RejectedItem(item="item 1", reason="x.mp4: damaged")
    records.verify()


def test_a_changed_shard_is_told_and_made_again(tmp_path):
    examples = [still("a"), still("b"), clip()]
    records = store(tmp_path, examples)
    before = content(tmp_path)
    shard = tmp_path / records.shards[0].file
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    shard.write_bytes(damaged)
    with pytest.raises(FeatureError, match="has changed"):
        records.verify()
    store(tmp_path, examples)
    assert content(tmp_path) == before


def test_a_run_that_died_within_a_shard_ends_as_if_it_had_not(tmp_path):
    examples = [still(f"s{i}", 9 * i) for i in range(5)]
    store(tmp_path / "whole", examples)

    def dies():
        yield from extracted(still("s2", 18))
        raise KeyboardInterrupt

    broken = tmp_path / "broken"
    begin(broken, {"of": "test"})
    make_shard(Memory(tuple(examples)), ExtractionConfig(items_per_shard=2), networks(), broken, 0)
    with pytest.raises(KeyboardInterrupt):
        write_shard(broken, "features-00001-of-00003.array_record", dies())
    (broken / "features-00001-of-00003.array_record.77.part").write_bytes(b"half")
    assert read_note(broken, "features-00001-of-00003.array_record") is None
    store(broken, examples)
    assert content(broken) == content(tmp_path / "whole")


def test_a_shard_that_is_there_is_not_made_again(tmp_path):
    store(tmp_path, [still("a"), still("b")])
    raising = Memory((MediaError("must not be read"), MediaError("must not be read")))
    make_shard(raising, ExtractionConfig(items_per_shard=2), networks(), tmp_path, 0)
    assert FeatureStore(tmp_path)[0].id == "a"


def test_features_of_other_settings_are_replaced_only_on_request(tmp_path):
    store(tmp_path, [still("a")])
    with pytest.raises(OutputExistsError, match="--overwrite"):
        begin(tmp_path, {"of": "another"})
    begin(tmp_path, {"of": "another"}, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_a_folder_of_other_things_is_never_touched(tmp_path):
    (tmp_path / "features-of-mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="other content"):
        begin(tmp_path, {"of": "test"}, overwrite=True)
    assert (tmp_path / "features-of-mine.txt").read_text() == "mine"


def test_an_unfinished_store_cannot_be_read(tmp_path):
    begin(tmp_path, {"of": "test"})
    with pytest.raises(FeatureError, match="not finished"):
        FeatureStore(tmp_path)
