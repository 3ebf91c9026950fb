"""Several files at a time: same results, a share of the cores each, no death costs the rest."""

import dataclasses
import multiprocessing
import os
import time
from fractions import Fraction
from pathlib import Path

import pytest

from temporal_foley.cli.batch import run_jobs
from temporal_foley.cli.console import Console
from temporal_foley.cli.jobs import Job, Report
from temporal_foley.cli.main import main
from temporal_foley.cli.parallel import run_in_processes
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.files.cores import CORES_VARIABLE, decoder_threads, usable_cores


@dataclasses.dataclass(frozen=True)
class Stub:
    """A command whose work depends on the name of the file."""

    usage: bool = False

    def worker(self, console):
        if self.usage:
            raise UsageError("is wrong", option="--model")

        def work(job, progress):
            console.note(f"{job.path.name} begins")
            match job.path.name:
                case "bad":
                    raise FoleyError("is bad", path=job.path, remedy="mend it")
                case "dead":
                    os._exit(9)
                case "slow":
                    time.sleep(60)
            return Report(f"{usable_cores()} {decoder_threads()} {os.getpid()}", ("odd",))

        return work


def jobs(*names):
    return [Job(Path(name), None) for name in names]


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert multiprocessing.active_children() == []


def test_each_file_has_its_outcome_and_its_lines():
    outcomes = [one for one, _ in run_in_processes(Stub(), jobs("a", "bad", "b", "c"), 2)]
    by_name = {one.job.path.name: one for one in outcomes}
    assert set(by_name) == {"a", "b", "bad", "c"}
    assert str(by_name["bad"].error) == "bad: is bad; mend it"
    assert by_name["bad"].error.exit_code == 3
    for name, one in by_name.items():
        assert one.lines == (("note", f"{name} begins"),)
    made = [one.report for one in outcomes if one.report]
    share = str(max(1, usable_cores() // 2))
    assert {tuple(report.text.split()[:2]) for report in made} == {(share, share)}
    assert len({report.text.split()[2] for report in made}) <= 2
    assert os.environ.get(CORES_VARIABLE) is None


def test_a_process_that_dies_costs_only_its_file():
    outcomes = [one for one, _ in run_in_processes(Stub(), jobs("dead", "a", "dead", "b"), 2)]
    errors = [str(one.error) for one in outcomes if one.error]
    assert len(errors) == 2
    assert all("dead: its process ended unexpectedly (exit code 9)" in error for error in errors)
    assert sorted(one.job.path.name for one in outcomes if one.report) == ["a", "b"]


def test_a_wrong_option_ends_the_run():
    with pytest.raises(UsageError, match="--model"):
        list(run_in_processes(Stub(usage=True), jobs("a", "b", "c"), 2))


def test_an_interrupted_run_leaves_no_process():
    outcomes = run_in_processes(Stub(), jobs("a", "slow", "slow"), 2)
    next(outcomes)
    began = time.monotonic()
    outcomes.close()
    assert time.monotonic() - began < 30


def test_the_command_line_reports_all(capsys):
    stub = Stub()
    found = jobs("a", "bad", "b")
    code = run_jobs(found, Console(), stub.worker(Console()), worker=stub, processes=2)
    out, err = capsys.readouterr()
    assert code == 3
    assert "3 files: 2 made, 0 unchanged, 1 failed" in out
    assert "error: bad: is bad; mend it" in err
    assert "warning: a: odd" in err
    assert "note: b begins" in err


def test_outputs_that_would_meet_are_refused(capsys):
    stub = Stub()
    run = stub.worker(Console())
    code = run_jobs(
        jobs("a", "b"), Console(), run, lambda job: Path("same"), worker=stub, processes=2
    )
    assert code == 3
    assert "its output folder is already that of a" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "most"), [("1", 1), ("0", 1), ("", None), ("x", None)])
def test_the_variable_lowers_the_number_of_cores(monkeypatch, value, most):
    monkeypatch.delenv(CORES_VARIABLE, raising=False)
    every = usable_cores()
    assert decoder_threads() == 0
    monkeypatch.setenv(CORES_VARIABLE, value)
    assert usable_cores() == (every if most is None else most)


def test_the_number_of_processes_is_checked(capsys, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    assert main(["tag", str(tmp_path), "--jobs", "0"]) == 2
    assert "--jobs: must be at least 1" in capsys.readouterr().err


def test_results_do_not_depend_on_the_number_of_processes(tmp_path, make_clip):
    for number in (1, 2):
        make_clip(tmp_path / f"{number}.mp4", seconds=1, rate=Fraction(8), size=(64 * number, 48))
    folders = []
    for processes in ("1", "2"):
        out = tmp_path / f"by{processes}"
        words = ["tag", str(tmp_path), "--out", str(out), "--jobs", processes, "--no-cache"]
        assert main(words) == 0
        folders.append([(out / f"{n}.foley" / "scores.tsv").read_bytes() for n in (1, 2)])
    assert folders[0] == folders[1]
