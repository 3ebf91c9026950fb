"""Check sessions against what their readers require: published schemas, and our statement of them.

`FOLEY_SCHEMAS` may name a folder with the published files: FCPXMLv1_9.dtd (or a later one),
xmeml.dtd, Project.xsd and MetaData.xsd. They may not be copied into the project.
"""

import itertools
import os
import re
import zipfile
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import opentimelineio as otio
import pytest

from benchmarks.session.session_lists import cue_lists, session_of, write_silence
from temporal_foley.session.writers.dawproject import write_dawproject
from temporal_foley.session.writers.fcp7 import fcp7_text
from temporal_foley.session.writers.fcpxml import fcpxml_text
from temporal_foley.session.writers.otio import otio_text
from tests.session.format_rules import (
    DAWPROJECT,
    DAWPROJECT_METADATA,
    FCPXML,
    XMEML,
    faults,
)

LISTS = cue_lists(many=40)
RATES = ("25", "29.97 df", "23.976")
SCHEMAS = os.environ.get("FOLEY_SCHEMAS")


@pytest.fixture(params=[(name, rate) for name in LISTS for rate in RATES], ids=" ".join)
def session(request):
    return session_of(LISTS[request.param[0]], request.param[1])


def documents(session, folder):
    """Return the XML documents of a session by the name of their format."""
    folder.mkdir(exist_ok=True)
    write_silence(session, folder / "media")
    archive = folder / "a.dawproject"
    write_dawproject(archive, session, folder / "media")
    with zipfile.ZipFile(archive) as packed:
        project, facts = packed.read("project.xml"), packed.read("metadata.xml")
    return {
        "fcpxml": fcpxml_text(session, "file:///film.mp4", "file:///a%20b").encode(),
        "xmeml": fcp7_text(session, "file:///film.mp4", "file:///a%20b").encode(),
        "project": project,
        "metadata": facts,
    }


RULES = {"fcpxml": FCPXML, "xmeml": XMEML, "project": DAWPROJECT, "metadata": DAWPROJECT_METADATA}


def test_documents_hold_to_the_rules_of_their_formats(session, tmp_path):
    for name, text in documents(session, tmp_path).items():
        assert faults(ElementTree.fromstring(text), RULES[name]) == []


def test_the_rules_refuse_what_the_formats_do():
    good = ElementTree.fromstring(fcpxml_text(session_of(LISTS["unique"], "25"), None, "file:///a"))
    clip = next(good.iter("asset-clip"))
    clip.append(ElementTree.Element("note"))
    clip.set("speed", "2")
    del clip.attrib["ref"]
    next(good.iter("gap")).set("duration", "two")
    assert len(faults(good, FCPXML)) == 4


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("fcpxml", "FCPXMLv1_9.dtd"),
        ("xmeml", "xmeml.dtd"),
        ("project", "Project.xsd"),
        ("metadata", "MetaData.xsd"),
    ],
)
def test_documents_are_valid_by_the_published_schema(tmp_path, name, file):
    if SCHEMAS is None or not (Path(SCHEMAS) / file).is_file():
        pytest.skip(f"no {file} in FOLEY_SCHEMAS")
    etree = pytest.importorskip("lxml.etree")
    path = str(Path(SCHEMAS) / file)
    schema = etree.DTD(path) if file.endswith(".dtd") else etree.XMLSchema(etree.parse(path))
    for number, (cues, rate) in enumerate(itertools.product(LISTS, RATES)):
        texts = documents(session_of(LISTS[cues], rate), tmp_path / str(number))
        document = etree.fromstring(texts[name])
        if name == "xmeml":
            # Premiere's own additions, which Apple's definition does not know.
            etree.strip_elements(document, "pproTicksIn", "pproTicksOut")
        assert schema.validate(document), (cues, rate, schema.error_log)


def test_references_resolve_and_ids_are_unique(session, tmp_path):
    texts = documents(session, tmp_path)
    for name, ids, refs in (
        ("fcpxml", {"id"}, {"ref", "format"}),
        ("project", {"id"}, {"track", "destination", "reference"}),
    ):
        root = ElementTree.fromstring(texts[name])
        known = [value for e in root.iter() for key, value in e.attrib.items() if key in ids]
        used = {value for e in root.iter() for key, value in e.attrib.items() if key in refs}
        assert len(known) == len(set(known))
        assert used <= set(known)
    with zipfile.ZipFile(tmp_path / "a.dawproject") as packed:
        files = {e.get("path") for e in ElementTree.fromstring(texts["project"]).iter("File")}
        assert files <= set(packed.namelist())


def test_clips_have_a_length_and_lie_inside_their_files(session, tmp_path):
    texts = documents(session, tmp_path)
    root = ElementTree.fromstring(texts["fcpxml"])
    assets = {asset.get("id"): seconds(asset.get("duration")) for asset in root.iter("asset")}
    frame = 1 / session.edit.rate
    for clip in root.iter("asset-clip"):
        begin, length = seconds(clip.get("start")), seconds(clip.get("duration"))
        assert length > 0
        # A cut on frames may take up to two frames more than the sound has.
        assert begin + length <= assets[clip.get("ref")] + 2 * frame
        assert (
            (length / frame).denominator == (seconds(clip.get("offset")) / frame).denominator == 1
        )
    root = ElementTree.fromstring(texts["project"])
    for clip in root.iter("Clip"):
        assert float(clip.get("duration")) > 0
        inside = float(clip.get("playStart")) + float(clip.get("duration"))
        assert inside <= float(clip.find("Lanes/Audio").get("duration")) + 1e-9
    root = ElementTree.fromstring(texts["xmeml"])
    for item in root.iter("clipitem"):
        start, end, begin, until = (int(item.findtext(n)) for n in ("start", "end", "in", "out"))
        assert start < end
        assert begin < until
        assert until - begin == end - start
        assert until <= int(item.findtext("duration"))


def test_xmeml_links_point_to_their_items_and_files_are_described_once(session, tmp_path):
    root = ElementTree.fromstring(documents(session, tmp_path)["xmeml"])
    ids = [item.get("id") for item in root.iter("clipitem")]
    assert len(ids) == len(set(ids))
    tracks = root.findall("sequence/media/audio/track")
    for link in root.iter("link"):
        track = tracks[int(link.findtext("trackindex")) - 1]
        item = track.findall("clipitem")[int(link.findtext("clipindex")) - 1]
        assert item.get("id") == link.findtext("linkclipref")
    described: set[str] = set()
    for file in root.iter("file"):
        if len(file):
            assert file.get("id") not in described
            described.add(file.get("id"))
        assert file.get("id") in described
    for track in tracks:
        ends = [(int(i.findtext("start")), int(i.findtext("end"))) for i in track.iter("clipitem")]
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(ends))


def test_otio_is_whole_by_its_own_reader(session):
    timeline = otio.adapters.read_from_string(otio_text(session, None), "otio_json")
    again = otio.adapters.read_from_string(
        otio.adapters.write_to_string(timeline, "otio_json"), "otio_json"
    )
    assert again.is_equivalent_to(timeline)
    kinds = {type(one).__name__ for one in timeline.tracks.find_children()}
    assert not any(name.startswith("Unknown") for name in kinds)
    for clip in timeline.find_clips():
        inside, has = clip.trimmed_range(), clip.available_range()
        assert inside.duration.value > 0
        assert has.contains(inside) or has == inside
        assert re.fullmatch(r"[^\x00-\x1f]*", clip.name)


def seconds(text):
    return Fraction(text.removesuffix("s"))
