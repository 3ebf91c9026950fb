"""Test that a film's own sound is copied packet by packet, at its place."""

from fractions import Fraction

import av
import numpy as np
import pytest

from temporal_foley.errors import MediaError
from temporal_foley.media.audio import read_audio
from temporal_foley.media.mux import mux_sound, output_suffix
from temporal_foley.media.video import probe_video

FORMS = [
    (".mp4", "libx264", "aac", "stereo"),
    (".mp4", "libx264", "ac3", "5.1"),
    (".mov", "libx264", "pcm_s16le", "mono"),
    (".mov", "libx265", "aac", "5.1"),
    (".mkv", "libx264", "flac", "stereo"),
    (".mkv", "libx264", "libopus", "stereo"),
    (".webm", "libvpx-vp9", "libopus", "stereo"),
    (".ts", "libx264", "aac", "stereo"),
    (".ts", "libx264", "mp2", "stereo"),
    (".avi", "mpeg4", "pcm_s16le", "stereo"),
    (".avi", "mpeg4", "libmp3lame", "stereo"),
]


def packets(path):
    """Return what the packets of each sound track hold; ADTS headers belong to a stream."""
    with av.open(str(path)) as container:
        found = []
        for track in container.streams.audio:
            packets = [bytes(packet) for packet in container.demux(track) if packet.size]
            has_headers = track.codec_context.name == "aac" and packets[0][:2] == b"\xff\xf1"
            found.append([packet[7:] for packet in packets] if has_headers else packets)
            container.seek(0)
    return found


@pytest.mark.parametrize(("suffix", "codec", "audio_codec", "layout"), FORMS)
@pytest.mark.parametrize("late", [Fraction(0), Fraction(1, 2)])
@pytest.mark.parametrize("start", [Fraction(0), Fraction(7, 5)])
def test_own_sound_is_kept_as_it_is(
    tmp_path, clips, suffix, codec, audio_codec, layout, late, start
):
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    tone = clips.tone(3.0)[:, :1]
    source = clips.make_clip(
        tmp_path / f"a{suffix}",
        seconds=3.0,
        codec=codec,
        start=start,
        audio=np.repeat(tone, channels, axis=1) / channels,
        audio_layout=layout,
        audio_codec=audio_codec,
        audio_start=start + late,
    )
    info = probe_video(source)
    out = tmp_path / f"o{output_suffix(info)}"
    mux_sound(info, None, out)
    new = probe_video(out)
    assert new.start == 0
    assert (new.audio_channels, new.audio_rate_hz) == (info.audio_channels, info.audio_rate_hz)
    old_packets, new_packets = packets(source)[0], packets(out)[0]
    assert len(new_packets) == len(old_packets)
    assert new_packets == old_packets
    one, other = (np.concatenate(list(read_audio(film))) for film in (info, new))
    assert np.square(one - other).sum() <= 1e-3 * np.square(one).sum()


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_all_sound_tracks_and_their_languages_are_kept(tmp_path, clips, suffix):
    tracks, languages = [(0.2, "stereo"), (0.4, "mono")], ("eng", "fra")
    source = clips.two_tracks(tmp_path / f"a{suffix}", tracks, languages=languages)
    out = tmp_path / f"o{suffix}"
    mux_sound(probe_video(source), None, out)
    with av.open(str(out)) as container:
        kept = [track.metadata["language"] for track in container.streams.audio]
    assert kept == ["eng", "fra"]
    assert packets(out) == packets(source)


def test_a_container_that_does_not_take_the_sound_says_so(tmp_path, clips):
    source = clips.make_clip(
        tmp_path / "a.mkv", seconds=1, audio=clips.tone(1.0), audio_codec="flac"
    )
    with pytest.raises(MediaError, match="webm"):
        mux_sound(probe_video(source), None, tmp_path / "o.webm")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
