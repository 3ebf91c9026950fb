"""The same input and seed give the same bytes, however the work is cut up."""

import pytest

from tests.campaigns.determinism import FULL, QUICK, run


def test_the_same_input_and_seed_give_the_same_bytes(tmp_path):
    assert not run(QUICK, 0, tmp_path).failures


@pytest.mark.slow
@pytest.mark.campaign
def test_threads_devices_and_batches_change_no_cue(tmp_path):
    cases = range(len(QUICK), FULL)
    assert not run(cases, 0, tmp_path).failures
