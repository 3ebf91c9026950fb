import json

import pytest

from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.esc import CATEGORIES
from data_pipeline.annotations.label_studio import read_label_studio
from data_pipeline.annotations.records import AnnotationError

A = "abcdefghijk"


def write_ontology(path):
    entries = [
        {
            "id": "/m/0bt9lr",
            "name": "Dog",
            "child_ids": ["/m/05tny_"],
            "positive_examples": [f"youtu.be/{A}?start=30&end=40"],
        },
        {"id": "/m/05tny_", "name": "Bark", "child_ids": [], "positive_examples": ["nonsense"]},
    ]
    (path / "ontology.json").write_text(json.dumps(entries))


def test_audioset_segments_have_names_for_their_ids(tmp_path):
    write_ontology(tmp_path)
    path = tmp_path / "eval_segments.csv"
    path.write_text(
        "# Segments csv created Sun Mar  5 10:54:25 2017\n# num_segs=3\n"
        f'{A}, 30.000, 40.000, "/m/0bt9lr,/m/05tny_"\n'
        f'{A}, 50.000, 50.000, "/m/0bt9lr"\n{A}, 60.000, 70.000, "/m/nowhere"\n'
    )
    reading = READERS["audioset"].read(path)
    (clip,) = reading.clips
    assert (clip.start_s, clip.end_s, clip.split) == (30.0, 40.0, "test")
    assert [e.name for e in clip.events] == ["Dog", "Bark"]
    assert {e.strength for e in clip.events} == {"clip"}
    assert reading.rows == 3
    assert len(reading.rejected) == 2


def test_audioset_names_come_from_the_index_too(tmp_path):
    (tmp_path / "class_labels_indices.csv").write_text(
        'index,mid,display_name\n0,/m/053hz1,"Cheering, loud"\n'
    )
    (tmp_path / "audioset_eval_strong.tsv").write_text(
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
        f"{A}_30000\t2.627\t7.237\t/m/053hz1\n{A}_30000\t7.0\t12.0\t/m/053hz1\n"
    )
    reading = READERS["audioset"].read(tmp_path)
    (event,) = reading.clips[0].events
    assert (event.name, event.onset_s, event.strength) == ("Cheering, loud", 2.627, "frame")
    assert reading.reasons == {"ends after the clip": 1}


def test_audioset_lists_of_challenges_and_examples_are_read(tmp_path):
    write_ontology(tmp_path)
    (tmp_path / "groundtruth_weak_label_testing_set.csv").write_bytes(
        f"{A}_30.000_40.000.wav\t30.000\t40.000\tCar\r\n"
        f"{A}_30.000_40.000.wav\t30.000\t41.000\tBus\r\n".encode()
    )
    reading = READERS["audioset"].read(tmp_path)
    (clip,) = reading.clips
    assert [e.name for e in clip.events] == ["Car", "Dog"]
    assert sorted(reading.reasons) == [
        "has times that its file name contradicts",
        "names no clip: should be youtu.be/VIDEO?start=..&end=..",
    ]


@pytest.mark.parametrize("header", ["", "filename\tonset\toffset\tevent_label\n"])
def test_dcase_events_are_read_with_or_without_column_names(tmp_path, header):
    path = tmp_path / "a.tsv"
    path.write_text(f"{header}a.wav\t1.5\t2.25\tDog\nb.wav\t3\t2\tDog\n")
    reading = READERS["dcase"].read(path)
    assert [(e.onset_s, e.offset_s) for e in reading.clips[0].events] == [(1.5, 2.25)]
    assert reading.reasons == {"ends before it begins": 1}


@pytest.mark.parametrize("nothing", ["quiet.wav", "quiet.wav\t\t\t", "quiet.wav\tnan\tnan\tnan"])
def test_dcase_files_without_events_are_clips_without_events(tmp_path, nothing):
    path = tmp_path / "a.tsv"
    path.write_text(f"filename\tonset\toffset\tevent_label\n{nothing}\n")
    reading = READERS["dcase"].read(path)
    assert reading.clips[0].events == ()
    assert reading.rows_read == 1


def test_dcase_classes_of_clips_and_names_cut_from_youtube(tmp_path):
    path = tmp_path / "weak.tsv"
    path.write_text(f"filename\tevent_labels\nY{A}_30.000_40.000.wav\tDog,Speech\n")
    (clip,) = READERS["dcase"].read(path).clips
    assert (clip.source, clip.start_s, clip.end_s) == (A, 30.0, 40.0)
    assert [(e.name, e.strength, e.offset_s) for e in clip.events] == [
        ("Dog", "clip", 10.0),
        ("Speech", "clip", 10.0),
    ]


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_scenes_of_one_place_are_one_source(tmp_path, delimiter):
    path = tmp_path / "fold1_train.csv"
    lines = [
        ("filename_audio", "filename_video", "scene_label"),
        ("audio/tram-lyon-1095-40158.wav", "video/tram-lyon-1095-40158.mp4", "tram"),
        ("audio/tram-lyon-1095-40245.wav", "video/tram-lyon-1095-40245.mp4", "tram"),
        ("audio/tram-lyon-1095-40246.wav", "video/tram-lyon-1095-40246.mp4", "spaceship"),
    ]
    path.write_text("\n".join(delimiter.join(line) for line in lines))
    reading = READERS["tau_scenes"].read(tmp_path)
    assert {clip.source for clip in reading.clips} == {"lyon-1095"}
    assert {clip.split for clip in reading.clips} == {"train"}
    assert reading.reasons == {"names none of the ten scenes": 1}


def test_esc_has_50_classes_and_keeps_takes_of_a_recording_together(tmp_path):
    assert len(set(CATEGORIES)) == 50
    for name in ("1-100032-A-0.wav", "1-100032-B-40.wav", "notes-A.wav", "1-7-A-50.wav"):
        (tmp_path / name).touch()
    (tmp_path / "001 - Dog bark").mkdir()
    (tmp_path / "001 - Dog bark" / "2-5-A.ogg").touch()
    reading = READERS["esc"].read(tmp_path)
    assert {(c.source, c.split, c.events[0].name) for c in reading.clips} == {
        ("100032", "fold1", "dog"),
        ("100032", "fold1", "helicopter"),
        ("5", "fold2", "Dog bark"),
    }
    assert len(reading.rejected) == 2


def test_esc_table_agrees_with_its_file_names(tmp_path):
    path = tmp_path / "esc50.csv"
    path.write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-100032-A-0.wav,1,0,dog,True,100032,A\n1-100038-A-14.wav,1,14,dog,False,100038,A\n"
    )
    reading = READERS["esc"].read(path)
    assert reading.rows_read == 1
    assert reading.reasons == {"has a category that its file name contradicts": 1}


def test_class_folders_keep_a_series_together_and_know_its_licence(tmp_path):
    for name in ("cat/series/1.jpg", "dog/series/2.jpg", "dog/3.png", "dog/notes.txt", "top.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "dog" / "empty.jpg").touch()
    (tmp_path / "images.csv").write_text("file,licence\ncat/series/1.jpg,CC0\ncat/gone.jpg,CC0\n")
    reading = READERS["class_folders"].read(tmp_path)
    by_name = {clip.clip: clip for clip in reading.clips}
    assert by_name["cat/series/1.jpg"].source == by_name["dog/series/2.jpg"].source
    assert by_name["dog/3.png"].source != by_name["dog/series/2.jpg"].source
    assert by_name["cat/series/1.jpg"].licence == "CC0"
    assert by_name["dog/3.png"].events[0].modality == "visual"
    assert reading.reasons == {
        "is not a picture, sound or video by its name": 1,
        "is not in a class folder": 1,
        "is empty": 1,
        "is in the table, but does not exist": 1,
    }


def test_class_folders_may_be_split_already(tmp_path):
    for name in ("train/cat/1.jpg", "test/cat/2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    clips = READERS["class_folders"].read(tmp_path).clips
    assert {(clip.split, clip.events[0].name) for clip in clips} == {
        ("train", "cat"),
        ("test", "cat"),
    }
    with pytest.raises(AnnotationError, match="no such folder"):
        READERS["class_folders"].read(tmp_path / "nowhere")


def test_audacity_labels_points_and_frequencies(tmp_path):
    path = tmp_path / "walk.txt"
    path.write_text(
        "\ufeff1.000000\t1.000000\tstep\n\\\t100.0\t200.0\n2,5\t3,5\tdoor\n4\t5\t\n6\t5\tx\n",
        "utf-8",
    )
    reading = READERS["audacity"].read(path)
    (clip,) = reading.clips
    assert clip.source == "walk"
    assert [(e.name, e.onset_s, e.offset_s) for e in clip.events] == [
        ("step", 1.0, None),
        ("door", 2.5, 3.5),
    ]
    assert reading.reasons == {"names no class": 1, "ends before it begins": 1}


def label_studio(path, tasks):
    (path / "export.json").write_text(json.dumps(tasks))
    return path / "export.json"


def test_label_studio_sound_regions_and_finished_tasks(tmp_path):
    region = {"value": {"start": 1.5, "end": 2.5, "labels": ["bark"]}, "type": "labels"}
    tasks = [
        {
            "id": 1,
            "data": {"audio": "/data/local-files/?d=sounds%2Fa.wav"},
            "annotations": [{"result": [region]}, {"result": [region], "was_cancelled": True}],
        },
        {"id": 2, "data": {"audio": "/data/upload/1/b.wav"}, "annotations": [{"result": []}]},
        {"id": 3, "data": {"audio": "/data/upload/1/c.wav"}, "annotations": []},
    ]
    reading = read_label_studio(label_studio(tmp_path, tasks))
    first, second = reading.clips
    assert (first.clip, first.events[0].onset_s, first.events[0].modality) == (
        "a.wav",
        1.5,
        "audio",
    )
    assert (second.clip, second.events) == ("b.wav", ())
    assert reading.reasons == {
        "was skipped by the labeller": 1,
        "is not annotated yet": 1,
    }


def test_label_studio_timelines_need_a_frame_rate(tmp_path):
    value = {"ranges": [{"start": 26, "end": 50}], "timelinelabels": ["door"]}
    tasks = [{"data": {"video": "x/a.mp4"}, "annotations": [{"result": [{"value": value}]}]}]
    path = label_studio(tmp_path, tasks)
    assert "frame rate" in next(iter(read_label_studio(path).reasons))
    (clip,) = read_label_studio(path, 25.0).clips
    assert [(e.onset_s, e.offset_s, e.modality) for e in clip.events] == [(1.0, 2.0, "both")]


def test_label_studio_min_is_read_alike(tmp_path):
    tasks = [
        {"audio": "u/a.wav", "label": [{"start": 1, "end": 2, "labels": ["bark"]}], "id": 5},
        {"video": "u/b.mp4", "choice": "tram"},
    ]
    reading = read_label_studio(label_studio(tmp_path, tasks))
    assert [(c.clip, c.events[0].name, c.events[0].strength) for c in reading.clips] == [
        ("a.wav", "bark", "frame"),
        ("b.mp4", "tram", "clip"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"start": None, "end": 2, "labels": ["x"]},
        {"start": 1, "end": 1e400, "labels": ["x"]},
        {"start": 1, "end": 2, "labels": []},
        {"start": 1, "end": 2, "labels": "x"},
        {"ranges": [1], "timelinelabels": ["x"]},
        {"choices": "tram"},
        "nonsense",
    ],
)
def test_label_studio_rejects_damaged_regions_and_reads_the_others(tmp_path, value):
    good = {"value": {"start": 1, "end": 2, "labels": ["bark"]}}
    result = [{"value": value}, good]
    tasks = [{"data": {"audio": "u/a.wav", "fps": 25}, "annotations": [{"result": result}]}]
    reading = read_label_studio(label_studio(tmp_path, tasks))
    assert [event.name for event in reading.clips[0].events] == ["bark"]
    assert len(reading.rejected) == 1


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[1]"])
def test_label_studio_refuses_other_json(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(AnnotationError, match=r"x\.json"):
        read_label_studio(tmp_path / "x.json")


def test_dcase_reads_a_table_of_self_labels(tmp_path):
    table = tmp_path / "labels.tsv"
    table.write_text(
        "filename\tonset\toffset\tevent_label\tmodality\tconfidence\n"
        "walk.mp4\t1.25\t3.5\tdog_barking\taudio\t0.81\n"
    )
    reading = READERS["dcase"].read(table)
    assert not reading.rejected
    (clip,) = reading.clips
    (event,) = clip.events
    assert (event.name, event.onset_s, event.offset_s) == ("dog_barking", 1.25, 3.5)
    assert event.modality == "audio"
