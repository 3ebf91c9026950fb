"""Make small review pages for tests: a timeline of steps and a river, takes of tones."""

import dataclasses

import numpy as np

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.pages.review import ReviewTake, write_review
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library, LibraryTake
from temporal_foley.spotting.detections import Detections
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Alternate, Asset, Cue, Evidence, Loop, Provenance
from tests import factories
from tests.factories import make_cue, make_track

RATE = 48_000
VOCABULARY = Vocabulary(
    name="three",
    effects=(
        Effect(name="steps", kind="one_shot", bus="foley"),
        Effect(name="river", kind="ambience", bus="backgrounds", level_db=-3.0),
        Effect(name="door", kind="one_shot", bus="hard_effects"),
    ),
)


def tone(seconds, hz, channels=1):
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 0.4 * np.sin(2 * np.pi * hz * time) * np.exp(-time)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def make_takes():
    loop = Loop(start=24_000, end=96_000, crossfade=2_400)
    made = []
    for effect, seed, samples, anchor, looped in (
        ("steps", 0, tone(0.5, 300), 4_800, None),
        ("steps", 1, tone(0.7, 500), 2_400, None),
        ("river", 0, tone(2.0, 200, channels=2), 0, loop),
        ("door", 0, tone(1.0, 120), 9_600, None),
    ):
        asset = Asset(kind="recipe", name=effect, seed=seed)
        take = Alternate(
            asset=asset, licence="CC0-1.0", samples=len(samples), anchor=anchor, loop=looped
        )
        made.append(ReviewTake(effect=effect, take=take, samples=samples))
    return made


def make_library(takes):
    sounds = {
        one.take.asset: Take(samples=one.samples, anchor=one.take.anchor, loop=one.take.loop)
        for one in takes
    }
    return Library(
        name="tones",
        sha256="0" * 64,
        takes=[
            LibraryTake(effect=one.effect, asset=one.take.asset, licence="CC0-1.0") for one in takes
        ],
        load=lambda asset: sounds[asset],
    )


def make_timeline(takes, *, seconds=10, steps=(1.0, 3.0, 5.0), name="clip.mp4", credit=""):
    step, other, river = takes[0].take, takes[1].take, takes[2].take
    cues = []
    for number, second in enumerate(steps, 1):
        begin = round(second * RATE) - step.anchor
        cues.append(
            make_cue(
                f"steps-{number:04d}",
                onset_sample=begin,
                offset_sample=begin + step.samples,
                confidence=0.75,
                asset=step.asset,
                credit=credit,
                anchor=step.anchor,
                gain_db=-1.25,
                level=((0, -6.0), (12_000, 0.0)),
                pan=((0, -0.5), (12_000, 0.5)),
                lowpass_hz=6_000.0,
                fade_out=240,
                reason=f"probability 0.75, highest at {second:.2f} s; take 1 of 2",
                evidence=Evidence(
                    probability=0.75, peak_s=second, motion=0.4, region=(0.1, 0.2, 0.5, 0.9)
                ),
                alternates=(other,),
            )
        )
    length = seconds * RATE
    flow = make_cue(
        "river-0001",
        onset_sample=2 * RATE,
        offset_sample=length - RATE,
        confidence=0.5,
        asset=river.asset,
        loop=river.loop,
        fade_in=4_800,
        fade_out=4_800,
    )
    return factories.make_timeline(
        make_track(*cues, effect="steps", kind="one_shot", bus="foley"),
        make_track(flow, gain_db=-3.0),
        seconds=seconds,
        source={"name": name, "height": 90},
        vocabulary=Provenance(name="three", sha256="c" * 64),
        library=Provenance(name="tones", sha256="0" * 64),
    )


def make_seen(timeline):
    grid = TimeGrid.covering(timeline.source.duration, timeline.frame_rate)
    phase = np.arange(grid.frames)[:, None] / 5.0 + np.arange(3)[None, :]
    picture = np.linspace(0, 255, 64 * 64 * 3).astype(np.uint8).reshape(64, 64, 3)
    return Detections(
        grid=grid,
        vocabulary=VOCABULARY,
        probabilities=(0.5 + 0.5 * np.sin(phase)).astype(np.float32),
        thumbnails=((2.0, picture), (7.0, 255 - picture)),
    )


def make_page(path, *, video=None, **options):
    """Write a page; returns its timeline and takes."""
    takes = make_takes()
    timeline = make_timeline(takes, **options)
    write_review(path, timeline, make_seen(timeline), takes, video=video, mix_gain_db=-3.0)
    return timeline, takes


def without(timeline, *fields):
    """Return a timeline whose cues have defaults in some fields, to compare the rest."""
    defaults = {f.name: f.default for f in dataclasses.fields(Cue)}
    blank = {name: defaults[name] for name in fields}
    tracks = tuple(
        dataclasses.replace(
            track, cues=tuple(dataclasses.replace(cue, **blank) for cue in track.cues)
        )
        for track in timeline.tracks
    )
    return dataclasses.replace(timeline, tracks=tracks)
