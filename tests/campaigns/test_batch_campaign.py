"""A batch with faults in it: the others are made, once, and the summary is right."""

from tests.campaigns.batch import run


def test_faults_in_a_batch_stop_nothing_else(tmp_path):
    assert not run(range(6), 0, tmp_path).failures
