"""Damaged input of every parser is refused in one line, or read."""

import shutil

import pytest

from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.dcase import read_dcase
from temporal_foley.edits import read_otio
from temporal_foley.edits.import_session import read_session
from temporal_foley.errors import FoleyError
from tests.campaigns.fuzz import came_of, run
from tests.campaigns.parsers import ONTOLOGY, PUBLISHED, TARGETS, seeds


def test_whole_seeds_are_read(tmp_path):
    # Or told: that of Keras lacks most layers.
    assert not [t for t in TARGETS for seed in seeds()[t] if came_of(t, seed, tmp_path)]


def test_damaged_seeds_are_refused_or_read(tmp_path):
    assert not run(range(16 * len(TARGETS)), 0, tmp_path).failures


@pytest.mark.parametrize(
    ("target", "old", "new", "said"),
    [
        ("annotations", b"\tevent_label\n", b"\n", "must name the column event_label"),
        ("otio", b'"target_url"', b'"target_urn"', "is no OpenTimelineIO file"),
    ],
)
def test_what_fuzzing_found_is_told(tmp_path, target, old, new, said):
    content = next(seed for seed in seeds()[target] if old in seed)
    with pytest.raises(FoleyError, match=said):
        TARGETS[target](content.replace(old, new), tmp_path)


def test_a_column_that_a_table_lacks_is_told(tmp_path):
    path = tmp_path / "audioset_train_strong.tsv"
    path.write_text("start_time_seconds\tend_time_seconds\tlabel\n0.0\t1.5\t/m/09x0r\n")
    with pytest.raises(FoleyError, match=r"strong.tsv: must name the column segment_id"):
        READERS["audioset"].read(path)


def test_a_table_in_utf_16_that_breaks_off_is_read_as_far_as_it_goes(tmp_path):
    rows = "filename\tonset\toffset\tevent_label\na.mp4\t0.5\t1.5\tfire\n"
    path = tmp_path / "events.tsv"
    path.write_bytes(rows.encode("utf-16") + b"\n")
    assert read_dcase(path).clips[0].clip == "a.mp4"


def test_a_damaged_file_of_keras_is_told(tmp_path):
    content = seeds()["keras"][0]
    for place in range(0, len(content), 40):
        damaged = content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :]
        assert not came_of("keras", damaged, tmp_path)


def test_annotations_of_every_form_are_understood_whole(tmp_path):
    for reader, name, text in PUBLISHED:
        folder = tmp_path / f"{reader} {name}"
        folder.mkdir()
        (folder / "ontology.json").write_text(ONTOLOGY)
        (folder / name).write_text(text)
        reading = READERS[reader].read(folder / name)
        assert (bool(reading.clips), reading.rejected) == (True, ()), name


def test_a_timeline_that_kills_its_reader_is_refused_by_import(tmp_path, monkeypatch):
    text = next(iter(seeds()["otio"])).replace(b'"Clip.2"', b'"Clip.1"', 1)
    (tmp_path / "a.otio").write_bytes(text)
    with pytest.raises(FoleyError, match=r"a\.otio: is no OpenTimelineIO file"):
        read_session(tmp_path / "a.otio")
    # The same where nothing knows what it dies of.
    monkeypatch.setattr(read_otio.sys, "executable", shutil.which("false"))
    (tmp_path / "b.otio").write_bytes(seeds()["otio"][0])
    with pytest.raises(FoleyError, match="crashes its reader"):
        read_session(tmp_path / "b.otio")
