"""Measure how well places are found: errors of pan and level in scenes with a known object.

    python benchmarks/sound/position.py IMAGES [--model NAME] [--objects N] [--strip FILE.png]
    python benchmarks/sound/position.py --clip VIDEO --effect NAME --strip FILE.png

IMAGES holds `images.csv` (file, class). Pictures of effects are cut out (GrabCut: Rother,
Kolmogorov and Blake, ACM TOG 23(3), 2004) and moved over a backdrop at known places: once across
and back in six seconds of a 4 Hz grid, at three sizes. The detector looks at the frames as in the
product, and its maps are followed as in the product. Told are errors of pan (-1 left, 1 right; the
true one within the same widest pan) and of the level that follows size (dB), frame by frame.
`--strip` draws the maps over pictures, green where an effect is placed, white where it truly is.
"""

import argparse
import csv
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.models.by_name import load_detector
from temporal_foley.models.detector import detect_all
from temporal_foley.sound.levels import DEFAULT_LEVELS as LEVELS
from temporal_foley.sound.placing import level_of_area
from temporal_foley.spotting.position import Position, follow
from temporal_foley.timegrid import TimeGrid

RATE_HZ = 4
FRAMES = 24
HEIGHT, WIDTH = 360, 640
AREAS = (0.04, 0.12, 0.3)
"""Parts of the picture that the object's box covers."""
EFFECTS = ("dog_barking", "cat_meowing", "helicopter", "ambulance")
TRIES = 12
"""Pictures of an effect that are tried for each that is used: not all can be cut out."""

Image = UInt8[np.ndarray, "rows columns 3"]
CutOut = UInt8[np.ndarray, "rows columns 4"]
Boxes = Float[np.ndarray, "frames 4"]
"""Centre across and down, width and height, as parts of the picture's."""


def main(words: Sequence[str] | None = None) -> None:
    """Print a table, and draw a strip if one is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, nargs="?")
    parser.add_argument("--model", default="")
    parser.add_argument("--objects", type=int, default=3, help="of each effect")
    parser.add_argument("--only", default=",".join(EFFECTS))
    parser.add_argument("--backdrop", choices=("plain", "textured"), default="textured")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--effect", default="helicopter")
    parser.add_argument("--strip", type=Path)
    given = parser.parse_args(words)
    detector: Any = load_detector(given.model)
    if given.clip:
        info = probe_video(given.clip)
        grid = TimeGrid.covering(info.duration, Fraction(RATE_HZ))
        frames = [np.asarray(frame.image) for frame in sample_frames(info, grid)]
        position, heat = placed(detector, frames, given.effect)
        if given.strip:
            draw_strip(frames, heat, position, None, given.strip)
        for at in range(0, len(frames), RATE_HZ):
            print(f"{at / RATE_HZ:.0f} s\tseen {position.is_seen[at]}\t{position.region(at)}")
        return
    backdrop = make_backdrop(given.backdrop)
    print(
        "| effect | area | scenes | seen | pan: median of abs. | 95 % | bias | follows | ", end=""
    )
    print("level: median of abs., dB | bias, dB |")
    print("|" + "---|" * 10)
    for effect in given.only.split(","):
        objects = list(itertools.islice(cut_outs(given.images, effect), given.objects))
        for area in AREAS:
            rows = []
            for cut_out in objects:
                frames, boxes = make_scene(cut_out, backdrop, area)
                position, heat = placed(detector, frames, effect)
                rows.append((position, boxes))
                if given.strip and area == AREAS[1]:
                    name = f"{given.strip.stem}_{effect}_{len(rows)}{given.strip.suffix}"
                    draw_strip(frames, heat, position, boxes, given.strip.with_name(name))
            print(f"| {effect} | {area:.0%} | {len(rows)} | {told(rows)} |", flush=True)


def cut_outs(images: Path, effect: str) -> Iterator[CutOut]:
    """Yield objects cut out of pictures, the same ones each time; what fills no object is left."""
    with (images / "images.csv").open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["class"] == effect]
    chosen = names[:: max(1, len(names) // (TRIES * 4))][: TRIES * 4]
    for name in chosen:
        image = cv2.imread(str(images / name))
        if image is None:
            continue
        rows, columns = image.shape[:2]
        margin = (round(0.06 * columns), round(0.06 * rows))
        inside = (*margin, columns - 2 * margin[0], rows - 2 * margin[1])
        mask = np.zeros((rows, columns), np.uint8)
        cv2.setRNGSeed(0)
        state = np.zeros((2, 1, 65))
        cv2.grabCut(image, mask, inside, state[0], state[1], 3, cv2.GC_INIT_WITH_RECT)
        object_ = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
        count, parts, stats, _ = cv2.connectedComponentsWithStats(object_)
        if count < 2:
            continue
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        left, top, width, height, pixels = stats[largest]
        share, own = pixels / (rows * columns), pixels / max(1, object_.sum())
        # One thing, neither a speck nor the whole picture.
        if not 0.12 < share < 0.7 or own < 0.9:
            continue
        alpha = cv2.GaussianBlur(255 * (parts == largest).astype(np.uint8), (0, 0), 1.0)
        whole = np.dstack([cv2.cvtColor(image, cv2.COLOR_BGR2RGB), alpha])
        yield whole[top : top + height, left : left + width]


def make_backdrop(kind: str) -> Image:
    """Return a grey ground, or soft coloured noise with power as `1 / f ** 2`, as in nature."""
    if kind == "plain":
        return np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    rng = np.random.default_rng(0)
    across, down = np.meshgrid(np.fft.fftfreq(WIDTH), np.fft.fftfreq(HEIGHT))
    fall = 1.0 / np.maximum(np.hypot(across, down), 1.0 / WIDTH)
    planes = [
        np.fft.ifft2(fall * np.fft.fft2(rng.standard_normal((HEIGHT, WIDTH)))).real
        for _ in range(3)
    ]
    grey = np.stack([plane / plane.std() for plane in planes], axis=-1)
    grey = 0.8 * grey.mean(axis=2, keepdims=True) + 0.2 * grey
    return np.clip(130 + 30 * grey, 0, 255).astype(np.uint8)


def make_scene(cut_out: CutOut, backdrop: Image, area: float) -> tuple[list[Image], Boxes]:
    """Move an object once across and back; return the pictures and where it is in them."""
    rows, columns = cut_out.shape[:2]
    scale = np.sqrt(area * HEIGHT * WIDTH / (rows * columns))
    scale = min(scale, 0.95 * HEIGHT / rows, 0.8 * WIDTH / columns)
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    small = cv2.resize(
        cut_out, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    turn = np.arange(FRAMES) / FRAMES
    room_x, room_y = 1.0 - size[0] / WIDTH, 1.0 - size[1] / HEIGHT
    across = 0.5 - 0.5 * room_x * np.cos(2 * np.pi * turn)
    down = 0.5 + 0.25 * room_y * np.sin(4 * np.pi * turn)
    frames, boxes = [], []
    for x, y in zip(across, down, strict=True):
        left, top = round(x * WIDTH - size[0] / 2), round(y * HEIGHT - size[1] / 2)
        left, top = max(0, min(left, WIDTH - size[0])), max(0, min(top, HEIGHT - size[1]))
        frame = backdrop.copy()
        part = frame[top : top + size[1], left : left + size[0]]
        opaque = small[..., 3:] / 255.0
        part[:] = (opaque * small[..., :3] + (1 - opaque) * part).astype(np.uint8)
        frames.append(frame)
        centre = ((left + size[0] / 2) / WIDTH, (top + size[1] / 2) / HEIGHT)
        boxes.append((*centre, size[0] / WIDTH, size[1] / HEIGHT))
    return frames, np.array(boxes)


def placed(
    detector: Any, frames: Sequence[Image], effect: str
) -> tuple[Position, Float[np.ndarray, "frames rows columns"]]:
    """Look at frames as the product does; return where an effect is, and its maps."""
    small = (detector.prepare(frame) for frame in frames)
    grid = TimeGrid(start=Fraction(0), frame_rate=Fraction(RATE_HZ), frames=len(frames))
    column = detector.vocabulary.index(effect)
    found = detect_all(detector, small, grid=grid, with_places=True)
    assert found.places is not None
    heat = found.places.heats[:, column].astype(np.float64)
    visible = found.places.visible[:, column].astype(np.float64)
    probability = found.probabilities[:, column].astype(np.float64)
    return follow(heat, visible, probability, float(RATE_HZ)), heat


def told(rows: Sequence[tuple[Position, Boxes]]) -> str:
    """Return the errors over scenes, in the cells of a row; of frames that count as seen."""
    pans, trues, levels, seen = [], [], [], []
    for position, boxes in rows:
        is_seen = position.is_seen
        seen.append(is_seen.mean())
        pans.append(LEVELS.widest_pan * (2 * position.across - 1)[is_seen])
        trues.append(LEVELS.widest_pan * (2 * boxes[:, 0] - 1)[is_seen])
        true_levels = [level_of_area(w * h) for w, h in boxes[is_seen, 2:]]
        found_levels = [level_of_area(area) for area in position.area[is_seen]]
        levels.append(np.array(found_levels) - np.array(true_levels))
    if not rows or not sum(map(len, pans)):
        return f"{np.mean(seen or [0.0]):.0%} |  |  |  |  |  | "
    pan, true, level = np.concatenate(pans), np.concatenate(trues), np.concatenate(levels)
    error = pan - true
    # The slope of found over true: 1 follows wholly, 0 not at all.
    follows = float((pan * true).sum() / (true**2).sum())
    return (
        f"{np.mean(seen):.0%} | {np.median(np.abs(error)):.2f} | "
        f"{np.percentile(np.abs(error), 95):.2f} | {error.mean():+.2f} | {follows:.2f} | "
        f"{np.median(np.abs(level)):.1f} | {level.mean():+.1f}"
    )


def draw_strip(
    frames: Sequence[Image],
    heat: Float[np.ndarray, "frames rows columns"],
    position: Position,
    boxes: Boxes | None,
    path: Path,
    pictures: int = 8,
) -> None:
    """Draw some of the frames side by side with map, place found, and true place."""
    most = max(float(heat.max()), 1e-9)
    drawn = []
    for at in np.linspace(0, len(frames) - 1, pictures).round().astype(int):
        image = cv2.cvtColor(frames[at], cv2.COLOR_RGB2BGR)
        wide = round(200 * image.shape[1] / image.shape[0])
        image = cv2.resize(image, (wide, 200), interpolation=cv2.INTER_AREA)
        warm = cv2.resize(heat[at] / most, (wide, 200), interpolation=cv2.INTER_LINEAR)
        colours = cv2.applyColorMap((255 * warm).astype(np.uint8), cv2.COLORMAP_JET)
        image = cv2.addWeighted(image, 0.6, colours, 0.4, 0)
        if boxes is not None:
            x, y, w, h = boxes[at]
            _draw_box(image, (x - w / 2, y - h / 2, x + w / 2, y + h / 2), (255, 255, 255))
        if position.is_seen[at]:
            _draw_box(image, position.region(int(at)), (0, 255, 0))
        drawn.append(image)
    half = (len(drawn) + 1) // 2
    rows = [np.hstack(drawn[:half]), np.hstack(drawn[half:])]
    cv2.imwrite(str(path), np.vstack(rows))


def _draw_box(
    image: Image, sides: tuple[float, float, float, float], colour: tuple[int, int, int]
) -> None:
    rows, columns = image.shape[:2]
    left, top, right, bottom = sides
    corner, other = (
        (round(left * columns), round(top * rows)),
        (
            round(right * columns),
            round(bottom * rows),
        ),
    )
    cv2.rectangle(image, corner, other, colour, 2)


if __name__ == "__main__":
    main()
