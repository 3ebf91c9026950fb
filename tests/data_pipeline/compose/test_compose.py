import dataclasses

import cv2
import numpy as np
import pytest
import soundfile

from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.builders.pictures import decode_still
from data_pipeline.builders.sounds import sound_to_float
from data_pipeline.compose.clip import ClipNumber, compose_clip
from data_pipeline.compose.config import (
    ComposeConfig,
    LookConfig,
    ShotConfig,
    SoundConfig,
    read_compose_config,
)
from data_pipeline.compose.draw import draw_script, usable
from data_pipeline.compose.picture import render_pictures
from data_pipeline.compose.pools import is_grey, make_pools
from data_pipeline.compose.script import ScriptWindow, seen_events, visible_part, window_at
from data_pipeline.compose.sound import audible_spans
from data_pipeline.compose.speech_like import speech_like
from data_pipeline.schema import SOUND_RATE_HZ, frame_labels, from_example, to_example
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import UsageError
from temporal_foley.timegrid import TimeGrid, as_fraction

VOCABULARY = load_vocabulary()
COLOURS = {"fire": (220, 40, 30), "wave": (30, 60, 220), "": (60, 180, 60)}
QUIET = SoundConfig(
    silent_part=0.0,
    off_screen_part=0.0,
    distractor_part=0.0,
    speech_part=0.0,
    reverb_part=0.0,
    noise_part=0.0,
)


def _file(path, medium, effects, source):
    return LabelledFile(
        id=f"{medium}/{source}/{path.name}",
        path=path,
        medium=medium,
        source=source,
        classes=effects or ("other",),
        effects=effects,
        is_known=True,
        licence="CC0",
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One-coloured stills and tones of two effects and of nothing."""
    folder = tmp_path_factory.mktemp("media")
    made = []
    for number, (effect, colour) in enumerate(COLOURS.items()):
        effects = (effect,) if effect else ()
        for place, size in enumerate(((300, 220), (240, 240), (150, 110))):
            path = folder / f"{effect or 'other'}{place}.png"
            cv2.imwrite(str(path), np.full((size[1], size[0], 3), colour[::-1], np.uint8))
            made.append(_file(path, "picture", effects, f"photo {effect} {place}"))
        path = folder / f"{effect or 'other'}.wav"
        time = np.arange(2 * SOUND_RATE_HZ) / SOUND_RATE_HZ
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * 300 * (number + 1) * time), SOUND_RATE_HZ)
        made.append(_file(path, "sound", effects, f"recording {effect}"))
    return made


@pytest.fixture(scope="module")
def pools(files):
    made, rejected = make_pools(files, VOCABULARY)
    assert rejected == []
    return made


def _compose(pools, index=0, seed=0, split="train", **config):
    config = ComposeConfig(**{"short_side_px": 64, "duration_s": (6.0, 8.0), **config})
    number = ClipNumber(split=split, index=index, seed=seed)
    return compose_clip(number, pools=pools, config=config, vocabulary=VOCABULARY)


def _covers(picture: bytes, effect: str) -> bool:
    image = decode_still(picture).astype(int)
    return bool((np.abs(image - COLOURS[effect]).sum(axis=2) < 60).mean() > 0.02)


def test_every_frame_shows_what_its_labels_say(pools):
    """Colours show the effects: what is labelled is there, and what is there is labelled."""
    look = LookConfig(grey_part=0.0, detail_px=(64.0, 100.0), jpeg_quality=(85.0, 90.0))
    seen = 0
    for index in range(12):
        example = _compose(pools, index, look=look, no_picture_part=0.0)
        grid = TimeGrid(frame_rate=as_fraction(4.0), frames=len(example.pictures))
        found = frame_labels(example, VOCABULARY, grid, "picture")
        for effect in ("fire", "wave"):
            labels = found.labels[:, VOCABULARY.index(effect)]
            for picture, label in zip(example.pictures, labels, strict=True):
                seen += label
                if label:
                    assert _covers(picture, effect)
        nothing = found.labels.sum(axis=1) == 0
        for picture, is_nothing in zip(example.pictures, nothing, strict=True):
            image = decode_still(picture).astype(int).reshape(-1, 3)
            effects = [COLOURS["fire"], COLOURS["wave"]]
            near = [np.abs(image - colour).sum(axis=1) < 60 for colour in effects]
            # Less than half of a layer may be in sight before it counts.
            if is_nothing:
                assert max(part.mean() for part in near) <= 0.5
    assert seen > 50


def test_a_sound_starts_and_stops_with_its_picture(pools):
    shots = ShotConfig(
        nothing_part=0.6, stay_part=0.0, layouts=(1, 0, 0, 0, 0), length_s=(1.5, 2.0)
    )
    example = _compose(
        pools,
        shots=shots,
        sound=QUIET,
        no_sound_part=0.0,
        no_picture_part=0.0,
    )
    events = [event for event in example.events if event.effect in ("fire", "wave")]
    assert events
    assert {event.modality for event in events} == {"both"}
    heard = np.zeros(len(example.sound), bool)
    for event in events:
        span = slice(round(event.onset_s * SOUND_RATE_HZ), round(event.offset_s * SOUND_RATE_HZ))
        heard[span] = True
        inside = sound_to_float(example.sound[span])
        middle = inside[len(inside) // 4 : 3 * len(inside) // 4]
        assert np.sqrt(np.mean(middle**2)) > 0.005
    assert not np.any(example.sound[~heard])
    assert not heard.all()


def test_what_is_seen_may_be_silent_and_what_is_heard_unseen(pools):
    silent = _compose(pools, sound=dataclasses.replace(QUIET, silent_part=1.0), no_sound_part=0.0)
    assert {event.modality for event in silent.events} == {"picture"}
    unseen = _compose(
        pools,
        sound=dataclasses.replace(QUIET, off_screen_part=1.0),
        shots=ShotConfig(nothing_part=1.0),
        no_sound_part=0.0,
        no_picture_part=0.0,
    )
    assert {event.modality for event in unseen.events} == {"sound"}
    assert unseen.pictures
    mute = _compose(pools, no_sound_part=1.0, no_picture_part=0.0)
    assert len(mute.sound) == 0
    assert {event.modality for event in mute.events} <= {"picture"}
    blind = _compose(pools, no_picture_part=1.0, no_sound_part=0.0)
    assert blind.pictures == ()
    assert {event.modality for event in blind.events} <= {"sound"}


def test_with_one_kind_of_file_every_clip_has_that_kind(pools):
    no_sounds = dataclasses.replace(pools, sounds={})
    assert _compose(no_sounds, no_picture_part=1.0).pictures
    no_stills = dataclasses.replace(pools, stills={})
    assert len(_compose(no_stills, no_sound_part=1.0).sound)


def test_a_clip_depends_on_its_number_alone(pools):
    first = _compose(pools, 3)
    _compose(pools, 4)
    again = _compose(pools, 3)
    assert str(to_example(first)) == str(to_example(again))
    assert first.pictures == again.pictures
    assert np.array_equal(first.sound, again.sound)
    assert _compose(pools, 3, seed=1).pictures != first.pictures
    assert _compose(pools, 3, split="test").pictures != first.pictures


def test_a_clip_names_all_its_sources_and_licences(pools):
    example = _compose(pools, 1, no_sound_part=0.0)
    assert all(name.startswith(("picture:photo", "sound:recording")) for name in example.sources)
    assert len(set(example.sources)) == len(example.sources)
    assert example.licence == "CC0"
    assert from_example(to_example(example)).sources == example.sources


def test_absence_is_not_claimed_beside_what_often_comes_along(pools):
    for index in range(8):
        example = _compose(pools, index)
        if any("wave" in name for name in example.sources):
            assert "river" not in example.labelled
            assert "train_passing" in example.labelled


def test_a_still_is_never_enlarged_to_a_look_and_grey_only_among_grey(pools):
    rng = np.random.default_rng(0)
    for _ in range(20):
        script = draw_script(rng, ComposeConfig(), pools)
        for shot in script.shots:
            for layer in shot.layers:
                assert layer.shown.short_side_px >= script.look.detail_px
        if script.look.is_grey:
            small = dataclasses.replace(script, width_px=64, height_px=48, frames=2)
            assert all(is_grey(decode_still(picture)) for picture in render_pictures(small))
    look = dataclasses.replace(script.look, detail_px=150)
    assert [len(usable(pools.stills, look)[name]) for name in ("fire", "wave", "")] == [2, 2, 2]


def test_a_layer_that_enters_counts_from_half_of_it_on(pools):
    windows = (
        ScriptWindow(time_s=0.0, left=-0.5, top=0.0, width=0.5, height=0.5),
        ScriptWindow(time_s=2.0, left=0.0, top=0.0, width=0.5, height=0.5),
    )
    assert window_at(windows, 1.0).left == pytest.approx(-0.25)
    config = ComposeConfig(
        duration_s=(2.0, 2.0),
        shots=ShotConfig(layouts=(1, 0, 0, 0, 0), length_s=(9, 9), nothing_part=0.0),
    )
    script = draw_script(np.random.default_rng(0), config, pools)
    (shot,) = script.shots
    layer = dataclasses.replace(shot.layers[0], windows=windows)
    assert visible_part(layer, 0.0) == 0.0
    assert visible_part(layer, 2.0) == 1.0
    script = dataclasses.replace(script, shots=(dataclasses.replace(shot, layers=(layer,)),))
    ((_, onset_s, offset_s),) = seen_events(script, 0.5)
    assert (onset_s, offset_s) == (1.0, 2.0)


def test_audible_spans_are_found_and_silence_has_none():
    sound = np.zeros(SOUND_RATE_HZ, np.float32)
    sound[6400:9600] = 0.5
    sound[25600:28800] = 0.2
    assert audible_spans(sound) == [(6400, 9600), (25600, 28800)]
    assert audible_spans(np.zeros(1000, np.float32)) == []
    assert audible_spans(np.zeros(10, np.float32)) == []


def test_speech_like_sound_has_the_rhythm_of_speech():
    sound = speech_like(np.random.default_rng(0), 10 * SOUND_RATE_HZ)
    level = np.sqrt(np.mean(sound.reshape(-1, SOUND_RATE_HZ // 50) ** 2, axis=1))
    loud = level > 0.1 * level.max()
    assert 0.3 < loud.mean() < 0.95
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / SOUND_RATE_HZ)
    assert spectrum[(hz > 80) & (hz < 5000)].sum() > 0.8 * spectrum.sum()


def test_a_config_is_read_and_its_mistakes_are_named(tmp_path):
    path = tmp_path / "compose.toml"
    path.write_text("clips = 7\n[shots]\nnothing_part = 0.5\nlength_s = [1, 2]\n")
    config = read_compose_config(path)
    assert (config.clips, config.shots.nothing_part, config.shots.length_s) == (7, 0.5, (1.0, 2.0))
    for text, reason in (
        ("clip = 7", r"clip is unknown; did you mean clips\?"),
        ("[shots]\nnothing_part = 2.0", r"shots\.nothing_part must be in \[0, 1\]"),
        ("[look]\ndetail_px = [200, 100]", r"look\.detail_px must be a pair, lowest first"),
        ("[sound]\nreverb_s = 'long'", r"sound\.reverb_s must be a list, got 'long'"),
        ("clips = true", "clips must be an integer, got True"),
        ("clips = ", "cannot be read as TOML"),
    ):
        path.write_text(text)
        with pytest.raises(UsageError, match=reason):
            read_compose_config(path)
