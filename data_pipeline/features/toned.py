"""Convert pictures to shades of one colour, so that colour does not reveal their class.

Sources differ in more than their classes: the faces that scream may be grey press photographs, and
those that yawn in colour. A head then learns to look at the colour. A second copy of all
pictures, each in shades of its own drawn tone from cool to that of skin, takes that clue away.
"""

import hashlib

import numpy as np
from jaxtyping import UInt8

WARMEST, COOLEST, GREENEST = 0.35, -0.1, 0.06
"""How far red rises and blue falls, at most and at least; how far green moves to either side."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Picture = UInt8[np.ndarray, "rows columns 3"]


def tone(picture: Picture, name: str) -> Picture:
    """Draw a tone by a name, and give the picture in its shades (luma of ITU-R BT.601)."""
    seed = int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "little")
    rng = np.random.default_rng(seed)
    warmth = rng.uniform(COOLEST, WARMEST)
    gains = 1.0 + np.array([warmth, rng.uniform(-GREENEST, GREENEST), -warmth])
    shades = (picture.astype(np.float32) @ _LUMA)[..., None] * gains.astype(np.float32)
    return np.clip(np.round(shades), 0.0, 255.0).astype(np.uint8)
