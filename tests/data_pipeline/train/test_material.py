"""Material that cannot make a model is refused before anything is built, with what helps."""

import dataclasses
from collections import Counter
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import soundfile

from configs.foley_demo import config
from data_pipeline.annotations.records import AnnotatedClip, LabelledEvent
from data_pipeline.builders.clips import ClipItem
from data_pipeline.train.check import choose_parts
from data_pipeline.train.material import check_kept, check_out, read_material
from data_pipeline.train.options import TrainOptions
from data_pipeline.train.settings import check_settings, note_settings
from temporal_foley.errors import FoleyError, UsageError
from tests.data_pipeline.features.feature_kit import extracted, still


def write_picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    assert cv2.imwrite(str(path), image)


def write_sound(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).normal(size=800), 8000)


def write_video(path, *, sound=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width = stream.height = 32
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 4)
        track = container.add_stream("aac", rate=8000) if sound else None
        for _ in range(4):
            image = np.zeros((32, 32, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
        if track is not None:
            wave = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.sample_rate = 8000
            container.mux(track.encode(frame))
            container.mux(track.encode(None))


@pytest.fixture
def folders(tmp_path):
    """Write pictures and sounds of two effects, and pictures of neither."""
    seed = 0
    for name in ("fire", "wave", "other"):
        for number in range(4):
            seed += 1
            write_picture(tmp_path / f"pictures/{name}/{number}.png", seed)
            if name != "other":
                write_sound(tmp_path / f"sounds/{name}/{number}.wav", seed)
    return tmp_path


def options_of(folder, **given):
    found = {name: folder / name for name in ("pictures", "sounds") if (folder / name).is_dir()}
    options = TrainOptions(**{"out": folder / "out", **found, **given})
    check_out(options)
    return options


def refused(folder, **given):
    with pytest.raises(FoleyError) as error:
        read_material(options_of(folder, **given))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_usable_material_is_divided_and_named(folders):
    material = read_material(options_of(folders))
    assert material.vocabulary.names == ("fire", "wave")
    assert material.effects("picture") == Counter(fire=4, wave=4)
    assert material.division.parts == "60_20_20"
    assert material.warnings == ()


def test_what_the_model_will_lack_is_a_warning(folders):
    (warning,) = read_material(options_of(folders, vocabulary="foley20")).warnings
    assert warning.startswith("18 of 20 effects have no file")
    for path in (folders / "pictures/other").iterdir():
        path.unlink()
    for path in (folders / "pictures/wave").iterdir():
        path.unlink()
    unseen, everywhere = read_material(options_of(folders, overwrite=True)).warnings
    assert unseen.startswith("no picture or video shows wave")
    assert "DIR/other" in everywhere


def test_a_set_of_one_effect_and_nothing_else_is_refused(folders):
    for name in ("pictures/wave", "pictures/other", "sounds/wave"):
        (folders / name).rename(folders / name.replace("/", "_"))
    assert "all 8 files are of fire" in refused(folders)


def test_labels_without_any_time_are_refused(folders, videos):
    assert "says when" in refused(folders, pictures=None)
    for number in range(6):
        place = folders / f"clips/{'fire' if number < 3 else 'wave'}/{number}.mp4"
        place.parent.mkdir(parents=True, exist_ok=True)
        (videos / f"videos/v{number}.mp4").rename(place)
    message = refused(folders, pictures=None, sounds=None, videos=folders / "clips")
    assert "--annotations TABLE" in message


def test_exchanged_folders_are_noticed(folders):
    message = refused(folders, pictures=folders / "sounds", sounds=folders / "pictures")
    assert "--pictures" in message
    assert "no picture" in message
    assert "give it with --sounds" in message


def test_videos_among_pictures_are_named(tmp_path):
    write_video(tmp_path / "pictures/fire/a.mp4")
    assert "--videos" in refused(tmp_path)


def test_files_outside_class_folders_are_named(tmp_path):
    write_picture(tmp_path / "pictures/a.png", 1)
    assert "a folder per effect" in refused(tmp_path)


@pytest.mark.parametrize("name", ["silence", "Wavee"])
def test_nothing_must_name_a_class(folders, name):
    assert "--nothing: unknown class" in refused(folders, nothing=(name,))


def test_a_class_of_videos_that_is_not_an_effect_is_refused(folders):
    write_video(folders / "videos/fires/a.mp4")
    message = refused(folders, videos=folders / "videos", vocabulary="foley20")
    assert "1 file of the class fires" in message
    assert "did you mean fire?" in message
    assert "--leave-out" not in message, "it is not for videos"


def table(folder, *rows):
    path = folder / "events.tsv"
    path.write_text("filename\tonset\toffset\tevent_label\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def videos(tmp_path):
    for number in range(6):
        write_video(tmp_path / f"videos/v{number}.mp4", sound=number % 2 == 0)
    return tmp_path


def test_a_table_alone_names_the_effects(videos):
    rows = [f"v{n}.mp4\t0.1\t0.5\t{'fire' if n < 3 else 'tea kettle'}" for n in range(6)]
    given = {"videos": videos / "videos", "annotations": table(videos, *rows)}
    material = read_material(options_of(videos, **given))
    assert material.vocabulary.names == ("fire", "tea_kettle")
    assert material.effects("video") == Counter(fire=3, tea_kettle=3)
    assert {e.modality for item in material.clips for e in item.clip.events} == {"both"}
    message = refused(videos, **given, vocabulary="foley20")
    assert "3 events of the class tea kettle" in message
    assert "--nothing 'tea kettle'" in message
    assert read_material(options_of(videos, **given, nothing=("Tea Kettle",))).clips


def test_a_table_of_other_files_is_refused_and_gaps_are_warnings(videos):
    given = {"videos": videos / "videos"}
    message = refused(videos, **given, annotations=table(videos, "x.mp4\t0.1\t0.5\tfire"))
    assert "none of the 1 files" in message
    assert "such as v0.mp4" in message
    rows = [f"v{n}.mp4\t0.1\t0.5\tfire" for n in (0, 2, 4, 9)] + [
        "v1.mp4\t0.5\t0.1\tfire",
        "v3.mp4",
    ]
    missing, wrong, extra = read_material(
        options_of(videos, **given, annotations=table(videos, *rows))
    ).warnings[:3]
    assert missing.startswith("1 of 5 files")
    assert "line 6" in wrong
    assert "such as v1.mp4" in extra


def test_an_unknown_reader_is_named(videos):
    message = refused(videos, videos=videos / "videos", reader="dcasee")
    assert "did you mean dcase?" in message


def test_videos_without_sound_count_as_pictures(videos):
    def item(number, source):
        event = LabelledEvent(name="fire", offset_s=0.5)
        clip = AnnotatedClip(clip=f"v{number}.mp4", source=source, events=(event,))
        return ClipItem(path=videos / f"videos/v{number}.mp4", clip=clip)

    # Three that sound can be divided; that two cannot must not pass as videos of some kind.
    assert choose_parts((), [item(n, str(n)) for n in range(6)])
    with pytest.raises(UsageError, match=r"sounds of fire \(1\)"):
        choose_parts((), [item(n, "one" if n % 2 == 0 else str(n)) for n in range(6)])


def test_a_vocabulary_that_was_edited_is_not_replaced(folders):
    options = options_of(folders)
    read_material(options)
    path = options.vocabulary_file
    path.write_text(path.read_text("utf-8").replace("loop", "ambience"), "utf-8")
    edited = path.read_text("utf-8")
    assert f"--vocabulary {path} --overwrite" in refused(folders)
    assert path.read_text("utf-8") == edited
    material = read_material(options_of(folders, vocabulary=str(path), overwrite=True))
    assert material.text == edited


def test_effects_whose_files_are_all_unreadable_are_named(folders):
    material = read_material(options_of(folders))
    with pytest.raises(FoleyError, match=r"no pictures of wave, sounds of fire, .* can be used"):
        check_kept(material, extracted(still("a")), folders)


@pytest.mark.parametrize("place", ["pictures/model", "pictures"])
def test_the_output_must_not_be_among_the_classes(folders, place):
    with pytest.raises(UsageError, match="whose folders are classes"):
        options_of(folders, out=folders / place)


def test_the_output_must_be_a_folder_of_its_own(folders):
    (folders / "file").write_text("x")
    for place, why in (("file", "is a file"), ("sounds/../file", "is a file")):
        with pytest.raises(FoleyError, match=why):
            options_of(folders, out=folders / place)
    (folders / "full").mkdir()
    (folders / "full/letter.txt").write_text("x")
    with pytest.raises(FoleyError, match="other content"):
        options_of(folders, out=folders / "full")


CHANGES = [
    ({"steps": 7}, r"--steps \(None, now 7\)"),
    ({"clips": 9}, "--clips"),
    ({"group": "series"}, r"--group \(source, now series\)"),
    ({"nothing": ("wave",)}, "--nothing"),
    ({"leave_out": ("wave/*",)}, "--leave-out"),
    ({"vocabulary": "foley20"}, "--vocabulary"),
    ({"sounds": None}, "--sounds"),
    ({"reader": "audacity"}, "--reader"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_other_settings_in_the_same_folder_are_named(folders, change, message):
    options = options_of(folders)
    check_settings(options)
    note_settings(options)
    check_settings(options_of(folders, workers=1, baseline=False))
    with pytest.raises(UsageError, match=message) as error:
        check_settings(options_of(folders, **change))
    assert "--overwrite" in str(error.value)
    check_settings(options_of(folders, **change, overwrite=True))


def test_a_changed_setting_of_the_configuration_is_named(folders):
    options = options_of(folders, config=config())
    note_settings(options)
    other = dataclasses.replace(config(), batch_size=16)
    with pytest.raises(UsageError, match=r"--config.batch-size \(32, now 16\)"):
        check_settings(options_of(folders, config=other))
