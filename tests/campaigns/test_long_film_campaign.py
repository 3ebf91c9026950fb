"""A film of three minutes, beside one of one: nothing drifts and memory does not follow."""

import pytest

from tests.campaigns.long_film import measure


@pytest.mark.slow
@pytest.mark.campaign
def test_a_longer_film_keeps_its_places_and_its_memory(tmp_path):
    result = measure({0: 1.0, 1: 3.0}, 0, tmp_path)
    assert not result.failures
