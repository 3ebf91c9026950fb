"""Videos as material of composed clips: their frames and sound in time, and one split a video."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.annotations.records import AnnotatedClip, LabelledEvent
from data_pipeline.builders.clips import ClipItem
from data_pipeline.builders.pictures import decode_still
from data_pipeline.builders.sounds import sound_to_float
from data_pipeline.compose.clip import ClipNumber, compose_clip
from data_pipeline.compose.config import ComposeConfig, LookConfig, ShotConfig, SoundConfig
from data_pipeline.compose.pools import make_pools
from data_pipeline.prepare.planning import BuildOptions, make_build_plan
from data_pipeline.schema import SOUND_RATE_HZ, frame_labels
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.timegrid import TimeGrid, as_fraction
from tests.data_pipeline.acquire.site_kit import encoded as encoded_jpeg

VOCABULARY = load_vocabulary()
RATE_HZ = 10
CONFIG = ComposeConfig(
    short_side_px=48,
    duration_s=(6.0, 6.0),
    aspects=(4 / 3,),
    aspect_weights=(1.0,),
    no_picture_part=0.0,
    no_sound_part=0.0,
    shots=ShotConfig(video_part=1.0, nothing_part=0.0, stay_part=0.0, length_s=(1.5, 2.5)),
    look=LookConfig(detail_px=(40.0, 40.0), grey_part=0.0, jpeg_quality=(90.0, 90.0)),
    sound=SoundConfig(
        silent_part=0.0,
        off_screen_part=0.0,
        distractor_part=0.0,
        speech_part=0.0,
        reverb_part=0.0,
        noise_part=0.0,
    ),
)


def encoded(image):
    """Write a picture as PNG."""
    return encoded_jpeg(image, ".png")


def colour(number):
    """Red, a fire, in the second and third second; green before and after."""
    burns = RATE_HZ <= number < 3 * RATE_HZ
    return np.full((60, 80, 3), (220, 40, 30) if burns else (40, 170, 60), np.uint8)


def is_red(content):
    red, green, _ = decode_still(content).reshape(-1, 3).mean(axis=0)
    return red > green


def item(path, *events, source="film", **facts):
    clip = AnnotatedClip(source=source, clip=path.name, events=events, licence="CC0", **facts)
    return ClipItem(path=path, clip=clip)


def burning(modality="both", strength="frame"):
    return LabelledEvent(
        name="fire", onset_s=1.0, offset_s=3.0, modality=modality, strength=strength
    )


@pytest.fixture(scope="module")
def film(tmp_path_factory, make_clip, clips):
    """Write four seconds of a thing that burns, and sounds, from 1 to 3."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    sound = clips.tone(4.0)
    sound[:48_000] = sound[3 * 48_000 :] = 0.0
    make_clip(path, seconds=4.0, rate=RATE_HZ, size=(80, 60), picture=colour, audio=sound)
    return path


def composed(*items, index=0, config=CONFIG):
    pools, rejected = make_pools((), VOCABULARY, items)
    assert rejected == []
    number = ClipNumber(split="train", index=index, seed=0)
    return compose_clip(number, pools=pools, config=config, vocabulary=VOCABULARY)


def labels_of(example, modality):
    grid = TimeGrid(frame_rate=as_fraction(4.0), frames=len(example.pictures))
    known = frame_labels(example, VOCABULARY, grid, modality)
    return known.labels[:, VOCABULARY.index("fire")] > 0


def test_frames_of_a_video_are_labelled_by_what_they_show(film):
    for index in range(4):
        example = composed(item(film, burning("visual")), index=index)
        shown = [is_red(picture) for picture in example.pictures]
        assert any(shown)
        assert not all(shown)
        np.testing.assert_array_equal(labels_of(example, "picture"), shown)


def test_own_sound_lies_under_the_frames_that_it_belongs_to(film):
    example = composed(item(film, burning()))
    step = SOUND_RATE_HZ // 4
    blocks = sound_to_float(example.sound)[: len(example.pictures) * step].reshape(-1, step)
    loud = np.sqrt(np.mean(blocks**2, axis=1)) > 1e-2
    shown = np.array([is_red(picture) for picture in example.pictures])
    # A frame that ends or begins within a quarter of a second of a change may be half loud.
    steady = np.ones(len(shown), bool)
    for change in np.nonzero(np.diff(shown))[0]:
        steady[max(change - 1, 0) : change + 3] = False
    assert steady.sum() > len(shown) // 3
    np.testing.assert_array_equal(loud[steady], shown[steady])
    assert labels_of(example, "sound").any()
    assert not set(example.sources) - {"video:film"}


def test_sound_that_is_not_said_to_belong_to_the_picture_is_left_away(film):
    example = composed(item(film, burning("visual")))
    assert len(example.sound) == 0 or not example.sound.any()
    assert {event.modality for event in example.events} == {"picture"}


def test_a_video_of_nothing_is_a_hard_negative(film):
    example = composed(item(film))
    assert example.events == ()
    assert example.sound.any()
    assert example.labelled == VOCABULARY.names


def test_videos_whose_effects_are_not_known_in_time_are_left_out(film, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    items = [
        item(film, burning(strength="clip")),
        dataclasses.replace(item(film), is_known=False),
        item(tmp_path / "broken.mp4"),
    ]
    pools, rejected = make_pools((), VOCABULARY, items)
    assert len(rejected) == 3
    assert not any(pools.videos.values())
    assert any("without times" in one.reason for one in rejected)


def test_a_look_never_enlarges_a_video(film):
    wide = dataclasses.replace(CONFIG, look=LookConfig(detail_px=(61.0, 200.0)))
    assert composed(item(film), config=wide).pictures


def options_of(**fields):
    return BuildOptions(
        **{"dataset": "composed", "out": Path(), "vocabulary": "tiny", "workers": 1, **fields}
    )


def test_no_video_is_in_two_splits_and_stills_stay_where_they_are(film, tmp_path, make_clip):
    rows = ["filename\tonset\toffset\tevent_label\tmodality\tsource"]
    media = tmp_path / "media"
    media.mkdir()
    for number in range(12):
        make_clip(media / f"v{number}.mp4", seconds=1.2, size=(64, 48), rate=RATE_HZ)
        rows.append(f"v{number}.mp4\t0\t1\tfire\tvisual\tfilm{number // 2}")
    (tmp_path / "videos.tsv").write_text("\n".join(rows) + "\n")
    stills = tmp_path / "pictures"
    generator = np.random.default_rng(0)
    for number in range(10):
        folder = stills / "fire" / f"series{number}"
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(encoded(generator.integers(0, 256, (64, 64, 3), np.uint8)))
    options = options_of(files=(stills,), clips=20)
    _, alone = make_build_plan(options, VOCABULARY)
    annotated = {"annotations": (tmp_path / "videos.tsv",), "media": media}
    options = dataclasses.replace(options, **annotated)
    _, plan = make_build_plan(options, VOCABULARY)

    def sources(plan, kind):
        pools = [work.make.keywords["pools"] for work in plan.works.values()]
        return [
            {one.file.source for some in getattr(pool, kind).values() for one in some}
            for pool in pools
        ]

    videos = sources(plan, "videos")
    assert sum(map(len, videos)) == len(set().union(*videos)) == 6
    assert len(videos[0]) < 6
    assert sources(plan, "stills") == sources(alone, "stills")
    assert {work.settings for work in plan.works.values()} != {
        work.settings for work in alone.works.values()
    }


def test_a_pattern_that_leaves_nothing_out_is_told(tmp_path):
    folder = tmp_path / "pictures" / "fire"
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        level = np.full((64, 64, 3), ord(name), np.uint8)
        (folder / f"{name}.png").write_bytes(encoded(level))
    options = options_of(dataset="stills", files=(folder.parent,), leave_out=("fire/a*",))
    _, plan = make_build_plan(options, VOCABULARY)
    assert [file.id for work in plan.works.values() for file in work.items] == ["fire/b.png"]
    assert [item.item for item in plan.rejected] == ["fire/a.png"]
    options = dataclasses.replace(options, leave_out=("fire/c*",))
    with pytest.raises(FoleyError, match="matches none"):
        make_build_plan(options, VOCABULARY)


def test_more_clips_of_the_same_splits_have_other_numbers(tmp_path):
    folder = tmp_path / "pictures" / "fire"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded(np.full((64, 64, 3), 90, np.uint8)))
    (tmp_path / "more.toml").write_text("first_clip = 50\nclips = 10\n")
    options = options_of(files=(folder.parent,), config=tmp_path / "more.toml")
    _, plan = make_build_plan(options, VOCABULARY)
    assert [number.index for number in plan.works["train"].items] == list(range(50, 58))
    assert "from_50" in plan.config_name
