"""List the sets whose annotations can be read: a record for each table, a function for the rest."""

import dataclasses
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from data_pipeline.annotations import class_folders, dcase, esc, json_sets, label_studio
from data_pipeline.annotations.ave_arrays import read_row_splits
from data_pipeline.annotations.records import Reading, RowError
from data_pipeline.annotations.rows import clock_seconds, seconds
from data_pipeline.annotations.tables import NO_CLASS, Format, read_table_formats

_YOUTUBE = "none stated by the publisher; videos belong to their authors"
_EPIC_RATE_HZ = 24_000
_EPIC_ROUNDING_S = 0.001
SCENES = (
    "airport",
    "bus",
    "metro",
    "metro_station",
    "park",
    "public_square",
    "shopping_mall",
    "street_pedestrian",
    "street_traffic",
    "tram",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads the files of one set."""

    read: Callable[[Path], Reading]
    about: str
    formats: tuple[Format, ...] = ()


def _check_quality(field: dict[str, str]) -> None:
    if field["quality"] != "good":
        raise RowError("is not marked as good")


def _need_class(field: dict[str, str]) -> None:
    if "label" not in field:
        raise RowError(NO_CLASS)


def _split_segment_id(field: dict[str, str]) -> None:
    field["video"], _, start_ms = field["segment"].rpartition("_")
    if not re.fullmatch(r"[0-9]{1,12}", start_ms):
        raise RowError("names no clip: should be VIDEO_MILLISECONDS")
    field["start"] = str(int(start_ms) / 1000)


def _check_named_times(field: dict[str, str]) -> None:
    for name in ("start", "end"):
        if seconds(field[name]) != float(field[f"named_{name}"]):
            raise RowError("has times that its file name contradicts")


def _name_hit(field: dict[str, str]) -> None:
    onset_s = seconds(field["onset"])
    if "window_start" in field and not (
        seconds(field["window_start"]) <= onset_s <= seconds(field["window_end"])
    ):
        raise RowError("has a moment outside its own window")
    if field["action"] in ("", "None"):
        raise RowError("names no action")
    # The publisher writes "None" for a material that nobody could tell; the action is known still.
    material = "" if field["material"] == "None" else field["material"]
    field["label"] = f"{field['action']} {material}".strip()


def _check_samples(field: dict[str, str]) -> None:
    if "description" in field:
        field.setdefault("label", field["description"])
    _need_class(field)
    for column, to in (("start", "onset"), ("stop", "offset")):
        time_s = clock_seconds(field[f"{column}_clock"])
        if abs(seconds(field[f"{column}_sample"]) / _EPIC_RATE_HZ - time_s) > _EPIC_ROUNDING_S:
            raise RowError("has a timestamp that its sample number contradicts")
        field[to] = str(time_s)


def _check_scene(field: dict[str, str]) -> None:
    _need_class(field)
    if field["label"] not in SCENES:
        raise RowError("names none of the ten scenes")
    field["clip"] = field.get("clip") or field.get("sound", "")
    if not field["clip"]:
        raise RowError("names no file")
    stem = Path(field["clip"]).stem
    match = re.fullmatch(r"[a-z_]+-([a-z]+-\d+)-\d+", stem)
    field["source"] = field.get("place") or (match[1] if match else stem)


def _read_decimal_commas(field: dict[str, str]) -> None:
    for name in ("onset", "offset"):
        # Some versions write the decimal comma of the language they run in.
        field[name] = str(seconds(field[name].replace(",", ".")))
    if field["offset"] == field["onset"]:
        field["offset"] = ""
    field.setdefault("label", "")


# Tian et al., Audio-Visual Event Localization in Unconstrained Videos, ECCV 2018.
AVE = Format(
    origin="ave",
    licence=_YOUTUBE,
    files=r"Annotations\.txt",
    columns=("category=label videoid=video quality starttime=onset endtime=offset",),
    header="optional",
    delimiter="&",
    quoted=False,
    row_splits=read_row_splits,
    clip_s=10.0,
    clip="{video}.mp4",
    prepare=_check_quality,
)
# Some copies have the splits as files of the same form.
AVE_SPLITS = dataclasses.replace(
    AVE,
    files=r"(train|val|test)Set\.txt",
    unless_beside="Annotations.txt",
    splits=(("train", "train"), ("val", "validation"), ("test", "test")),
    row_splits=None,
)

# Tian et al., Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video Parsing, ECCV
# 2020. Classes of clips; tab-separated in spite of their names.
LLP = Format(
    origin="avvp",
    licence=_YOUTUBE,
    files=r"AVVP_(?!eval_|dataset_full)\w+\.csv",
    columns=(
        "filename=clip event_labels=labels",
        "filename=clip onset offset event_labels=label",
    ),
    delimiter="\t",
    quoted=False,
    splits=(("_train$", "train"), ("_val_pd$", "validation"), ("_test_pd$", "test")),
    clip_s=10.0,
    clip_pattern=r"(?P<video>.+)_(?P<start>\d+(?:\.\d+)?)_(?P<end>\d+(?:\.\d+)?)",
    clip_form="VIDEO_START_END",
)
# The three splits in one file, which does not say which clip is in which.
LLP_ALL = dataclasses.replace(LLP, files=r"AVVP_dataset_full\.csv", unless_beside="AVVP_train.csv")
# Events of the clips of validation and test, as heard and as seen.
LLP_HEARD = dataclasses.replace(
    LLP,
    files=r"AVVP_eval_audio\.csv",
    modality="audio",
)
LLP_SEEN = dataclasses.replace(LLP_HEARD, files=r"AVVP_eval_visual\.csv", modality="visual")

# Chen et al., VGGSound: A Large-scale Audio-Visual Dataset, ICASSP 2020. `vggsound.csv` has four
# columns, the lists of splits two; none has column names.
VGGSOUND = Format(
    origin="vggsound",
    licence="CC BY 4.0; videos belong to their authors",
    files=r"(vggsound|train|test|AStest)\.csv",
    columns=(
        "video start label split",
        "clip label",
    ),
    header="optional",
    splits=(("^train$", "train"), ("^(as)?test$", "test")),
    clip_s=10.0,
    clip="{video}_{start_s:06.0f}.mp4",
    clip_pattern=r"(?P<video>.+)_(?P<start>\d{6})(?:\.mp4)?",
    clip_form="VIDEO_SSSSSS.mp4",
)

# Viertola et al., Temporally Aligned Audio for Video with Autoregression (V-AURA), 2024: the clips
# of VGGSound whose sound fits the picture. The lists of test clips have no classes.
VISUALSOUND = Format(
    origin="visualsound",
    licence="table: MIT; classes from VGGSound: CC BY 4.0; videos belong to their authors",
    files=r"visualsound\.csv",
    columns=(
        "filename=video start desc=label split",
        "file start_sec=start",
    ),
    header="optional",
    clip_s=10.0,
    clip="{video}_{start_s:06.0f}.mp4",
    prepare=_need_class,
)

# Gemmeke et al., Audio Set: An ontology and human-labeled dataset for audio events, ICASSP 2017.
AUDIOSET = Format(
    origin="audioset",
    licence="labels: CC BY 4.0; ontology: CC BY-SA 4.0; videos belong to their authors",
    files=r"\w*_segments\.csv",
    columns=("video start end ids=labels",),
    header="optional",
    comment="#",
    splits=(("eval", "test"), ("train", "train"), ("test", "test")),
    clip="{video}_{start_s:.3f}_{end_s:.3f}",
    modality="audio",
    class_ids=True,
)
# Hershey et al., The Benefit of Temporally-Strong Labels in Audio Event Classification, ICASSP
# 2021. A clip's name is the video and its start in milliseconds.
AUDIOSET_STRONG = dataclasses.replace(
    AUDIOSET,
    files=r"audioset_\w*strong\.tsv",
    columns=("segment_id=segment start_time_seconds=onset end_time_seconds=offset label",),
    delimiter="\t",
    quoted=False,
    comment="",
    clip_s=10.0,
    prepare=_split_segment_id,
)
# Clips that a DCASE challenge used, which its participants must not train on.
AUDIOSET_CHALLENGE = dataclasses.replace(
    AUDIOSET,
    files=r"groundtruth_weak_label_\w+\.csv",
    columns=("file=clip start end name=label",),
    delimiter="\t",
    quoted=False,
    comment="",
    splits=((".", "test"),),
    clip_pattern=r"(?P<video>.+)_(?P<named_start>\d+\.\d+)_(?P<named_end>\d+\.\d+)\.wav",
    clip_form="VIDEO_START_END.wav",
    class_ids=False,
    prepare=_check_named_times,
)

# Owens et al., Visually Indicated Sounds, CVPR 2016, as one table by V-AURA. The windows of its
# rows overlap, so the whole recording is the clip; each event is a moment, such as `hit wood`.
GREATEST_HITS = Format(
    origin="greatest_hits",
    licence="none stated by the publisher; V-AURA's table: MIT",
    files=r"greatesthit\.csv",
    columns=(
        "filename=clip start_time=window_start occurring_time=onset end_time=window_end material "
        "action_type=action effect=reaction",
    ),
    header="optional",
    clip="{source}_{kind}.mp4",
    clip_pattern=r"(?P<source>.+)_(?P<kind>denoised|mic)_\d+\.mp4",
    clip_form="RECORDING_denoised_NUMBER.mp4",
    prepare=_name_hit,
)
# The publisher's own files, one for each recording.
GREATEST_HITS_TIMES = dataclasses.replace(
    GREATEST_HITS,
    files=r".*_times\.txt",
    columns=("time=onset material action reaction",),
    delimiter=" ",
    quoted=False,
    source_is_file=True,
    clip="{source}_denoised.mp4",
)

# Huh et al., EPIC-SOUNDS: A Large-Scale Dataset of Actions That Sound, ICASSP 2023. The class is
# one of 44 or, in `sound_events_not_categorised.csv`, a description; the test split has neither.
EPIC_SOUNDS = Format(
    origin="epic_sounds",
    licence="CC BY-NC 4.0",
    files=r"(EPIC_Sounds|sound_events)_.*\.csv",
    columns=(
        "annotation_id=id participant_id=participant video_id=source "
        "start_timestamp=start_clock stop_timestamp=stop_clock start_sample stop_sample "
        "description class=label class_id",
    ),
    splits=(("^epic_sounds_train$", "train"), ("^epic_sounds_validation$", "validation")),
    clip="{source}",
    modality="audio",
    prepare=_check_samples,
)

# Wang et al., A Curated Dataset of Urban Scenes for Audio-Visual Scene Analysis, ICASSP 2021; DCASE
# 2021 task 1B. The clips of one place are one recording, so the place is the source.
# `fold1_test.csv` is `fold1_evaluate.csv` without the scenes.
TAU_SCENES = Format(
    origin="tau_scenes",
    licence="free for non-commercial use, attribution required (Tampere University)",
    files=r"(meta|fold1_train|fold1_test|fold1_evaluate|train|val)\.csv",
    columns=(
        "filename_audio=sound filename_video=clip scene_label=label "
        "identifier=place location_id=location",
    ),
    delimiter=None,
    splits=(("train$", "train"), ("^val$", "validation"), ("^fold1_(test|evaluate)$", "test")),
    clip_s=10.0,
    prepare=_check_scene,
)

# `START<tab>END<tab>TEXT`; a label whose start is its end is a moment; a line that begins with a
# backslash has the frequencies of the label above it. See "Importing and Exporting Labels" in
# Audacity's manual. The recording is assumed to be named as the file.
AUDACITY = Format(
    origin="audacity",
    licence="yours",
    files=r".*\.txt",
    columns=(
        "start=onset end=offset text=label",
        "start=onset end=offset",
    ),
    header="optional",
    delimiter="\t",
    quoted=False,
    comment="\\",
    source_is_file=True,
    clip="{source}",
    modality="audio",
    prepare=_read_decimal_commas,
)

AUDIOSET_TABLES = (AUDIOSET, AUDIOSET_STRONG, AUDIOSET_CHALLENGE)


def _tables(about: str, *formats: Format) -> Reader:
    return Reader(read=partial(read_table_formats, formats=formats), about=about, formats=formats)


READERS = {
    "ave": _tables("AVE: Annotations.txt", AVE, AVE_SPLITS),
    "avvp": _tables("LLP: AVVP_*.csv", LLP, LLP_ALL, LLP_HEARD, LLP_SEEN),
    "vggsound": _tables("VGGSound: vggsound.csv, test.csv", VGGSOUND),
    "visualsound": _tables("visualsound.csv", VISUALSOUND),
    "audioset": Reader(
        read=partial(json_sets.read_audioset, tables=AUDIOSET_TABLES),
        about="*_segments.csv, *_strong.tsv",
        formats=(*AUDIOSET_TABLES, json_sets.AUDIOSET_EXAMPLES),
    ),
    "greatest_hits": _tables("greatesthit.csv, *_times.txt", GREATEST_HITS, GREATEST_HITS_TIMES),
    "epic_sounds": _tables("EPIC_Sounds_*.csv", EPIC_SOUNDS),
    "dcase": _tables("filename onset offset event_label", dcase.TABLE),
    "tau_scenes": _tables("DCASE 2021 1B: meta.csv", TAU_SCENES),
    "esc": Reader(read=esc.read_esc, about="ESC-50, ESC-10: file names or esc50.csv"),
    "class_folders": Reader(
        read=class_folders.read_class_folders, about="ROOT/CLASS/[SOURCE/]FILE"
    ),
    "audacity": _tables("label tracks: *.txt", AUDACITY),
    "label_studio": Reader(read=label_studio.read_label_studio, about="exports: *.json"),
    "unav100": Reader(read=json_sets.read_unav100, about="unav100_annotations.json"),
}
