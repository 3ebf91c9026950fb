"""A small cue list that can be rendered, with any text in its every text field."""

import dataclasses
from fractions import Fraction

from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import (
    Alternate,
    Cue,
    Evidence,
    Loop,
    Provenance,
    Source,
    Timeline,
    Track,
)

RATE_HZ = 48_000


def make_list(text: str = "", *, sha256: str = "ab" * 32, name: str | None = None) -> Timeline:
    """Make two drops and a fire, all of whose free texts hold `text`."""
    library = load_library()
    drop, fire = library.takes("water_drop")[0], library.takes("fire")[0]
    drop_take, fire_take = library.read(drop.asset), library.read(fire.asset)
    length = min(len(drop_take.samples), RATE_HZ)
    one = Cue(
        id=f"{text}1",
        effect="water_drop",
        onset_sample=12_000,
        offset_sample=12_000 + length,
        confidence=0.9,
        asset=drop.asset,
        licence=f"CC0-1.0{text}",
        credit=f"somebody{text}",
        source_end=length,
        anchor=drop_take.anchor,
        gain_db=-1.5,
        pan=((0, -0.25), (4_800, 0.5)),
        fade_out=240,
        reason=f"because{text}",
        evidence=Evidence(probability=0.5, peak_s=1.0, region=(0.1, 0.2, 0.3, 0.4)),
        alternates=(
            Alternate(
                asset=drop.asset,
                licence=f"CC0-1.0{text}",
                credit=f"nobody{text}",
                samples=len(drop_take.samples),
                anchor=drop_take.anchor,
            ),
        ),
    )
    end = min(len(fire_take.samples), RATE_HZ)
    loop = Loop(start=end // 4, end=end, crossfade=2_400)
    flow = Cue(
        id=f"{text}3",
        effect="fire",
        onset_sample=0,
        offset_sample=90_000,
        confidence=0.5,
        asset=fire.asset,
        licence="CC0-1.0",
        source_end=end,
        loop=loop,
        fade_in=2_400,
        fade_out=2_400,
    )
    two = dataclasses.replace(
        one, id=f"{text}2", onset_sample=40_000, offset_sample=40_000 + length
    )
    drops = tuple(dataclasses.replace(cue, fade_out=min(240, cue.length)) for cue in (one, two))
    return Timeline(
        source=Source(
            name=f"{text}.mp4" if name is None else name,
            sha256=sha256,
            duration_samples=96_000,
            video_rate=Fraction(25),
            width=160,
            height=120,
            has_audio=False,
        ),
        frame_rate=Fraction(4),
        detector=Provenance(name=f"detector{text}", sha256="01"),
        vocabulary=Provenance(name=f"words{text}", sha256="02"),
        library=Provenance(name=f"{library.name}{text}", sha256=library.sha256),
        seed=7,
        tracks=(
            Track(effect="fire", kind="loop", bus="backgrounds", cues=(flow,)),
            Track(effect="water_drop", kind="one_shot", bus="hard_effects", cues=drops),
        ),
    )
