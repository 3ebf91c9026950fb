"""The download either puts the right file in place or leaves nothing, and says what to do."""

import hashlib
import http.server
import threading
from http import HTTPStatus

import pytest

from temporal_foley.errors import WeightsError
from temporal_foley.models.audio.release import (
    COMMAND,
    FILE,
    cache_folder,
    cached_weights,
    download_weights,
)

CONTENT = bytes(range(256)) * 1_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    """A web server; `answers` maps paths to what is sent and the length that is announced."""
    answers = {
        "/whole": (CONTENT, len(CONTENT)),
        "/altered": (CONTENT[:-1] + b"!", len(CONTENT)),
        "/short": (CONTENT[:1_000], 1_000),
        "/broken": (CONTENT[:1_000], len(CONTENT)),
        "/long": (CONTENT * 3, 3 * len(CONTENT)),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        asked = 0

        def do_GET(self):
            Handler.asked += 1
            if self.path not in answers:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            content, announced = answers[self.path]
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(announced))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        web.url = f"http://127.0.0.1:{web.server_port}"
        web.handler = Handler
        yield web
        web.shutdown()
        thread.join()


def fetch(folder, url):
    return download_weights(folder, url=url, sha256=SHA256, size_bytes=len(CONTENT))


def test_the_file_arrives_whole_and_is_fetched_once(server, tmp_path):
    folder = tmp_path / "new" / "cache"
    path = fetch(folder, f"{server.url}/whole")
    assert path.read_bytes() == CONTENT
    assert [file.name for file in folder.iterdir()] == [FILE]
    assert fetch(folder, f"{server.url}/whole") == path
    assert server.handler.asked == 1
    assert cached_weights(folder) == path


def test_a_damaged_file_is_replaced(server, tmp_path):
    (tmp_path / FILE).write_bytes(b"damaged")
    assert fetch(tmp_path, f"{server.url}/whole").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("altered", "altered or another file"),
        ("short", "1000 bytes received"),
        ("broken", "received|cannot be downloaded"),
        ("long", "more received"),
        ("missing", "cannot be downloaded .*Not Found"),
    ],
)
def test_a_wrong_answer_leaves_nothing_behind(server, tmp_path, page, reason):
    with pytest.raises(WeightsError, match=reason) as caught:
        fetch(tmp_path, f"{server.url}/{page}")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# The socket of a failed connection is closed by its finaliser.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_a_network_the_remedy_is_named(tmp_path):
    with pytest.raises(WeightsError, match="give its path, or put it at") as caught:
        fetch(tmp_path, "http://127.0.0.1:9/nothing")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="cannot be made"):
        fetch(tmp_path / "file" / "cache", f"{server.url}/whole")


def test_missing_weights_name_the_command(tmp_path):
    with pytest.raises(WeightsError, match=COMMAND):
        cached_weights(tmp_path)


def test_the_cache_folder_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("TEMPORAL_FOLEY_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
