"""Kill the program somewhere in its work; the next run must end as if nothing had happened.

Case `k` kills, in turn, `generate`, `generate` over a list that a person worked on, `library add`,
`prepare build` and training. The moment is the n-th time that the program opens, makes, moves or
removes a file below its folder, at once or some while after, so that a case strikes the same
moment again. Every fifth training gets SIGTERM, which it must answer by saving.
"""

import contextlib
import dataclasses
import hashlib
import json
import mmap
import multiprocessing
import os
import random
import shutil
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.campaigns import Failure, Result

FULL = 200
KINDS = ("generate", "regenerate", "library", "prepare", "train")
STEPS, SAVE_EVERY, LOG_EVERY = 30, 10, 5
STOPPED_S = 10.0
_LIMIT_S = 600.0
_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")

Work = Callable[[Path], int]
"""Does the work in a folder with all that it needs beside it; returns the exit code."""


@dataclasses.dataclass(frozen=True)
class Strike:
    """When a process is struck, and by what; `when` gets the time of it, in seconds."""

    number: int
    """Of the file event."""
    delay_s: float
    by: signal.Signals
    when: mmap.mmap

    def fall(self) -> None:
        """Strike this process."""
        self.when[:8] = struct.pack("d", time.monotonic())
        os.kill(os.getpid(), self.by)


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Kill once a case, in a process that is forked from one in which nothing has run yet."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, list(cases), seed, folder))
    process.start()
    theirs.close()
    try:
        result = ours.recv()
    finally:
        process.join()
    return result


def _run(pipe: Any, cases: Sequence[int], seed: int, folder: Path) -> None:
    pipe.send(campaign(cases, seed, folder))


def campaign(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Run the cases; only in a process that may be forked."""
    wanted: dict[str, Any] = {}
    counts: dict[str, int] = {}
    lost: list[int] = []
    ended_s: list[float] = []
    failures: list[Failure] = []
    for case in cases:
        kind = KINDS[case % len(KINDS)]
        if kind not in wanted:
            wanted[kind] = _whole(kind, folder / kind)
        counts[kind] = counts.get(kind, 0) + 1
        rng = random.Random(f"{seed} {case}")
        place = folder / kind / "killed"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder / kind / "given", place)
        events, seconds, result = wanted[kind]
        number = rng.randint(1, events)
        delay_s = rng.choice((0.0, rng.expovariate(10 / seconds)))
        by = signal.SIGTERM if kind == "train" and rng.random() < 0.2 else signal.SIGKILL
        what = f"{kind}, {by.name} {delay_s:.3f} s after file event {number} of {events}"
        struck = mmap.mmap(-1, 8)
        first = _forked(WORKS[kind], place, strike=Strike(number, delay_s, by, struck))
        (struck_s,) = struct.unpack("d", struck[:8])
        if by == signal.SIGTERM and struck_s:
            ended_s.append(round(time.monotonic() - struck_s, 1))
        came = _judge_end(kind, place, first, by)
        if by == signal.SIGTERM and ended_s and ended_s[-1] > STOPPED_S:
            came = came or f"ended {ended_s[-1]} s after SIGTERM"
        sealed = _sealed_step(place) if kind == "train" else 0
        told = _last_told(place) if kind == "train" else 0
        again = _forked(WORKS[kind], place)
        if kind == "train":
            restored = _restored(place)
            lost.append(max(0, told - restored))
            if restored < sealed:
                came = came or f"step {sealed} was saved and step {restored} was taken"
        if again not in (0, 3):
            came = came or f"the next run ended with {again}"
        found = STATES[kind](place)
        if found != result:
            came = came or f"another result: {_difference(found, result)}"
        if came:
            failures.append(Failure(case=case, what=what, came=came))
            kept = folder / kind / f"failed_{case}"
            shutil.rmtree(kept, ignore_errors=True)
            place.rename(kept)
    figures: dict[str, object] = {"killed, by what": counts}
    if lost:
        figures["steps of training lost, at most"] = max(lost)
    if ended_s:
        figures["seconds from SIGTERM to the end"] = ended_s
    return Result(count=len(cases), failures=failures, figures=figures)


def _whole(kind: str, folder: Path) -> tuple[int, float, Any]:
    """Return what a run that nobody kills leaves: file events, seconds, and the result."""
    (folder / "given").mkdir(parents=True)
    _forked(GIVEN[kind], folder / "given")
    shutil.copytree(folder / "given", folder / "whole")
    counter = mmap.mmap(-1, 8)
    began = time.perf_counter()
    code = _forked(WORKS[kind], folder / "whole", counter=counter)
    seconds = time.perf_counter() - began
    if code != 0:
        said = (folder / "said.txt").read_text()[-2000:]
        raise AssertionError(f"{kind}: a run that nobody killed ended with {code}: {said}")
    (events,) = struct.unpack("q", counter[:8])
    return events, seconds, STATES[kind](folder / "whole")


def _forked(
    work: Work,
    place: Path,
    *,
    strike: Strike | None = None,
    counter: mmap.mmap | None = None,
) -> int:
    """Do a work in a process of its own; returns its exit code, below zero for a signal."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        code = 70
        try:
            nothing = os.open(place.parent / "said.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            if strike is not None or counter is not None:
                sys.addaudithook(_watcher(place, strike, counter))
            code = work(place)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    deadline = time.monotonic() + _LIMIT_S
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def _watcher(
    place: Path, strike: Strike | None, counter: mmap.mmap | None
) -> Callable[[str, tuple], None]:
    """Return an audit hook that counts what is done to files, and strikes when it is time."""
    below, seen = str(place), 0
    lock = threading.Lock()

    def watch(event: str, words: tuple) -> None:
        nonlocal seen
        if event not in _EVENTS or not str(words[0]).startswith(below):
            return
        if event == "open" and not (isinstance(words[2], int) and words[2] & os.O_CREAT):
            return
        with lock:
            seen += 1
            number = seen
        if counter is not None:
            counter[:8] = struct.pack("q", number)
        if strike is not None and number == strike.number:
            if strike.delay_s == 0.0:
                strike.fall()
            else:
                timer = threading.Timer(strike.delay_s, strike.fall)
                timer.daemon = True
                timer.start()

    return watch


def _judge_end(kind: str, place: Path, code: int, by: signal.Signals) -> str:
    """Tell what is wrong with what a killed run left."""
    if by == signal.SIGTERM:
        if code not in (0, 143, -signal.SIGTERM):
            return f"SIGTERM: ended with {code}"
    elif code not in (0, -signal.SIGKILL):
        return f"ended with {code} before it was killed"
    if kind == "generate":
        folder = place / "clip.foley"
        if folder.exists() and not (folder / "run.json").is_file():
            return "an unfinished folder stands under the final name"
    return ""


# What is done.


def _video(place: Path) -> None:
    from tests.campaigns.painted import BLACK, COLOURS, painter
    from tests.clips import make_clip

    shots = [COLOURS["fire"]] * 15 + [BLACK] * 10 + [COLOURS["dog_barking"]] * 15
    make_clip(place / "clip.mp4", seconds=4, rate=10, size=(64, 36), picture=painter(shots))


def _generate(place: Path, **how: Any) -> int:
    from temporal_foley.errors import FoleyError
    from temporal_foley.foley import Foley
    from temporal_foley.sound.takes.library import load_library
    from tests.campaigns.painted import ColourDetector

    try:
        Foley(ColourDetector(), load_library()).generate(place / "clip.mp4", **how)
    except FoleyError as error:
        print(error)
        return error.exit_code
    return 0


def _edited(place: Path) -> int:
    """Make what a person then works on: a cue is rejected, another made softer."""
    import dataclasses

    from temporal_foley.cue_list import read_timeline, write_timeline

    _video(place)
    _generate(place, seed=1)
    path = place / "clip.foley" / "cues.json"
    timeline = read_timeline(path)
    fire, dog = sorted(timeline.tracks, key=lambda track: track.effect, reverse=True)
    fire = dataclasses.replace(
        fire, cues=tuple(dataclasses.replace(cue, status="rejected") for cue in fire.cues)
    )
    dog = dataclasses.replace(
        dog, cues=(dataclasses.replace(dog.cues[0], gain_db=-20.0), *dog.cues[1:])
    )
    write_timeline(dataclasses.replace(timeline, tracks=(fire, dog)), path)
    return 0


def _sounds(place: Path) -> int:
    rng = np.random.default_rng(0)
    for number in range(8):
        hit = rng.normal(0, 0.3, 8_000) * np.exp(-np.arange(8_000) / 800)
        path = place / "pack" / f"folder {number % 2}" / f"dog bark {number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, hit.clip(-1, 1), 16_000)
    return 0


def _add(place: Path) -> int:
    from temporal_foley.cli.main import main

    words = ["library", "add", str(place / "pack"), "--to", str(place / "mine"), "--no-listen"]
    return main([*words, "--licence", "CC0"])


def _stills(place: Path) -> int:
    import cv2

    rng = np.random.default_rng(0)
    for name in ("fire", "wave", "other"):
        (place / "media" / name).mkdir(parents=True)
        for number in range(14):
            small = rng.integers(0, 255, (6, 8, 3), np.uint8)
            path = place / "media" / name / f"{number}.png"
            cv2.imwrite(str(path), cv2.resize(small, (80, 60)))
    return 0


def _prepare(place: Path) -> int:
    from data_pipeline.prepare.command import main

    words = ["build", "stills", "--files", str(place / "media"), "--out", str(place / "out")]
    return main([*words, "--workers", "1"])


def _features(place: Path) -> int:
    from tests.training.training_data import make_features

    make_features(place / "features")
    return 0


def _train(place: Path) -> int:
    import train
    from temporal_foley.training.checkpoint import Checkpoints
    from tests.training.training_data import NO_PRIOR, small_words

    restore = Checkpoints.restore_last

    def noting(self: Checkpoints, like: Any) -> Any:
        found = restore(self, like)
        step = 0 if found is None else int(found[0].step)
        (place / "restored.txt").write_text(str(step))
        return found

    Checkpoints.restore_last = noting
    words = small_words(place / "features", place / "run", steps=STEPS, save_every=SAVE_EVERY)
    return train.main([*words, *NO_PRIOR])


GIVEN: dict[str, Work] = {
    "generate": lambda place: _video(place) or 0,
    "regenerate": _edited,
    "library": _sounds,
    "prepare": _stills,
    "train": _features,
}
WORKS: dict[str, Work] = {
    "generate": _generate,
    "regenerate": lambda place: _generate(place, overwrite=True, seed=2),
    "library": _add,
    "prepare": _prepare,
    "train": _train,
}


# What must come of it.


def _files(folder: Path) -> dict[str, str]:
    """Return the hash of every file; of `run.json` without what time it took and where it is."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.name == "run.json":
            document = json.loads(content)
            for name in ("seconds", "source"):
                document.pop(name, None)
            content = json.dumps(document).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def _built(place: Path) -> Any:
    from data_pipeline.prepare.built import check_manifest, records_digest

    (folder,) = (place / "out").glob("stills/*/*")
    check_manifest(folder)
    names = sorted(path.name for path in folder.iterdir())
    return names, records_digest(folder), sorted(path.name for path in (place / "out").iterdir())


def _trained(place: Path) -> Any:
    rows = [json.loads(line) for line in (place / "run" / "log.jsonl").read_text().splitlines()]
    # Not the mean loss since the last row: a run that was asked to stop has a row more.
    names = ("clip_loss", "frame_loss", "grad_norm")
    told = {
        row["step"]: [row[name] for name in names]
        for row in rows
        if "loss" in row and row["step"] % LOG_EVERY == 0
    }
    bundle = place / "run" / "bundle"
    return {"losses": told, "bundle": (bundle / "manifest.json").read_text()}


def _apart(judge: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Judge in a process of its own, so that this one loads nothing that cannot be forked."""

    def asked(place: Path) -> Any:
        def tell(place: Path) -> int:
            (place.parent / "state.json").write_text(json.dumps(judge(place)))
            return 0

        (place.parent / "state.json").unlink(missing_ok=True)
        _forked(tell, place)
        with contextlib.suppress(OSError):
            return json.loads((place.parent / "state.json").read_text())
        return (place.parent / "said.txt").read_text()[-300:]

    return asked


STATES: dict[str, Callable[[Path], Any]] = {
    "generate": _files,
    "regenerate": _files,
    "library": _files,
    "prepare": _apart(_built),
    "train": _apart(_trained),
}


def _sealed_step(place: Path) -> int:
    steps = [int(path.parent.name) for path in (place / "run" / "last").glob("*/sha256.json")]
    return max(steps, default=0)


def _last_told(place: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        lines = (place / "run" / "log.jsonl").read_text().splitlines()
        return max((json.loads(line)["step"] for line in lines), default=0)
    return 0


def _restored(place: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int((place / "restored.txt").read_text())
    return 0


def _difference(found: Any, wanted: Any) -> str:
    if isinstance(found, dict) and isinstance(wanted, dict):
        odd = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
        return f"{len(odd)} differ, first {odd[0]}" if odd else ""
    return str(found)[-300:]
