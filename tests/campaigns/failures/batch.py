"""Process many videos at once, some of them at fault: the others are made, reported, made once.

A case is a folder of six videos, or of all kinds of fault, of which every third has another fault,
given to the command twice; then its faults are repaired, and it is given a third time.
"""

import contextlib
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from temporal_foley.cli.main import main
from temporal_foley.foley import Foley
from temporal_foley.sound.takes.library import load_library
from tests.campaigns.driver import Campaign, Trial
from tests.clips import make_clip
from tests.detectors import BLACK, GREEN, colour_detector, painted

VIDEOS = (6, 24)
"""How many videos each case has."""


def attempt(trial: Trial) -> None:
    """Give one batch to the command three times."""
    videos, out = trial.folder / "videos", trial.folder / "out"
    videos.mkdir()
    good = make_clip(trial.folder / "good.mp4", **painted((0.8, GREEN), (0.7, BLACK)))
    paths = [videos / f"{number:03d}.mp4" for number in range(VIDEOS[trial.number])]
    faulty = paths[1::3]
    trial.what = f"{len(paths)} videos, {len(faulty)} of them at fault"
    for path in paths:
        if path in faulty:
            FAULTS[faulty.index(path) % len(FAULTS)](good, path, out)
        else:
            shutil.copyfile(good, path)
    whole = len(paths) - len(faulty)

    code, written, errors = generate(videos, out)
    trial.expect("exit code", 3, code)
    trial.expect("summary", (whole, 0, len(faulty)), summary(written))
    trial.expect("one line a fault", len(faulty), len(errors))
    for path in faulty:
        trial.expect(f"lines that name {path.name}", 1, sum(path.stem in e for e in errors))
    made = [path for path in sorted(out.glob("*.foley")) if (path / "run.json").exists()]
    trial.expect("finished folders", whole, len(made))
    trial.expect("temporary files", [], [path.name for path in out.glob(".*")])
    before = {path: _times(path) for path in made}

    code, written, _ = generate(videos, out)
    trial.expect("exit code of the second run", 3, code)
    trial.expect("summary of the second run", (0, whole, len(faulty)), summary(written))

    for path in faulty:
        _remove(path)
        _remove(out / f"{path.stem}.foley")
        shutil.copyfile(good, path)
    code, written, _ = generate(videos, out)
    trial.expect("exit code of the third run", 0, code)
    trial.expect("summary of the third run", (len(faulty), whole, 0), summary(written))
    trial.expect("made again", [], [path for path in made if _times(path) != before[path]])


def generate(videos: Path, out: Path) -> tuple[int, str, list[str]]:
    """Give the command a folder; return its exit code, its output and its error lines."""
    written, errors = io.StringIO(), io.StringIO()
    foley = Foley(colour_detector(), load_library())
    with (
        mock.patch("temporal_foley.foley.Foley.load", return_value=foley),
        contextlib.redirect_stdout(written),
        contextlib.redirect_stderr(errors),
    ):
        code = main(["generate", str(videos), "--out", str(out)])
    lines = [line for line in errors.getvalue().splitlines() if line.startswith("error:")]
    return code, written.getvalue(), lines


def summary(written: str) -> tuple[int, ...] | None:
    """Read the numbers of the last line: made, unchanged, failed."""
    found = re.findall(r": (\d+) made, (\d+) unchanged, (\d+) failed \(", written)
    return tuple(map(int, found[-1])) if found else None


def _times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _output_taken(good: Path, path: Path, out: Path) -> None:
    """Put something that is not ours where the output would be."""
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


# What may be wrong with a video: gets a good one, the path of the bad one, and the output's folder.
FAULTS: tuple[Callable[[Path, Path, Path], object], ...] = (
    lambda good, path, out: path.write_bytes(b""),
    lambda good, path, out: path.write_text("#EXTM3U\nhttp://127.0.0.1/secret.ts\n"),
    lambda good, path, out: path.write_bytes(good.read_bytes()[:400]),
    lambda good, path, out: path.write_bytes(good.read_bytes().replace(b"moov", b"none")),
    lambda good, path, out: path.symlink_to("gone.mp4"),
    lambda good, path, out: path.mkdir(),
    _output_taken,
    _sound_only,
)
CAMPAIGN = Campaign(attempt=attempt, full=2, is_list=True, short=(0,), long=(1,))
