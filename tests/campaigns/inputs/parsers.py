"""List every parser of the program, with whole files for each, which fuzzing damages.

A parser is a function of bytes and an empty folder. Nothing of the program is imported before it is
called, so that a fuzzer can instrument it first.
"""

import functools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tests.models.torch_files import Storage, legacy, tensor, zipped


def _cues(content: bytes, folder: Path) -> None:
    from temporal_foley.cue_list import read_timeline, timeline_from_json, timeline_to_json

    (folder / "cues.json").write_bytes(content)
    timeline = read_timeline(folder / "cues.json")
    again = timeline_from_json(timeline_to_json(timeline))
    if timeline_to_json(again) != timeline_to_json(timeline):
        raise AssertionError("the round trip changes it")


def _vocabulary(content: bytes, folder: Path) -> None:
    from temporal_foley.effects import load_vocabulary

    (folder / "words.toml").write_bytes(content)
    load_vocabulary(str(folder / "words.toml"))


def _manifest(content: bytes, folder: Path) -> None:
    from temporal_foley.sound.takes.manifest import read_manifest

    (folder / "a.wav").write_bytes(b"")
    (folder / "library.toml").write_bytes(content)
    read_manifest(folder / "library.toml")


def _catalogue(content: bytes, folder: Path) -> None:
    from temporal_foley.effects import load_vocabulary
    from temporal_foley.sound.takes.catalogue import corrections, read_catalogue, write_catalogue

    path = folder / "library.tsv"
    path.write_bytes(content)
    rows = read_catalogue(path)
    corrections(path, load_vocabulary().names)
    write_catalogue(rows, path)
    if len(read_catalogue(path)) != len(rows):
        raise AssertionError("the round trip changes it")


_EVENTS = "filename\tonset\toffset\tevent_label\na.mp4\t0.5\t1.5\tfire\nb.mp4\t\t\t\n"
_EXAMPLE = "youtu.be/abcdefghij0?start=30&end=40"
_SPEECH = {"id": "/m/09x0r", "name": "Speech", "child_ids": [], "positive_examples": [_EXAMPLE]}
ONTOLOGY = json.dumps([_SPEECH])
_EPIC = "annotation_id,participant_id,video_id,start_timestamp,stop_timestamp,start_sample,"
_VALUE = {"start": 0.5, "end": 1.5, "labels": ["fire"]}
_RESULT = [{"value": _VALUE, "type": "labels", "from_name": "l", "to_name": "video"}]
_LABELLED = [{"id": 1, "data": {"video": "a.mp4"}, "annotations": [{"result": _RESULT}]}]
_HEARD = {"segment": [0.5, 2.5], "label": "dog barking"}
_VIDEOS = {"abcdefghij0": {"duration": 10.0, "subset": "train", "annotations": [_HEARD]}}
PUBLISHED = (
    ("ave", "Annotations.txt", "Bark&abcdefghij0&good&0&10\nCat&abcdefghij1&good&2&8\n"),
    (
        "avvp",
        "AVVP_train.csv",
        "filename\tonset\toffset\tevent_labels\nabcdefghij0_30_40\t0\t4\tDog\n",
    ),
    (
        "vggsound",
        "vggsound.csv",
        'abcdefghij0,30,"bird chirping, tweeting",train\nabcdefghij1_000300.mp4,dog\n',
    ),
    (
        "visualsound",
        "visualsound.csv",
        "filename,start,desc,split\nabcdefghij0,185,playing tennis,train\n",
    ),
    (
        "audioset",
        "audioset_train_strong.tsv",
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
        "abcdefghij0_30000\t0.006\t1.5\t/m/09x0r\n",
    ),
    ("audioset", "eval_segments.csv", '# made up\nabcdefghij0, 30.000, 40.000, "/m/09x0r"\n'),
    ("audioset", "ontology.json", ONTOLOGY),
    (
        "greatest_hits",
        "greatesthit.csv",
        "filename,start_time,occurring_time,end_time,material,action_type,effect\n"
        "2015-09-29-14_denoised_35.mp4,0.3,1.3,2.3,grass,scratch,scatter\n",
    ),
    ("greatest_hits", "a_times.txt", "1.5 None scratch None\n2.5 grass hit scatter\n"),
    (
        "epic_sounds",
        "EPIC_Sounds_train.csv",
        _EPIC + "stop_sample,description,class,class_id\n"
        "P01_11_0,P01,P01_11,00:00:02.069,00:00:02.993,49656,71832,clang,rustle,34\n",
    ),
    ("dcase", "events.tsv", _EVENTS),
    (
        "tau_scenes",
        "meta.csv",
        "filename_audio,filename_video,scene_label,identifier\n"
        "audio/bus-vienna-285-8639.wav,video/bus-vienna-285-8639.mp4,bus,vienna-285\n",
    ),
    (
        "esc",
        "esc50.csv",
        "filename,fold,target,category,esc10,src_file,take\n1-100032-A-0.wav,1,0,dog,True,1,A\n",
    ),
    ("audacity", "a.txt", "0.500000\t1.500000\tfire\n\\\t100.0\t200.0\n2.0\t2.0\tdog\n"),
    ("label_studio", "labels.json", json.dumps(_LABELLED)),
    ("unav100", "unav100_annotations.json", json.dumps({"database": _VIDEOS})),
)
"""A reader of annotations, the name of its file, and what such a file holds."""


def _annotations(content: bytes, folder: Path) -> None:
    """Read annotations of the format that the first byte selects."""
    from data_pipeline.annotations.catalogue import READERS

    reader, name, _ = PUBLISHED[content[0] % len(PUBLISHED) if content else 0]
    # The names of its classes are beside it.
    (folder / "ontology.json").write_text(ONTOLOGY)
    (folder / name).write_bytes(content[1:])
    READERS[reader].read(folder / name)


def _tables(content: bytes, folder: Path) -> None:
    from temporal_foley.errors import FoleyError
    from temporal_foley.spotting.tables import read_events, read_scores

    (folder / "a.tsv").write_bytes(content)
    for read in (read_events, read_scores):
        try:
            read(folder / "a.tsv")
        except FoleyError:
            continue


def _torch(content: bytes, folder: Path) -> None:
    from temporal_foley.models.weights import read_torch_checkpoint

    (folder / "weights.pt").write_bytes(content)
    read_torch_checkpoint(folder / "weights.pt")


def _keras(content: bytes, folder: Path) -> None:
    from temporal_foley.models.image.resnet_weights import read_keras_weights

    (folder / "weights.h5").write_bytes(content)
    read_keras_weights(folder / "weights.h5", "resnet50v2")


def _features(content: bytes, folder: Path) -> None:
    from data_pipeline.features.record import record_from_bytes

    del folder
    record_from_bytes(content)


def _reaper(content: bytes, folder: Path) -> None:
    _session(content, folder / "edited.rpp")


def _otio(content: bytes, folder: Path) -> None:
    from temporal_foley.edits import import_session as import_edits

    # In this process, which is watched, and not in one of its own first.
    with mock.patch.object(import_edits, "check_otio"):
        _session(content, folder / "edited.otio")


@functools.cache
def _listed() -> Any:
    from tests.factories import make_audible_timeline

    return make_audible_timeline("a")


def _session(content: bytes, path: Path) -> None:
    from temporal_foley.cue_list import read_timeline, write_timeline
    from temporal_foley.edits.import_session import import_edits

    path.write_bytes(content)
    cues = path.with_name("cues.json")
    write_timeline(_listed(), cues)
    read_timeline(import_edits(path, cues, path.with_name("new.json")).path)


TARGETS: dict[str, Callable[[bytes, Path], None]] = {
    "cues": _cues,
    "vocabulary": _vocabulary,
    "manifest": _manifest,
    "catalogue": _catalogue,
    "annotations": _annotations,
    "tables": _tables,
    "torch": _torch,
    "keras": _keras,
    "features": _features,
    "reaper": _reaper,
    "otio": _otio,
}


_SEEDS: dict[str, list[bytes]] = {}


def seeds() -> dict[str, list[bytes]]:
    """Return whole files for every target, made once."""
    if not _SEEDS:
        with tempfile.TemporaryDirectory() as aside:
            for target, content in _made(Path(aside)):
                _SEEDS.setdefault(target, []).append(content)
    return _SEEDS


def _made(folder: Path) -> Iterator[tuple[str, bytes]]:
    from temporal_foley.cue_list import timeline_to_json, write_timeline
    from temporal_foley.effects import vocabulary_text
    from temporal_foley.session.export import export_cues
    from temporal_foley.sound.takes.catalogue import CatalogueRow, write_catalogue

    timeline = _listed()
    yield "cues", timeline_to_json(timeline).encode()
    write_timeline(timeline, folder / "cues.json")
    export_cues(folder / "cues.json", ("reaper", "otio"), folder / "out")
    for target, pattern in (("reaper", "*.rpp"), ("otio", "*.otio")):
        (path,) = (folder / "out").glob(pattern)
        yield target, path.read_bytes()
    # The first records of it are as good and quicker.
    yield "vocabulary", vocabulary_text("foley20").encode()[:6000].rpartition(b"[[effect]]")[0]
    take = '[[take]]\neffect = "fire"\nfile = "a.wav"\nlicence = "CC0"\ngain_db = -1.5\n'
    yield "manifest", f'name = "mine"\n{take}loop_start_s = 0.1\nloop_end_s = 0.5\n'.encode()
    write_catalogue(
        [
            CatalogueRow(file=f"a{n}.wav", effect="fire", use=True, seconds=1.5, sha256="ab" * 32)
            for n in range(3)
        ],
        folder / "library.tsv",
    )
    yield "catalogue", (folder / "library.tsv").read_bytes()
    for number, (_, _, text) in enumerate(PUBLISHED):
        yield "annotations", bytes([number]) + text.encode()
    yield "tables", _EVENTS.encode()
    yield "tables", b"onset\toffset\tfire\tdog\n0.0\t0.25\t0.1\t0.2\n0.25\t0.5\t0.3\t0.4\n"
    state = {"a.weight": tensor(Storage("0", 6), 0, (2, 3), (3, 1))}
    for write in (zipped, legacy):
        yield "torch", write(state, {"0": np.arange(6, dtype="<f4")})
    yield "keras", _keras_file(folder / "a.h5")
    yield "features", _record()


def _keras_file(path: Path) -> bytes:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1_conv"]
        group = file.create_group("conv1_conv")
        group.attrs["weight_names"] = [b"conv1_conv/kernel:0"]
        group["conv1_conv/kernel:0"] = np.zeros((7, 7, 3, 64), np.float32)[:1, :1]
    return path.read_bytes()


def _record() -> bytes:
    from data_pipeline.features.record import record_to_bytes
    from tests.training.training_data import make_record

    return record_to_bytes(make_record(0, 1))
