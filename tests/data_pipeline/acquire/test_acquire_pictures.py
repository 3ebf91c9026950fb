"""Pictures from an image search: what is kept, what is dropped and why."""

import csv
import urllib.parse

import cv2
import numpy as np
import pytest

from data_pipeline.__main__ import main as run_pipeline
from data_pipeline.acquire.likeness import distances, perceptual_hash, picture_form
from data_pipeline.acquire.openverse import AcquireError
from data_pipeline.acquire.pictures import PicturesConfig, acquire_pictures
from data_pipeline.annotations.class_folders import read_class_folders
from tests.data_pipeline.acquire.site_kit import encoded, picture


def main(words: list[str]) -> int:
    return run_pipeline(["acquire", *words])


ALIKE_BITS = PicturesConfig().alike_bits


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
    assert fetch(site, web, tmp_path) == {"kept": 1, "looks like one that was kept": 1}
    site.offer(site.result(3, encoded(image, ".png"), ".png"))
    fates = fetch(site, web, tmp_path, classes={"cat_meowing": "cat"})
    assert fates == {"looks like one that was kept": 1}


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
        "is not a JPEG, PNG or still WebP": 2,
        "is too small": 1,
        "has too many pixels": 1,
        "is damaged": 1,
        "has a licence that was not asked for": 1,
        "is not an address of http or https": 2,
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
