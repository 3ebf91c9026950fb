"""Cache compiled networks between runs, so that only the first start is slow."""

import os
from pathlib import Path

import jax

CACHE_VARIABLE = "TEMPORAL_FOLEY_CACHE"


def compilation_folder() -> Path:
    """Return the folder of the cache: that of a variable, or the user's cache folder.

    The variable is `TEMPORAL_FOLEY_CACHE`; the user's cache folder is that of the XDG base
    directory specification.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    # The specification says to ignore a relative path.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "temporal-foley"


def enable_compilation_cache(folder: Path | None = None) -> Path | None:
    """Cache compiled networks in a folder; return it, or None if it cannot be written."""
    try:
        folder = (folder or compilation_folder()) / "compiled"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, RuntimeError):  # RuntimeError: a user without a home folder
        return None
    if not os.access(folder, os.W_OK | os.X_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # The defaults skip programs that compile in under a second, which is most of them.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder
