"""Test the whole path on small videos, with a detector that judges colours."""

import dataclasses
import hashlib
import json
import shutil

import av
import numpy as np
import pytest
import soundfile

from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.errors import CueListError, LibraryError, MediaError, OutputExistsError
from temporal_foley.files.output import read_run
from temporal_foley.foley import Foley
from temporal_foley.render import render_cue_list
from temporal_foley.session.export import export_cues
from temporal_foley.sound.takes.library import load_library
from temporal_foley.stages import DetectionSettings
from temporal_foley.timeline import MixSettings
from tests.detectors import BLACK, GREEN, RED, colour_detector, painted
from tests.factories import stem_path

FIRE, DOG = "stems/FIRECrkl_fire_TFOLEY_clip.wav", "stems/ANMLDog_dog barking_TFOLEY_clip.wav"


@pytest.fixture(scope="module")
def foley():
    return Foley(colour_detector(), load_library())


@pytest.fixture(scope="module")
def outcome(tmp_path_factory, make_clip, foley):
    """Two seconds of fire, two of nothing, two of a dog, generated once; not to be changed."""
    shots = painted((2, RED), (2, BLACK), (2, GREEN))
    return foley.generate(make_clip(tmp_path_factory.mktemp("made") / "clip.mp4", **shots))


@pytest.fixture
def made(outcome, tmp_path):
    """A copy of the clip's output folder, with the clip beside it."""
    shutil.copy(outcome.folder.with_name("clip.mp4"), tmp_path / "clip.mp4")
    return shutil.copytree(outcome.folder, tmp_path / "clip.foley")


@pytest.fixture
def clip(made):
    return made.with_name("clip.mp4")


def digests(folder, *names):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def change_json(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_events_are_where_the_picture_shows_them(outcome):
    assert [(e.effect, e.onset, e.offset) for e in outcome.events] == [
        ("fire", 0.0, 2.0),
        ("dog_barking", 4.0, 6.0),
    ]
    rows = (outcome.folder / "events.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["filename", "onset", "offset", "event_label"]
    assert [row.split("\t")[3] for row in rows[1:]] == ["fire", "dog_barking"]
    scores = (outcome.folder / "scores.tsv").read_text().splitlines()
    assert scores[0].split("\t")[:2] == ["onset", "offset"]
    assert len(scores) == 1 + 24


def test_tag_finds_what_generate_finds(foley, clip, outcome):
    assert foley.tag(clip).events == outcome.events


def test_generate_leaves_every_file_and_all_are_as_long_as_the_picture(outcome):
    folder = outcome.folder
    assert folder.name == "clip.foley"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        *("cues.json", "cues.csv", "credits.txt", "proposed.json", "scores.tsv", "events.tsv"),
        "disclosure.html",
        *(FIRE, DOG, "mix.wav", "clip.foley.mp4"),
        *("overview.png", "review.html", "run.json"),
    }
    assert outcome.cues[0].id == read_timeline(folder / "cues.json").cues[0].id
    assert outcome.video == folder / "clip.foley.mp4"
    assert [stem.path for stem in outcome.report.stems] == list(outcome.stems.values())
    for path in (outcome.stems["fire"], outcome.stems["dog_barking"], outcome.mix):
        info = soundfile.info(path)
        assert (info.samplerate, info.subtype, info.frames) == (48_000, "PCM_24", 288_000)


def test_sound_is_where_the_picture_asks_for_it_and_nowhere_else(outcome):
    fire, _ = soundfile.read(outcome.stems["fire"])
    assert np.abs(fire[: 2 * 48_000]).max() > 0.01
    assert not fire[2 * 48_000 :].any()
    mix, _ = soundfile.read(outcome.folder / "mix.wav")
    assert not mix[2 * 48_000 : 4 * 48_000 - 2_400].any()
    stems = sum(soundfile.read(path)[0] for path in (outcome.folder / "stems").glob("*.wav"))
    # Only the limiter differs: one gain for both channels, never above 1, and 1 where it is idle.
    loud = np.abs(stems).min(axis=1) > 0.01
    gain = mix[loud] / stems[loud]
    np.testing.assert_allclose(gain[:, 0], gain[:, 1], atol=1e-4)
    assert gain.max() <= 1.0 + 1e-4
    assert gain.min() >= 10 ** (-1.0 / 20)
    # Outside one stretch, around the peak that it lowers, the stems add up to the mix.
    lowered = np.flatnonzero(np.abs(stems - mix).max(axis=1) > 10 ** (-120 / 20))
    assert len(lowered) == 0 or (outcome.report.limiter_db > 0.0 and np.ptp(lowered) < 48_000)


def test_a_video_without_events_stays_silent(foley, tmp_path, make_clip):
    outcome = foley.generate(make_clip(tmp_path / "dark.mp4", **painted((2, BLACK))))
    assert outcome.events == ()
    assert not soundfile.read(outcome.folder / "mix.wav")[0].any()
    assert (outcome.folder / "dark.foley.mp4").exists()


def test_the_video_keeps_its_picture_and_gets_the_sound(made, clip):
    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(video=0) if p.size]

    assert packets(made / "clip.foley.mp4") == packets(clip)
    with av.open(str(made / "clip.foley.mp4")) as container:
        assert len(container.streams.audio) == 1


def test_a_video_without_events_keeps_its_sound_packet_by_packet(foley, tmp_path, make_clip, clips):
    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    clip = make_clip(tmp_path / "dark.mp4", audio=clips.tone(2.0), **painted((2, BLACK)))
    outcome = foley.generate(clip, mix=MixSettings(loudness_lufs=-14.0))
    assert packets(outcome.video) == packets(clip)
    assert outcome.report.gain_db == 0.0
    assert not outcome.warnings
    muted = foley.generate(clip, tmp_path / "muted", mix=MixSettings(original="mute"))
    assert packets(muted.video) != packets(clip)


def test_a_video_without_events_and_sound_gets_no_sound_track(foley, tmp_path, make_clip):
    outcome = foley.generate(make_clip(tmp_path / "dark.mp4", **painted((2, BLACK))))
    with av.open(str(outcome.video)) as container:
        assert not container.streams.audio


def test_the_video_is_named_as_asked_and_a_render_keeps_that_name(foley, clip, made, tmp_path):
    same = foley.generate(clip, tmp_path / "same", same_name=True)
    assert same.video == same.folder / "clip.mp4"
    assert render_cue_list(same.folder / "cues.json", overwrite=True).video == same.video
    other = render_cue_list(same.folder / "cues.json", overwrite=True, same_name=False)
    assert other.video == same.folder / "clip.foley.mp4"
    assert not same.video.exists()


def test_exported_stems_are_those_of_the_folder(made, tmp_path):
    export_cues(made / "cues.json", ["stems"], tmp_path / "out")
    exported = {path.name: path.read_bytes() for path in (tmp_path / "out" / "stems").iterdir()}
    own = {path.name: path.read_bytes() for path in (made / "stems").iterdir()}
    assert own.items() <= exported.items()
    assert exported["mix_TFOLEY_clip.wav"] == (made / "mix.wav").read_bytes()
    change_json(made / "cues.json", lambda cues: cues["tracks"].pop(1))
    export_cues(made / "cues.json", ["stems"], tmp_path / "less")
    assert len(list((tmp_path / "less" / "stems").iterdir())) == 2
    for name, data in own.items():
        assert data[:4] == b"RIFF", name
        assert data[12:16] == b"bext", name


def test_the_original_sound_is_kept_ducked_or_muted(foley, tmp_path, make_clip, clips):
    shots = painted((2, RED), (2, BLACK))
    clip = make_clip(tmp_path / "loud.mp4", audio=clips.tone(4.0), **shots)
    last_second = slice(3 * 48_000, 4 * 48_000)
    levels = {}
    for original in ("keep", "duck", "mute"):
        mix = MixSettings(original=original)
        folder = foley.generate(clip, tmp_path / original, mix=mix).folder
        stems = [path.name for path in (folder / "stems").iterdir()]
        if original == "mute":
            assert not any(name.startswith("original") for name in stems)
            assert not soundfile.read(folder / "mix.wav")[0][last_second].any()
        else:
            sound, _ = soundfile.read(stem_path(folder, "original"))
            under, after = np.std(sound[48_000:72_000]), np.std(sound[last_second])
            levels[original] = 20 * np.log10(under / after)
    assert levels["keep"] == pytest.approx(0.0, abs=0.2)
    assert levels["duck"] == pytest.approx(-12.0, abs=0.5)


def test_the_same_input_and_seed_give_the_same_bytes(foley, clip, outcome, tmp_path):
    names = ("cues.json", "cues.csv", "scores.tsv", "events.tsv", "mix.wav", FIRE)
    again = Foley(colour_detector(), load_library()).generate(clip, tmp_path / "b").folder
    other = foley.generate(clip, tmp_path / "c", seed=1).folder
    assert digests(outcome.folder, *names) == digests(again, *names)
    assert digests(outcome.folder, "mix.wav") != digests(other, "mix.wav")


def test_only_chosen_effects_are_added_and_the_others_do_not_change(foley, made, clip, tmp_path):
    settings = DetectionSettings(only=("fire",))
    only = read_timeline(foley.generate(clip, tmp_path / "a", settings).folder / "cues.json")
    assert [track.effect for track in only.tracks] == ["fire"]
    settings = DetectionSettings(exclude=("fire",))
    without = read_timeline(foley.generate(clip, tmp_path / "b", settings).folder / "cues.json")
    assert [track.effect for track in without.tracks] == ["dog_barking"]
    assert without.tracks[0] in read_timeline(made / "cues.json").tracks


def test_a_second_run_leaves_a_finished_output_alone(foley, made, clip):
    stamp = (made / "mix.wav").stat().st_mtime_ns
    again = foley.generate(clip)
    assert again.status == "unchanged"
    assert sorted(again.stems) == ["dog_barking", "fire"]
    assert len(again.cues) == len(again.timeline.cues)
    assert (made / "mix.wav").stat().st_mtime_ns == stamp
    with pytest.raises(OutputExistsError, match="seed"):
        foley.generate(clip, seed=5)
    assert foley.generate(clip, seed=5, overwrite=True).status == "made"
    assert read_run(made).made_with["seed"] == "5"


def test_a_failed_run_leaves_nothing_behind(foley, tmp_path):
    (tmp_path / "clip.mp4").write_text("not a video")
    with pytest.raises(MediaError, match=r"clip\.mp4"):
        foley.generate(tmp_path / "clip.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


# ---- from the cue list


def test_rendering_the_cue_list_gives_the_same_sound(made, tmp_path):
    again = render_cue_list(made / "cues.json", tmp_path / "again").folder
    names = ("mix.wav", FIRE, DOG, "clip.foley.mp4", "cues.csv")
    assert digests(again, *names) == digests(made, *names)


def test_an_edited_cue_list_is_rendered_as_edited(made):
    change_json(made / "cues.json", lambda cues: cues["tracks"].pop(1))
    with pytest.raises(OutputExistsError, match="--overwrite or --out"):
        render_cue_list(made / "cues.json")
    render_cue_list(made / "cues.json", overwrite=True)
    (track,) = read_timeline(made / "cues.json").tracks
    assert list((made / "stems").iterdir()) == [stem_path(made, track.effect)]
    assert (made / "scores.tsv").exists()


def test_a_cue_that_is_moved_by_hand_sounds_there(made, clip, tmp_path):
    timeline = read_timeline(made / "cues.json")
    dog = next(track for track in timeline.tracks if track.effect == "dog_barking")
    cue = dog.cues[0]
    moved = dataclasses.replace(
        cue, onset_sample=cue.onset_sample - 48_000, offset_sample=cue.offset_sample - 48_000
    )
    tracks = (dataclasses.replace(dog, cues=(moved,)),)
    write_timeline(dataclasses.replace(timeline, tracks=tracks), tmp_path / "cues.json")
    done = render_cue_list(tmp_path / "cues.json", tmp_path / "out", video=clip).folder
    stem, _ = soundfile.read(stem_path(done, "dog_barking"))
    sounding = np.flatnonzero(np.abs(stem).max(axis=1) > 1e-4)
    assert moved.onset_sample <= sounding[0] < moved.onset_sample + 4_800


def test_a_cue_list_finds_its_video_or_asks_for_it(made, clip, tmp_path):
    (made / "run.json").unlink()  # which remembers where the video was
    moved = tmp_path / "elsewhere" / "clip.mp4"
    moved.parent.mkdir()
    shutil.move(clip, moved)
    with pytest.raises(CueListError, match="use --video FILE"):
        render_cue_list(made / "cues.json", tmp_path / "out")
    assert render_cue_list(made / "cues.json", tmp_path / "out", video=moved).status == "made"
    with pytest.raises(CueListError, match="is not the video"):
        render_cue_list(made / "cues.json", tmp_path / "o2", video=made / "clip.foley.mp4")


def lead_outside(cues):
    asset = {"kind": "file", "name": "../../secret.wav", "seed": None, "sha256": "0" * 64}
    cues["tracks"][0]["cues"][0]["asset"] = asset


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cues: cues["library"].update(sha256="00" * 32), "another library"),
        (
            lambda cues: cues["source"].update(duration_samples=2**50),
            r"must be 288000, the length of clip\.mp4",
        ),
        (lead_outside, r"secret\.wav"),
    ],
    ids=["another library", "another length", "outside the library"],
)
def test_a_cue_list_that_does_not_fit_is_refused(made, tmp_path, change, message):
    change_json(made / "cues.json", change)
    with pytest.raises((CueListError, LibraryError), match=message):
        render_cue_list(made / "cues.json", tmp_path / "out")
