"""Clips of a published list, fetched by tools that here are scripts."""

import stat

import pytest

from data_pipeline.acquire.clips import ClipSetConfig, acquire_clips
from data_pipeline.acquire.openverse import AcquireError
from data_pipeline.acquire.web import Web, WebConfig
from data_pipeline.annotations.dcase import read_dcase
from data_pipeline.annotations.records import AnnotatedClip, clip_event

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
    fates = acquire_clips(out, listed, web, ClipSetConfig(pause_s=3.0), **given)
    assert fates == {
        "kept": 2,
        "the video is gone or restricted": 1,
        "put off: yt-dlp fails": 1,
        "has no open licence, or is too long": 1,
        "has no video id": 1,
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
    assert acquire_clips(out, listed, web, ClipSetConfig(count=1), **given) == {"kept": 1}
    site.put("/robots.txt", b"User-agent: *\nDisallow: /watch\n")
    strict = Web(WebConfig(pause_s=0.0), allow_local=True)
    fates = acquire_clips(tmp_path / "b", listed, strict, **given)
    assert fates == {"robots.txt does not allow it": 2}


def test_clips_without_the_tools_name_what_is_missing(web, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AcquireError, match="pip install yt-dlp"):
        acquire_clips(tmp_path, [clip("GoodGoodGo1")], web)
