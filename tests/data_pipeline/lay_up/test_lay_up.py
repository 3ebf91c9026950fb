"""The same work as a Beam pipeline: same bytes, resumed by video, failures listed."""

from fractions import Fraction

import pytest

beam = pytest.importorskip("apache_beam")

from data_pipeline.__main__ import main  # noqa: E402
from data_pipeline.lay_up.pipeline import films_of, output_folders, read_report  # noqa: E402
from temporal_foley.cli.main import main as foley  # noqa: E402
from temporal_foley.errors import FoleyError, UsageError  # noqa: E402

FILES = ("cues.json", "scores.tsv", "events.tsv", "mix.wav")


@pytest.fixture
def films(tmp_path, make_clip):
    folder = tmp_path / "films"
    (folder / "second").mkdir(parents=True)
    make_clip(folder / "one.mp4", seconds=1, rate=Fraction(8), size=(64, 48))
    make_clip(folder / "second" / "two.mkv", seconds=1, rate=Fraction(8), size=(48, 64))
    (folder / "broken.mp4").write_text("no film")
    (folder / "notes.txt").write_text("no film either")
    return folder


def run(films, out, *words):
    return main(["lay_up", "--videos", f"{films}/**/*", "--out", str(out), *words])


def test_it_resumes_lists_failures_and_equals_the_command(films, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(films, out, "--workers", "1") == 3
    told = capsys.readouterr()
    assert "3 videos: 2 made, 0 unchanged, 1 failed" in told.out
    assert "broken.mp4" in told.err
    reports = {report.video.rsplit("/", 1)[1]: report for report in read_report(out)}
    assert {name: report.status for name, report in reports.items()} == {
        "one.mp4": "made",
        "two.mkv": "made",
        "broken.mp4": "failed",
    }
    assert "not a media file" in reports["broken.mp4"].reason
    foley(["generate", str(films), "--out", str(tmp_path / "command")])
    for folder in ("one.foley", "second/two.foley"):
        for name in FILES:
            made, expected = (root / folder / name for root in (out, tmp_path / "command"))
            assert made.read_bytes() == expected.read_bytes()
    before = (out / "one.foley" / "run.json").stat().st_mtime_ns
    (films / "broken.mp4").unlink()
    assert run(films, out, "--workers", "1") == 0
    assert "2 videos: 0 made, 2 unchanged, 0 failed" in capsys.readouterr().out
    assert (out / "one.foley" / "run.json").stat().st_mtime_ns == before


@pytest.mark.campaign
def test_two_workers_make_the_same(films, tmp_path):
    for workers in ("1", "2"):
        assert run(films, tmp_path / workers, "--workers", workers) == 3
    for folder in ("one.foley", "second/two.foley"):
        for name in FILES:
            assert (tmp_path / "1" / folder / name).read_bytes() == (
                tmp_path / "2" / folder / name
            ).read_bytes()


def test_videos_are_found_by_patterns(films):
    found = films_of([f"{films}/*.mp4", f"{films}/**/*.mkv", f"{films}/one.*"])
    assert [path.name for path in found] == ["broken.mp4", "one.mp4", "two.mkv"]
    with pytest.raises(UsageError, match="no video matches"):
        films_of([f"{films}/*.mp4", f"{films}/*.txt"])


def test_outputs_lie_as_the_videos_do_and_never_meet(films, tmp_path):
    folders = output_folders(films_of([f"{films}/**/*"]), tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in folders.values()} == {".", "second"}
    with pytest.raises(UsageError, match="already that of"):
        output_folders([films / "a.mp4", films / "a.mkv"], tmp_path)


def test_a_wrong_number_of_workers_is_refused(films, tmp_path, capsys):
    assert run(films, tmp_path / "out", "--workers", "-1") == 2
    assert "--workers" in capsys.readouterr().err


def test_a_report_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FoleyError, match=r"report\.tsv"):
        read_report(tmp_path)
