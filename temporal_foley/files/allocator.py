"""Let the C library give freed memory back to the system.

By default glibc keeps an arena per thread, and raises the size from which memory is returned to 32
MB once a large array was freed: pictures, weights and sounds then stay allocated until the end.
"""

import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_RETURNED_BYTES = 4 << 20


def return_freed_memory() -> bool:
    """Return blocks of 4 MiB or more when they are freed; says whether the C library knows how."""
    if not sys.platform.startswith("linux"):
        return False
    # Imported here: only a process that calls this needs it.
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # Another C library, such as musl.
        return False
    settings = ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, _RETURNED_BYTES))
    settings += ((_TRIM_THRESHOLD, _RETURNED_BYTES),)
    return all([mallopt(name, value) == 1 for name, value in settings])
