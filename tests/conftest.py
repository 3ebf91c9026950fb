"""Fixtures that all tests share."""

import importlib.util
import os
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

import tests.shape_checks

# Processes that test at the same time, and those that they start, are enough for the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if os.environ.get("CHECK_TYPES"):
    # Before anything of the package is imported: from here on its annotations are checked.
    install_import_hook(
        [name for name in tests.shape_checks.checked_modules()], "tests.shape_checks.check"
    )

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


@pytest.fixture(autouse=True)
def _types(request):
    """Check no types in a test that passes what the annotations forbid."""
    if request.node.get_closest_marker("wrong_types") is None:
        yield
        return
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
