"""Where features come from: built datasets, and media with what is labelled in them."""

import hashlib

import numpy as np
import pytest
import soundfile

from data_pipeline.annotations.records import LabelledEvent
from data_pipeline.features.extractor import extract
from data_pipeline.features.record import record_to_bytes
from data_pipeline.features.source import DatasetSource
from data_pipeline.schema import EffectEvent
from temporal_foley.errors import UsageError
from tests.data_pipeline.features.feature_kit import (
    RATE,
    Small,
    clip,
    extracted,
    labelled,
    media,
    networks,
)


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
