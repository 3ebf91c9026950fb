"""Hostile names come back whole from every export, and nothing in them is run."""

import shutil

import pytest

from temporal_foley.cue_list import timeline_from_json, timeline_to_json
from temporal_foley.errors import CueListError
from tests.campaigns.listed import make_list
from tests.campaigns.names import FULL, MARKUP, TEXTS, make_video, run, written
from tests.pages.review_pages import make_page

SOME = (0, TEXTS.index(MARKUP), TEXTS.index("nul\x00byte"))


def test_some_hostile_names_come_back_whole(tmp_path):
    assert not run(SOME, 0, tmp_path).failures


def test_a_cue_list_with_a_nul_in_a_text_is_refused():
    text = timeline_to_json(make_list("nul\x00byte"))
    with pytest.raises(CueListError, match=r"\.id is no Unicode text|source.name is no Unicode"):
        timeline_from_json(text)


@pytest.mark.slow
@pytest.mark.campaign
def test_every_hostile_name_comes_back_whole(tmp_path):
    cases = [case for case in range(FULL) if case % 4 == 1]
    assert not run(cases, 0, tmp_path).failures


@pytest.mark.slow
@pytest.mark.campaign
def test_no_page_runs_what_is_in_a_name(tmp_path):
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
