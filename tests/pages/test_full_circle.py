"""A real clip all the way round: generate, edit, render, generate again; the edits are still there.

Once through the review page, by the hands of a person in a browser; once through a REAPER project.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from temporal_foley.cue_list import read_timeline
from temporal_foley.edits.import_session import import_edits
from temporal_foley.foley import Foley
from temporal_foley.render import render_cue_list
from temporal_foley.session.export import export_cues
from temporal_foley.timeline import MixSettings
from tests.factories import stem_path

CLIP = Path(__file__).parents[2] / "../shared/data/clips/dev/dog_video_02677.mp4"
RATE = 48_000
KEEP = MixSettings(original="keep")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIP.is_file(), reason="the shared clips are not there"),
]


@pytest.fixture(scope="module")
def foley():
    return Foley.load()


@pytest.fixture(scope="module")
def generated(foley, tmp_path_factory):
    """The clip, with the folder that `generate` made for it."""
    folder = tmp_path_factory.mktemp("generated")
    shutil.copyfile(CLIP, folder / "clip.mp4")
    foley.generate(folder / "clip.mp4", mix=KEEP)
    return folder


@pytest.fixture
def work(generated, tmp_path):
    return shutil.copytree(generated, tmp_path / "work")


def by_id(cues):
    return {cue.id: cue for cue in read_timeline(cues).cues}


def look_again(foley, work):
    """Generate once more; returns what it said of the edits, and the cues it left."""
    outcome = foley.generate(work / "clip.mp4", mix=KEEP, overwrite=True)
    return outcome.changes, by_id(work / "clip.foley" / "cues.json")


def loudest_near(stem, sample):
    sound, rate = soundfile.read(stem, dtype="float32")
    assert rate == RATE
    return float(np.abs(sound[sample : sample + RATE // 4]).max())


def test_edits_in_the_review_page_outlive_another_run(foley, work, hands, chromium):
    folder = work / "clip.foley"
    before = list(read_timeline(folder / "cues.json").cues)
    assert len(before) >= 2
    page = hands.Page(chromium, folder / "review.html")
    # One moved, one rejected, one added by hand.
    page.press(page.keys.ARROW_DOWN)
    page.enter("meets", "1.5")
    page.browser.find_element("css selector", f"[data-cue='{before[1].id}']").click()
    page.press("r", page.keys.END)
    page.press_with([page.keys.SHIFT], page.keys.ARROW_LEFT)
    page.press("c")
    shutil.copyfile(page.save(), folder / "cues.json")
    assert page.wrong() == []
    edited = by_id(folder / "cues.json")
    (added,) = edited.keys() - {cue.id for cue in before}
    assert edited[before[0].id].picture_sample == round(1.5 * RATE)
    assert edited[before[1].id].status == "rejected"
    # Rendered: the moved bark and the added one are heard, the rejected one is not.
    render_cue_list(folder / "cues.json", overwrite=True)
    stem = stem_path(folder, before[0].effect)
    assert loudest_near(stem, round(1.5 * RATE)) > 0.01
    assert loudest_near(stem, edited[added].picture_sample) > 0.01
    assert loudest_near(stem, before[1].picture_sample + RATE // 10) < 0.01
    # Looked at again: all three are as they were left.
    changes, again = look_again(foley, work)
    assert changes is not None
    assert changes.startswith("3 edits kept")
    for name in (before[0].id, before[1].id, added):
        assert again[name] == edited[name]


def test_edits_in_a_reaper_project_outlive_another_run(foley, work):
    folder = work / "clip.foley"
    before = list(read_timeline(folder / "cues.json").cues)
    export_cues(folder / "cues.json", ("reaper",))
    project = folder / "export" / "clip.rpp"
    project.write_text(edit_as_reaper_would(project.read_text("utf-8"), before), "utf-8")
    outcome = import_edits(project, folder / "cues.json")
    assert outcome.warnings == ()
    counts = outcome.changes
    assert (counts.moved, counts.trimmed, counts.rejected, counts.added) == (1, 1, 1, 2)
    shutil.copyfile(outcome.path, folder / "cues.json")
    edited = by_id(folder / "cues.json")
    first, second = before[0], before[1]
    assert edited[first.id].onset_sample == first.onset_sample + RATE
    assert edited[first.id].length == first.length - 4_800
    assert edited[second.id].status == "rejected"
    copies = [edited[name] for name in sorted(edited.keys() - {cue.id for cue in before})]
    assert [cue.onset_sample for cue in copies] == [3 * RATE, 4 * RATE]
    assert [cue.asset for cue in copies] == [first.asset, second.asset]
    render_cue_list(folder / "cues.json", overwrite=True)
    stem = stem_path(folder, first.effect)
    for cue in copies:
        assert loudest_near(stem, cue.picture_sample) > 0.01
    changes, again = look_again(foley, work)
    assert changes is not None
    assert changes.startswith("4 edits kept")
    assert {name: again[name] for name in edited} == edited


def edit_as_reaper_would(text, cues):
    """Move and trim the first item, delete the second, add two copies, one with another take."""
    head, *items = re.split(r"(?=    <ITEM\n)", text)
    place = next(i for i, item in enumerate(items) if f'NAME "{cues[0].id}"' in item)
    other = next(i for i, item in enumerate(items) if f'NAME "{cues[1].id}"' in item)
    tail = items[-1].partition("\n    >\n")[2]
    items[-1] = items[-1].removesuffix(tail)
    own = items[place]

    def at(item, second):
        return re.sub(r"POSITION \S+", f"POSITION {second}", item)

    moved = at(own, cues[0].onset_sample / RATE + 1)
    moved = re.sub(r"LENGTH \S+", f"LENGTH {(cues[0].length - 4_800) / RATE:.12f}", moved)
    file, in_point = (re.search(word, items[other]) for word in (r'FILE "[^"]+"', r"SOFFS \S+"))
    assert file is not None
    assert in_point is not None
    swapped = re.sub(r'FILE "[^"]+"', lambda _: file[0], at(own, 4))
    swapped = re.sub(r"SOFFS \S+", in_point[0], swapped)
    kept = [item for i, item in enumerate(items) if i not in (place, other)]
    return "".join([head, *kept, moved, at(own, 3), swapped, tail])
