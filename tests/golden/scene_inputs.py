"""The embeddings and drawn weights behind `scenes.npz`; the same for its maker and its tests."""

import numpy as np

CLIPS, FRAMES, WIDTH, SCENES = 8, 6, 512, 10
STEPS = 3
LATE_ALPHA = 0.25


def clips() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return picture embeddings, sound embeddings and scenes."""
    generator = np.random.default_rng(4)
    shape = (CLIPS, FRAMES, WIDTH)
    visual, audio = (generator.standard_normal(shape, dtype=np.float32) for _ in range(2))
    return visual, audio, generator.integers(0, SCENES, CLIPS)


def draw_state(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Draw a tensor for each name of a state dict, so that signals keep their size."""
    generator = np.random.default_rng(5)

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name.endswith("running_var"):
            return generator.uniform(0.5, 1.5, shape).astype(np.float32)
        spread = shape[-1] ** -0.5 if len(shape) > 1 else 0.1
        return generator.standard_normal(shape, dtype=np.float32) * np.float32(spread)

    # The count of batches that PyTorch keeps has no part in the answer.
    kept = (name for name in sorted(shapes) if not name.endswith("num_batches_tracked"))
    return {name: draw(name, shapes[name]) for name in kept}
