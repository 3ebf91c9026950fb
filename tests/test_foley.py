"""The whole path on small videos, with a detector that knows colours instead of a network."""

import hashlib
import json
import shutil

import av
import numpy as np
import pytest
import soundfile

from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import CueListError, MediaError, OutputExistsError
from temporal_foley.files.output import read_run
from temporal_foley.foley import DetectionSettings, Foley
from temporal_foley.from_cues import render_cues
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import MixSettings

RED, GREEN, BLACK = (220, 30, 30), (30, 200, 30), (0, 0, 0)


class ColourDetector:
    """Takes red for fire and green for a dog; black is nothing to hear."""

    name = "colours"
    sha256 = "c0" * 32
    frame_rate = decision = None
    listens = False

    def __init__(self):
        self.vocabulary = load_vocabulary()
        self.columns = {
            RED: self.vocabulary.index("fire"),
            GREEN: self.vocabulary.index("dog_barking"),
        }

    def prepare(self, image):
        return image[::8, ::8]

    def load_ahead(self):
        pass

    def probabilities(self, frames, *, grid=None, sound=None):
        for frame in frames:
            row = np.zeros((1, len(self.vocabulary)), np.float32)
            mean = frame.reshape(-1, 3).mean(axis=0)
            for colour, column in self.columns.items():
                row[0, column] = 0.95 if np.abs(mean - colour).max() < 40 else 0.02
            yield row

    def seen_effects(self):
        return {"fire": "red", "dog_barking": "green"}

    def blind_effects(self):
        return {}


def coloured(*spans, rate=10, size=(64, 48)):
    """Return a painter of pictures: (seconds, colour) after each other."""
    colours = [colour for seconds, colour in spans for _ in range(round(seconds * rate))]

    def paint(number):
        return np.full((size[1], size[0], 3), colours[min(number, len(colours) - 1)], np.uint8)

    return {"picture": paint, "seconds": len(colours) / rate, "rate": rate, "size": size}


@pytest.fixture(scope="module")
def foley():
    return Foley(ColourDetector(), load_library())


@pytest.fixture
def clip(tmp_path, make_clip):
    shots = coloured((2, RED), (2, BLACK), (2, GREEN))
    return make_clip(tmp_path / "clip.mp4", **shots)


def digests(folder, *names):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_tag_says_what_is_seen_and_when(foley, clip):
    tags = foley.tag(clip)
    assert [(e.effect, e.onset, e.offset) for e in tags.events] == [
        ("fire", 0.0, 2.0),
        ("dog_barking", 4.0, 6.0),
    ]


def test_generate_leaves_every_file_and_all_are_as_long_as_the_picture(foley, clip):
    outcome = foley.generate(clip)
    folder = outcome.folder
    assert folder == clip.with_name("clip.foley")
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        "cues.json",
        "cues.csv",
        "credits.txt",
        "proposed.json",
        "scores.tsv",
        "events.tsv",
        "stems/fire.wav",
        "stems/dog_barking.wav",
        "mix.wav",
        "clip.mp4",
        "overview.png",
        "review.html",
        "run.json",
    }
    for name in ("stems/fire.wav", "stems/dog_barking.wav", "mix.wav"):
        info = soundfile.info(folder / name)
        assert (info.samplerate, info.subtype, info.frames) == (48_000, "PCM_24", 288_000)


def test_sound_is_where_the_picture_asks_for_it_and_nowhere_else(foley, clip):
    folder = foley.generate(clip).folder
    fire, _ = soundfile.read(folder / "stems" / "fire.wav")
    assert np.abs(fire[: 2 * 48_000]).max() > 0.01
    assert not fire[2 * 48_000 :].any()
    mix, _ = soundfile.read(folder / "mix.wav")
    assert not mix[2 * 48_000 : 4 * 48_000 - 2_400].any()


def test_stems_add_up_to_the_mix(foley, clip):
    folder = foley.generate(clip).folder
    stems = sum(soundfile.read(path)[0] for path in (folder / "stems").glob("*.wav"))
    mix, _ = soundfile.read(folder / "mix.wav")
    assert np.abs(stems - mix).max() <= 10 ** (-120 / 20)


def test_a_video_with_nothing_to_hear_stays_silent(foley, tmp_path, make_clip):
    clip = make_clip(tmp_path / "dark.mp4", **coloured((2, BLACK)))
    outcome = foley.generate(clip)
    assert outcome.events == ()
    assert not soundfile.read(outcome.folder / "mix.wav")[0].any()
    assert (outcome.folder / "dark.mp4").exists()


def test_the_video_keeps_its_picture_and_gets_the_sound(foley, clip):
    folder = foley.generate(clip).folder

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(video=0) if p.size]

    assert packets(folder / "clip.mp4") == packets(clip)
    with av.open(str(folder / "clip.mp4")) as container:
        assert len(container.streams.audio) == 1


def test_the_original_sound_is_kept_ducked_or_muted(foley, tmp_path, make_clip, clips):
    shots = coloured((2, RED), (2, BLACK))
    clip = make_clip(tmp_path / "loud.mp4", audio=clips.tone(4.0), **shots)
    last_second = slice(3 * 48_000, 4 * 48_000)
    levels = {}
    for original in ("keep", "duck", "mute"):
        mix = MixSettings(original=original)
        folder = foley.generate(clip, tmp_path / original, mix=mix).folder
        stem = folder / "stems" / "original.wav"
        if original == "mute":
            assert not stem.exists()
            assert not soundfile.read(folder / "mix.wav")[0][last_second].any()
        else:
            sound, _ = soundfile.read(stem)
            under, after = np.std(sound[48_000:72_000]), np.std(sound[last_second])
            levels[original] = 20 * np.log10(under / after)
    assert levels["keep"] == pytest.approx(0.0, abs=0.2)
    assert levels["duck"] == pytest.approx(-12.0, abs=0.5)


def test_the_same_input_and_seed_give_the_same_bytes(foley, clip, tmp_path):
    names = ("cues.json", "cues.csv", "scores.tsv", "events.tsv", "mix.wav", "stems/fire.wav")
    first = foley.generate(clip, tmp_path / "a").folder
    again = Foley(ColourDetector(), load_library()).generate(clip, tmp_path / "b").folder
    other = foley.generate(clip, tmp_path / "c", seed=1).folder
    assert digests(first, *names) == digests(again, *names)
    assert digests(first, "mix.wav") != digests(other, "mix.wav")


def test_only_chosen_effects_are_laid_up(foley, clip, tmp_path):
    only = foley.generate(clip, tmp_path / "a", DetectionSettings(only=("fire",))).folder
    assert [t.effect for t in read_timeline(only / "cues.json").tracks] == ["fire"]
    without = foley.generate(clip, tmp_path / "b", DetectionSettings(exclude=("fire",))).folder
    assert [t.effect for t in read_timeline(without / "cues.json").tracks] == ["dog_barking"]


def test_leaving_an_effect_out_does_not_change_the_others(foley, clip, tmp_path):
    both = read_timeline(foley.generate(clip, tmp_path / "a").folder / "cues.json")
    settings = DetectionSettings(exclude=("fire",))
    one = read_timeline(foley.generate(clip, tmp_path / "b", settings).folder / "cues.json")
    assert one.tracks[0] in both.tracks


def test_a_second_run_leaves_a_finished_output_alone(foley, clip):
    folder = foley.generate(clip).folder
    stamp = (folder / "mix.wav").stat().st_mtime_ns
    assert foley.generate(clip).status == "finished"
    assert (folder / "mix.wav").stat().st_mtime_ns == stamp
    with pytest.raises(OutputExistsError, match="seed"):
        foley.generate(clip, seed=5)
    assert foley.generate(clip, seed=5, overwrite=True).status == "made"
    assert read_run(folder).made_with["seed"] == "5"


def test_a_failed_run_leaves_nothing_behind(foley, tmp_path):
    (tmp_path / "clip.mp4").write_text("not a video")
    with pytest.raises(MediaError, match=r"clip\.mp4"):
        foley.generate(tmp_path / "clip.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


def test_tables_say_what_was_found(foley, clip):
    folder = foley.generate(clip).folder
    rows = (folder / "events.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["filename", "onset", "offset", "event_label"]
    assert [row.split("\t")[3] for row in rows[1:]] == ["fire", "dog_barking"]
    scores = (folder / "scores.tsv").read_text().splitlines()
    assert scores[0].split("\t")[:2] == ["onset", "offset"]
    assert len(scores) == 1 + 24


def test_rendering_the_cue_list_gives_the_same_sound(foley, clip, tmp_path):
    folder = foley.generate(clip).folder
    again = render_cues(folder / "cues.json", tmp_path / "again").folder
    names = ("mix.wav", "stems/fire.wav", "stems/dog_barking.wav", "clip.mp4", "cues.csv")
    assert digests(again, *names) == digests(folder, *names)


def test_an_edited_cue_list_is_rendered_as_edited(foley, clip, tmp_path):
    folder = foley.generate(clip).folder
    text = json.loads((folder / "cues.json").read_text())
    text["tracks"] = [track for track in text["tracks"] if track["effect"] == "fire"]
    (folder / "cues.json").write_text(json.dumps(text))
    with pytest.raises(OutputExistsError, match="--overwrite or --out"):
        render_cues(folder / "cues.json")
    render_cues(folder / "cues.json", overwrite=True)
    assert [p.name for p in (folder / "stems").iterdir()] == ["fire.wav"]
    assert (folder / "scores.tsv").exists()


def test_a_cue_list_finds_its_video_or_asks_for_it(foley, clip, tmp_path):
    folder = foley.generate(clip).folder
    moved = tmp_path / "elsewhere" / "clip.mp4"
    moved.parent.mkdir()
    shutil.move(clip, moved)
    with pytest.raises(CueListError, match="use --video FILE"):
        render_cues(folder / "cues.json", tmp_path / "out")
    assert render_cues(folder / "cues.json", tmp_path / "out", video=moved).status == "made"
    with pytest.raises(CueListError, match="is not the video"):
        render_cues(folder / "cues.json", tmp_path / "o2", video=folder / "clip.mp4")


def test_a_cue_list_for_another_library_is_not_rendered_with_this_one(foley, clip, tmp_path):
    folder = foley.generate(clip).folder
    text = (folder / "cues.json").read_text().replace(foley.library.sha256, "00" * 32)
    (folder / "cues.json").write_text(text)
    with pytest.raises(CueListError, match="another library"):
        render_cues(folder / "cues.json", tmp_path / "out")


def test_a_cue_list_of_another_length_is_refused(foley, clip, tmp_path):
    folder = foley.generate(clip).folder
    text = json.loads((folder / "cues.json").read_text())
    text["source"]["duration_samples"] = 2**50
    (folder / "cues.json").write_text(json.dumps(text))
    with pytest.raises(CueListError, match=r"must be 288000, the length of clip\.mp4"):
        render_cues(folder / "cues.json", tmp_path / "out")


def test_a_cue_that_leads_out_of_the_library_is_refused(foley, clip, tmp_path):
    folder = foley.generate(clip).folder
    text = json.loads((folder / "cues.json").read_text())
    asset = text["tracks"][0]["cues"][0]["asset"]
    asset.update(kind="file", name="../../secret.wav", seed=None)
    (folder / "cues.json").write_text(json.dumps(text))
    with pytest.raises(Exception, match=r"secret\.wav") as caught:
        render_cues(folder / "cues.json", tmp_path / "out")
    assert caught.type.__name__ in ("LibraryError", "CueListError")


def test_a_written_timeline_can_be_moved_by_hand(foley, clip, tmp_path):
    import dataclasses

    folder = foley.generate(clip).folder
    timeline = read_timeline(folder / "cues.json")
    dog = next(track for track in timeline.tracks if track.effect == "dog_barking")
    cue = dog.cues[0]
    moved = dataclasses.replace(
        cue, onset_sample=cue.onset_sample - 48_000, offset_sample=cue.offset_sample - 48_000
    )
    tracks = (dataclasses.replace(dog, cues=(moved,)),)
    write_timeline(dataclasses.replace(timeline, tracks=tracks), tmp_path / "cues.json")
    done = render_cues(tmp_path / "cues.json", tmp_path / "out", video=clip).folder
    stem, _ = soundfile.read(done / "stems" / "dog_barking.wav")
    sounding = np.flatnonzero(np.abs(stem).max(axis=1) > 1e-4)
    assert moved.onset_sample <= sounding[0] < moved.onset_sample + 4_800
