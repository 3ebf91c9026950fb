"""Fixtures of the desk's tests: a small project that renders fast, and a running server."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from temporal_foley.render import render_cue_list
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import Provenance
from tests.factories import make_cue, make_timeline, source_of, write_cue_list
from tests.pages.conftest import chromium, hands

ROOT = Path(__file__).parents[2]
__all__ = ["chromium", "hands"]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory, make_clip, clips):
    """A clip of six seconds with three drops, one of them already in the original, rendered."""
    return render_drops(tmp_path_factory.mktemp("rendered"), "clip.mp4", make_clip, clips)


def render_drops(folder, name, make_clip, clips, **options):
    """Make and render a clip with three drops, one of them already in the original."""
    sound = 0.1 * clips.tone(6.0)
    video = make_clip(
        folder / name, seconds=6.0, rate=25, audio=sound.astype(np.float32), **options
    )
    library = load_library()
    take = library.takes("water_drop")[0]
    samples = library.read(take.asset)
    cues = [
        make_cue(
            f"water_drop-{number:04d}",
            effect="water_drop",
            onset_sample=48_000 * number,
            offset_sample=48_000 * number + len(samples.samples),
            asset=take.asset,
            anchor=samples.anchor,
            status="already_heard" if number == 3 else "proposed",
        )
        for number in (1, 2, 3)
    ]
    timeline = make_timeline(
        *cues,
        source=source_of(video, 6.0, has_audio=True),
        library=Provenance(name=library.name, sha256=library.sha256),
        vocabulary=Provenance(name="foley20", sha256="02"),
    )
    cues_file = write_cue_list(folder, timeline)
    shutil.copyfile(cues_file, folder / "given.json")
    render_cue_list(cues_file, overwrite=True)
    return folder


@pytest.fixture
def work(rendered, tmp_path):
    """A folder of its own with the clip and its project."""
    folder = tmp_path / "work"
    shutil.copytree(rendered, folder)
    return folder


class Desk:
    """A running `temporal-foley review`."""

    def __init__(self, *words):
        command = [sys.executable, "-m", "temporal_foley", "review", *map(str, words)]
        self.process = subprocess.Popen(
            [*command, "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        first = self.process.stdout.readline()
        assert first.startswith("open http://127.0.0.1:"), first + self.process.stderr.read()
        self.address = first.split()[1]

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err

    def kill(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start_desk():
    """Start the server: `start_desk("folder")` returns it; it is ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(*words):
            desk = Desk(*words)
            stack.callback(desk.kill)
            return desk

        yield start


@pytest.fixture
def page(chromium, hands):
    """Open a page of the desk; returns the hands on it."""

    def open_page(address):
        return hands.Page(chromium, address)

    yield open_page
    while len(chromium.window_handles) > 1:
        chromium.switch_to.window(chromium.window_handles[-1])
        chromium.close()
    chromium.switch_to.window(chromium.window_handles[0])
    chromium.execute_script(
        "addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)"
    )
    chromium.get("about:blank")
