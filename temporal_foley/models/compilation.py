"""Cache what jax compiles between runs, for the programs that are not stored ready to run."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporal_foley.files.cache import keep_newest, private_folder

MOST_BYTES = 1 << 30
_lock = threading.Lock()
_without = 0


def enable_compilation_cache(root: Path | None = None) -> Path | None:
    """Cache compiled networks in a folder; return it, or None if it cannot be written."""
    folder = private_folder("compiled", root)
    if folder is None:
        return None
    import jax

    keep_newest(folder, MOST_BYTES)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # The defaults skip programs that compile in under a second, which is most of them.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


@contextlib.contextmanager
def without_compilation_cache() -> Iterator[None]:
    """Compile everything anew: what jax took from its cache cannot be stored a second time."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    def switch(is_on: bool) -> None:
        jax.config.update("jax_enable_compilation_cache", is_on)
        # It remembers whether there is a cache.
        compilation_cache.reset_cache()

    global _without
    settings: Any = jax.config
    is_on = settings.jax_compilation_cache_dir and settings.jax_enable_compilation_cache
    if not is_on and not _without:
        yield
        return
    with _lock:
        _without += 1
        if _without == 1:
            switch(False)
    try:
        yield
    finally:
        with _lock:
            _without -= 1
            if _without == 0:
                switch(True)
