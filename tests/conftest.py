"""Fixtures that all tests share."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is no failure of the code under test.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")

_spec = importlib.util.spec_from_file_location("clips", Path(__file__).parent / "clips.py")
assert _spec is not None
assert _spec.loader is not None
_clips = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_clips)


@pytest.fixture(scope="session")
def clips():
    """The maker of small videos, with all it offers."""
    return _clips


@pytest.fixture(scope="session")
def make_clip():
    """Write a small video: `make_clip(path, seconds=..., rate=..., size=..., audio=...)`."""
    return _clips.make_clip
