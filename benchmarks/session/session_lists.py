"""Make cue lists that try a session format: unique, repeated, overlapping, none, many, hostile.

Every hit has a moving level and pan, and less treble; loops have a constant level.
"""

from pathlib import Path

import numpy as np

from temporal_foley.session.broadcast_wav import SoundNotes, write_broadcast_wav
from temporal_foley.session.build_session import SessionSettings, build_session
from temporal_foley.session.session_model import Session, TakeShape
from temporal_foley.session.timecode import parse_rate, parse_timecode
from temporal_foley.timeline import Asset, Cue, Timeline
from tests.factories import make_asset, make_cue, make_loop, make_timeline

RATES = {
    "23.976": "01:00:00:00",
    "24": "01:00:00:00",
    "25": "10:00:00:00",
    "29.97": "01:00:00:00",
    "29.97 df": "01:00:00;00",
    "30": "01:00:00:00",
    "48": "01:00:00:00",
    "50": "01:00:00:00",
    "59.94": "01:00:00:00",
    "59.94 df": "01:00:00;00",
    "60": "00:00:00:00",
}
"""Picture rates with the timecode of the first picture."""

HOSTILE = (
    "quote\" ' ` all",
    "tab\tand\nnewline",
    "<TRACK>&amp;]]>",
    "../../etc/passwd",
    "CON",
    "naïve Ω 日本語 \U0001f415\u200d\U0001f9ba",
    "\u202egnp.exe",
    "x" * 300,
    "| ' \" >",
    "=HYPERLINK()",
    "-->",
    "",
    "{GUID}",
    "case",
    "CASE",
)


def shape_of(asset: Asset) -> TakeShape:
    """Return the shape of the takes that these cue lists use."""
    if asset.name == "fire":
        return TakeShape(samples=96_000, channels=2, peak=0.7)
    return TakeShape(samples=60_000, channels=1, peak=0.5)


def cue_lists(many: int = 2_000) -> dict[str, Timeline]:
    """Return the cue lists of the matrix, by name."""
    apart = [_hit(f"dog-{i}", 48_000 + 61_001 * i, seed=i) for i in range(8)]
    repeated = [_hit(f"dog-{i}", 48_000 + 61_001 * i, seed=1) for i in range(8)]
    overlapping = [_hit(f"dog-{i}", 48_000 + 1_777 * i, seed=i % 3) for i in range(8)]
    loops = [_loop(f"fire-{i}", 30_011 + 90_001 * i) for i in range(3)]
    crowd = [_hit(f"dog-{i}", 4_801 * i, seed=i % 20) for i in range(many)]
    names = [_hit(name, 48_000 + 61_001 * i, seed=i) for i, name in enumerate(HOSTILE)]
    return {
        "unique": _list(*apart, *loops),
        "repeated": _list(*repeated),
        "overlapping": _list(*overlapping, *loops),
        "zero": _list(),
        f"{many:,} cues": _list(*crowd),
        "hostile names": _list(*names, name='../<b>"é\n日本.mp4'),
    }


def _list(*cues: Cue, name: str = "clip.mp4") -> Timeline:
    end = max([cue.offset_sample for cue in cues], default=48_000)
    source = {"name": name, "duration_samples": end + 24_001, "width": 640, "height": 360}
    return make_timeline(*cues, source=source)


def _hit(name: str, onset: int, seed: int) -> Cue:
    return make_cue(
        name,
        effect="dog_barking",
        onset_sample=onset,
        offset_sample=onset + 30_003,
        asset=make_asset("dog_barking", seed),
        source_start=17,
        anchor=480,
        gain_db=-1.5,
        level=((0, -6.0), (12_000, 0.0), (26_000, -9.0)),
        pan=((0, -0.25), (9_600, 0.5)),
        lowpass_hz=9_100.0,
        fade_in=48,
        fade_out=2_400,
    )


def _loop(name: str, onset: int) -> Cue:
    return make_cue(
        name,
        effect="fire",
        onset_sample=onset,
        offset_sample=onset + 240_007,
        loop=make_loop(9_000, 90_000, 4_800),
        level=((0, -2.0),),
        fade_in=2_400,
        fade_out=7_200,
    )


def session_of(timeline: Timeline, rate: str, **settings: object) -> Session:
    """Lay out a timeline at one of `RATES`."""
    edit, first = parse_timecode(RATES[rate], parse_rate(rate.removesuffix(" df")))
    return build_session(
        timeline,
        SessionSettings(edit=edit, first_frame=first, **settings),  # pyright: ignore
        shape_of,
        categories={"dog_barking": "ANMLDog", "fire": "FIRECrkl"},
        track_gains_db={track.effect: -3.0 for track in timeline.tracks},
        mix_gain_db=1.0,
    )


def write_silence(session: Session, folder: Path) -> None:
    """Write the sound files of a session, silent: their places count here."""
    folder.mkdir(exist_ok=True)
    for media in session.media:
        notes = SoundNotes(
            description="", project="", track_name="", time_reference=0, edit=session.edit
        )
        blocks = [np.zeros((media.samples, media.channels), np.int32)]
        write_broadcast_wav(
            folder / media.name, blocks, notes, samples=media.samples, channels=media.channels
        )
