import csv
import json
import stat
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from data_pipeline.acquire.__main__ import main
from data_pipeline.acquire.clips import ClipsConfig, acquire_clips
from data_pipeline.acquire.connection import is_public
from data_pipeline.acquire.likeness import distances, perceptual_hash, picture_form
from data_pipeline.acquire.openverse import AcquireError
from data_pipeline.acquire.pictures import PicturesConfig, acquire_pictures
from data_pipeline.acquire.web import FetchError, LaterError, Web, WebConfig
from data_pipeline.annotations.class_folders import read_class_folders
from data_pipeline.annotations.dcase import read_dcase
from data_pipeline.annotations.records import AnnotatedClip, clip_event
from data_pipeline.journal import Journal
from temporal_foley.errors import FoleyError

ALIKE_BITS = PicturesConfig().alike_bits


class Site:
    """A web server of this machine: answers by path, and a list of what was asked."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.headers = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self):
                site.asked.append(self.path)
                site.headers.append(dict(self.headers))
                path = self.path.split("?")[0]
                answer = site.answers.get(path, (404, {}, b""))
                if callable(answer):
                    answer = answer(urllib.parse.parse_qs(self.path.partition("?")[2]))
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for chunk in [body] if isinstance(body, bytes) else body:
                    try:
                        self.wfile.write(chunk)
                        self.wfile.flush()
                    except OSError:
                        return

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, path, body, status=200, **headers):
        self.answers[path] = (status, {k.replace("_", "-"): v for k, v in headers.items()}, body)

    def offer(self, *results, page_results=20):
        """Answer searches as Openverse does."""

        def search(query):
            page = int(query["page"][0]) - 1
            pages = -(-len(results) // page_results)
            shown = results[page * page_results : (page + 1) * page_results]
            document = {
                "result_count": len(results),
                "page_count": pages,
                "page_size": page_results,
                "page": page + 1,
                "results": shown,
            }
            return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()

        self.answers["/v1/images/"] = search

    def result(self, number, body, suffix=".jpg", **fields):
        """Put a picture on the site and return what a search says of it."""
        self.put(f"/media/{number}{suffix}", body)
        return {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "title": f"Picture {number}",
            "indexed_on": "2020-01-01T00:00:00Z",
            "foreign_landing_url": f"https://example.org/photos/{number}",
            "url": f"{self.url}/media/{number}{suffix}",
            "creator": f"Author {number}",
            "creator_url": f"https://example.org/people/{number}",
            "license": "by-sa",
            "license_version": "2.0",
            "license_url": "https://creativecommons.org/licenses/by-sa/2.0/",
            "provider": "flickr",
            "source": "flickr",
            "category": None,
            "filesize": None,
            "filetype": "jpg",
            "tags": [],
            "attribution": f'"Picture {number}" by Author {number} is licensed under CC BY-SA 2.0.',
            "mature": False,
            "height": 300,
            "width": 400,
        } | fields


@pytest.fixture
def site():
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def web():
    return Web(WebConfig(pause_s=0.0, timeout_s=10.0), allow_local=True)


def picture(seed, width=400, height=300):
    """Draw blobs, another picture for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(image, suffix=".jpg", quality=92):
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    return cv2.imencode(suffix, image, options)[1].tobytes()


def fetch(site, web, out, *, classes=None, **config):
    config = PicturesConfig(api=f"{site.url}/v1/", **config)
    return acquire_pictures(out, classes or {"dog_barking": "barking dog"}, web, config)


def table_of(out):
    with (out / "pictures" / "pictures.csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_pictures_keep_licence_author_and_source(site, web, tmp_path) -> None:
    data = encoded(picture(1))
    site.offer(site.result(1, data, creator='Zoë "Z"\n\tÅ'))
    assert fetch(site, web, tmp_path) == {"kept": 1}
    (row,) = table_of(tmp_path)
    assert row["licence"] == "CC BY-SA 2.0"
    assert row["licence_url"] == "https://creativecommons.org/licenses/by-sa/2.0/"
    assert row["author"] == "Zoë 'Z' Å"
    assert row["source_url"] == "https://example.org/photos/1"
    assert "Picture 1" in row["attribution"]
    assert (tmp_path / "pictures" / row["file"]).read_bytes() == data
    query = urllib.parse.parse_qs(site.asked[0].partition("?")[2])
    assert query["q"] == ["barking dog"]
    assert query["license"] == ["cc0,pdm,by,by-sa"]


def test_what_is_fetched_reads_back_as_class_folders_by_author(site, web, tmp_path) -> None:
    results = [site.result(n, encoded(picture(n)), creator=f"A{n // 2}") for n in range(4)]
    site.offer(*results)
    fetch(site, web, tmp_path)
    reading = read_class_folders(tmp_path / "pictures")
    assert not reading.rejected
    assert len(reading.clips) == 4
    assert len({clip.source for clip in reading.clips}) == 2
    assert {clip.licence for clip in reading.clips} == {"CC BY-SA 2.0"}
    assert reading.names == {"dog_barking": 4}


def test_look_alikes_are_kept_once_even_in_another_class(site, web, tmp_path) -> None:
    image = picture(3)
    smaller = encoded(cv2.resize(image, (360, 270)), quality=55)
    site.offer(site.result(1, encoded(image)), site.result(2, smaller))
    assert fetch(site, web, tmp_path) == {"kept": 1, "looks like one that is there": 1}
    site.offer(site.result(3, encoded(image, ".png"), ".png"))
    fates = fetch(site, web, tmp_path, classes={"cat_meowing": "cat"})
    assert fates == {"looks like one that is there": 1}


def test_wrong_types_sizes_and_licences_are_dropped(site, web, tmp_path) -> None:
    png = encoded(picture(5), ".png")
    bomb = png[:16] + (100_000).to_bytes(4, "big") * 2 + png[24:]
    site.offer(
        site.result(1, b"GIF89a" + bytes(100)),
        site.result(2, b"<html>no picture</html>"),
        site.result(3, encoded(picture(6, 400, 100))),
        site.result(4, bomb),
        site.result(5, png[:2000]),
        site.result(6, encoded(picture(7)), license="by-nc"),
        site.result(7, encoded(picture(8)), url="file:///etc/passwd"),
        site.result(8, encoded(picture(9)), url=None),
    )
    assert fetch(site, web, tmp_path) == {
        "is no JPEG, PNG or still WebP": 2,
        "is too small": 1,
        "has too many pixels": 1,
        "is damaged": 1,
        "has a licence that was not asked for": 1,
        "is no address of http or https": 2,
    }
    assert "/media/6.jpg" not in site.asked
    assert not list(tmp_path.rglob("*.jpg"))


def test_a_second_run_goes_on_and_asks_for_nothing_twice(site, web, tmp_path) -> None:
    results = [site.result(n, encoded(picture(n))) for n in range(5)]
    site.offer(*results, page_results=2)
    fetch(site, web, tmp_path, count=2)
    site.put("/media/2.jpg", b"", status=500)
    assert fetch(site, web, tmp_path, count=4)["put off: the server answers 500"] == 1
    site.put("/media/2.jpg", encoded(picture(2)))
    fetch(site, web, tmp_path, count=5)
    assert len(table_of(tmp_path)) == 5
    asked = [path for path in site.asked if path.startswith("/media")]
    assert sorted(asked) == sorted([f"/media/{n}.jpg" for n in range(5)] + ["/media/2.jpg"])


def test_deleted_pictures_do_not_come_back(site, web, tmp_path) -> None:
    site.offer(*(site.result(n, encoded(picture(n))) for n in range(2)))
    fetch(site, web, tmp_path)
    (tmp_path / "pictures" / table_of(tmp_path)[0]["file"]).unlink()
    assert fetch(site, web, tmp_path) == {"known from before": 2}
    assert len(table_of(tmp_path)) == 1


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
    with pytest.raises(FetchError, match="no address"):
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


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"results": 3, "page_count": 1}', b"{}"])
def test_a_search_of_another_form_is_told_in_one_line(site, web, tmp_path, body) -> None:
    site.put("/v1/images/", body)
    with pytest.raises(AcquireError, match="another form"):
        fetch(site, web, tmp_path)


def test_the_end_of_what_a_search_gives_is_no_error(site, web, tmp_path) -> None:
    site.offer(*(site.result(n, encoded(picture(n))) for n in range(4)), page_results=2)
    search = site.answers["/v1/images/"]
    site.answers["/v1/images/"] = lambda q: (401, {}, b"") if q["page"] == ["2"] else search(q)
    assert fetch(site, web, tmp_path) == {"kept": 2}


def test_the_command_fetches_and_tells_wrong_words_in_a_line(site, tmp_path, capsys) -> None:
    site.offer(site.result(1, encoded(picture(1))))
    words = ["pictures", "fire", "--out", str(tmp_path), "--api", f"{site.url}/v1"]
    assert main([*words, "--pause-s", "0"]) == 0
    assert "1  kept" in capsys.readouterr().out
    assert main([*words, "--licences", "mine"]) == 2
    assert main(["pictures", "../up", *words[2:]]) == 3
    assert main([*words[:-1], "http://127.0.0.1:9/", "--pause-s", "0"]) == 3
    assert main(["clips", str(tmp_path / "no.tsv"), "--out", str(tmp_path), "--count", "0"]) == 2
    assert main(["clips", str(tmp_path / "no.tsv"), "--out", str(tmp_path)]) == 3
    assert capsys.readouterr().err.count("error: ") == 5


def test_hashes_survive_compression_and_scale_and_tell_pictures_apart() -> None:
    images = [picture(seed) for seed in range(40)]
    hashes = np.array([perceptual_hash(image) for image in images], np.uint64)
    for place, image in enumerate(images):
        other = cv2.imdecode(
            np.frombuffer(encoded(cv2.resize(image, (250, 190)), quality=40), np.uint8), 1
        )
        brighter = cv2.convertScaleAbs(other, alpha=0.9, beta=12)
        far = distances(perceptual_hash(brighter), hashes)
        assert far[place] <= ALIKE_BITS
        assert (np.delete(far, place) > ALIKE_BITS).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_the_form_of_a_picture_is_read_from_its_head(suffix) -> None:
    data = encoded(picture(1, 321, 245), suffix)
    assert picture_form(data) == (suffix, 321, 245)
    for length in range(60):  # None or right, whatever is missing.
        assert picture_form(data[:length]) in (None, (suffix, 321, 245))
    assert picture_form(b"\xff\xd8\xff" + bytes(50)) is None


FAKE = """#!/bin/sh
for last; do :; done
echo "$@" >> "$FAKE_LOG"
case "$last" in
*GoneGoneGon) echo "ERROR: Video unavailable" >&2; exit 1;;
*FailFailFai) echo "ERROR: no route to host" >&2; exit 1;;
*NotOpenNotO) exit 0;;
esac
while [ "$1" != --output ]; do shift; done
printf video > "${2%.%(ext)s}.mp4"
echo '{"license": "Creative Commons Attribution license (reuse allowed)", "uploader": "U"}'
"""


@pytest.fixture
def tools(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("yt-dlp", "ffmpeg"):
        (folder / name).write_text(FAKE)
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    return folder


def clip(source, start_s=30.0):
    return AnnotatedClip(
        source=source,
        clip=f"{source}.mp4",
        start_s=start_s,
        end_s=start_s + 10.0,
        split="train",
        events=(clip_event("dog_barking", 10.0),),
        origin="vggsound",
        licence="CC BY 4.0",
    )


def test_clips_of_a_list_are_fetched_once_and_read_back(site, web, tools, tmp_path) -> None:
    out = tmp_path / "out"
    names = ("-GoodGoodGo", "GoneGoneGon", "FailFailFai", "NotOpenNotO", "no video", "GoodGoodGo2")
    listed = [clip(name) for name in names]
    slept = []
    given = {"site": f"{site.url}/watch?v=", "sleep": slept.append}
    fates = acquire_clips(out, listed, web, ClipsConfig(pause_s=3.0), **given)
    assert fates == {
        "kept": 2,
        "the video is gone or not for all": 1,
        "put off: yt-dlp fails": 1,
        "has no open licence, or is too long": 1,
        "names no video": 1,
    }
    assert slept == [3.0] * 5
    reading = read_dcase(out / "clips.tsv")
    assert not reading.rejected
    assert [c.source for c in reading.clips] == ["-GoodGoodGo", "GoodGoodGo2"]
    assert all((out / "clips" / c.clip).read_text() == "video" for c in reading.clips)
    assert "Creative Commons" in reading.clips[0].licence
    log = tmp_path / "log"
    assert "--match-filters" in log.read_text()
    assert "*30.000-40.000" in log.read_text()
    log.unlink()
    again = acquire_clips(out, listed, web, **given)
    assert again == {"known from before": 5, "put off: yt-dlp fails": 1}
    assert len(log.read_text().splitlines()) == 1


def test_clips_stop_at_the_count_and_at_robots_txt(site, web, tools, tmp_path) -> None:
    out = tmp_path / "out"
    listed = [clip("GoodGoodGo1"), clip("GoodGoodGo2")]
    given = {"site": f"{site.url}/watch?v=", "sleep": lambda s: None}
    assert acquire_clips(out, listed, web, ClipsConfig(count=1), **given) == {"kept": 1}
    site.put("/robots.txt", b"User-agent: *\nDisallow: /watch\n")
    strict = Web(WebConfig(pause_s=0.0), allow_local=True)
    fates = acquire_clips(tmp_path / "b", listed, strict, **given)
    assert fates == {"robots.txt does not allow it": 2}


def test_clips_without_the_tools_name_what_is_missing(web, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AcquireError, match="pip install yt-dlp"):
        acquire_clips(tmp_path, [clip("GoodGoodGo1")], web)
