import pytest

from tests.campaigns import told
from tests.campaigns.media import run


def test_damaged_media_are_used_or_refused_in_one_line(tmp_path):
    result = run(range(27), 0, tmp_path)
    assert not result.failures, told("media", 0, result)


@pytest.mark.slow
@pytest.mark.campaign
def test_two_hundred_damaged_media_are_used_or_refused(tmp_path):
    result = run(range(200), 1, tmp_path)
    assert not result.failures, told("media", 1, result)
