"""Write all takes of a library one after another to a sound file, with a list of labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from temporal_foley.errors import LibraryError, one_line
from temporal_foley.sound.takes.library import Library, LibraryTake
from temporal_foley.timegrid import SAMPLE_RATE_HZ

GAP_S = 0.6
LONGEST_S = 6.0
FADE_S = 0.05


def write_audition(library: Library, takes: Sequence[LibraryTake], path: Path) -> float:
    """Write takes one after another, levelled and trimmed as in a mix, with a label file.

    The labels (`.txt`) are in the format of Audacity: start, end and text, separated by tabs.

    Returns:
        The duration in seconds.
    """
    place = 0
    labels: list[str] = []
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(
            part, "w", SAMPLE_RATE_HZ, channels=2, subtype="PCM_24", format="WAV"
        ) as file:
            for number, entry in enumerate(takes, 1):
                sound = _levelled(library, entry)
                file.write(sound)
                end = place + len(sound)
                text = one_line(f"{number} {entry.effect} {entry.asset.name} [{entry.licence}]")
                labels.append(f"{place / SAMPLE_RATE_HZ:.6f}\t{end / SAMPLE_RATE_HZ:.6f}\t{text}\n")
                gap = round(GAP_S * SAMPLE_RATE_HZ)
                file.write(np.zeros((gap, 2), np.float32))
                place = end + gap
        part.replace(path)
        path.with_suffix(".txt").write_text("".join(labels), "utf-8")
    except (OSError, soundfile.SoundFileError) as error:
        raise LibraryError(f"cannot be written ({one_line(error)})", path=path) from None
    finally:
        part.unlink(missing_ok=True)
    return place / SAMPLE_RATE_HZ


def _levelled(library: Library, entry: LibraryTake) -> np.ndarray:
    samples = library.read(entry.asset).samples[: round(LONGEST_S * SAMPLE_RATE_HZ)]
    stereo = samples if samples.shape[1] == 2 else np.repeat(samples, 2, axis=1)
    fade = min(round(FADE_S * SAMPLE_RATE_HZ), len(stereo))
    gains = np.full(len(stereo), 10.0 ** (entry.gain_db / 20.0), np.float32)
    gains[len(gains) - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return np.clip(stereo * gains[:, None], -1.0, 1.0)
