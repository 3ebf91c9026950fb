"""A second run takes what the first one found, to the bit; damage only costs time."""

from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.files.cache import Cache, Memory
from temporal_foley.foley import Foley
from temporal_foley.media.video import probe_video
from temporal_foley.models.detector import FrameDetections
from temporal_foley.sound.takes.library import load_library
from temporal_foley.spotting.close_look import Glimpses
from temporal_foley.spotting.places import Places
from temporal_foley.stages import DetectionSettings, align_events, hear_original, tag_video
from temporal_foley.timegrid import TimeGrid, to_sample
from temporal_foley.timeline import MixSettings


class CountingDetector:
    """Finds a dog from the second half second on, and counts how often it is asked."""

    name, sha256, frame_rate, decision, listens = "counting", "1" * 64, Fraction(4), None, False

    def __init__(self):
        self.vocabulary = load_vocabulary()
        self.runs = self.loads = 0

    def prepare(self, image):
        return np.ascontiguousarray(image[:32, :32])

    def load_ahead(self):
        self.loads += 1

    def detect(self, frames, *, grid=None, sound=None, with_places=False):
        self.runs += 1
        pictures = np.stack(list(frames))
        found = np.full((len(pictures), len(self.vocabulary)), 0.01, np.float32)
        found[2:, self.vocabulary.index("dog_barking")] = 0.9 + pictures[2:, 0, 0, 0] / 1e4
        places = None
        if with_places:
            heats = np.random.default_rng(0).random((*found.shape, 3, 3)).astype(np.float16)
            places = Places(heats=heats, visible=found.astype(np.float16))
        features = pictures.reshape(len(pictures), -1)[:, :8].astype(np.float16)
        yield FrameDetections(probabilities=found, places=places, features=features)

    def seen_effects(self):
        return {}

    def blind_effects(self):
        return {}


@pytest.fixture(scope="module")
def clip(tmp_path_factory, clips):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    sound = clips.impulses(2.0, [0.5, 1.2])
    clips.make_clip(path, seconds=2, rate=8, size=(64, 48), audio=sound)
    return path


@pytest.fixture
def cache(tmp_path):
    return Cache("analyses", 1 << 26, tmp_path)


def assert_same(one, other):
    assert one.events == other.events
    for seen in ("probabilities", "features"):
        first, second = getattr(one.seen, seen), getattr(other.seen, seen)
        assert (first.dtype, first.tobytes()) == (second.dtype, second.tobytes())
    assert [time for time, _ in one.seen.thumbnails] == [time for time, _ in other.seen.thumbnails]
    for (_, first), (_, second) in zip(one.seen.thumbnails, other.seen.thumbnails, strict=True):
        np.testing.assert_array_equal(first, second)
    if one.seen.places is not None:
        np.testing.assert_array_equal(one.seen.places.heats, other.seen.places.heats)
        np.testing.assert_array_equal(one.seen.places.visible, other.seen.places.visible)


def detect(clip, detector, memory=None, closely=True):
    glimpses = Glimpses() if closely else None
    info = probe_video(clip)
    tags = tag_video(info, detector, DetectionSettings(), glimpses=glimpses, memory=memory)
    return (align_events(tags, glimpses, memory=memory) if closely else tags), glimpses


def test_what_was_kept_equals_what_was_found(clip, cache):
    detector = CountingDetector()
    plain, glimpses = detect(clip, detector)
    first, _ = detect(clip, detector, Memory(cache, "clip"))
    again, recalled = detect(clip, detector, Memory(cache, "clip"))
    assert (detector.runs, detector.loads) == (2, 2)
    assert_same(first, plain)
    assert_same(again, plain)
    assert again.sights.cut_times == plain.sights.cut_times
    for name in ("motion", "distance"):
        assert getattr(recalled.changes, name) == getattr(glimpses.changes, name)
    np.testing.assert_array_equal(recalled.changes.colours, glimpses.changes.colours)


def test_other_videos_and_settings_are_analysed(clip, cache):
    detector = CountingDetector()
    detect(clip, detector, Memory(cache, "clip"))
    detect(clip, detector, Memory(cache, "another"))
    assert detector.runs == 2
    detect(clip, detector, Memory(cache, "clip"), closely=False)
    assert detector.runs == 2, "without places, what was found with them is as good"
    detect(clip, detector, Memory(cache, "third"), closely=False)
    detect(clip, detector, Memory(cache, "third"))
    assert detector.runs == 4


def test_damaged_entries_are_computed_again(clip, cache, tmp_path):
    detector = CountingDetector()
    plain, _ = detect(clip, detector, Memory(cache, "clip"))
    for path in (tmp_path / "analyses").iterdir():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    again, _ = detect(clip, detector, Memory(cache, "clip"))
    assert detector.runs == 2
    assert_same(again, plain)
    detect(clip, detector, Memory(cache, "clip"))
    assert detector.runs == 2


class CountingEncoder:
    """Embeds a sound as its length, and counts how often it is asked."""

    sha256, columns_each = "2" * 64, 1

    def __init__(self):
        self.runs = 0

    def column_embeddings(self, sound, samples):
        self.runs += 1
        return np.array([[sum(len(block) for block in sound), samples]], np.float32)


def test_the_own_sound_is_embedded_once(clip, cache):
    encoder, info = CountingEncoder(), probe_video(clip)
    grid = TimeGrid.covering(info.duration, Fraction(4))
    found = []
    for memory in (None, Memory(cache, "clip"), Memory(cache, "clip")):
        heard = hear_original(info, grid, memory)
        found.append((heard.columns(encoder).tolist(), heard.peak, heard.levels.bands_db.tolist()))
    assert encoder.runs == 2
    assert found[0] == found[1] == found[2]
    assert found[0][1] > 0


def test_the_own_sound_ends_with_the_video_not_with_the_grid(clip):
    info = probe_video(clip)
    heard = hear_original(info, TimeGrid.covering(info.duration + 1, Fraction(4)), Memory())
    assert heard.samples == to_sample(info.duration, 32_000)


def test_other_mix_settings_do_not_repeat_the_analysis(clip, cache, tmp_path):
    detector = CountingDetector()
    foley = Foley(detector, load_library(), cache=cache)
    foley.generate(clip, tmp_path / "a", mix=MixSettings(original="keep"))
    foley.generate(clip, tmp_path / "b", mix=MixSettings(original="mute", speech_db=0.0), seed=3)
    foley.write_tags(clip, tmp_path / "c")
    assert detector.runs == 1
    plain = Foley(detector, load_library())
    plain.generate(clip, tmp_path / "d", mix=MixSettings(original="mute", speech_db=0.0), seed=3)
    plain.generate(clip, tmp_path / "d", mix=MixSettings(original="keep"), overwrite=True)
    assert detector.runs == 3
    for name in ("cues.json", "mix.wav", "scores.tsv", "events.tsv", "overview.png"):
        kept, made = (tmp_path / folder / "clip.foley" / name for folder in "ad")
        assert kept.read_bytes() == made.read_bytes(), name
