"""Describe the processor, count the cores that may be used, and use only a share of them."""

import os
import platform
from pathlib import Path

CORES_VARIABLE = "TEMPORAL_FOLEY_CORES"


def usable_cores() -> int:
    """Return how many cores this process may use: fewer than all in a container or beside others.

    The variable `TEMPORAL_FOLEY_CORES` lowers it further.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    chosen = os.environ.get(CORES_VARIABLE, "")
    return min(cores, max(1, int(chosen))) if chosen.isdecimal() else cores


def decoder_threads() -> int:
    """Return how many threads a decoder may use; 0 leaves it to the decoder."""
    return usable_cores() if os.environ.get(CORES_VARIABLE) else 0


def keep_linear_algebra_to_one_thread() -> None:
    """Let OpenBLAS, which numpy and scipy bring, use one thread, unless the user says otherwise.

    To be called before numpy is imported. Products here are small, and threads that wait for each
    other on busy cores took a fifth of the processor time of `generate`. Nor does any rounding
    depend on the number of cores then.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def limit_cores(cores: int) -> None:
    """Let this process and its children use at most this many cores for decoding and networks.

    Results do not change: linear algebra, whose rounding depends on its threads, keeps its number.
    """
    os.environ[CORES_VARIABLE] = str(max(1, cores))
    import cv2

    cv2.setNumThreads(max(1, cores))


def describe_processor() -> list[str]:
    """Return what is known of the processor and what it can do."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        # The name of the machine is in it: a home folder may be shared by several.
        return list(platform.uname())
    kept = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ")
    first = text.split("\n\n", 1)[0].splitlines()
    return [platform.machine(), *(line for line in first if line.startswith(kept))]
