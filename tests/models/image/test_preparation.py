import numpy as np
import pytest

from temporal_foley.models.image.preparation import ASPECTS, native_size, prepare_image


def test_crop_takes_the_middle():
    image = np.zeros((256, 512, 3), np.uint8)
    image[16:240, 144:368] = 200
    prepared = prepare_image(image, 224, "crop")
    assert prepared.shape == (224, 224, 3)
    assert (prepared == 200).all()


def test_letterbox_keeps_the_whole_picture_between_grey_bars():
    prepared = prepare_image(np.full((100, 400, 3), 250, np.uint8), 224, "letterbox")
    assert prepared.shape == (224, 224, 3)
    assert (prepared[84:140] == 250).all()
    assert (prepared[:84] == 127).all()
    assert (prepared[140:] == 127).all()


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(1080, 1920, (224, 384)), (1920, 1080, (384, 224)), (50, 50, (224, 224)), (9, 90, (224, 448))],
)
def test_native_sizes_are_few_and_bounded(height, width, size):
    assert native_size(height, width, 224) == size


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (7, 5), (224, 224), (1080, 1920)])
def test_any_picture_fits(aspect, shape):
    prepared = prepare_image(np.full((*shape, 3), 127, np.uint8), 224, aspect)
    assert prepared.dtype == np.uint8
    assert min(prepared.shape[:2]) == 224
    assert max(prepared.shape[:2]) <= 448
    assert (prepared == 127).all()


def test_views_and_mirrored_pictures_are_taken():
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    mirrored = image[:, ::-1]
    expected = prepare_image(np.ascontiguousarray(mirrored), 224, "stretch")
    np.testing.assert_array_equal(prepare_image(mirrored, 224, "stretch"), expected)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 8, 3), np.float32),
    ],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match="image must be uint8"):
        prepare_image(image, 224, "stretch")


def test_unknown_aspects_list_the_known():
    with pytest.raises(ValueError, match="stretch, crop, letterbox, native"):
        prepare_image(np.zeros((8, 8, 3), np.uint8), 224, "squash")
