"""Draw a toy set: moving scenes with their events, and sounds of the built-in recipes.

Single pictures do not show three of its four effects: a door that opens looks like one that closes,
a car that passes like one that is parked, and a flash like a lit lamp. They do show a fire.
"""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import soundfile
from jaxtyping import UInt8

from temporal_foley.sound.synth import synthesize
from temporal_foley.timegrid import SAMPLE_RATE_HZ

EFFECTS = ("door_opening", "cars", "lightning", "fire")
ORDERED = ("door_opening", "cars", "lightning")
"""Those that depend on order or motion."""
VERSION = 1
"""Counts changes of what is drawn."""
SIDE_PX = 192
RATE_HZ = 8
CLIP_S = 5.0
SPLITS = (("train", 150), ("validation", 40), ("test", 50))
SOUNDS_PER_EFFECT = 5

Picture = UInt8[np.ndarray, "rows columns 3"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """A drawn scene: a picture at any time, and the events."""

    draw: Callable[[float], Picture]
    events: tuple[tuple[float, float, str], ...]


def write_demo(
    folder: Path, *, seed: int = 0, progress: Callable[[float], None] = lambda part: None
) -> str:
    """Write videos with a table of their events, and sounds by class.

    FOLDER/videos/*.mp4, FOLDER/events.tsv, FOLDER/sounds/EFFECT/SOURCE/*.wav

    Returns:
        What was written, in words.
    """
    videos = folder / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    rows = ["filename\tonset\toffset\tevent_label\tsource\tsplit\tmodality"]
    for number, (split, count) in enumerate(SPLITS):
        for index in range(count):
            scene = draw_scene(np.random.default_rng([seed, number, index]))
            name = f"{split}_{index:03d}"
            _write_video(videos / f"{name}.mp4", scene)
            for onset_s, offset_s, effect in scene.events or ((None, None, ""),):
                times = ("", "") if onset_s is None else (f"{onset_s:.3f}", f"{offset_s:.3f}")
                row = (f"{name}.mp4", *times, effect, name, split, "visual" if effect else "")
                rows.append("\t".join(row))
            progress((index + 1) / count)
    for effect in EFFECTS:
        for take in range(SOUNDS_PER_EFFECT):
            path = folder / "sounds" / effect / f"{effect}_{take}" / f"{effect}_{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, synthesize(effect, take).samples, SAMPLE_RATE_HZ)
    # Last: its presence says that the set is complete.
    (folder / "events.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    clips = sum(count for _, count in SPLITS)
    return f"{clips} videos of {CLIP_S:g} s, {SOUNDS_PER_EFFECT * len(EFFECTS)} sounds"


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw one of the effects, or the same thing without its effect."""
    kind = EFFECTS[int(rng.integers(len(EFFECTS)))]
    happens = rng.random() < 0.5
    onset_s = float(rng.uniform(0.75, CLIP_S - 2.5))
    offset_s = onset_s + float(rng.uniform(1.2, 1.75))
    paper = _paper(rng)
    make = {"door_opening": _door, "cars": _car, "lightning": _flash, "fire": _fire}[kind]
    draw, events = make(rng, paper, happens, onset_s, offset_s)
    return Scene(draw=draw, events=events)


Made = tuple[Callable[[float], Picture], tuple[tuple[float, float, str], ...]]


def _door(rng: np.random.Generator, paper: Picture, happens: bool, on: float, off: float) -> Made:
    """A door turns open, or closed: the same pictures in the other order."""
    colour, dark = _colour(rng), _colour(rng) // 4
    left, width = int(rng.uniform(0.15, 0.4) * SIDE_PX), int(rng.uniform(0.3, 0.45) * SIDE_PX)
    top = int(rng.uniform(0.1, 0.25) * SIDE_PX)

    def draw(time_s: float) -> Picture:
        part = min(max((time_s - on) / (off - on), 0.0), 1.0)
        part = part if happens else 1.0 - part
        image = paper.copy()
        cv2.rectangle(image, (left, top), (left + width, SIDE_PX - 8), dark.tolist(), -1)
        edge = left + round(width * (1.0 - 0.85 * part))
        slope = round(0.12 * SIDE_PX * part)
        corners = [(left, top), (edge, top + slope), (edge, SIDE_PX - 8 + slope // 2)]
        corners.append((left, SIDE_PX - 8))
        cv2.fillPoly(image, [np.array(corners, np.int32)], colour.tolist(), cv2.LINE_AA)
        knob = (edge - max(4, (edge - left) // 8), (top + SIDE_PX) // 2)
        cv2.circle(image, knob, 4, (230, 200, 60), -1, cv2.LINE_AA)
        return image

    return draw, ((on, off, "door_opening"),) if happens else ()


def _car(rng: np.random.Generator, paper: Picture, happens: bool, on: float, off: float) -> Made:
    """A car passes, or is parked."""
    colour = _colour(rng).tolist()
    floor = int(rng.uniform(0.6, 0.85) * SIDE_PX)
    length = int(rng.uniform(0.35, 0.55) * SIDE_PX)
    parked = rng.uniform(-0.2, 0.8) * SIDE_PX
    way = 1 if rng.random() < 0.5 else -1

    def draw(time_s: float) -> Picture:
        image = paper.copy()
        cv2.rectangle(image, (0, floor), (SIDE_PX, SIDE_PX), (90, 90, 95), -1)
        place = parked
        if happens:
            part = (time_s - on) / (off - on)
            place = -length + (SIDE_PX + length) * (part if way > 0 else 1.0 - part)
            if not 0.0 <= part <= 1.0:
                return image
        x, height = round(place), length // 4
        cv2.rectangle(image, (x, floor - height), (x + length, floor + 6), colour, -1)
        roof = [(x + length // 5, floor - height), (x + length // 3, floor - 2 * height)]
        roof += [(x + 2 * length // 3, floor - 2 * height), (x + 4 * length // 5, floor - height)]
        cv2.fillPoly(image, [np.array(roof, np.int32)], colour, cv2.LINE_AA)
        for wheel in (x + length // 5, x + 4 * length // 5):
            cv2.circle(image, (wheel, floor + 6), length // 9, (20, 20, 20), -1, cv2.LINE_AA)
        return image

    return draw, ((on, off, "cars"),) if happens else ()


def _flash(rng: np.random.Generator, paper: Picture, happens: bool, on: float, off: float) -> Made:
    """A dark scene is lit for a moment, or lit all along."""
    del off
    dark = (paper * 0.25).astype(np.uint8)
    lit = cv2.addWeighted(paper, 0.5, np.full_like(paper, 255), 0.5, 0)
    length_s = 0.5
    is_dark = rng.random() < 0.5

    def draw(time_s: float) -> Picture:
        if happens:
            return lit if on <= time_s < on + length_s else dark
        return dark if is_dark else lit

    return draw, ((on, on + length_s, "lightning"),) if happens else ()


def _fire(rng: np.random.Generator, paper: Picture, happens: bool, on: float, off: float) -> Made:
    """A fire burns for a while, or there are only logs."""
    centre, floor = int(rng.uniform(0.35, 0.65) * SIDE_PX), int(0.85 * SIDE_PX)
    size = rng.uniform(0.25, 0.4) * SIDE_PX
    phases = rng.uniform(0.0, 2.0 * np.pi, 5)

    def draw(time_s: float) -> Picture:
        image = paper.copy()
        for shift in (-size / 2, size / 2):
            start, end = (int(centre - shift), floor), (int(centre + shift), floor - 14)
            cv2.line(image, start, end, (70, 45, 25), 11, cv2.LINE_AA)
        if happens and on <= time_s < off:
            for number, phase in enumerate(phases):
                height = size * (0.9 + 0.4 * np.sin(9.0 * time_s + phase))
                x = centre + (number - 2) * size / 4
                flame = [
                    (x - size / 6, floor - 10),
                    (x, floor - height),
                    (x + size / 6, floor - 10),
                ]
                colour = (255, 110 + 35 * (number % 3), 20)
                cv2.fillPoly(image, [np.array(flame, np.int32)], colour, cv2.LINE_AA)
        return image

    return draw, ((on, off, "fire"),) if happens else ()


def _paper(rng: np.random.Generator) -> Picture:
    """Draw a background: a gradient, some boxes, and noise."""
    corners = rng.integers(60, 230, (2, 2, 3)).astype(np.float32)
    paper = cv2.resize(corners, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
    for _ in range(int(rng.integers(0, 4))):
        x, y, width, height = (int(v) for v in rng.integers(4, SIDE_PX // 2, 4))
        colour = _colour(rng).astype(float).tolist()
        cv2.rectangle(
            paper, (2 * x, y // 2), (2 * x + width // 3, y // 2 + height // 3), colour, -1
        )
    paper += rng.normal(0.0, 4.0, paper.shape).astype(np.float32)
    return np.clip(paper, 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> UInt8[np.ndarray, "3"]:
    return rng.integers(40, 240, 3).astype(np.uint8)


def _write_video(path: Path, scene: Scene) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=RATE_HZ, options={"crf": "23", "preset": "ultrafast"}
        )
        stream.width = stream.height = SIDE_PX
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, RATE_HZ)
        for number in range(round(CLIP_S * RATE_HZ)):
            frame = av.VideoFrame.from_ndarray(scene.draw(number / RATE_HZ), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
