from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_pipeline.__main__ import main as run_pipeline
from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.collect import merge_clips
from data_pipeline.annotations.dcase import read_dcase, write_table
from data_pipeline.annotations.records import AnnotatedClip, LabelledEvent
from data_pipeline.annotations.survey import survey
from temporal_foley.errors import OutputExistsError


def main(words):
    return run_pipeline(["annotations", *words])


ROOT = Path(__file__).parents[3]
SHARED = ROOT / "../shared/data/annotations"
AVE = "Bark&abcdefghijk&good&0&4\nFlute&lmnopqrstuv&good&4&4\nFlute&lmnopqrstuv&good&4&6\n"


@pytest.fixture
def ave(tmp_path):
    path = tmp_path / "Annotations.txt"
    path.write_text(AVE)
    return path


def test_the_command_tells_what_was_read_and_why_not_the_rest(ave, capsys):
    assert main(["ave", str(ave)]) == 0
    said = capsys.readouterr().out
    assert "3 rows: 2 read, 1 rejected; 2 clips" in said
    assert "1 row: ends where it begins" in said
    assert f"{ave}, line 2: Flute&lmnopqrstuv&good&4&4" in said


def test_the_command_writes_a_table_of_effects_that_reads_back(ave, tmp_path, capsys):
    out = tmp_path / "out.tsv"
    assert main(["ave", str(ave), "--vocabulary", "foley20", "--out", str(out)]) == 0
    assert "unmapped classes (events): 1\n        1  Flute" in capsys.readouterr().out
    reading = read_dcase(out)
    assert [[e.name for e in clip.events] for clip in reading.clips] == [["dog_barking"], []]
    assert main(["ave", str(ave), "--out", str(out)]) == 3
    assert "--overwrite" in capsys.readouterr().err
    assert main(["ave", str(ave), "--out", str(out), "--overwrite"]) == 0


def test_wrong_words_are_one_line_and_exit_2(capsys):
    assert main(["nonsense", "x"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_missing_file_is_one_line_and_exit_3(tmp_path, capsys):
    for reader in READERS:
        assert main([reader, str(tmp_path / "nowhere")]) == 3
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert "nowhere" in said


def test_every_reader_is_listed(capsys):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in READERS)


def test_every_reader_is_documented():
    page = (ROOT / "docs" / "reference" / "annotations.md").read_text("utf-8")
    assert [name for name in READERS if f"`{name}`" not in page] == []


words = st.text("abé日,/(#'", min_size=1, max_size=6)
times = st.integers(0, 9_000).map(lambda ms: ms / 1000)


@st.composite
def clips(draw):
    events = tuple(
        LabelledEvent(
            name=draw(words),
            onset_s=(onset := draw(times)),
            offset_s=draw(st.none() | st.integers(1, 900).map(lambda ms: onset + ms / 1000)),
            modality=draw(st.sampled_from(["audio", "visual", "both"])),
            strength=draw(st.sampled_from(["frame", "clip"])),
        )
        for _ in range(draw(st.integers(0, 3)))
    )
    start = draw(times)
    return AnnotatedClip(
        source=draw(st.sampled_from("abc")),
        clip=draw(st.sampled_from(["x.mp4", "y.mp4"])),
        start_s=start,
        end_s=draw(st.none() | st.just(start + 10)),
        split=None,
        events=events,
        origin="set",
        licence="CC0, or so",
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(clips(), max_size=5))
def test_a_table_reads_back_to_the_same_clips(tmp_path, clips):
    def plain(clip):
        rounded = {
            (
                e.name,
                round(e.onset_s, 6),
                e.offset_s and round(e.offset_s, 6),
                e.modality,
                e.strength,
            )
            for e in clip.events
        }
        return clip.source, clip.clip, round(clip.start_s, 6), clip.licence, frozenset(rounded)

    path = tmp_path / "t.tsv"
    write_table(path, merge_clips(clips), overwrite=True)
    reading = read_dcase(path)
    assert {plain(clip) for clip in reading.clips} == {plain(c) for c in merge_clips(clips)}
    assert [r for r in reading.rejected if "earlier row" not in r.reason] == []


def test_a_table_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("mine")
    with pytest.raises(OutputExistsError):
        write_table(path, [])
    assert path.read_text() == "mine"


def test_the_survey_speaks_of_every_file(tmp_path):
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / "odd.bin").write_bytes(b"\x00")
    (tmp_path / "Annotations.txt").write_text(AVE)
    found = {row.file: row for row in survey(tmp_path)}
    assert set(found) == {"README.md", "odd.bin", "Annotations.txt"}
    assert (found["Annotations.txt"].read, found["Annotations.txt"].rejected) == (2, 1)
    assert "no reader" in found["odd.bin"].why


# Rows read and rejected of the publishers' files.
REAL = {
    "ave/Annotations.txt": (4142, 1),
    "avvp_llp/AVVP_train.csv": (10000, 0),
    "avvp_llp/AVVP_val_pd.csv": (649, 0),
    "avvp_llp/AVVP_test_pd.csv": (1200, 0),
    "avvp_llp/AVVP_eval_audio.csv": (4107, 24),
    "avvp_llp/AVVP_eval_visual.csv": (2487, 8),
    "vggsound/test.csv": (15446, 0),
    "vggsound_vaura/data/meta/visualsound/visualsound.csv": (91047, 0),
    "vggsound_vaura/data/meta/greatesthit/greatesthit.csv": (28635, 0),
    "audioset/ontology.json": (2868, 0),
    "epic_sounds/EPIC_Sounds_validation.csv": (8035, 0),
    "epic_sounds/sound_events_not_categorised.csv": (38988, 199),
    "vggsound_vaura/data/meta/audioset/audioset.csv": (0, 1),
}


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the publishers' annotation files")
def test_every_real_file_is_read_to_its_last_row():
    found = {row.file: row for row in survey(SHARED)}
    assert {name: (found[name].read, found[name].rejected) for name in REAL} == REAL
    assert not [row.file for row in found.values() if row.kind == "unknown"]
