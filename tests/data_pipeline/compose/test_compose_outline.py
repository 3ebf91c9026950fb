"""Things cut out of their stills: found where there is one whole thing, refused elsewhere."""

import cv2
import numpy as np
import pytest

from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.builders.pictures import decode_still
from data_pipeline.compose.outline import find_outline, outline_of
from data_pipeline.compose.picture import render_pictures
from data_pipeline.compose.pools import PoolStill
from data_pipeline.compose.script import Camera, Layer, Look, Script, ScriptWindow, Shot

SIDE = 160


def noisy(colour, seed=0):
    noise = np.random.default_rng(seed).integers(-12, 13, (SIDE, SIDE, 3))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def disc(radius=50, centre=(80, 80)):
    """Draw a red disc before a green ground; return the picture and where the disc is."""
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(inside, centre, radius, 1, cv2.FILLED)
    image = np.where(inside[..., None] > 0, noisy((210, 50, 40)), noisy((60, 150, 70), 1))
    return image.astype(np.uint8), inside.astype(bool)


def test_the_outline_is_that_of_the_thing_and_soft():
    image, inside = disc()
    cover = find_outline(image)
    assert cover.shape == inside.shape
    common = ((cover > 0.5) & inside).sum() / ((cover > 0.5) | inside).sum()
    assert common > 0.93
    assert cover.min() == 0.0
    assert cover.max() == pytest.approx(1.0, abs=0.01)
    assert 0.01 < ((cover > 0.1) & (cover < 0.9)).mean() < 0.15


def test_the_same_picture_has_the_same_outline():
    image, _ = disc()
    np.testing.assert_array_equal(find_outline(image), find_outline(image.copy()))


@pytest.mark.parametrize(
    "image",
    [
        np.full((SIDE, SIDE, 3), 128, np.uint8),
        disc(radius=8)[0],
        disc(radius=95)[0],
        disc(radius=40, centre=(20, 80))[0],
        cv2.resize(np.random.default_rng(2).integers(0, 256, (12, 12, 3), np.uint8), (SIDE, SIDE)),
        np.concatenate([noisy((60, 120, 220))[:80], noisy((210, 190, 90))[80:]]),
        np.zeros((6, 6, 3), np.uint8),
    ],
    ids=["plain", "tiny", "cut off on all sides", "aside", "confetti", "horizon", "few pixels"],
)
def test_what_is_no_whole_thing_is_refused(image):
    assert find_outline(image) is None


def test_a_cut_out_shows_what_is_behind_it_at_its_corners(tmp_path):
    image, _ = disc()
    paths = {"thing": tmp_path / "thing.png", "ground": tmp_path / "ground.png"}
    cv2.imwrite(str(paths["thing"]), image[..., ::-1])
    cv2.imwrite(str(paths["ground"]), np.full((SIDE, SIDE, 3), (200, 60, 30), np.uint8))
    stay = Camera(zoom=(1, 1), centre_x=(0.5, 0.5), centre_y=(0.5, 0.5), shake=0.0, shake_seed=0)

    def layer(name, mask, **window):
        file = LabelledFile(
            id=name,
            path=paths[name],
            medium="picture",
            source=name,
            classes=(name,),
            effects=(),
            is_known=True,
            sha256=name,
        )
        still = PoolStill(file=file, short_side_px=SIDE, is_grey=False)
        return Layer(
            shown=still, windows=(ScriptWindow(time_s=0.0, **window),), camera=stay, mask=mask
        )

    layers = (
        layer("ground", "none", left=0.0, top=0.0),
        layer("thing", "outline", left=0.25, top=0.25, width=0.5, height=0.5),
    )
    script = Script(
        frames=1,
        frame_rate_hz=4.0,
        width_px=160,
        height_px=160,
        look=Look(detail_px=100, is_grey=False, jpeg_quality=95),
        shots=(Shot(onset_s=0.0, offset_s=0.25, layers=layers),),
    )
    picture = decode_still(render_pictures(script)[0]).astype(int)
    assert picture[80, 80, 0] > 150
    for row, column in ((44, 44), (44, 116), (10, 80), (117, 44)):
        assert picture[row, column, 2] > 150
    assert outline_of(paths["thing"], "thing") is outline_of(paths["thing"], "thing")
