"""Test what campaigns have found once: each case is repeated here in its smallest form."""

import dataclasses
import json
import shutil

import pytest

from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.dcase import read_dcase
from temporal_foley.cli.main import main
from temporal_foley.cue_list import timeline_from_json, timeline_to_json
from temporal_foley.edits import read_otio
from temporal_foley.edits.import_session import read_session
from temporal_foley.errors import CueListError, FoleyError, LibraryError
from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME, read_catalogue, was_changed
from temporal_foley.training.log import TrainLog, read_log
from tests.campaigns.failures.bits import make_library
from tests.campaigns.inputs.fuzz import came_of
from tests.campaigns.inputs.names import MARKUP, TEXTS, make_video, written
from tests.campaigns.inputs.parsers import ONTOLOGY, PUBLISHED, TARGETS, seeds
from tests.factories import make_audible_timeline
from tests.pages.review_pages import make_page

# ---- parsers


def test_whole_seeds_are_read(tmp_path):
    # Or refused: that of Keras lacks most layers.
    assert not [t for t in TARGETS for seed in seeds()[t] if came_of(t, seed, tmp_path)]


@pytest.mark.parametrize(
    ("target", "old", "new", "message"),
    [
        ("annotations", b"\tevent_label\n", b"\n", "must name the column event_label"),
        ("otio", b'"target_url"', b'"target_urn"', "is no OpenTimelineIO file"),
    ],
)
def test_a_missing_column_or_target_is_reported(tmp_path, target, old, new, message):
    content = next(seed for seed in seeds()[target] if old in seed)
    with pytest.raises(FoleyError, match=message):
        TARGETS[target](content.replace(old, new), tmp_path)


def test_a_table_in_utf_16_that_breaks_off_is_read_as_far_as_it_goes(tmp_path):
    rows = "filename\tonset\toffset\tevent_label\na.mp4\t0.5\t1.5\tfire\n"
    path = tmp_path / "events.tsv"
    path.write_bytes(rows.encode("utf-16") + b"\n")
    assert read_dcase(path).clips[0].clip == "a.mp4"


def test_a_keras_file_damaged_anywhere_is_refused(tmp_path):
    content = seeds()["keras"][0]
    for place in range(0, len(content), 40):
        damaged = content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :]
        assert not came_of("keras", damaged, tmp_path)


def test_annotations_of_every_format_are_read_whole(tmp_path):
    for reader, name, text in PUBLISHED:
        folder = tmp_path / f"{reader} {name}"
        folder.mkdir()
        (folder / "ontology.json").write_text(ONTOLOGY)
        (folder / name).write_text(text)
        reading = READERS[reader].read(folder / name)
        assert (bool(reading.clips), reading.rejected) == (True, ()), name


def test_a_timeline_that_crashes_its_reader_is_refused_by_import(tmp_path, monkeypatch):
    text = next(iter(seeds()["otio"])).replace(b'"Clip.2"', b'"Clip.1"', 1)
    (tmp_path / "a.otio").write_bytes(text)
    with pytest.raises(FoleyError, match=r"a\.otio: is no OpenTimelineIO file"):
        read_session(tmp_path / "a.otio")
    # The same where the cause of the crash is unknown.
    monkeypatch.setattr(read_otio.sys, "executable", shutil.which("false"))
    (tmp_path / "b.otio").write_bytes(seeds()["otio"][0])
    with pytest.raises(FoleyError, match="crashes its reader"):
        read_session(tmp_path / "b.otio")


# ---- the table of a sound library


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("kept") / "library")


@pytest.fixture
def table(library):
    """The library's table, restored when the test is done."""
    path = library / CATALOGUE_NAME
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def test_a_correction_by_hand_is_read_and_reported_until_it_is_adopted(table, capsys):
    text = table.read_text().replace("CC0-1.0", "CC-BY-4.0", 1)
    table.write_text(text)
    rows = read_catalogue(table)
    assert [was_changed(row) for row in rows] == [True, False, False, False]
    main(["library", "check", str(table.parent)])
    assert rows[0].file in capsys.readouterr().out
    assert main(["library", "add", str(table.parent), "--to", str(table.parent)]) == 0
    again = read_catalogue(table)
    assert again[0].licence == "CC-BY-4.0"
    assert not any(map(was_changed, again))


def test_a_spreadsheet_may_write_numbers_in_its_own_way(table):
    before = read_catalogue(table)
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    anchor = rows[0].index("anchor_s")
    for row in rows[1:]:
        row[anchor] = row[anchor].replace(".", ",") + "00"
    table.write_text("\r\n".join("\t".join(row) for row in rows))
    assert read_catalogue(table) == before


def test_a_table_without_check_sums_is_read(table):
    before = read_catalogue(table)
    rows = [line.split("\t")[:-1] for line in table.read_text().splitlines()]
    table.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    assert read_catalogue(table) == [dataclasses.replace(row, check="") for row in before]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tlicence\t", "\tlicebce\t", "did you mean 'licence'"),
        ("\tchannels\t", "\tchannelS\t", "did you mean 'channels'"),
        ("sounds/dog bark 1.wav\t", "sounds/dog bark 1.wav\x0b\t", "text on one line"),
        (None, "", "is empty"),
    ],
)
def test_a_damaged_table_is_refused(table, old, new, message):
    table.write_text(table.read_text().replace(old, new, 1) if old else new)
    with pytest.raises(LibraryError, match=message):
        read_catalogue(table)


# ---- names and pages


def test_a_cue_list_with_a_nul_in_a_text_is_refused():
    text = timeline_to_json(make_audible_timeline("nul\x00byte"))
    with pytest.raises(CueListError, match="is no Unicode text"):
        timeline_from_json(text)


@pytest.mark.slow
@pytest.mark.campaign
def test_no_page_runs_a_script_from_a_name(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("needs Debian's chromium and chromium-driver")
    pages = []
    for number, text in enumerate(TEXTS):
        page = tmp_path / f"review {number}.html"
        make_page(page, name=text, credit=text, video=text.replace("\x00", ""))
        pages.append(page)
    export = written(make_video(tmp_path / "plain.mp4"), MARKUP, tmp_path / "list")
    pages += export.glob("*.spotting.html")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for word in ("--headless=new", "--no-sandbox", "--mute-audio"):
        options.add_argument(word)
    service = webdriver.ChromeService(executable_path=driver)
    chromium = webdriver.Chrome(options=options, service=service)
    try:
        for page in pages:
            chromium.get(page.as_uri())
            assert chromium.execute_script("return window.injected") is None, page
            assert chromium.execute_script("return document.images.length >= 0")
    finally:
        chromium.quit()


# ---- logs


def test_a_log_that_is_continued_never_loses_its_rows(tmp_path, monkeypatch):
    log = TrainLog(tmp_path)
    for step in (5, 10, 15):
        log.scalars(step, {"loss": 1.0})
    log.close()

    def killed(self, *args, **fields):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            TrainLog(tmp_path, first_step=10)
    assert [row["step"] for row in read_log(tmp_path)] == [5, 10, 15]
    again = TrainLog(tmp_path, first_step=10)
    again.scalars(15, {"loss": 0.5})
    again.close()
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(5, 1.0), (10, 1.0), (15, 0.5)]
