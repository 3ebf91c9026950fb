"""Test any mix: the stems add up to it, the blocks do not show, and the ceiling holds."""

import itertools

import numpy as np
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from temporal_foley.sound.mix import write_mix
from temporal_foley.sound.render import render_track
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library, LibraryTake
from temporal_foley.timeline import (
    Asset,
    Loop,
    Track,
)
from tests.factories import make_asset, make_cue, make_source, make_timeline, make_track

RATE = 48_000
SAMPLES = 3 * RATE + 17
TAKES = [
    Take(
        samples=np.random.default_rng(n).normal(0, 0.2, (RATE, 1 + n % 2)).astype(np.float32),
        anchor=480,
        loop=Loop(start=12_000, end=RATE, crossfade=2_400),
    )
    for n in range(3)
]
LIBRARY = Library(
    name="noise",
    sha256="",
    takes=[LibraryTake(effect="a", asset=Asset(kind="recipe", name="a", seed=0), licence="CC0")],
    load=lambda asset: TAKES[asset.seed],
)


@st.composite
def cues(draw, effect):
    """Draw a cue anywhere in the picture, looped or not."""
    begin = draw(st.integers(0, SAMPLES - 2))
    start = draw(st.integers(0, 20_000))
    looped = draw(st.booleans())
    most = SAMPLES - begin if looped else min(SAMPLES - begin, RATE - start)
    length = draw(st.integers(1, most))
    fade_in = draw(st.integers(0, min(2_400, length)))
    take = draw(st.integers(0, 2))
    return make_cue(
        f"{effect}-{draw(st.integers(0, 2**60))}",
        onset_sample=begin,
        offset_sample=begin + length,
        asset=make_asset("a", take),
        source_start=start,
        loop=TAKES[take].loop if looped else None,
        gain_db=draw(st.floats(-40.0, 12.0)),
        pan=((0, draw(st.floats(-1.0, 1.0))),),
        fade_in=fade_in,
        fade_out=draw(st.integers(0, length - fade_in)),
    )


@st.composite
def timelines(draw):
    """Draw up to three tracks of up to four cues."""
    buses = {"knock": "hard_effects", "walk": "foley", "wind": "backgrounds"}
    tracks = []
    for effect, bus in buses.items():
        found = draw(st.lists(cues(effect), max_size=4, unique_by=lambda cue: cue.id))
        found.sort(key=lambda cue: cue.onset_sample)
        if found:
            tracks.append(Track(effect=effect, kind="one_shot", bus=bus, cues=tuple(found)))
    mix = {"loudness_lufs": draw(st.sampled_from([-23.0, -16.0]))}
    return make_timeline(*tracks, source=make_source(duration_samples=SAMPLES), mix=mix)


def make_near_ceiling():
    """Return the list of a burst whose peak is so near the ceiling that the limiter touches it."""
    cue = make_cue(
        "walk-0",
        onset_sample=0,
        offset_sample=827,
        asset=make_asset("a", 2),
        source_start=721,
        pan=((0, 0.90625),),
        fade_in=64,
        fade_out=195,
    )
    track = make_track(cue, bus="foley")
    source = make_source(duration_samples=SAMPLES)
    return make_timeline(track, source=source, mix={"loudness_lufs": -23.0})


@settings(max_examples=25)
@given(timelines(), st.lists(st.integers(1, SAMPLES - 1), max_size=5, unique=True))
def test_a_track_is_the_same_however_it_is_cut_into_blocks(timeline, cuts):
    edges = [0, *sorted(cuts), SAMPLES]
    for track in timeline.tracks:
        whole = render_track(track, LIBRARY, 0, SAMPLES)
        parts = [render_track(track, LIBRARY, a, b) for a, b in itertools.pairwise(edges)]
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-6)
        for cue in track.cues:
            if len(track.cues) == 1:
                assert not whole[: cue.onset_sample].any()
                assert not whole[cue.offset_sample :].any()


@settings(max_examples=12)
@given(timelines())
@example(make_near_ceiling())
def test_stems_add_up_to_the_mix_and_the_ceiling_holds(tmp_path_factory, timeline):
    folder = tmp_path_factory.mktemp("mix")
    report = write_mix(timeline, LIBRARY, folder, original=None)
    mix, _ = soundfile.read(folder / "mix.wav", always_2d=True)
    stems = np.zeros_like(mix)
    for path in (folder / "stems").glob("*.wav"):
        stems += soundfile.read(path, always_2d=True)[0]
    assert mix.shape == (SAMPLES, 2)
    if report.true_peak_dbtp is not None:
        assert report.true_peak_dbtp <= timeline.mix.true_peak_dbtp + 0.1
    if report.limiter_db == 0.0 and report.stems_trim_db == 0.0:
        assert np.abs(stems - mix).max() <= 10 ** (-120 / 20)
