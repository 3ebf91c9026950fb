"""From a cue list on disk to sessions, stems and lists: whole, or not at all."""

import dataclasses
import re

import numpy as np
import pytest
import soundfile

from temporal_foley.cli.main import main
from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.edits.import_session import import_edits
from temporal_foley.edits.read_reaper import read_reaper
from temporal_foley.errors import CueListError, OutputExistsError, UsageError
from temporal_foley.session.build_session import MONO_DB
from temporal_foley.session.export import (
    ExportSettings,
    export_cues,
    missing_formats,
)
from temporal_foley.sound.signal.distance import REACH, distance_lowpass
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import Asset, Provenance
from tests.factories import make_cue, make_timeline, source_of, write_cue_list


@pytest.fixture(scope="module")
def cues(tmp_path_factory, make_clip):
    """A clip of two seconds with a drop and a rejected one, as `generate` would leave them."""
    folder = tmp_path_factory.mktemp("work")
    video = make_clip(folder / "Clip é.mp4", seconds=2.0, rate=25)
    library = load_library()
    asset = library.takes("water_drop")[0].asset
    take = library.read(asset)
    length = min(len(take.samples), 48_000)

    def drop(name, onset, status="proposed"):
        return make_cue(
            name,
            effect="water_drop",
            onset_sample=onset,
            offset_sample=onset + length,
            asset=asset,
            anchor=take.anchor,
            fade_out=240,
            status=status,
        )

    timeline = make_timeline(
        drop("drop-1", 24_000),
        drop("drop-2", 40_000, "rejected"),
        source=source_of(video, 2.0),
        library=Provenance(name=library.name, sha256=library.sha256),
    )
    return write_cue_list(folder, timeline)


def test_a_session_points_to_the_take_and_the_video(cues, tmp_path):
    outcome = export_cues(cues, ("reaper", "csv"), tmp_path / "out")
    assert outcome.files == ("Clip é.rpp", "Clip é.csv")
    text = (tmp_path / "out" / "Clip é.rpp").read_text("utf-8")
    (clip,) = read_reaper(text).clips
    assert clip.place == 24_000
    sound, rate = soundfile.read(tmp_path / "out" / clip.file, dtype="float32", always_2d=True)
    take = load_library().read(read_timeline(cues).cues[0].asset).samples
    heard = sound[clip.source_in : clip.source_in + clip.length]
    assert rate == 48_000
    np.testing.assert_allclose(heard, take[: clip.length], atol=2**-23)
    video = re.search(r'FILE "([^"]+\.mp4)"', text)
    assert video is not None
    assert (tmp_path / "out" / video[1]).resolve() == (cues.parent.parent / "Clip é.mp4").resolve()


def test_stems_begin_at_the_timecode_and_sum_to_what_is_heard(cues, tmp_path):
    wavinfo = pytest.importorskip("wavinfo", reason="wavinfo is not installed")
    settings = ExportSettings(has_pop=True, timecode="10:00:00:00")
    export_cues(cues, ("stems",), tmp_path / "out", settings)
    path = tmp_path / "out" / "stems" / "WATRDrip_water drop_TFOLEY_Clip é.wav"
    info = wavinfo.WavInfoReader(str(path))
    assert info.bext.time_reference == (36_000 - 10) * 48_000
    sound, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert len(sound) == 480_000 + 96_000
    pop = sound[384_000:385_920]
    assert np.abs(pop).max() == pytest.approx(0.1, abs=1e-3)
    assert not sound[385_920 : 480_000 + 24_000].any()
    assert sound[480_000 + 24_000 :].any()


def test_lists_leave_out_what_was_rejected(cues, tmp_path):
    export_cues(cues, ("audacity", "vtt", "html"), tmp_path / "out")
    labels = (tmp_path / "out" / "Clip é.labels.txt").read_text("utf-8")
    assert "drop-1" in labels
    assert "drop-2" not in labels
    page = (tmp_path / "out" / "Clip é.spotting.html").read_text("utf-8")
    assert page.count('src="data:image/jpeg;base64,') == 1
    assert "01:00:00:12" in page


def test_what_stands_there_is_not_replaced_unasked(cues, tmp_path):
    export_cues(cues, ("csv",), tmp_path / "out")
    with pytest.raises(OutputExistsError, match=r"Clip é\.csv: exists; use --overwrite"):
        export_cues(cues, ("csv",), tmp_path / "out")
    export_cues(cues, ("csv",), tmp_path / "out", overwrite=True)
    (tmp_path / "out" / "run.json").write_text("{}")
    with pytest.raises(OutputExistsError, match="holds a finished run"):
        export_cues(cues, ("vtt",), tmp_path / "out", overwrite=True)
    assert missing_formats(cues, ("csv", "otio")) == ("csv", "otio")


def test_what_an_editor_saved_is_not_replaced_before_it_was_imported(cues, tmp_path):
    out = tmp_path / "out"
    export_cues(cues, ("reaper", "csv", "vtt"), out)
    export_cues(cues, ("reaper", "csv"), out, overwrite=True)
    project, sheet = out / "Clip é.rpp", out / "Clip é.csv"
    text = project.read_text("utf-8")
    edited = text.replace("POSITION 0.5", "POSITION 0.25")
    assert edited != text
    project.write_text(edited, "utf-8")
    with pytest.raises(OutputExistsError, match=r"Clip é\.rpp: was changed.*temporal-foley import"):
        export_cues(cues, ("otio", "reaper"), out, overwrite=True)
    assert project.read_text("utf-8") == edited
    assert not (out / "Clip é.otio").exists()
    # What is not in question is written.
    export_cues(cues, ("vtt",), out, overwrite=True)
    changed = import_edits(project, cues, tmp_path / "back.json")
    assert changed.changes.moved == 1
    export_cues(cues, ("reaper",), out, overwrite=True)
    assert project.read_text("utf-8") == text
    sheet.write_text("my own notes")
    with pytest.raises(OutputExistsError, match=r"Clip é\.csv: was changed .*; move it away"):
        export_cues(cues, ("csv",), out, overwrite=True)
    (out / "export.json").write_text("[]")
    with pytest.raises(OutputExistsError, match="was changed since"):
        export_cues(cues, ("vtt",), out, overwrite=True)


def test_generate_leaves_the_list_of_an_edited_session_as_it_is(cues, capsys):
    video = cues.parent.parent / "Clip é.mp4"
    export_cues(cues, ("otio",))
    session = cues.parent / "export" / "Clip é.otio"
    session.write_text(session.read_text("utf-8") + " ", "utf-8")
    before = cues.read_bytes()
    assert main(["generate", str(video), "--overwrite", "--export", "otio"]) == 3
    assert "Clip é.otio: was changed since it was exported" in capsys.readouterr().err
    assert cues.read_bytes() == before


def test_what_distance_takes_away_is_in_the_sound_of_a_session(cues, tmp_path):
    timeline = read_timeline(cues)
    far = dataclasses.replace(timeline.cues[0], lowpass_hz=4_000.0)
    track = dataclasses.replace(timeline.tracks[0], cues=(far,))
    write_timeline(dataclasses.replace(timeline, tracks=(track,)), tmp_path / "cues.json")
    export_cues(
        tmp_path / "cues.json", ("reaper",), tmp_path / "out", video=cues.parents[1] / "Clip é.mp4"
    )
    (clip,) = read_reaper((tmp_path / "out" / "Clip é.rpp").read_text("utf-8")).clips
    assert clip.origin is not None
    sound, _ = soundfile.read(tmp_path / "out" / clip.file, dtype="float32", always_2d=True)
    heard = sound[clip.source_in : clip.source_in + clip.length]
    whole = np.pad(load_library().read(far.asset).samples, ((REACH, REACH), (0, 0)))
    expected = distance_lowpass(whole, 4_000.0)[: clip.length]
    # A file counts the treble in steps of a sixth of an octave: 4 000 Hz is one.
    scale = 10 ** (-(clip.origin.file_db - MONO_DB) / 20)
    np.testing.assert_allclose(heard, expected * scale, atol=2**-22)


def test_the_way_to_reaper_and_back_keeps_the_list(cues, tmp_path):
    export_cues(cues, ("reaper",), tmp_path / "out", ExportSettings(has_pop=True))
    outcome = import_edits(tmp_path / "out" / "Clip é.rpp", cues, tmp_path / "back.json")
    assert read_timeline(outcome.path) == read_timeline(cues)


def test_another_library_or_video_is_refused(cues, tmp_path):
    text = cues.read_text("utf-8")
    changed = tmp_path / "cues.json"
    changed.write_text(re.sub(r'("name": "built-in",\s+"sha256": ")\w+', r"\1ff", text), "utf-8")
    with pytest.raises(CueListError, match="another library"):
        export_cues(changed, ("otio",), tmp_path / "out")
    (tmp_path / "other.mp4").write_bytes(b"no video")
    with pytest.raises(CueListError, match="is not the video"):
        export_cues(cues, ("html",), tmp_path / "out", video=tmp_path / "other.mp4")
    assert not (tmp_path / "out").exists()


def test_without_the_video_there_is_a_session_and_a_warning(cues, tmp_path):
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "cues.json"
    alone.write_bytes(cues.read_bytes())
    outcome = export_cues(alone, ("reaper",))
    assert "use --video" in outcome.warnings[0]
    assert outcome.folder == alone.parent / "export"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"timecode": "01:00"}, "--timecode: must look like"),
        ({"timecode": "01:00:00;00"}, "drop-frame"),
        ({"timecode": "01:00:00:25"}, "no such timecode"),
    ],
)
def test_a_wrong_timecode_is_named(cues, tmp_path, settings, said):
    with pytest.raises(UsageError, match=said):
        export_cues(cues, ("csv",), tmp_path / "out", ExportSettings(**settings))


def test_handles_have_a_range():
    with pytest.raises(UsageError, match="--handles"):
        ExportSettings(handles_s=-1.0)


def test_a_hostile_asset_kind_reaches_no_file(cues, tmp_path):
    timeline = read_timeline(cues)
    stolen = dataclasses.replace(
        timeline.cues[0], asset=Asset(kind="file", name="../../etc/passwd", sha256="00" * 32)
    )
    track = dataclasses.replace(timeline.tracks[0], cues=(stolen,))
    write_timeline(dataclasses.replace(timeline, tracks=(track,)), tmp_path / "cues.json")
    with pytest.raises(Exception, match="etc/passwd") as caught:
        export_cues(tmp_path / "cues.json", ("otio",), tmp_path / "out")
    assert type(caught.value).__module__ == "temporal_foley.errors"
