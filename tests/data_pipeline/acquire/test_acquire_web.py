"""Fetching: robots, private addresses, limits and pauses; and the journal of what was done."""

import threading

import pytest

from data_pipeline.acquire.web import FetchError, LaterError, Web, WebConfig, is_public
from data_pipeline.features.journal import Journal
from temporal_foley.errors import FoleyError


def test_robots_txt_is_obeyed(site, web) -> None:
    site.put("/open", b"yes")
    site.put("/closed/file", b"no")
    site.put("/robots.txt", b"User-agent: *\nDisallow: /closed/\n")
    assert web.get(f"{site.url}/open") == b"yes"
    with pytest.raises(FetchError, match=r"robots\.txt"):
        web.get(f"{site.url}/closed/file")
    assert "/closed/file" not in site.asked


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, True), (500, False)])
def test_missing_rules_allow_all_and_failing_ones_nothing(site, web, status, allowed) -> None:
    site.put("/robots.txt", b"", status=status)
    assert web.is_allowed(f"{site.url}/file") is allowed


def test_a_redirect_is_under_the_same_rules(site, web) -> None:
    site.put("/closed", b"no")
    site.put("/robots.txt", b"User-agent: *\nDisallow: /closed\n")
    for target in ("/closed", "file:///etc/passwd", "ftp://127.0.0.1/x", "/again"):
        site.put("/again", b"", status=302, Location=target)
        with pytest.raises(FetchError):
            web.get(f"{site.url}/again")
    assert "/closed" not in site.asked
    site.put("/good", b"here")
    site.put("/again", b"", status=301, Location="good")
    assert web.get(f"{site.url}/again") == b"here"


def test_private_addresses_are_out_of_reach(site) -> None:
    web = Web(WebConfig(pause_s=0.0))
    port = site.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"):
        with pytest.raises(FetchError, match="private address"):
            web.get(f"http://{host}:{port}/file", as_robot=False)
    assert not site.asked


def test_public_addresses_are_told_from_private_ones() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")
    for address in ("10.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.0.0.1"):
        assert not is_public(address)
    assert not is_public("224.0.0.1")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "//a/b", "http://u:p@a/", ""])
def test_only_plain_web_addresses_are_fetched(web, url) -> None:
    with pytest.raises(FetchError, match="not an address"):
        web.get(url, as_robot=False)


def test_long_files_are_left_with_and_without_a_stated_length(site, web) -> None:
    site.put("/told", bytes(5000), Content_Length="5000")
    site.put("/untold", bytes(5000))
    for path in ("/told", "/untold"):
        with pytest.raises(FetchError, match="too long"):
            web.get(site.url + path, as_robot=False, max_bytes=4999)
        assert len(web.get(site.url + path, as_robot=False, max_bytes=5000)) == 5000


def test_a_broken_off_file_is_not_kept(site, web) -> None:
    site.put("/file", bytes(100), Content_Length="200")
    with pytest.raises(LaterError, match="breaks off"):
        web.get(f"{site.url}/file", as_robot=False)


def test_a_drip_is_cut_off(site) -> None:
    stop = threading.Event()

    def drip():
        while not stop.wait(0.05):
            yield b"x"

    site.put("/drip", drip())
    web = Web(WebConfig(pause_s=0.0, timeout_s=0.5), allow_local=True)
    try:
        with pytest.raises(FetchError, match="takes too long"):
            web.get(f"{site.url}/drip", as_robot=False)
    finally:
        stop.set()


def test_requests_to_one_host_are_paced_as_it_asks(site) -> None:
    slept = []
    web = Web(WebConfig(pause_s=2.0), allow_local=True, sleep=slept.append, clock=lambda: 100.0)
    site.put("/file", b"x")
    site.put("/robots.txt", b"User-agent: *\nCrawl-delay: 7\n")
    for _ in range(3):
        web.get(f"{site.url}/file")
    # The rules themselves, then three files: 2 s after the rules, which then ask for 7 s.
    assert slept == [2.0, 9.0, 16.0]


def test_a_busy_server_is_left_alone_as_long_as_it_says(site) -> None:
    slept = []
    web = Web(WebConfig(pause_s=0.0), allow_local=True, sleep=slept.append)
    answers = iter([(429, {"Retry-After": "9"}, b""), (503, {}, b""), (200, {}, b"x")])
    site.answers["/file"] = lambda query: next(answers)
    assert web.get(f"{site.url}/file", as_robot=False) == b"x"
    assert slept == [9.0, 18.0]
    site.put("/file", b"", status=429, Retry_After="86400")
    with pytest.raises(LaterError, match="later"):
        web.get(f"{site.url}/file", as_robot=False)
    assert slept == [9.0, 18.0]


def test_servers_are_told_who_asks(site) -> None:
    site.put("/file", b"x")
    config = WebConfig(pause_s=0.0, contact="me@example.org")
    Web(config, allow_local=True).get(f"{site.url}/file", as_robot=False)
    assert site.headers[0]["User-Agent"] == "temporal-foley-acquire (me@example.org)"
    with pytest.raises(ValueError, match="contact"):
        WebConfig(contact="a\r\nX-Evil: 1")


def test_a_journal_cut_off_in_a_line_goes_on_before_it(tmp_path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.add("a", value=1)
        journal.add("b", value=2)
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(path) as journal:
        assert "a" in journal
        assert "b" not in journal
        journal.add("c", value=3)
    with Journal(path) as journal:
        assert [entry["key"] for entry in journal] == ["a", "c"]
    path.write_text("no json\n")
    with pytest.raises(FoleyError, match="line 1"):
        Journal(path)
