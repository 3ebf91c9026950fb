import pytest

from tests.campaigns import told
from tests.campaigns.loudness import SIGNALS, run


def test_signals_of_the_standard_read_as_it_says(tmp_path):
    result = run(range(SIGNALS), 0, tmp_path)
    assert not result.failures, told("loudness", 0, result)


@pytest.mark.slow
@pytest.mark.campaign
def test_mixes_meet_loudness_and_ceiling_and_are_the_sum_of_their_stems(tmp_path):
    result = run(range(SIGNALS, SIGNALS + 20), 0, tmp_path)
    assert not result.failures, told("loudness", 0, result)
