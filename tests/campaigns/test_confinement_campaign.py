import pytest

from tests.campaigns import told
from tests.campaigns.confinement import FULL, run


def test_hostile_paths_lead_nowhere(tmp_path):
    # Steps through the places at another disguise each.
    result = run(range(3, FULL, 13), 0, tmp_path)
    assert not result.failures, told("confinement", 0, result)


@pytest.mark.slow
@pytest.mark.campaign
def test_no_place_with_no_disguise_leads_anywhere(tmp_path):
    result = run(range(FULL), 0, tmp_path)
    assert not result.failures, told("confinement", 0, result)
