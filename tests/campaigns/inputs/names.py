"""Put hostile names and texts into everything that is written, and read it back elsewhere.

Case `k` is one text, put into every text field of a cue list, which is exported in every format;
what another library or parser reads back must have the same structure as with plain names, and as
many cues. Texts that a file system accepts also name a video for `generate`.
"""

import csv
import html.parser
import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.errors import CueListError
from temporal_foley.files.digest import file_sha256
from temporal_foley.foley import Foley
from temporal_foley.session.export import export_cues
from temporal_foley.session.names import FORMATS, clean_name, cue_names
from temporal_foley.sound.takes.library import load_library
from temporal_foley.spotting.tables import read_events
from tests.campaigns.driver import Campaign, Trial
from tests.clips import make_clip
from tests.detectors import BLACK, GREEN, colour_detector, painted
from tests.factories import make_audible_timeline

MARKUP = '"><script>window.injected=1</script><img src=x onerror="window.injected=1">'
TEXTS = (
    *("line\nbreak", "car\r\nriage", "tab\tbed", "nul\x00byte", "\x1b[31mred\x07", "\x7f\x80\x9f"),
    *('dou"ble', "sin'gle", "back`tick", "all \"'` three", "'; DROP TABLE", "-1-1", "+1", "@x"),
    *(MARKUP, "</script><script>window.injected=1</script>", "<!-- --> ]]> <![CDATA["),
    *("&lt;&amp;&#0;", "javascript:window.injected=1", "=HYPERLINK(1)", "%s%n{0}${x}"),
    *("\u202egnp.exe", "\u2066\u202b\u200f", "\u2028\u2029", "x" * 4000, ""),
    *("../../etc/passwd", "a/b\\c", "..", "CON", "-rf", "|><TRACK", "> \n<ITEM\n"),
    *("\U0001f415\u200d\U0001f9ba e\u0301 \ufeff\uffff", "a --> b"),
    "NOTE\n\n00:00.000 --> 00:01.000\n",
)


def attempt(trial: Trial) -> None:
    """Export one text; beyond the list, texts mixed of its parts by chance."""
    text = text_of(trial.number, trial.seed)
    trial.what = f"{text!r:.60}"
    try:
        found = bones(written(trial.shared / "plain.mp4", text, trial.folder / "list"))
    except CueListError as error:
        # No cue list contains a NUL.
        trial.expect("refused", "\x00" in text, "is no Unicode text" in str(error))
        return
    plain = bones(trial.shared / "plain" / "export")
    for name in sorted({*plain, *found}):
        trial.expect(f"structure of {name}", plain.get(name), found.get(name))
    for came in (texts_lost(trial.folder / "list", text), named_video(trial.folder, text)):
        trial.faults += [came] if came else []


def prepare(folder: Path) -> None:
    """Export a list with plain names, to compare with."""
    written(make_video(folder / "plain.mp4"), "plain", folder / "plain")


def text_of(case: int, seed: int) -> str:
    """Return the text of a case."""
    if case < len(TEXTS):
        return TEXTS[case]
    rng = random.Random(f"{seed} {case}")
    return "".join(rng.choice(TEXTS)[:50] for _ in range(3))


def make_video(path: Path) -> Path:
    """Write two seconds that contain an effect."""
    return make_clip(path, **painted((1, GREEN), (1, BLACK)))


def written(video: Path, text: str, folder: Path) -> Path:
    """Export a cue list full of a text in every format; return the folder."""
    folder.mkdir()
    # A file's name has no folder in it.
    name = f"{text}.mp4".replace("/", "_").replace("\\", "_")
    timeline = make_audible_timeline(text, sha256=file_sha256(video), name=name)
    write_timeline(timeline, folder / "cues.json")
    outcome = export_cues(folder / "cues.json", tuple(FORMATS), video=video)
    for path in outcome.folder.rglob("*"):
        if not path.resolve().is_relative_to(folder.resolve()):
            raise AssertionError(f"{path} is elsewhere")
    return outcome.folder


LISTS = (".foley.csv", ".departments.csv", ".markers.csv")
"""Further tables, for people."""


def bones(folder: Path) -> dict[str, object]:
    """Return what of each exported file does not depend on names."""
    found: dict[str, object] = {}
    for suffix, read in READERS.items():
        paths = [
            path
            for path in folder.iterdir()
            if path.name.endswith(suffix) and not path.name.endswith(LISTS)
        ]
        if len(paths) != 1:
            raise AssertionError(f"{len(paths)} files end in {suffix}")
        found[suffix] = read(paths[0])
    found["stems"] = sorted(len(_wave(path)) for path in (folder / "stems").iterdir())
    return found


def _otio(path: Path) -> object:
    import opentimelineio as otio

    timeline = otio.adapters.read_from_file(str(path))
    return [len(list(track.find_clips())) for track in timeline.tracks]


def _zip(path: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        wrong = [
            n for n in names if n.startswith(("/", "\\")) or ".." in n.replace("\\", "/").split("/")
        ]
        if wrong or archive.testzip():
            raise AssertionError(f"{path.name}: members {wrong[:2]}")
        return len(names), _bones_of_xml(
            archive.read("project.xml")
        ) if "project.xml" in names else ()


def _reaper(path: Path) -> object:
    import rpp

    def tags(element: object) -> object:
        if isinstance(element, list):
            return element[0] if element else ""
        return (element.tag, [tags(child) for child in element if not isinstance(child, str)])  # type: ignore[attr-defined]

    return str(tags(rpp.loads(path.read_text("utf-8"))))


def _bones_of_xml(content: bytes) -> tuple[str, ...]:
    from lxml import etree

    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    return tuple(element.tag for element in root.iter())


def _aaf(path: Path) -> object:
    import aaf2

    with aaf2.open(str(path), "r") as file:
        (composition,) = file.content.toplevel()
        return len(list(composition.slots)), len(list(file.content.mobs))


def _labels(path: Path) -> object:
    return [row.count("\t") for row in path.read_bytes().decode("utf-8").splitlines()]


def _sheet(path: Path) -> object:
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline=""), strict=True))
    cells = [cell for row in rows[1:] for cell in row]
    formulas = [cell for cell in cells if cell[:1] in ("=", "@", "+") or "\n" in cell]
    return [len(row) for row in rows], formulas


def _captions(path: Path) -> object:
    text = path.read_text("utf-8")
    return text.count("-->"), text.count("\n\n"), "<" in text


class _Tags(html.parser.HTMLParser):
    """Collects the elements of a page, with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def _page(path: Path) -> object:
    tags = _Tags()
    tags.feed(path.read_text("utf-8"))
    return tuple(tags.found)


def _wave(path: Path) -> np.ndarray:
    import soundfile
    import wavinfo

    wavinfo.WavInfoReader(str(path))  # reads the metadata with another library
    return soundfile.read(path)[0]


READERS: dict[str, Callable[[Path], object]] = {
    ".otio": _otio,
    ".otioz": _zip,
    ".dawproject": _zip,
    ".rpp": _reaper,
    ".xml": lambda path: _bones_of_xml(path.read_bytes()),
    ".aaf": _aaf,
    ".labels.txt": _labels,
    ".csv": _sheet,
    ".vtt": _captions,
    ".spotting.html": _page,
}


def texts_lost(folder: Path, text: str) -> str:
    """Return what of a text did not come back from the cue list, OpenTimelineIO or REAPER."""
    import opentimelineio as otio
    import rpp

    timeline = read_timeline(folder / "cues.json")
    if f"because{text}" not in {cue.reason for cue in timeline.cues}:
        return "the cue list lost a text"
    if {cue.id for cue in timeline.cues} != {f"{text}{n}" for n in (1, 2, 3)}:
        return "the cue list lost an id"
    names = set(cue_names(timeline).values())
    (path,) = (folder / "export").glob("*.otio")
    clips = list(otio.adapters.read_from_file(str(path)).find_clips())
    ids = {clip.metadata.get("temporal_foley", {}).get("cue") for clip in clips}
    if not {cue.id for cue in timeline.cues} <= ids:
        return f"OpenTimelineIO has the cues {sorted(map(str, ids))!s:.100}"
    (path,) = (folder / "export").glob("*.rpp")
    items = rpp.loads(path.read_text("utf-8")).iterfind(".//ITEM")
    names_read = {item.find("NAME")[1] for item in items if item.find("NAME") is not None}
    return "" if names <= names_read else f"REAPER has {sorted(names_read)!s:.100}"


def named_video(place: Path, text: str) -> str:
    """Give `generate` a video of that name, where the file system accepts it."""
    name = f"{text}.mp4".replace("/", "_").replace("\x00", "")
    if len(os.fsencode(name)) > 200:
        return ""
    folder = place / "videos"
    folder.mkdir()
    video = make_video(folder / name)
    outcome = Foley(colour_detector(), load_library()).generate(video)
    if outcome.folder.parent != folder:
        return f"the output is in {outcome.folder}"
    page = (outcome.folder / "review.html").read_text("utf-8")
    data = page.partition('id="data"')[2].partition(">")[2].partition("</script>")[0]
    name_read = json.loads(data)["cues"]["source"]["name"]
    if name_read != name.encode("utf-8", "replace").decode():
        return f"the review page has the name {name_read!r:.60}"
    tags = _Tags()
    tags.feed(page)
    scripts = sum(tag == "script" for tag, _ in tags.found)
    if scripts != 2 or any(n.startswith("on") for _, names in tags.found for n in names):
        return f"the review page has {scripts} scripts"
    events = read_events(outcome.folder / "events.tsv")
    if len(events) != len(outcome.events or ()):
        return f"events.tsv has {len(events)} rows"
    json.loads((outcome.folder / "run.json").read_text("utf-8"))
    return "" if clean_name(name) else "its name is empty"


CAMPAIGN = Campaign(
    attempt=attempt,
    full=len(TEXTS),
    short=(0, TEXTS.index(MARKUP), TEXTS.index("nul\x00byte")),
    long=range(1, len(TEXTS), 4),
    prepare=prepare,
)
