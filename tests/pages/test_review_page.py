"""The review page as it is written: what is in it, and that no name gets out of its place."""

import base64
import html.parser
import io
import json

import av
import numpy as np
import pytest

from temporal_foley.cue_list import timeline_from_json, timeline_to_json
from temporal_foley.pages.review import carry

HOSTILE = (
    'a "b" </script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> %data%\u2028.mp4'
)


class Structure(html.parser.HTMLParser):
    """Collects elements, and the text of the data element."""

    def __init__(self):
        super().__init__()
        self.tags, self.data, self.inside = [], "", False

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.inside = dict(attributes).get("id") == "data"

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        self.data += data if self.inside else ""


def read_page(path):
    structure = Structure()
    structure.feed(path.read_text("utf-8"))
    return structure


def test_the_page_carries_the_cue_list_whole(review_pages, tmp_path):
    timeline, _ = review_pages.make_page(tmp_path / "review.html")
    data = json.loads(read_page(tmp_path / "review.html").data)
    assert timeline_from_json(json.dumps(data["cues"])) == timeline
    assert data["cues"] == json.loads(timeline_to_json(timeline))


def test_hostile_names_stay_text(review_pages, tmp_path):
    plain, hostile = tmp_path / "plain.html", tmp_path / "hostile.html"
    review_pages.make_page(plain)
    review_pages.make_page(hostile, name=HOSTILE, credit=HOSTILE, video=HOSTILE)
    structure = read_page(hostile)
    assert structure.tags == read_page(plain).tags
    data = json.loads(structure.data)
    assert data["cues"]["source"]["name"] == HOSTILE
    assert data["video"].startswith("./a%20%22b%22%20%3C/script%3E")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("a#b?.mp4", "./a%23b%3F.mp4"),
        ("javascript:alert(1).mp4", "./javascript%3Aalert%281%29.mp4"),
        ("Ü 50%.mp4", "./%C3%9C%2050%25.mp4"),
    ],
)
def test_the_video_is_a_file_of_the_same_folder(review_pages, tmp_path, name, url):
    review_pages.make_page(tmp_path / "review.html", video=name)
    assert json.loads(read_page(tmp_path / "review.html").data)["video"] == url


def test_the_page_asks_for_nothing_from_elsewhere(review_pages, tmp_path):
    review_pages.make_page(tmp_path / "review.html")
    text = (tmp_path / "review.html").read_text("utf-8")
    structure = read_page(tmp_path / "review.html")
    assert "link" not in structure.tags
    for word in ("http:", "https:", "//cdn", "import(", "fetch(", "XMLHttpRequest", "@import"):
        assert word not in text
    assert "<script src" not in text


def test_a_sound_is_carried_to_the_sample(review_pages):
    samples = review_pages.tone(0.5, 440)[:23_456]
    encoded = base64.b64decode(carry.sound_text(samples))
    with av.open(io.BytesIO(encoded)) as container:
        decoded = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert abs(len(decoded) - len(samples)) <= 960
    length = min(len(decoded), len(samples))
    near = np.corrcoef(decoded[:length], samples[:length, 0])[0, 1]
    shifted = np.corrcoef(decoded[24:length], samples[: length - 24, 0])[0, 1]
    assert near > 0.99 > shifted


def test_peaks_are_the_highest_level_of_each_column():
    samples = np.zeros((1_000, 2), np.float32)
    samples[100, 1], samples[500, 0], samples[999, 0] = -1.0, 0.5, 2.0
    assert list(base64.b64decode(carry.peaks_text(samples))) == [255, 128, 255]


def test_beyond_its_budget_the_page_shows_takes_without_their_sound(
    review_pages, tmp_path, monkeypatch
):
    monkeypatch.setattr("temporal_foley.pages.review.page.MOST_SOUND_SAMPLES", 60_000)
    _, takes = review_pages.make_page(tmp_path / "review.html")
    carried = json.loads(read_page(tmp_path / "review.html").data)["takes"]
    assert [one["sound"] is not None for one in carried] == [True, True, False, False]
    assert [one["take"]["samples"] for one in carried] == [len(one.samples) for one in takes]


def test_a_timeline_without_cues_makes_a_page(review_pages, tmp_path):
    review_pages.make_page(tmp_path / "review.html", steps=())
    data = json.loads(read_page(tmp_path / "review.html").data)
    assert data["cues"]["tracks"][0]["cues"] == []
    assert len(data["effects"]) == 3
