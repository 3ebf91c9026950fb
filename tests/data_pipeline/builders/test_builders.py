from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from data_pipeline.annotations.records import AnnotatedClip, AnnotationError, LabelledEvent
from data_pipeline.builders.absence import MAY_ACCOMPANY, known_absent
from data_pipeline.builders.clips import ClipItem, ClipsConfig, find_media, make_clip, plan_clips
from data_pipeline.builders.dataset import PlanConfig
from data_pipeline.builders.labelled_files import read_labelled_files, recording_of
from data_pipeline.builders.pictures import decode_still, encode_picture, read_still, shrink
from data_pipeline.builders.scenes import plan_scenes
from data_pipeline.builders.staging import Rejected, Work, make_examples
from data_pipeline.builders.stills import Stills, StillsConfig, make_still, plan_stills
from data_pipeline.schema import SOUND_RATE_HZ, Example
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError, MediaError

VOCABULARY = load_vocabulary()


def _picture(path: Path, seed: int = 0, size: tuple[int, int] = (120, 90)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (9, 12, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(small, size))
    return path


def _sound(path: Path, seconds: float = 1.0, rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * 440 * time), rate)
    return path


def test_class_folders_become_files_with_their_effects(tmp_path):
    _picture(tmp_path / "fire/camp/a.jpg", 1)
    _picture(tmp_path / "other/b.png", 2)
    _picture(tmp_path / "mystery/c.png", 3)
    _picture(tmp_path / "fire/camp/twin.jpg", 1)
    _sound(tmp_path / "wave/d.wav")
    (tmp_path / "fire/camp/empty.jpg").touch()
    files, rejected = read_labelled_files(tmp_path, VOCABULARY)
    found = {file.id: (file.effects, file.source, file.is_known) for file in files}
    assert found == {
        "fire/camp/a.jpg": (("fire",), "camp", True),
        "other/b.png": ((), "other/b", True),
        "mystery/c.png": ((), "mystery/c", False),
        "wave/d.wav": (("wave",), "wave/d", True),
    }
    reasons = {r.item: r.reason for r in rejected}
    assert reasons["fire/camp/empty.jpg"] == "is empty"
    assert reasons["fire/camp/twin.jpg"] == "is the same file as another: fire/camp/a.jpg"
    files, _ = read_labelled_files(tmp_path, VOCABULARY, nothing=("mystery",))
    assert all(file.is_known for file in files)


def test_a_table_names_classes_and_sources(tmp_path):
    _sound(tmp_path / "s/door_1.wav", 0.5)
    _sound(tmp_path / "s/door_2.wav", 0.6)
    _picture(tmp_path / "p.jpg")
    table = tmp_path / "list.csv"
    table.write_text(
        "file,class,source,licence\ns/door_1.wav,door_opening|x_wood,lib,CC0\n"
        "s/door_2.wav,door_opening,lib,CC0\np.jpg,other,web,CC-BY\n"
        "q.jpg,fire,web,CC0\n../list.csv,fire,web,CC0\ns/door_1.wav,,lib,CC0\n"
    )
    files, rejected = read_labelled_files(table, VOCABULARY)
    assert [(f.id, f.effects, f.source, f.licence) for f in files] == [
        ("p.jpg", (), "web", "CC-BY"),
        ("s/door_1.wav", ("door_opening",), "s/door", "CC0"),
        ("s/door_2.wav", ("door_opening",), "s/door", "CC0"),
    ]
    assert [r.reason for r in rejected] == [
        "is not a picture or sound below the table",
        "names no class",
        "cannot be read (No such file or directory)",
    ]
    table.write_text("name,kind\na,b\n")
    with pytest.raises(AnnotationError, match="columns file and class"):
        read_labelled_files(table, VOCABULARY)


def test_takes_of_one_recording_share_their_source():
    assert recording_of("a/door_creak_01.ogg") == recording_of("a/door_creak_02.ogg")
    assert recording_of("x/1-17367-A.wav") == recording_of("y/1-17367-B.ogg") == "esc/1-17367"
    assert recording_of("keys/1c-0.wav") == recording_of("keys/02-1.wav") == "keys"
    assert recording_of("a/dog.ogg") != recording_of("a/cat.ogg")


def test_nearly_identical_pictures_are_one_series(tmp_path):
    for seed in range(3):
        _picture(tmp_path / f"fire/camera/{seed}.png", seed)
    image = cv2.imread(str(tmp_path / "fire/camera/0.png"))
    assert image is not None
    cv2.imwrite(str(tmp_path / "fire/camera/0_again.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    files, _ = read_labelled_files(tmp_path, VOCABULARY, grouping="series")
    source = {Path(file.id).stem: file.source for file in files}
    assert source["0"] == source["0_again"]
    assert len(set(source.values())) == 3
    assert all(name.startswith("camera#") for name in source.values())


def test_pictures_are_made_smaller_and_never_larger(tmp_path):
    large = read_still(_picture(tmp_path / "a.png", size=(800, 600)))
    assert shrink(large, 232).shape == (232, 309, 3)
    assert shrink(large[:100, :100], 232).shape == (100, 100, 3)
    again = decode_still(encode_picture(large)).astype(int)
    assert np.abs(again - large).mean() < 5


def test_what_is_no_picture_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8 not a picture")
    with pytest.raises(MediaError, match=r"a\.jpg: not a picture"):
        read_still(path)
    with pytest.raises(MediaError, match="strip"):
        read_still(_picture(tmp_path / "strip.png", size=(900, 40)))
    with pytest.raises(MediaError, match="only 8 pixels"):
        read_still(_picture(tmp_path / "tiny.png", size=(20, 8)))


def test_a_still_knows_what_it_shows_and_what_it_surely_lacks(tmp_path):
    _picture(tmp_path / "wave/a.png")
    _sound(tmp_path / "wave/b.wav", 0.5)
    (picture, sound), _ = read_labelled_files(tmp_path, VOCABULARY)
    seen = make_still(picture, vocabulary=VOCABULARY)
    assert (len(seen.pictures), len(seen.sound), seen.events[0].modality) == (1, 0, "picture")
    assert "fire" in seen.labelled
    assert "river" not in seen.labelled
    heard = make_still(sound, vocabulary=VOCABULARY)
    assert len(heard.sound) == SOUND_RATE_HZ // 2
    assert heard.events[0].strength == "clip"
    assert heard.events[0].offset_s == 0.5


def test_companions_are_effects_of_the_vocabulary():
    named = set(MAY_ACCOMPANY) | {n for names in MAY_ACCOMPANY.values() for n in names}
    assert named <= set(VOCABULARY.names)
    assert known_absent((), VOCABULARY) == VOCABULARY.names
    assert "cars" in known_absent(("ambulance", "cars"), VOCABULARY)


def _make_number(item: int) -> Example:
    if item % 7 == 3:
        raise FoleyError(f"number {item}: will not")
    return Example(id=str(item), source="s", sound=np.full(10, item, np.int16))


@pytest.mark.parametrize("workers", [1, 2])
def test_examples_come_in_order_and_are_made_once(tmp_path, workers):
    work = Work(name="numbers", items=list(range(80)), make=_make_number)
    made = list(make_examples(work, tmp_path, workers=workers))
    assert [m.item if isinstance(m, Rejected) else m.id for m in made] == list(map(str, range(80)))
    assert sum(isinstance(m, Rejected) for m in made) == 11
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.chunk")}
    assert len(times) == 3
    next(p for p in times if p.stem == "000001").unlink()
    again = list(make_examples(work, tmp_path, workers=workers))
    assert [getattr(m, "id", "") for m in again] == [getattr(m, "id", "") for m in made]
    kept = [p for p in times if p.exists() and p.stat().st_mtime_ns == times[p]]
    assert len(kept) == 2
    assert not list(tmp_path.rglob("*.part"))


def test_other_settings_do_not_take_up_old_chunks(tmp_path):
    for settings in ("a", "b"):
        work = Work(name="numbers", items=[1], make=_make_number, settings=settings)
        list(make_examples(work, tmp_path))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_clip_has_its_pictures_its_sound_and_its_events(tmp_path, clips):
    sound = clips.tone(3.0)
    clips.make_clip(tmp_path / "a.mp4", seconds=3.0, rate=25, audio=sound)
    clip = AnnotatedClip(
        source="a",
        clip="a.mp4",
        end_s=3.0,
        events=(
            LabelledEvent(name="fire", onset_s=0.5, offset_s=1.5, modality="visual"),
            LabelledEvent(name="wave", onset_s=2.5, modality="audio"),
            LabelledEvent(name="cheer", onset_s=1.0, offset_s=9.0, strength="clip"),
        ),
    )
    item = ClipItem(path=tmp_path / "a.mp4", clip=clip)
    example = make_clip(item, config=ClipsConfig(frame_rate_hz=5.0), vocabulary=VOCABULARY)
    assert np.allclose(example.times_s, np.arange(15) / 5)
    numbers = [clips.read_number(decode_still(picture)) for picture in example.pictures]
    assert numbers == list(range(0, 75, 5))
    assert len(example.sound) == 3 * SOUND_RATE_HZ
    assert [(e.effect, e.onset_s, e.offset_s, e.modality, e.strength) for e in example.events] == [
        ("fire", 0.5, 1.5, "picture", "frame"),
        ("wave", 2.5, 2.6, "sound", "frame"),
        ("cheer", 1.0, 3.0, "both", "clip"),
    ]


def test_a_clip_is_cut_out_of_a_longer_video(tmp_path, clips):
    sound = clips.impulses(4.0, [2.5])
    path = clips.make_clip(
        tmp_path / "long.mkv", seconds=4.0, rate=10, audio=sound, codec="libx264"
    )
    clip = AnnotatedClip(source="long", clip="long", start_s=2.0, end_s=3.0)
    item = ClipItem(path=path, clip=clip)
    example = make_clip(item, config=ClipsConfig(frame_rate_hz=5.0), vocabulary=VOCABULARY)
    numbers = [clips.read_number(decode_still(picture)) for picture in example.pictures]
    assert numbers == [20, 22, 24, 26, 28]
    assert np.allclose(example.times_s, np.arange(5) / 5)
    assert len(example.sound) == SOUND_RATE_HZ
    assert abs(int(np.abs(example.sound).argmax()) - SOUND_RATE_HZ // 2) < 40
    late = AnnotatedClip(source="long", clip="long", start_s=50.0, end_s=51.5)
    with pytest.raises(MediaError, match="ends at 4"):
        make_clip(ClipItem(path=path, clip=late), config=ClipsConfig(), vocabulary=VOCABULARY)


def test_media_are_found_by_name_and_what_is_missing_is_rejected(tmp_path):
    for name in ("v/a.mp4", "v/b.webm", "s/a.wav", "s/c.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    names = ["a.wav", "a", "v/b.webm", "c", "d"]
    clips = [AnnotatedClip(source=name, clip=name) for name in names]
    items, rejected = find_media(clips, tmp_path)
    found = [item.path.relative_to(tmp_path).as_posix() for item in items]
    assert found == ["v/a.mp4", "v/a.mp4", "v/b.webm", "s/c.wav"]
    assert items[0].sound_path == tmp_path / "s/a.wav"
    assert [r.item for r in rejected] == ["d"]


def test_of_a_clip_with_an_unmapped_class_absence_is_unknown(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    clips = [
        AnnotatedClip(source="a", clip="a.mp4", events=(LabelledEvent(name="fire"),)),
        AnnotatedClip(source="b", clip="b.mp4", events=(LabelledEvent(name="never heard of"),)),
    ]
    plan = plan_clips(clips, ClipsConfig(media=tmp_path), VOCABULARY, "dcase")
    known = {item.clip.source: item.is_known for work in plan.works.values() for item in work.items}
    assert known == {"a": True, "b": False}


def test_a_scene_is_the_one_class_of_its_clip(tmp_path, clips):
    clips.make_clip(tmp_path / "bus-a-1.mp4", seconds=1.0, size=(64, 48))
    _sound(tmp_path / "bus-a-1.wav", 1.0)
    clips.make_clip(tmp_path / "two.mp4", seconds=1.0, size=(64, 48))
    both = tuple(LabelledEvent(name=name, strength="clip") for name in ("bus", "tram"))
    listed = [
        AnnotatedClip(source="bus-a", clip="bus-a-1", end_s=1.0, events=both[:1], split="test"),
        AnnotatedClip(source="two", clip="two.mp4", events=both),
    ]
    plan = plan_scenes(listed, ClipsConfig(media=tmp_path), VOCABULARY, "tau_scenes")
    assert plan.scenes == ("bus",)
    assert [r.reason for r in plan.rejected] == ["has 2 scenes, should have one"]
    (item,) = plan.works["test"].items
    example = plan.works["test"].make(item)
    assert (example.scene, example.events, example.labelled) == ("bus", (), ())
    assert len(example.pictures) == 4
    # The video has no sound of its own: it is that of the file beside it.
    assert np.abs(example.sound).max() > 10_000


def test_a_builder_without_a_plan_says_so(tmp_path):
    _picture(tmp_path / "fire/a.png")
    plan = plan_stills(StillsConfig(paths=(tmp_path,)), VOCABULARY)
    config = PlanConfig.of(plan, tmp_path / "kept")
    info = Stills(data_dir=tmp_path, config=config, file_format="array_record").info
    assert info.metadata is not None
    assert info.metadata["effects"] == list(VOCABULARY.names)
    assert info.release_notes
    with pytest.raises(ValueError, match="must be given a plan"):
        Stills(data_dir=tmp_path, config=PlanConfig(name="x"), file_format="array_record")


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="parts must be one of"):
        StillsConfig(parts="half")
    with pytest.raises(ValueError, match="frame_rate_hz"):
        ClipsConfig(frame_rate_hz=0.0)
