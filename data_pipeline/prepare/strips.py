"""Draw small pictures over time of examples in built datasets."""

from collections.abc import Callable, Collection
from pathlib import Path

import cv2

from data_pipeline.builders.pictures import decode_still
from data_pipeline.prepare.built import built_datasets, open_splits
from data_pipeline.schema import Example, from_example
from temporal_foley.errors import UsageError

THUMBNAILS = 8
HEIGHT_PX = 84
JPEG_QUALITY = 72

Strip = tuple[tuple[float, bytes], ...]
"""Times in seconds and JPEG files."""


def picture_strips(
    data: Path,
    wanted: Collection[tuple[str, str]],
    done: Callable[[float], None] = lambda part: None,
) -> dict[tuple[str, str], Strip]:
    """Return pictures of examples by dataset and id, from the built datasets in a folder.

    Unknown examples are skipped: features may be of other material too.
    """
    datasets = built_datasets(data) if data.is_dir() else {}
    if not datasets:
        raise UsageError(
            "contains no finished dataset",
            option="--pictures",
            path=data,
            remedy="build one with python -m data_pipeline build",
        )
    strips: dict[tuple[str, str], Strip] = {}
    for number, (name, folders) in enumerate(datasets.items()):
        # Features of several builds of a dataset are named DATASET/CONFIG.
        left = {key for key in wanted if key[0].split("/")[0] == name}
        for folder in folders:
            for records in open_splits(folder).values():
                for place in range(len(records) if left else 0):
                    record = records[place]
                    matches = [key for key in left if key[1] == _text(record["id"])]
                    for key in matches:
                        strips[key] = draw_strip(from_example(record))
                        left.discard(key)
        done((number + 1) / len(datasets))
    return strips


def draw_strip(example: Example) -> Strip:
    """Make small pictures of moments spread evenly over an example."""
    count = len(example.pictures)
    places = sorted({round(i * (count - 1) / max(THUMBNAILS - 1, 1)) for i in range(THUMBNAILS)})
    strip = []
    for place in places if count else ():
        picture = decode_still(example.pictures[place], f"{example.id}, picture {place}")
        width = max(1, round(picture.shape[1] * HEIGHT_PX / picture.shape[0]))
        small = cv2.resize(picture, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        fine, content = cv2.imencode(
            ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )
        assert fine
        strip.append((float(example.times_s[place]), content.tobytes()))
    return tuple(strip)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value
