"""The pictures and drawn weights behind `backbones.npz`; the same for its maker and its tests."""

import cv2
import numpy as np
import skimage.data

KEPT = 200


def lite_pictures(size_px: int) -> np.ndarray:
    """Return a synthetic picture and a cat, square."""
    ramp = np.arange(size_px)
    synthetic = np.stack(
        [ramp[:, None] + ramp, ramp[:, None] * 2 + 0 * ramp, ramp[:, None] ^ ramp], axis=-1
    ).astype(np.uint8)
    cat = skimage.data.chelsea()[:, 75:375]
    return np.stack([synthetic, cv2.resize(cat, (size_px, size_px), interpolation=cv2.INTER_AREA)])


def resnet_picture() -> np.ndarray:
    """Return one oblong picture, so that rows and columns cannot be mixed up."""
    return np.ascontiguousarray(skimage.data.chelsea()[None, 60:156, 150:278])


def resnet_draws(
    layers: dict[str, dict[str, tuple[int, ...]]],
) -> dict[str, dict[str, np.ndarray]]:
    """Draw weights for every layer, scaled so that the signal neither fades nor explodes."""
    generator = np.random.default_rng(0)

    def draw(part: str, shape: tuple[int, ...]) -> np.ndarray:
        if part in ("gamma", "moving_variance"):
            return generator.uniform(0.5, 1.5, shape).astype(np.float32)
        spread = np.prod(shape[:-1]) ** -0.5 if part == "kernel" else 0.1
        return generator.standard_normal(shape, dtype=np.float32) * np.float32(spread)

    return {
        layer: {part: draw(part, shape) for part, shape in parts.items()}
        for layer, parts in layers.items()
    }
