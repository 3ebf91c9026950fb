"""The desk's server answers its own pages only, and serves nothing outside of its folder."""

import json
import os
import socket

import pytest

from temporal_foley.desk.app import build_app
from temporal_foley.desk.workplace import Workplace
from temporal_foley.files.digest import file_sha256
from temporal_foley.sound.takes.library import load_library
from tests.desk.asgi_client import Client

PORT = 4321
HOST = f"127.0.0.1:{PORT}"
OWN = {"Origin": f"http://{HOST}"}


@pytest.fixture
def place(work):
    def load():
        raise AssertionError("no model is needed")

    return Workplace(work, load_library(), load)


@pytest.fixture
def client(place):
    app = build_app(place, token="secret", port=PORT)
    return Client(app, HOST)


@pytest.fixture
def base(place):
    (project,) = place.projects()
    return f"/secret/p/{project.id}"


def digest_of(work):
    return file_sha256(work / "clip.foley" / "cues.json")


@pytest.mark.parametrize("path", ["/", "/secre/", "/secret", "/SECRET/", "//", "/%73ecre/state"])
def test_without_the_token_nothing_is_answered(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:4321", "127.0.0.1:80", "127.0.0.1", "", "0.0.0.0:4321"]
)
def test_another_host_name_is_refused(client, host):
    assert client.get("/secret/state", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"LOCALHOST:{PORT}"])
def test_this_machine_is_answered(client, host):
    assert client.get("/secret/state", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": f"https://{HOST}"},
        {"Origin": "http://127.0.0.1:80"},
        {**OWN, "Sec-Fetch-Site": "cross-site"},
        {**OWN, "Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/analyse", "{base}/cues", "{base}/render", "{base}/export"])
def test_what_changes_something_must_come_from_an_own_page(client, base, work, headers, path):
    before = digest_of(work)
    path = path.format(base=base) if "{" in path else f"/secret{path}"
    assert client.post(path, json={"cues": {}}, headers=headers).status_code == 403
    assert digest_of(work) == before


def test_a_form_of_another_site_cannot_post(client, base):
    form = {**OWN, "Content-Type": "text/plain"}
    assert client.post(f"{base}/cues", content="{}", headers=form).status_code == 415


def test_another_site_cannot_embed_or_read(client, base):
    assert client.get(f"{base}/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    answer = client.get(f"{base}/clip.foley.mp4")
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    page = client.get(f"{base}/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"


OUTSIDE = (
    *("../clip.mp4", "..%2fclip.mp4", "%2e%2e/clip.mp4", "export/../../clip.mp4", "....//clip.mp4"),
    *("/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "..\\clip.mp4", "..%5cclip.mp4"),
    *("secret.wav", "export/out.txt", "cues.json", "run.json", "proposed.json", ".hidden.wav"),
    *("export/.hidden", "export", "", "stems", "clip.mp4%00.txt", "a" * 5000 + ".wav"),
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_the_project_is_served(client, base, work, name):
    folder = work / "clip.foley"
    (work / "outside.wav").write_bytes(b"outside")
    (folder / "secret.wav").symlink_to(work / "outside.wav")
    (folder / "export").mkdir()
    (folder / "export" / "out.txt").symlink_to("/etc/passwd")
    for hidden in (folder / ".hidden.wav", folder / "export" / ".hidden"):
        hidden.write_bytes(b"hidden")
    answer = client.get(f"{base}/{name}")
    if answer.status_code == 200:
        assert name == ""  # the page itself
    else:
        assert answer.status_code in (303, 404, 405)
        assert b"outside" not in answer.content
        assert b"root:" not in answer.content


def test_a_pipe_in_the_folder_is_not_opened(client, base, work):
    os.mkfifo(work / "clip.foley" / "pipe.wav")
    assert client.get(f"{base}/pipe.wav").status_code == 404


def test_a_range_of_the_video_is_served_exactly(client, base, work):
    whole = (work / "clip.foley" / "clip.foley.mp4").read_bytes()
    answer = client.get(f"{base}/clip.foley.mp4", headers={"Range": "bytes=100-199"})
    assert answer.status_code == 206
    assert answer.content == whole[100:200]
    assert answer.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert client.get(f"{base}/clip.foley.mp4", headers={"Range": "bytes=-5"}).content == whole[-5:]
    beyond = client.get(f"{base}/clip.foley.mp4", headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416
    assert client.get(f"{base}/clip.foley.mp4").content == whole


@pytest.mark.parametrize("video", ["../../clip.mp4", "/etc/passwd", "nothing.mp4", "", "."])
def test_only_videos_of_the_folder_are_analysed(client, video):
    answer = client.post("/secret/analyse", json={"video": video}, headers=OWN)
    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["a.txt", "a", "../x.html", "", "run.json", ".mp4"])
def test_only_videos_are_taken(client, work, name):
    before = sorted(work.rglob("*"))
    answer = client.post("/secret/videos", params={"name": name}, content=b"x", headers=OWN)
    assert answer.status_code == 400
    assert sorted(work.rglob("*")) == before


@pytest.mark.parametrize("name", ["../../evil.mp4", "/tmp/evil.mp4", "..\\evil.mp4", "evil.mp4"])
def test_a_video_that_is_none_leaves_nothing(client, work, name):
    before = sorted(work.parent.rglob("*"))
    answer = client.post("/secret/videos", params={"name": name}, content=b"no", headers=OWN)
    assert answer.status_code == 400
    assert "not a media file" in answer.json()["error"]
    assert sorted(work.parent.rglob("*")) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'"x"',
        b"{}",
        b'{"cues": 1}',
        b'{"cues": {"schema": "x"}}',
        b"\xff",
        b"null",
    ],
)
def test_a_wrong_list_is_refused_and_the_old_one_stays(client, base, work, body):
    before = digest_of(work)
    headers = {**OWN, "Content-Type": "application/json"}
    answer = client.post(f"{base}/cues", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert digest_of(work) == before
    assert not (work / "clip.foley" / "cues.before.json").exists()


def test_a_list_of_another_video_is_refused(client, base, work):
    before = digest_of(work)
    cues = json.loads((work / "clip.foley" / "cues.json").read_text())
    cues["source"]["sha256"] = "0" * 64
    answer = client.post(f"{base}/cues", json={"base": None, "cues": cues}, headers=OWN)
    assert answer.status_code == 400
    assert "another video" in answer.json()["error"]
    assert digest_of(work) == before


@pytest.mark.parametrize("tab", ["../x", "", "a" * 16 + "/", "/etc/passwd", "0123456789ABCDEF"])
def test_a_draft_goes_nowhere_else(client, base, work, tab):
    before = sorted(work.parent.rglob("*"))
    body = {"tab": tab, "base": "x", "cues": {}}
    assert client.post(f"{base}/draft", json=body, headers=OWN).status_code == 400
    assert sorted(work.parent.rglob("*")) == before


@pytest.mark.parametrize(
    "asset",
    [
        {"kind": "file", "name": "../../../etc/passwd"},
        {"kind": "file", "name": "/etc/passwd"},
        {"kind": "recipe", "name": "os.system", "seed": 1},
        {"kind": "recipe", "name": "water_drop", "seed": -1},
        {"kind": "recipe", "name": "water_drop", "seed": "x"},
        {"kind": "recipe", "name": "water_drop", "seed": 1, "cents": 99999},
        {"name": "water_drop"},
    ],
)
def test_only_takes_of_the_library_are_read(client, base, asset):
    body = {"effect": "water_drop", "asset": asset}
    assert client.post(f"{base}/take", json=body, headers=OWN).status_code == 400


@pytest.mark.parametrize("formats", [[], ["pdf"], ["../x"], "otio", [None]])
def test_only_known_formats_are_exported(client, base, formats):
    answer = client.post(f"{base}/export", json={"formats": formats}, headers=OWN)
    assert answer.status_code == 400


def test_the_server_listens_to_this_machine_only(start_desk, work):
    desk = start_desk(work)
    port = int(desk.address.split(":")[2].split("/")[0])
    outside = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in sorted(outside - {"127.0.0.1", "::1"}):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as probe:
            probe.settimeout(2)
            assert probe.connect_ex((address, port)) != 0
    code, out, err = desk.interrupt()
    assert (code, err) == (0, "")
    assert out.endswith("stopped; what was saved is in the folder\n")
