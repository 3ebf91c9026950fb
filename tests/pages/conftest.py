"""Fixtures of the session tests: review pages, and a browser to open them in."""

import importlib.util
import shutil
from pathlib import Path

import pytest


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_pages = _load("review_pages")
_hands = _load("review_hands")


@pytest.fixture(scope="session")
def review_pages():
    """The maker of small review pages, with all it offers."""
    return _pages


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium whose downloads go to `chromium.downloads`; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("needs Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    # No sandbox: tests may run as root. Sound plays although nobody clicked.
    for word in ("--headless=new", "--no-sandbox", "--window-size=1440,900", "--mute-audio"):
        options.add_argument(word)
    options.add_argument("--autoplay-policy=no-user-gesture-required")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    chromium = webdriver.Chrome(options=options, service=service)
    chromium.set_page_load_timeout(120)
    chromium.set_script_timeout(120)
    chromium.downloads = tmp_path_factory.mktemp("downloads")
    where = {"behavior": "allow", "downloadPath": str(chromium.downloads)}
    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    yield chromium
    chromium.quit()


@pytest.fixture
def hands():
    """The hands on a page: `hands.Page(browser, path)`."""
    return _hands


@pytest.fixture
def opened(chromium, review_pages, tmp_path):
    """Open a page: returns the page, its timeline and its takes."""

    def open_page(**options):
        path = tmp_path / "review.html"
        timeline, takes = review_pages.make_page(path, **options)
        page = _hands.Page(chromium, path)
        pages.append(page)
        return page, timeline, takes

    pages = []
    yield open_page
    for page in pages:
        assert page.wrong() == []
        # Not asked about unsaved edits when the next page comes.
        page.browser.execute_script(
            "addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)"
        )
