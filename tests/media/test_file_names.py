"""Try names that are legal in a file system and awkward elsewhere."""

import os
import shutil

import pytest

from temporal_foley.files.output import fitting_stem, output_folder
from temporal_foley.foley import Foley
from temporal_foley.session.export import export_cues
from temporal_foley.sound.takes.library import load_library
from tests.detectors import RED, colour_detector, painted

NAMES = {
    "not UTF-8": b"T\xfcr.mp4",
    "255 bytes": b"a" * 251 + b".mp4",
    "254 bytes of two each": "\N{LATIN SMALL LETTER U WITH DIAERESIS}".encode() * 125 + b".mp4",
    "Chinese": "\u95e8\u94c3\u58f0.mp4".encode(),
}


@pytest.fixture(scope="module")
def foley():
    return Foley(colour_detector(), load_library())


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_is_worked_on(foley, make_clip, tmp_path, name):
    made = make_clip(tmp_path / "clip.mp4", **painted((1, RED)))
    video = tmp_path / os.fsdecode(name)
    shutil.move(made, video)
    outcome = foley.generate(video)
    assert outcome.warnings == ()
    assert outcome.video.is_file()
    assert foley.generate(video).status == "unchanged"
    formats = ["otio", "reaper", "fcp7", "audacity", "csv", "vtt"]
    exported = export_cues(outcome.folder / "cues.json", formats)
    assert exported.warnings == ()  # The video was found again by its name.


def test_long_names_are_cut_to_what_fits_and_stay_apart():
    one, other = (os.fsdecode(b"x" * 250 + end + b".mp4") for end in (b"a", b"b"))
    folders = [output_folder(one_path(name), None).name for name in (one, other)]
    assert folders[0] != folders[1]
    assert all(len(os.fsencode(f".{name}.part")) <= 255 for name in folders)
    assert fitting_stem("short", ".foley") == "short"


def one_path(name):
    from pathlib import Path

    return Path("/films") / name
