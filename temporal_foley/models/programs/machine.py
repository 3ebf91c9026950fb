"""Describe what a compiled program depends on beside the network: versions, code and processor."""

import functools
import hashlib
import importlib.util
import os
from importlib import metadata

from temporal_foley.files.cores import describe_processor, usable_cores
from temporal_foley.files.digest import code_sha256

_PACKAGES = ("jax", "jaxlib", "flax", "numpy")
_SETTINGS = ("JAX_", "XLA_")
_DEVICE = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")
_ACCELERATORS = ("jax_plugins", "libtpu")
"""Modules that give jax another device than the processor."""


@functools.cache
def machine_key() -> str:
    """Return a hash of all that decides, beside a network, which program is compiled."""
    settings = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith(_SETTINGS))
    parts = [_version(name) for name in _PACKAGES]
    parts += [*settings, *describe_processor(), code_sha256("models")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def runs_on_processor() -> bool:
    """Return whether jax would compute on the processor, without asking it."""
    for name in _DEVICE:
        if chosen := os.environ.get(name):
            return chosen == "cpu"
    return not any(importlib.util.find_spec(name) for name in _ACCELERATORS)


def changes_compiler() -> bool:
    """Return whether the environment sets options of jax or XLA, beside the device."""
    return any(name.startswith(_SETTINGS) and name not in _DEVICE for name in os.environ)


def steady_threads() -> None:
    """Let the runtime of jax have two threads or more, before it starts.

    With one thread, products of matrices add up in another order than with several, so that results
    would differ in the last bits on a machine with one core.
    """
    if usable_cores() == 1:
        os.environ.setdefault("PJRT_NPROC", "2")


def _version(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"{name} none"
