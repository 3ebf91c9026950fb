"""Damaged text and bytes for everything that the program parses: a FoleyError, or it is read.

Case `k` changes a seed of one parser, in turn, in a few places; any other exception, a crash, a
hang or too much memory is a failure. With atheris (the extra `fuzz`), the same parsers are fuzzed
under the guidance of what they run through:

    python -m tests.campaigns.fuzz TARGET --seconds 1800 [--corpus DIR]
"""

import argparse
import functools
import io
import json
import pickle
import random
import re
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from temporal_foley.errors import FoleyError
from temporal_foley.timeline import Timeline
from tests.campaigns import Failure, Result
from tests.campaigns.listed import make_list
from tests.campaigns.watchdog import answers

FULL = 20_000
AT_ONCE = 40
"""Cases in one task: a process that dies takes so many with it."""

_EXTREMES = (
    *(b"0", b"-1", b"1e308", b"1e999", b"NaN", b"Infinity", b"99999999999999999999", b"1/0"),
    *(
        b"null",
        b"true",
        b'""',
        b"[]",
        b"{}",
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
    ),
    *(b'"', b"'", b"`", b"\t", b"\r", b"\n\n", b"<", b">", b"[[", b"]]", b"=", b"..", b"/"),
    *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"0" * 400, b"[" * 2000),
)


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Parse damaged seeds; report what is no FoleyError."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(cases)
    tasks = [
        (tuple(chosen[first : first + AT_ONCE]), seed, str(folder))
        for first in range(0, len(chosen), AT_ONCE)
    ]
    failures: list[Failure] = []
    counts: dict[str, int] = {}
    for (numbers, *_), answer in answers(parse_some, tasks, warm_up=seeds, workers=2):
        if answer.fault:
            what = f"one of the cases {numbers[0]} to {numbers[-1]}"
            failures.append(Failure(case=numbers[0], what=what, came=answer.fault))
            continue
        for case, target, came in answer.value:
            counts[target] = counts.get(target, 0) + 1
            if came:
                failures.append(Failure(case=case, what=target, came=came))
    return Result(count=len(chosen), failures=failures, figures={"parsed": counts})


def parse_some(task: tuple[Sequence[int], int, str]) -> list[tuple[int, str, str]]:
    """Parse the damaged seeds of some cases; tell the target and what came of each."""
    cases, seed, folder = task
    told = []
    for case in cases:
        rng = random.Random(f"{seed} {case}")
        target = list(TARGETS)[case % len(TARGETS)]
        content = damaged(rng.choice(seeds()[target]), rng) if case >= len(TARGETS) else b""
        told.append((case, target, came_of(target, content, Path(folder))))
    return told


def came_of(target: str, content: bytes, folder: Path) -> str:
    """Parse; return what is wrong with how it ended, empty if nothing is."""
    try:
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            TARGETS[target](content, Path(aside))
    except FoleyError as error:
        return "" if str(error) and "\n" not in str(error) else f"told as {error!r}"
    except Exception as error:  # which is what is looked for
        frame = error.__traceback__
        while frame and frame.tb_next:
            frame = frame.tb_next
        where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
        return f"{type(error).__name__}: {error!s:.200} ({where})"
    return ""


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Change a seed in one to six places."""
    whole = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        rng.choice(CHANGES)(whole, rng)
    return bytes(whole)


def _place(whole: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(whole)) if whole else 0


def _flip(whole: bytearray, rng: random.Random) -> None:
    if whole:
        whole[_place(whole, rng)] ^= 1 << rng.randrange(8)


def _insert(whole: bytearray, rng: random.Random) -> None:
    place = _place(whole, rng)
    whole[place:place] = rng.choice(_EXTREMES)


def _replace_number(whole: bytearray, rng: random.Random) -> None:
    numbers = list(re.finditer(rb"-?\d[\d.e+-]*", whole))
    if numbers:
        found = rng.choice(numbers)
        whole[found.start() : found.end()] = rng.choice(_EXTREMES)


def _replace_value(whole: bytearray, rng: random.Random) -> None:
    values = list(re.finditer(rb'"[^"\n]*"|[^\t\n ,]+', whole))
    if values:
        found = rng.choice(values)
        whole[found.start() : found.end()] = rng.choice(_EXTREMES)


def _repeat(whole: bytearray, rng: random.Random) -> None:
    start = _place(whole, rng)
    part = bytes(whole[start : start + rng.randint(1, 200)])
    place = _place(whole, rng)
    whole[place:place] = part


def _cut(whole: bytearray, rng: random.Random) -> None:
    start = _place(whole, rng)
    del whole[start : start + rng.choice((1, 4, 30, len(whole)))]


CHANGES = (_flip, _flip, _insert, _replace_number, _replace_value, _repeat, _cut)


# The parsers.


def _cues(content: bytes, folder: Path) -> None:
    from temporal_foley.timeline import read_timeline, timeline_from_json, timeline_to_json

    (folder / "cues.json").write_bytes(content)
    timeline = read_timeline(folder / "cues.json")
    again = timeline_from_json(timeline_to_json(timeline))
    if timeline_to_json(again) != timeline_to_json(timeline):
        raise AssertionError("what was read is written as something else")


def _vocabulary(content: bytes, folder: Path) -> None:
    from temporal_foley.effects import load_vocabulary

    (folder / "words.toml").write_bytes(content)
    load_vocabulary(str(folder / "words.toml"))


def _manifest(content: bytes, folder: Path) -> None:
    from temporal_foley.sound.manifest import read_manifest

    (folder / "a.wav").write_bytes(b"")
    (folder / "library.toml").write_bytes(content)
    read_manifest(folder / "library.toml")


def _catalogue(content: bytes, folder: Path) -> None:
    from temporal_foley.effects import load_vocabulary
    from temporal_foley.sound.catalogue import corrections, read_catalogue, write_catalogue

    path = folder / "library.tsv"
    path.write_bytes(content)
    rows = read_catalogue(path)
    corrections(path, load_vocabulary().names)
    write_catalogue(rows, path)
    if len(read_catalogue(path)) != len(rows):
        raise AssertionError("what was read is written as something else")


def _annotations(content: bytes, folder: Path) -> None:
    from data_pipeline.annotations.dcase import read_dcase

    (folder / "events.tsv").write_bytes(content)
    read_dcase(folder / "events.tsv")


def _label_studio(content: bytes, folder: Path) -> None:
    from data_pipeline.annotations.label_studio import read_label_studio

    (folder / "labels.json").write_bytes(content)
    read_label_studio(folder / "labels.json")


def _audacity(content: bytes, folder: Path) -> None:
    from data_pipeline.annotations.audacity import read_audacity

    (folder / "a.txt").write_bytes(content)
    read_audacity(folder / "a.txt")


def _tables(content: bytes, folder: Path) -> None:
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
    from data_pipeline.feature_record import record_from_bytes

    del folder
    record_from_bytes(content)


def _reaper(content: bytes, folder: Path) -> None:
    _session(content, folder / "edited.rpp")


def _otio(content: bytes, folder: Path) -> None:
    _session(content, folder / "edited.otio")


@functools.cache
def _listed() -> Timeline:
    return make_list("a")


def _session(content: bytes, path: Path) -> None:
    from temporal_foley.session.import_edits import import_edits
    from temporal_foley.timeline import read_timeline, write_timeline

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
    "label_studio": _label_studio,
    "audacity": _audacity,
    "tables": _tables,
    "torch": _torch,
    "keras": _keras,
    "features": _features,
    "reaper": _reaper,
    "otio": _otio,
}


# Their seeds.

_SEEDS: dict[str, list[bytes]] = {}


def seeds() -> dict[str, list[bytes]]:
    """Return whole files for every target, made once."""
    if not _SEEDS:
        with tempfile.TemporaryDirectory() as aside:
            for target, content in _made(Path(aside)):
                _SEEDS.setdefault(target, []).append(content)
    return _SEEDS


def _made(folder: Path) -> Iterator[tuple[str, bytes]]:
    from temporal_foley.effects import vocabulary_text
    from temporal_foley.exporting import export_cues
    from temporal_foley.sound.catalogue import CatalogueRow, write_catalogue
    from temporal_foley.timeline import timeline_to_json, write_timeline

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
    rows = "filename\tonset\toffset\tevent_label\na.mp4\t0.5\t1.5\tfire\nb.mp4\t\t\t\n"
    yield "annotations", rows.encode()
    yield "annotations", b"Yabcdefghijk_30.000_40.000.wav\t0.0\t10.0\tDog\n"
    yield "audacity", b"0.500000\t1.500000\tfire\n\\\t100.0\t200.0\n2.0\t2.0\tdog\n"
    value = {"start": 0.5, "end": 1.5, "labels": ["fire"]}
    result = [{"value": value, "type": "labels", "from_name": "l", "to_name": "video"}]
    clip = {"id": 1, "data": {"video": "a.mp4"}, "annotations": [{"result": result}]}
    yield "label_studio", json.dumps([clip]).encode()
    yield "tables", rows.encode()
    yield "tables", b"onset\toffset\tfire\tdog\n0.0\t0.25\t0.1\t0.2\n0.25\t0.5\t0.3\t0.4\n"
    yield "torch", _torch_zip()
    yield "torch", _torch_legacy()
    yield "keras", _keras_file(folder / "a.h5")
    yield "features", _record()


class _Named:
    """Pickles as a global of PyTorch, which need not be there."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes what PyTorch writes: globals by name, storages by their number."""

    def persistent_id(self, thing):
        return thing[1] if isinstance(thing, tuple) and thing[:1] == ("a storage",) else None

    def save(self, thing, save_persistent_id=True):
        if isinstance(thing, _Named):
            self.write(b"c" + f"{thing.module}\n{thing.name}\n".encode())
            return
        if isinstance(thing, _Called):
            self.save(thing.function)
            self.save(thing.words)
            self.write(b"R")
            return
        super().save(thing, save_persistent_id)


class _Called:
    """Pickles as a call of a function with words."""

    def __init__(self, function: _Named, words: tuple):
        self.function, self.words = function, words


def _state(pickled: io.BytesIO) -> None:
    storage = ("storage", _Named("torch", "FloatStorage"), "0", "cpu", 6)
    rest = (("a storage", storage), 0, (2, 3), (3, 1), False, {})
    tensor = _Called(_Named("torch._utils", "_rebuild_tensor_v2"), rest)
    _Pickler(pickled, 2).dump({"a.weight": tensor})


def _torch_zip() -> bytes:
    file, pickled = io.BytesIO(), io.BytesIO()
    _state(pickled)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", pickled.getvalue())
        archive.writestr("model/byteorder", b"little")
        archive.writestr("model/data/0", np.arange(6, dtype="<f4").tobytes())
    return file.getvalue()


def _torch_legacy() -> bytes:
    file = io.BytesIO()
    pickle.dump(0x1950A86A20F9469CFC6C, file, 2)
    pickle.dump(1001, file, 2)
    pickle.dump({"little_endian": True}, file, 2)
    _state(file)
    pickle.dump(["0"], file, 2)
    file.write(struct.pack("<q", 6) + np.arange(6, dtype="<f4").tobytes())
    return file.getvalue()


def _keras_file(path: Path) -> bytes:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1_conv"]
        group = file.create_group("conv1_conv")
        group.attrs["weight_names"] = [b"conv1_conv/kernel:0"]
        group["conv1_conv/kernel:0"] = np.zeros((7, 7, 3, 64), np.float32)[:1, :1]
    return path.read_bytes()


def _record() -> bytes:
    from data_pipeline.feature_record import record_to_bytes
    from tests.training.training_data import make_record

    return record_to_bytes(make_record(0, 1))


def _main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("target", choices=TARGETS)
    words.add_argument("--seconds", type=int, default=1800)
    words.add_argument("--corpus", type=Path, help="kept and grown; a folder of its own if absent")
    said = words.parse_args()
    try:
        import atheris
    except ImportError:
        words.error("needs atheris; pip install temporal-foley[fuzz]")
    with tempfile.TemporaryDirectory() as aside:
        corpus = said.corpus or Path(aside) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        with atheris.instrument_imports(include=["temporal_foley", "data_pipeline"]):
            for number, content in enumerate(seeds()[said.target]):
                (corpus / f"seed_{number}").write_bytes(content)
                came_of(said.target, content, Path(aside))

        def one(content: bytes) -> None:
            came = came_of(said.target, content, Path(aside))
            if came:
                raise AssertionError(came)

        options = [f"-max_total_time={said.seconds}", "-timeout=30", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], *options, "-max_len=20000", str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    _main()
