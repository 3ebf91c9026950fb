"""The given cases of public bug reports, and a film with new sound, for tests of media."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from temporal_foley.media.containers.accept import output_suffix
from temporal_foley.media.mux import mux_sound
from temporal_foley.media.probe import VideoInfo, probe_video

CASES = Path(__file__).parents[1] / "../shared/data/bugcases"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/data/bugcases")


def remade(
    path: Path, folder: Path, sound: np.ndarray | None = None, **options: str
) -> tuple[VideoInfo, Path, tuple[str, ...]]:
    """Give a film a new sound; returns what was known, the new film and the lines about it."""
    info = probe_video(path, **options)
    if sound is None:
        sound = np.zeros((max(1, round(float(info.duration) * 48_000)), 2), np.float32)
    soundfile.write(folder / "s.wav", sound, 48_000, subtype="PCM_24")
    out = folder / f"new{output_suffix(info)}"
    return info, out, mux_sound(info, folder / "s.wav", out)
