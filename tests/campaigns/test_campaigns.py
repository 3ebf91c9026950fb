"""Run every campaign, a few cases with the suite and more with `-m campaign`."""

import pytest

from tests.campaigns.driver import MODULES, load_campaign, run


@pytest.mark.parametrize("name", MODULES)
def test_a_few_cases_keep_the_promise(name, tmp_path):
    cases = load_campaign(name).short
    result = run(name, cases, 0, tmp_path)
    assert not result.failures, result.report()
    assert len(result.trials) == len(cases)


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("name", MODULES)
def test_many_cases_keep_the_promise(name, tmp_path):
    result = run(name, load_campaign(name).long, 1, tmp_path)
    assert not result.failures, result.report()
