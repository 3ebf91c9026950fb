"""Fixtures of the session tests: review pages, and a browser to open them in."""

import importlib.util
import shutil
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "review_pages", Path(__file__).parent / "review_pages.py"
)
assert _spec is not None
assert _spec.loader is not None
_pages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_pages)


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
