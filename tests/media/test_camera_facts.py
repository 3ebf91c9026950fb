"""What a camera said of its film reaches the new film and the editors: timecode, Dolby Vision."""

import struct

import av
import pytest

from temporal_foley.files.digest import file_sha256
from temporal_foley.media.containers.boxes import handler, read_moov, replace_moov
from temporal_foley.media.containers.timecode import _packed_timecode
from temporal_foley.media.video import probe_video
from temporal_foley.session.camera_timecode import file_timecode, first_timecode, source_of
from temporal_foley.session.export import ExportSettings, export_cues
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import Provenance
from tests.bug_cases import remade
from tests.factories import make_cue, make_timeline, write_cue_list

CODE = "14:23:10:05"


@pytest.mark.parametrize(
    ("suffix", "codec", "wishes"),
    [
        (".mov", "libx264", {"metadata": {"timecode": CODE}}),
        (".mp4", "mpeg4", {"metadata": {"timecode": CODE}}),
        (".mkv", "libx264", {"metadata": {"timecode": CODE}}),
        (".ts", "mpeg2video", {"options": {"gop_timecode": CODE}}),
        (".mpg", "mpeg2video", {"options": {"gop_timecode": CODE}}),
    ],
)
def test_the_timecode_is_read_and_kept_wherever_it_stands(tmp_path, clips, suffix, codec, wishes):
    source = clips.make_clip(tmp_path / f"a{suffix}", seconds=0.4, codec=codec, **wishes)
    info, out, lines = remade(source, tmp_path)
    assert file_timecode(info) == CODE
    assert probe_video(out).timecode == CODE
    assert not [line for line in lines if "timecode" in line]


def test_the_timecode_of_dv_is_read(tmp_path, clips):
    size = {"size": (720, 576), "codec": "dvvideo", "metadata": {"timecode": CODE}}
    sound = clips.tone(0.2)
    source = clips.make_clip(
        tmp_path / "a.dv", seconds=0.2, audio=sound, audio_codec="pcm_s16le", **size
    )
    info, out, _ = remade(source, tmp_path)
    assert info.timecode == CODE
    assert probe_video(out).timecode == CODE


@pytest.mark.parametrize(
    ("bits", "wanted"),
    [
        (0x05_10_23_14, CODE),  # Pictures, seconds, minutes, hours as in SMPTE ST 12-1.
        (0x45_10_23_14, "14:23:10;05"),  # With the mark of drop-frame.
        (0x05_10_23_3A, ""),
    ],
)
def test_a_packed_timecode_is_decoded(bits, wanted):
    assert _packed_timecode(struct.pack("<II", 1, bits)) == wanted


@pytest.mark.parametrize("given", [CODE, "01:02:03:04"])
def test_editors_see_the_timecode_of_the_media(tmp_path, clips, given):
    video = clips.make_clip(tmp_path / "a.mov", seconds=1.0, metadata={"timecode": given})
    source = source_of(probe_video(video), file_sha256(video))
    assert first_timecode(source) == given
    library = load_library()
    asset = library.takes("water_drop")[0].asset
    cue = make_cue(effect="water_drop", at_s=0.2, length_s=0.1, asset=asset)
    provenance = Provenance(name=library.name, sha256=library.sha256)
    timeline = make_timeline(
        cue, source=source, library=provenance, start_timecode=first_timecode(source)
    )
    cues = write_cue_list(tmp_path, timeline)
    export_cues(cues, ("fcp7", "otio", "aaf"), tmp_path / "out", ExportSettings())
    text = (tmp_path / "out" / "a.xml").read_text("utf-8")
    assert text.count(f"<string>{given}</string>") >= 2  # The sequence, and the film's file.
    otio = pytest.importorskip("opentimelineio")
    timeline = otio.adapters.read_from_file(str(tmp_path / "out" / "a.otio"))
    film = next(
        clip for track in timeline.tracks if track.kind == "Video" for clip in track.find_clips()
    )
    assert film.available_range().start_time.to_timecode(25) == given


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("kind", [b"dvcC", b"dvvC", b"dvwC"])
def test_dolby_vision_is_kept(tmp_path, clips, suffix, kind):
    source = clips.make_clip(tmp_path / f"a{suffix}", seconds=0.3, codec="libx265")
    moov = read_moov(source)
    picture = next(trak for trak in moov.all(b"trak") if handler(trak) == b"vide")
    table = picture.find(b"mdia", b"minf", b"stbl", b"stsd")
    body = bytes([1, 0, 8 << 1, 0x0D, 0x10]) + bytes(19)
    entry = table.body[8:]
    box = struct.pack(">I", 8 + len(body)) + kind + body
    size = struct.unpack_from(">I", entry)[0] + len(box)
    table.body = table.body[:8] + struct.pack(">I", size) + entry[4:] + box
    replace_moov(source, moov, at_front=False)
    _, out, lines = remade(source, tmp_path)
    assert lines == ()
    new = next(trak for trak in read_moov(out).all(b"trak") if handler(trak) == b"vide")
    assert kind + body in new.find(b"mdia", b"minf", b"stbl", b"stsd").body
    assert av.open(str(out)).duration >= 300_000
