"""Draw contact sheets of examples.

Stills are in rows by class. Each clip has a row: pictures over time, below them a bar for each
effect (visible in the upper half of the bar, audible in the lower) and the waveform.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from data_pipeline.builders.pictures import Picture, decode_still
from data_pipeline.schema import SOUND_RATE_HZ, EffectEvent, Example

CELL_PX = 96
COLUMNS = 12
_TITLE_PX = 150
_BAR_PX, _SOUND_PX, _MARGIN_PX = 13, 30, 6
_INK, _PAPER, _FAINT = (30, 30, 30), (250, 250, 250), (205, 205, 205)


def draw_stills(rows: Mapping[str, Sequence[Example]]) -> Picture:
    """Draw a row of up to `COLUMNS` stills per class."""
    drawn = []
    for name, examples in rows.items():
        row = _paper(CELL_PX + 2, _TITLE_PX + COLUMNS * CELL_PX)
        _write(row, name, 4, 20)
        _write(row, f"{len(examples)} shown", 4, 40)
        for column, example in enumerate(examples[:COLUMNS]):
            _paste(row, example.pictures[0], _TITLE_PX + column * CELL_PX, 1)
        drawn.append(row)
    return np.vstack(drawn) if drawn else _paper(CELL_PX, _TITLE_PX)


def draw_clips(examples: Iterable[Example]) -> Picture:
    """Draw a row per clip."""
    drawn = [_draw_clip(example) for example in examples]
    return np.vstack(drawn) if drawn else _paper(CELL_PX, _TITLE_PX)


def write_sheet(path: Path, sheet: Picture) -> None:
    """Write a sheet as PNG."""
    done, content = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    assert done
    path.write_bytes(content.tobytes())


def _draw_clip(example: Example) -> Picture:
    effects = list(dict.fromkeys(event.effect for event in example.events))
    width = COLUMNS * CELL_PX
    height = CELL_PX + len(effects) * _BAR_PX + _SOUND_PX + _MARGIN_PX
    row = _paper(height, _TITLE_PX + width)
    duration_s = max(example.duration_s, 1e-3)
    _write(row, example.id[-21:], 4, 16)
    _write(row, f"{duration_s:.1f} s, {len(example.pictures)} pictures", 4, 34)
    _write(row, example.scene or f"{len(example.sources)} sources", 4, 52)
    for column in range(COLUMNS if len(example.pictures) else 0):
        time_s = duration_s * (column + 0.5) / COLUMNS
        place = max(0, int(np.searchsorted(example.times_s, time_s, side="right")) - 1)
        _paste(row, example.pictures[place], _TITLE_PX + column * CELL_PX, 0)
    for number, effect in enumerate(effects):
        top = CELL_PX + number * _BAR_PX
        _write(row, effect, 4, top + _BAR_PX - 3)
        row[top + 1 : top + _BAR_PX - 1, _TITLE_PX:] = _FAINT
        for event in example.events:
            if event.effect == effect:
                _draw_event(row, event, top, width / duration_s)
    _draw_sound(row, example, height - _SOUND_PX - _MARGIN_PX, width, duration_s)
    return row


def _draw_event(row: Picture, event: EffectEvent, top: int, px_s: float) -> None:
    left = _TITLE_PX + int(event.onset_s * px_s)
    right = max(left + 1, _TITLE_PX + int(event.offset_s * px_s))
    middle = top + _BAR_PX // 2
    if event.modality != "sound":
        row[top + 1 : middle, left:right] = (40, 110, 200)
    if event.modality != "picture":
        row[middle : top + _BAR_PX - 1, left:right] = (210, 90, 40)


def _draw_sound(row: Picture, example: Example, top: int, width: int, duration_s: float) -> None:
    samples = len(example.sound)
    columns = min(width, int(width * samples / SOUND_RATE_HZ / duration_s))
    middle = top + _SOUND_PX // 2
    row[middle, _TITLE_PX:] = _FAINT
    if columns < 1:
        return
    edges = np.linspace(0, samples, columns + 1).astype(int)
    peaks = np.maximum.reduceat(np.abs(example.sound.astype(np.int32)), edges[:-1]) / 2**15
    # The fourth root of power: quiet sound shows too.
    heights = np.ceil(np.sqrt(peaks) * (_SOUND_PX // 2)).astype(int)
    for column, height in enumerate(heights):
        row[middle - height : middle + height, _TITLE_PX + column] = (70, 120, 70)


def _paste(row: Picture, content: bytes, left: int, top: int) -> None:
    image = decode_still(content)
    scale = (CELL_PX - 2) / max(image.shape[:2])
    size = (max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    row[top : top + size[1], left : left + size[0]] = small


def _write(row: Picture, text: str, left: int, baseline: int) -> None:
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(row, plain, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.38, _INK, 1, cv2.LINE_AA)


def _paper(height: int, width: int) -> Picture:
    return np.full((height, width, 3), _PAPER, np.uint8)
