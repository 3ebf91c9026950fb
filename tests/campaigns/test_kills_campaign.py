"""Killed anywhere, the next run ends as if nothing had happened."""

import json

import pytest

from temporal_foley.training.log import TrainLog, read_log
from tests.campaigns.kills import run


@pytest.mark.slow
@pytest.mark.campaign
def test_what_is_killed_is_gone_on_with(tmp_path):
    # Generate, over edits, and a library: the others are slower and have tests of their own.
    assert not run([0, 1, 2, 5, 6, 7], 0, tmp_path).failures


def test_a_log_that_is_gone_on_with_is_never_without_its_rows(tmp_path, monkeypatch):
    log = TrainLog(tmp_path)
    for step in (5, 10, 15):
        log.scalars(step, {"loss": 1.0})
    log.close()

    def dies(self, *words, **more):
        del self, words, more
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("pathlib.Path.replace", dies)
        with pytest.raises(KeyboardInterrupt):
            TrainLog(tmp_path, first_step=10)
    assert [row["step"] for row in read_log(tmp_path)] == [5, 10, 15]
    again = TrainLog(tmp_path, first_step=10)
    again.scalars(15, {"loss": 0.5})
    again.close()
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(5, 1.0), (10, 1.0), (15, 0.5)]
