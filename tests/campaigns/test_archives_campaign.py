import pytest

from tests.campaigns import told
from tests.campaigns.archives import FULL, QUICK, run


def test_archives_that_mean_harm_are_refused_and_leave_nothing(tmp_path):
    result = run(QUICK, 0, tmp_path)
    assert result.count == len(QUICK)
    assert not result.failures, told("archives", 0, result)


@pytest.mark.slow
@pytest.mark.campaign
def test_bombs_and_crowds_are_refused_before_they_take_memory(tmp_path):
    result = run([case for case in range(FULL) if case not in QUICK], 0, tmp_path)
    assert not result.failures, told("archives", 0, result)
