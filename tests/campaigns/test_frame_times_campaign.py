import pytest

from tests.campaigns import told
from tests.campaigns.frame_times import FULL, run


def test_times_are_exact_in_every_container(tmp_path):
    result = run(range(0, FULL, 4), 0, tmp_path)
    assert not result.failures, told("frame_times", 0, result)


@pytest.mark.slow
@pytest.mark.campaign
def test_times_are_exact_with_every_pattern(tmp_path):
    result = run(range(FULL), 1, tmp_path)
    assert result.count == FULL
    assert not result.failures, told("frame_times", 1, result)
