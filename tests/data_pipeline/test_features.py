"""Feature extraction: what is in a record, what is rejected, and the same bytes from any run."""

import dataclasses
import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds

from data_pipeline import schema
from data_pipeline.annotations.records import AnnotatedClip, LabelledEvent
from data_pipeline.builders.pictures import encode_picture
from data_pipeline.feature_extractor import BATCH, Networks, Rejected, extract
from data_pipeline.feature_record import (
    FeatureError,
    FeatureRecord,
    record_from_bytes,
    record_labels,
    record_to_bytes,
)
from data_pipeline.feature_source import DatasetSource, MediaSource, example_material
from data_pipeline.feature_store import (
    FeatureStore,
    begin,
    finish,
    read_note,
    rejected_items,
    write_shard,
)
from data_pipeline.feature_workers import ExtractionConfig, make_shard
from data_pipeline.features import extract_features, extract_in_process, main
from data_pipeline.schema import EffectEvent, Example
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError, MediaError, OutputExistsError, UsageError

ROOT = Path(__file__).parents[2]
TEACHER = ROOT / "../shared/weights/efficientat_mn04/mn04_as_mAP_432.pt"
RATE = Fraction(4)


def grey(level):
    return np.full((32, 32, 3), level, np.uint8)


def networks(looks=None):
    """Look at pictures by their mean, and listen by the loudest sample of each frame."""

    def look(images):
        if looks is not None:
            looks.append(len(images))
        return np.repeat(images.mean(axis=(1, 2, 3))[:, None], 5, axis=1)

    def listen(sound, grid):
        wave = sound if isinstance(sound, np.ndarray) else np.concatenate([*sound, np.zeros(1)])
        step = int(32_000 / grid.frame_rate)
        wave = np.pad(wave, (0, grid.frames * step))[: grid.frames * step]
        return np.repeat(np.abs(wave.reshape(grid.frames, step)).max(axis=1)[:, None], 3, axis=1)

    return Networks(
        prepare=lambda image: image,
        look=look,
        listen=listen,
        visual_features=5,
        audio_features=3,
        sha256={"backbone": "b", "teacher": "t"},
    )


@dataclasses.dataclass(frozen=True)
class Memory:
    """A source of examples in memory; an exception in their place is raised."""

    examples: tuple

    digest = "memory"

    def __len__(self):
        return len(self.examples)

    def name(self, index):
        return f"item {index}"

    def load(self, index, frame_rate):
        if isinstance(self.examples[index], Exception):
            raise self.examples[index]
        return example_material(self.examples[index], frame_rate)


def still(name, level=100):
    return Example(
        id=name,
        source=name,
        times_s=np.zeros(1),
        pictures=(encode_picture(grey(level)),),
        events=(EffectEvent(effect="fire", onset_s=0.0, offset_s=1.0, modality="picture"),),
        labelled=("fire", "river"),
    )


def clip(name="clip", levels=(10, 50, 90), rate=2.0, sound_s=0.0):
    return Example(
        id=name,
        source="video",
        licence="CC0",
        frame_rate=rate,
        times_s=np.arange(len(levels)) / rate,
        pictures=tuple(encode_picture(grey(level)) for level in levels),
        sound=np.full(int(sound_s * 32_000), 16_384, np.int16),
        events=(EffectEvent(effect="fire", onset_s=0.6, offset_s=1.0),),
        labelled=("fire",),
    )


def extracted(*examples, looks=None):
    return list(extract(Memory(examples), range(len(examples)), RATE, networks(looks)))


def content(folder):
    """Hash all that a run left behind, names included."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


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
        Rejected,
        Rejected,
        FeatureRecord,
    ]
    assert results[1] == Rejected(item="item 1", reason="gone.mp4: no such file")
    assert results[2].item == "broken"
    assert "picture 2" in results[2].reason


def test_an_example_of_nothing_is_rejected():
    (result,) = extracted(Example(id="empty", source="empty"))
    assert result == Rejected(item="empty", reason="holds neither picture nor sound")


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
    assert first == Rejected(item="item 1", reason="x.mp4: damaged")
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
    with pytest.raises(OutputExistsError, match="other things"):
        begin(tmp_path, {"of": "test"}, overwrite=True)
    assert (tmp_path / "features-of-mine.txt").read_text() == "mine"


def test_an_unfinished_store_cannot_be_read(tmp_path):
    begin(tmp_path, {"of": "test"})
    with pytest.raises(FeatureError, match="not finished"):
        FeatureStore(tmp_path)


def media(folder, *clips):
    return MediaSource(str(folder), clips, ("fire",))


class Small(tfds.core.GeneratorBasedBuilder):
    """Write two examples as the builders of the package do."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(features=schema.features())

    def _split_generators(self, dl_manager):
        examples = [clip(sound_s=1.0), still("a")]
        return {"train": ((example.id, schema.to_example(example)) for example in examples)}

    def _generate_examples(self):
        raise NotImplementedError


def test_a_built_dataset_is_a_source(tmp_path):
    builder = Small(data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare()
    source = DatasetSource(str(builder.data_path), "train")
    records = {record.id: record for record in extract(source, range(2), RATE, networks())}
    (expected,) = extracted(clip(sound_s=1.0))
    assert record_to_bytes(records["clip"]) == record_to_bytes(expected)
    assert records["a"].is_still
    assert source.digest == DatasetSource(str(builder.data_path), "train").digest
    with pytest.raises(UsageError, match="there are: train"):
        len(DatasetSource(str(builder.data_path), "test"))


def labelled(name, source=None, start_s=0.0, end_s=None, events=()):
    return AnnotatedClip(
        source=source or name, clip=name, start_s=start_s, end_s=end_s, events=events
    )


def test_a_clip_is_cut_out_of_its_video(tmp_path, make_clip, clips):
    make_clip(
        tmp_path / "film.mkv",
        seconds=3.0,
        rate=8,
        audio=clips.impulses(3.0, [1.6], channels=1),
    )
    fire = LabelledEvent(name="fire", onset_s=0.25, offset_s=0.5, modality="visual")
    source = media(tmp_path, labelled("film_1", "film", 1.0, 2.5, (fire,)))
    material = source.load(0, RATE)
    pictures = list(material.pictures(lambda image: image))
    # Bar 0 says the number of the picture, 8 a second.
    assert [clips.read_number(image) for _, image in pictures] == [8, 10, 12, 14, 16, 18]
    np.testing.assert_allclose([time for time, _ in pictures], np.arange(6) / 4, atol=1e-3)
    heard = np.concatenate(list(material.sound()))
    assert np.abs(heard).argmax() / 32_000 == pytest.approx(0.6, abs=0.002)
    assert material.facts.events == (
        EffectEvent(effect="fire", onset_s=0.25, offset_s=0.5, modality="picture"),
    )
    assert material.sha256 == hashlib.sha256((tmp_path / "film.mkv").read_bytes()).hexdigest()


def test_a_sound_file_becomes_a_record_without_picture(tmp_path):
    soundfile.write(tmp_path / "bang.wav", np.full((16_000, 2), 0.25), 16_000)
    source = media(tmp_path, labelled("bang.wav"))
    (record,) = extract(source, [0], RATE, networks())
    assert (record.frames, record.has_picture, record.has_sound) == (4, False, True)
    assert not record.visual.any()
    np.testing.assert_allclose(record.times_s, [0, 0.25, 0.5, 0.75])


def test_missing_broken_and_outside_files_are_rejected_without_naming_the_machine(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    (tmp_path / "outside.wav").write_bytes(b"")
    (folder / "noise.mp4").write_bytes(b"\x00" * 100)
    names = ("gone", "noise.mp4", "../outside.wav")
    source = media(folder, *[labelled(name) for name in names])
    results = list(extract(source, range(3), RATE, networks()))
    assert [result.item for result in results] == list(names)
    assert not any(str(tmp_path) in result.reason for result in results)
    assert "outside" in results[2].reason


def test_nothing_to_do_is_said_in_one_line(tmp_path, capsys):
    with pytest.raises(UsageError, match="nothing to extract"):
        extract_in_process(Memory(()), tmp_path / "out", ExtractionConfig())
    words = ["media", str(tmp_path / "none"), "--events", "x.tsv", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_misspelt_word_is_told_and_not_handed_to_beam(tmp_path, capsys):
    words = ["dataset", str(tmp_path), "--out", str(tmp_path / "out"), "--overwite"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "--overwite" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [{"frame_rate": Fraction(0)}, {"items_per_shard": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ExtractionConfig(**wrong)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory, make_clip, clips):
    """Make a folder of small media, among them a broken one, and what is labelled in them."""
    if not TEACHER.is_file():
        pytest.skip("the audio network's weights are not beside the repository")
    folder = tmp_path_factory.mktemp("media")
    for number in range(5):
        audio = clips.tone(1.0, hz=300.0 * (number + 1)) if number % 2 else None
        make_clip(folder / f"v{number}.mp4", seconds=1.0, rate=10 + number, audio=audio)
    soundfile.write(folder / "s.wav", clips.tone(1.5), 48_000)
    (folder / "broken.mp4").write_bytes(b"not a video")
    names = [*[f"v{i}.mp4" for i in range(5)], "broken.mp4", "s.wav"]
    rows = [f"{name}\t0.25\t0.75\tfire\n" for name in names]
    (folder / "events.tsv").write_text("filename\tonset\toffset\tevent_label\n" + "".join(rows))
    config = ExtractionConfig(teacher_weights=TEACHER.resolve(), items_per_shard=2)
    source = media(folder, *[labelled(name) for name in names])
    plain = tmp_path_factory.mktemp("plain") / "features"
    extract_in_process(source, plain, config)
    return source, config, plain


@pytest.mark.slow
def test_two_beam_workers_make_the_same_bytes_as_a_plain_loop(small_set, tmp_path):
    source, config, plain = small_set
    made = extract_features(source, tmp_path / "beam", config, workers=2)
    assert content(tmp_path / "beam") == content(plain)
    assert len(made) == 6
    assert [item.item for item in rejected_items(tmp_path / "beam")] == ["broken.mp4"]
    assert made[0].visual.shape == (4, 1280)
    assert made[1].audio.shape == (4, 384)


@pytest.mark.slow
def test_a_failing_worker_is_told_in_one_line_and_what_was_made_stays(small_set, tmp_path):
    source, config, plain = small_set
    out = tmp_path / "beam"
    begin(out, json.loads((plain / "settings.json").read_text()))
    # A folder where a shard belongs: that shard cannot be put in place.
    blocked = out / sorted(plain.glob("*.array_record"))[-1].name
    (blocked / "in the way").mkdir(parents=True)
    with pytest.raises(FoleyError, match="run it again") as failed:
        extract_features(source, out, config, workers=1)
    assert "\n" not in str(failed.value)
    shutil.rmtree(blocked)
    extract_in_process(source, out, config)
    assert content(out) == content(plain)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_killed_run_goes_on_to_the_same_bytes_and_leaves_no_process(small_set, tmp_path):
    source, config, plain = small_set
    out = tmp_path / "killed"
    code = (
        "import sys, pickle\n"
        "from pathlib import Path\n"
        "from data_pipeline.features import extract_features\n"
        "source, config, out = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "extract_features(source, out, config, workers=2)\n"
    )
    words = pickle.dumps((source, config, out)).hex()
    run = subprocess.Popen(
        [sys.executable, "-c", code, words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(1200):
            if list(out.glob("*.json")) and list(out.glob("features-*")):
                break
            assert run.poll() is None
            time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    for _ in range(400):
        try:
            os.killpg(run.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        os.killpg(run.pid, signal.SIGKILL)
        raise AssertionError("workers outlive the run")
    assert not (out / "manifest.json").exists()
    extract_in_process(source, out, config)
    assert content(out) == content(plain)
