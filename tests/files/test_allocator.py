"""Freed arrays go back to the system where the C library can do that."""

import subprocess
import sys

import pytest

from temporal_foley.files.allocator import return_freed_memory

CODE = """
import sys, threading
import numpy as np
from temporal_foley.files.allocator import return_freed_memory
if {on}:
    assert return_freed_memory()
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20
def work():
    for _ in range(3):
        kept = [np.ones(3 << 20, np.float64) for _ in range(3)]
        del kept
        kept = [np.ones(2 << 20, np.float64) for _ in range(3)]
        del kept
for _ in range(6):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
print(rss())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_freed_memory_is_returned():
    if not return_freed_memory():
        pytest.skip("another C library than glibc")
    code = CODE.format(on=True)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 80


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert return_freed_memory() is False
