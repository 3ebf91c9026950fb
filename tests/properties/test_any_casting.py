"""Whatever is seen, and whenever: cues lie in the picture, meet it, and stay each their own."""

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st

from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.takes.library import Library, LibraryTake
from temporal_foley.timegrid import to_sample
from temporal_foley.timeline import Asset, Event, Loop
from tests.factories import make_take, make_vocabulary

RATE = 48_000
LENGTH_S = 12.0
VOCABULARY = make_vocabulary("door", "bark", "steps", "motor", "river")


def _take(seconds, **fields):
    return make_take(0.1, seconds, **fields)


TAKES = {
    "door": [_take(1.5, anchor=4_800), _take(0.7)],
    "bark": [_take(0.5, anchor=100 + n) for n in range(3)],
    "steps": [_take(0.25, anchor=200 + n) for n in range(5)],
    "motor": [_take(2.0, loop=Loop(start=RATE, end=2 * RATE, crossfade=2_400))],
    "river": [_take(3.0), _take(3.0)],
}
LIBRARY = Library(
    name="any",
    sha256="",
    takes=[
        LibraryTake(effect=name, asset=Asset(kind="recipe", name=name, seed=n), licence="CC0-1.0")
        for name, takes in TAKES.items()
        for n in range(len(takes))
    ],
    load=lambda asset: TAKES[asset.name][asset.seed],
)


@st.composite
def events(draw):
    """Draw events that do not overlap within an effect, as decoding makes them."""
    found = []
    for effect in VOCABULARY.effects:
        ends = sorted(draw(st.lists(st.integers(0, 1_200), max_size=6, unique=True)))
        for begin, end in zip(ends[::2], ends[1::2], strict=False):
            sure = draw(st.floats(0.3, 1.0))
            found.append(
                Event(effect=effect.name, onset=begin / 100, offset=end / 100, confidence=sure)
            )
    return sorted(found, key=lambda event: event.onset)


def cast(found, seed=0):
    tracks = cast_events(
        found, VOCABULARY, LIBRARY, seed=seed, duration_samples=round(LENGTH_S * RATE)
    )
    return {track.effect: track for track in tracks}


@settings(max_examples=60)
@given(events(), st.integers(0, 2**31))
def test_cues_lie_in_the_picture_in_order_and_have_names_of_their_own(found, seed):
    tracks = cast(found, seed)
    cues = [cue for track in tracks.values() for cue in track.cues]
    assert len({cue.id for cue in cues}) == len(cues)
    for track in tracks.values():
        onsets = [cue.onset_sample for cue in track.cues]
        assert onsets == sorted(onsets)
        for cue in track.cues:
            assert 0 <= cue.onset_sample < cue.offset_sample <= round(LENGTH_S * RATE)
            take = TAKES[cue.asset.name][cue.asset.seed]
            if not cue.asset.cents:
                assert cue.source_end <= len(take.samples)


@settings(max_examples=60)
@given(events())
def test_whatever_is_seen_to_strike_is_met_to_the_sample(found):
    tracks = cast(found)
    for event in found:
        kind = VOCABULARY[event.effect].kind
        if kind not in ("one_shot", "repeated"):
            continue
        met = {cue.picture_sample for cue in tracks[event.effect].cues}
        # At the start of the picture a hit begins with its attack, up to 50 ms late.
        wanted = to_sample(event.onset)
        assert wanted in met or any(0 < at - wanted <= 2400 and wanted < 4800 for at in met)


@settings(max_examples=40)
@given(events(), st.sampled_from(VOCABULARY.names))
def test_leaving_an_effect_out_changes_no_other(found, left_out):
    whole = cast(found)
    rest = cast([event for event in found if event.effect != left_out])
    whole.pop(left_out, None)
    assert rest == whole


def _bark(onset, offset):
    return Event(effect="bark", onset=onset, offset=offset, confidence=1.0)


@settings(max_examples=40)
@given(events())
@example([_bark(0.0, 3.86), _bark(3.87, 3.88)])
def test_no_take_follows_itself_where_there_are_others(found):
    for effect, track in cast(found).items():
        if track.kind not in ("one_shot", "repeated") or len(TAKES[effect]) < 2:
            continue
        for one, other in itertools.pairwise(track.cues):
            assert one.asset != other.asset
