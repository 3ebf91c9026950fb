import pytest

from tests.campaigns import told
from tests.campaigns.disk import QUICK, run


def test_a_full_disk_or_lost_permission_leaves_nothing_half_written(tmp_path):
    result = run(QUICK, 0, tmp_path)
    assert result.count == len(QUICK)
    assert not result.failures, told("disk", 0, result)


@pytest.mark.slow
@pytest.mark.campaign
def test_building_and_training_go_on_where_the_disk_was_full(tmp_path):
    result = run([case for case in range(10) if case not in QUICK], 0, tmp_path)
    assert not result.failures, told("disk", 0, result)
