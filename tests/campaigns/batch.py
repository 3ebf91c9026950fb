"""Many videos at once, some of them at fault: the others are made, and told, and made once.

A batch is a folder of `FULL` videos of which every third has a fault, in turn of another kind, and
the command that is given it twice; then its faults are mended, and it is given a third time.
"""

import contextlib
import io
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

from temporal_foley.cli.main import main
from temporal_foley.foley import Foley
from temporal_foley.sound.takes.library import load_library
from tests.campaigns import Failure, Result
from tests.campaigns.painted import BLACK, COLOURS, ColourDetector, painter
from tests.clips import make_clip

FULL = 24


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Give one batch of as many videos as there are cases to the command."""
    del seed  # Which video has which fault is no chance.
    failures: list[Failure] = []
    videos, out = folder / "videos", folder / "out"
    videos.mkdir(parents=True)
    good = make_good(folder / "good.mp4")
    faulty: list[Path] = []
    for case in cases:
        path = videos / f"{case:03d}.mp4"
        if case % 3 == 1:
            FAULTS[case // 3 % len(FAULTS)](good, path, out)
            faulty.append(path)
        else:
            shutil.copyfile(good, path)
    whole = len(cases) - len(faulty)

    def expect(what: str, wanted: object, found: object) -> None:
        if wanted != found:
            failures.append(
                Failure(case=cases[0], what=what, came=f"{found!s:.200}, not {wanted!s:.200}")
            )

    code, said, told = generate(videos, out)
    expect("exit code", 3 if faulty else 0, code)
    expect("summary", (whole, 0, len(faulty)), summary(said))
    expect("one line a fault", len(faulty), len(told))
    for path in faulty:
        expect(f"{path.name} is named once", 1, sum(path.stem in line for line in told))
    made = {path.name: path for path in sorted(out.glob("*.foley")) if (path / "run.json").exists()}
    expect("finished folders", whole, len(made))
    expect("left aside", [], [path.name for path in out.glob(".*")])
    before = {name: _written(path) for name, path in made.items()}

    code, said, _ = generate(videos, out)
    expect("exit code of the second run", 3 if faulty else 0, code)
    expect("summary of the second run", (0, whole, len(faulty)), summary(said))
    expect("made again", [], _touched(made, before))

    for path in faulty:
        _clear(path)
        _clear(out / f"{path.stem}.foley")
        shutil.copyfile(good, path)
    code, said, told = generate(videos, out)
    expect("exit code when all is mended", 0, code)
    expect("summary when all is mended", (len(faulty), whole, 0), summary(said))
    expect("made again when others were mended", [], _touched(made, before))
    figures = {"videos": len(cases), "of them at fault": len(faulty)}
    return Result(count=len(cases), failures=failures, figures=figures)


def make_good(path: Path) -> Path:
    """Write a video with something to hear in it."""
    shots = [COLOURS["dog_barking"]] * 8 + [BLACK] * 7
    return make_clip(path, seconds=1.5, rate=10, size=(64, 36), picture=painter(shots))


def generate(videos: Path, out: Path) -> tuple[int, str, list[str]]:
    """Give the command a folder; return its exit code and what it said of each kind."""
    said, told = io.StringIO(), io.StringIO()
    foley = Foley(ColourDetector(), load_library())
    with (
        mock.patch("temporal_foley.foley.Foley.load", return_value=foley),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(told),
    ):
        code = main(["generate", str(videos), "--out", str(out)])
    lines = [line for line in told.getvalue().splitlines() if line.startswith("error: ")]
    return code, said.getvalue(), lines


def summary(said: str) -> tuple[int, ...] | None:
    """Read the last line: made, unchanged, failed."""
    found = re.findall(r": (\d+) made, (\d+) unchanged, (\d+) failed \(", said)
    return tuple(map(int, found[-1])) if found else None


def _written(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*")}


def _touched(made: dict[str, Path], before: dict[str, dict[str, int]]) -> list[str]:
    return [name for name, path in made.items() if _written(path) != before[name]]


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# What may be wrong with a video: a good one, the place of the bad one, and the output's folder in.


def _empty(good: Path, path: Path, out: Path) -> None:
    del good, out
    path.write_bytes(b"")


def _text(good: Path, path: Path, out: Path) -> None:
    del good, out
    path.write_text("#EXTM3U\nhttp://127.0.0.1/secret.ts\n")


def _cut_off(good: Path, path: Path, out: Path) -> None:
    del out
    path.write_bytes(good.read_bytes()[:400])


def _no_table(good: Path, path: Path, out: Path) -> None:
    del out
    path.write_bytes(good.read_bytes().replace(b"moov", b"none"))


def _dangling(good: Path, path: Path, out: Path) -> None:
    del good, out
    path.symlink_to("gone.mp4")


def _folder(good: Path, path: Path, out: Path) -> None:
    del good, out
    path.mkdir()


def _output_taken(good: Path, path: Path, out: Path) -> None:
    """Something that is not ours stands where the output would."""
    shutil.copyfile(good, path)
    (out / f"{path.stem}.foley").mkdir(parents=True)
    (out / f"{path.stem}.foley" / "mine.txt").write_text("mine")


def _sound_only(good: Path, path: Path, out: Path) -> None:
    import av
    import numpy as np

    del good, out
    with av.open(str(path), "w") as file:
        track = file.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
        frame.sample_rate = 48_000
        file.mux(track.encode(frame))
        file.mux(track.encode(None))


FAULTS: tuple[Callable[[Path, Path, Path], None], ...] = (
    *(_empty, _text, _cut_off, _no_table, _dangling, _folder, _output_taken, _sound_only),
)
