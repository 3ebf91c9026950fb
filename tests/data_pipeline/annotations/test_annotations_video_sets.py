import h5py
import numpy as np
import pytest

from data_pipeline.annotations.ave_arrays import check_labels
from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.records import AnnotationError

A, B = "abcdefghijk", "ABCDEFGHIJ-"
AVE_ROWS = (
    "Church bell&abcdefghijk&good&0&10\n"
    "Violin, fiddle&ABCDEFGHIJ-&good&2&5\n"
    "Church bell&lmnopqrstuv&good&0&0\n"
    "Flute&ABCDEFGHIJ-&good&2&5\n"
)


def write_order(path, name, numbers):
    with h5py.File(path / name, "w") as file:
        file["order"] = np.array(numbers, np.int64)


def write_ave(path):
    (path / "Annotations.txt").write_text(AVE_ROWS)
    write_order(path, "train_order.h5", [0, 1])
    write_order(path, "val_order.h5", [2])
    write_order(path, "test_order.h5", [3])


@pytest.mark.parametrize("header", ["", "Category&VideoID&Quality&StartTime&EndTime\n"])
def test_ave_is_read_with_or_without_column_names(tmp_path, header):
    write_ave(tmp_path)
    (tmp_path / "Annotations.txt").write_text(header + AVE_ROWS)
    reading = READERS["ave"].read(tmp_path)
    assert reading.reasons == {"ends where it begins": 1}
    first, second = reading.clips
    assert (first.source, first.split, first.length_s) == (A, "train", 10.0)
    assert [(e.name, e.onset_s, e.offset_s) for e in second.events] == [
        ("Flute", 2.0, 5.0),
        ("Violin, fiddle", 2.0, 5.0),
    ]


def test_ave_puts_a_video_of_two_splits_into_one(tmp_path):
    write_ave(tmp_path)
    reading = READERS["ave"].read(tmp_path / "Annotations.txt")
    assert reading.clips[1].split == "test"
    assert [remark.line for remark in reading.remarks] == [2]


def test_ave_refuses_an_order_that_does_not_fit(tmp_path):
    write_ave(tmp_path)
    write_order(tmp_path, "test_order.h5", [3, 4])
    with pytest.raises(AnnotationError, match=r"test_order\.h5: row 4"):
        READERS["ave"].read(tmp_path)
    (tmp_path / "test_order.h5").write_bytes(b"no h5")
    with pytest.raises(AnnotationError, match="not an HDF5 file"):
        READERS["ave"].read(tmp_path)


def test_ave_label_arrays_are_held_against_the_text(tmp_path):
    write_ave(tmp_path)
    lasting = np.zeros((4, 10), np.float32)
    lasting[0], lasting[1, 2:5], lasting[3, 2:5] = 1, 1, 1
    for name, labels in (("labels_closs.h5", lasting), ("labels_odd.h5", 1 - lasting)):
        with h5py.File(tmp_path / name, "w") as file:
            file["avadataset"] = labels
    assert check_labels(tmp_path / "labels_closs.h5") == (4, ())
    assert len(check_labels(tmp_path / "labels_odd.h5")[1]) == 4


def test_avvp_joins_what_is_heard_with_what_is_seen(tmp_path):
    (tmp_path / "AVVP_val_pd.csv").write_text(f"filename\tevent_labels\n{A}_20_30\tSpeech,Dog\n")
    (tmp_path / "AVVP_eval_audio.csv").write_text(
        "filename\tonset\toffset\tevent_labels\n"
        f"{A}_20_30\t0\t4\tDog\n{A}_20_30\t9\t0\tDog\n{A}_20_30\t0\t4\tDog\nCSWQ_HzQ_1_11\t0\t4\tDog\n"
        f"{B}_30_400\t0\t4\tDog\n{B}_30.5_40.5\t4\t4\tDog\n"
    )
    (tmp_path / "AVVP_eval_visual.csv").write_text(
        f"filename\tonset\toffset\tevent_labels\n{A}_20_30\t1\t3\tDog\n"
    )
    reading = READERS["avvp"].read(tmp_path)
    assert reading.rows_read == 3
    assert reading.reasons == {
        "ends before it begins": 1,
        "says the same as an earlier row": 1,
        "names no video: YouTube's names have 11 letters": 1,
        "names a clip that is not 10 s long": 1,
        "ends where it begins": 1,
    }
    (clip,) = reading.clips
    assert (clip.start_s, clip.end_s, clip.split) == (20.0, 30.0, "validation")
    assert {(e.name, e.modality, e.strength, e.onset_s) for e in clip.events} == {
        ("Speech", "both", "clip", 0.0),
        ("Dog", "both", "clip", 0.0),
        ("Dog", "audio", "frame", 0.0),
        ("Dog", "visual", "frame", 1.0),
    }


def test_vggsound_is_read_in_both_forms_to_the_same_clip(tmp_path):
    (tmp_path / "test.csv").write_bytes(f'{A}_000300.mp4,"pigeon, dove cooing"\r\n'.encode())
    short = READERS["vggsound"].read(tmp_path / "test.csv")
    (tmp_path / "vggsound.csv").write_text(f'{A},300,"pigeon, dove cooing",test\n')
    long = READERS["vggsound"].read(tmp_path / "vggsound.csv")
    assert short.clips == long.clips
    assert (short.clips[0].start_s, short.clips[0].end_s) == (300.0, 310.0)
    assert short.clips[0].events[0].name == "pigeon, dove cooing"
    assert short.clips[0].events[0].strength == "clip"


def test_visualsound_rejects_lists_without_a_class(tmp_path):
    (tmp_path / "visualsound.csv").write_text(f"filename,start,desc,split\n{A},185,tennis,train\n")
    assert READERS["visualsound"].read(tmp_path).clips[0].start_s == 185.0
    (tmp_path / "visualsound.csv").write_text(f"file,start_sec\n{A}_1000_11000,4.64\n")
    assert READERS["visualsound"].read(tmp_path).reasons == {"is published without a class": 1}


def test_greatest_hits_makes_one_clip_a_recording_and_each_hit_a_moment(tmp_path):
    (tmp_path / "greatesthit.csv").write_text(
        "filename,start_time,occurring_time,end_time,material,action_type,effect\n"
        "2015-09-29_denoised_35.mp4,1.5,2.5,3.5,grass,hit,scatter\n"
        "2015-09-29_denoised_20.mp4,0.5,1.5,2.5,None,scratch,None\n"
        "2015-09-29_denoised_60.mp4,0.5,3.5,2.5,dirt,hit,None\n"
    )
    reading = READERS["greatest_hits"].read(tmp_path)
    (clip,) = reading.clips
    assert [(e.onset_s, e.offset_s, e.name) for e in clip.events] == [
        (1.5, None, "scratch"),
        (2.5, None, "hit grass"),
    ]
    assert reading.reasons == {"has a moment outside its own window": 1}


def test_greatest_hits_reads_the_publishers_own_files_alike(tmp_path):
    (tmp_path / "2015-09-29_times.txt").write_text("1.5 None scratch None\n2.5 grass hit scatter\n")
    (clip,) = READERS["greatest_hits"].read(tmp_path).clips
    assert clip.source == "2015-09-29"
    assert [event.name for event in clip.events] == ["scratch", "hit grass"]


def test_epic_sounds_tells_what_it_left_out(tmp_path):
    times = "00:00:02.000,00:00:03.500,48000,84000"
    (tmp_path / "EPIC_Sounds_validation.csv").write_text(
        "annotation_id,participant_id,video_id,start_timestamp,stop_timestamp,start_sample,"
        "stop_sample,description,class,class_id\n"
        f"P01_11_0,P01,P01_11,{times},clang,cut / chop,2\n"
        "P01_11_1,P01,P01_11,00:00:02.000,00:00:03.500,40000,84000,clang,rustle,4\n"
    )
    (tmp_path / "EPIC_Sounds_recognition_test_timestamps.csv").write_text(
        "annotation_id,participant_id,video_id,start_timestamp,stop_timestamp,start_sample,"
        f"stop_sample\nP02_1_0,P02,P02_1,{times}\n"
    )
    (tmp_path / "sound_events_not_categorised.csv").write_text(
        "annotation_id,participant_id,video_id,start_timestamp,stop_timestamp,start_sample,"
        f"stop_sample,description\nP01_11_NC_0,P01,P01_11,{times},\n"
    )
    reading = READERS["epic_sounds"].read(tmp_path)
    (clip,) = reading.clips
    assert (clip.source, clip.split, clip.end_s) == ("P01_11", "validation", None)
    assert [(e.name, e.onset_s, e.offset_s, e.modality) for e in clip.events] == [
        ("cut / chop", 2.0, 3.5, "audio")
    ]
    assert reading.reasons == {
        "has a timestamp that its sample number contradicts": 1,
        "is published without a class": 1,
        "names no class": 1,
    }


def test_unav100_reads_segments_of_whole_videos(tmp_path):
    (tmp_path / "unav100_annotations.json").write_text(
        '{"database": {"abcdefghijk": {"subset": "train", "duration": 30.5, "annotations": ['
        '{"segment": [1.5, 4], "label": "dog barking"}, {"segment": [29, 31], "label": "rain"}]},'
        '"ABCDEFGHIJ-": {"subset": "test", "duration": 9, "annotations": []},'
        '"lmnopqrstuv": {"subset": "test", "duration": 9, "annotations": 1}}}'
    )
    reading = READERS["unav100"].read(tmp_path)
    assert reading.clips[0].end_s == 30.5
    assert reading.clips[0].events[0].offset_s == 4.0
    assert reading.clips[1].events == ()
    assert reading.reasons == {
        "ends after the clip": 1,
        "is not a record of a video with annotations": 1,
    }
    (tmp_path / "unav100_annotations.json").write_text("[]")
    with pytest.raises(AnnotationError, match="database"):
        READERS["unav100"].read(tmp_path)


def test_a_folder_without_a_file_of_the_set_says_so(tmp_path):
    with pytest.raises(AnnotationError, match="holds no file"):
        READERS["ave"].read(tmp_path)
    with pytest.raises(AnnotationError, match="no such file"):
        READERS["vggsound"].read(tmp_path / "nowhere")
