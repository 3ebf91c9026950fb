"""Fixtures of the tests of acquisition: a site and what asks it."""

import pytest

from data_pipeline.acquire.web import Web, WebConfig
from tests.data_pipeline.acquire.site_kit import Site


@pytest.fixture
def site():
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def web():
    return Web(WebConfig(pause_s=0.0, timeout_s=10.0), allow_local=True)
