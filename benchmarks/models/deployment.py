"""Are exported programs what they were exported from? A bundle in, sizes and differences out.

    python benchmarks/models/deployment.py BUNDLE

Exports into a temporary folder, checks each SHA-256, reads each program back and runs it on the CPU
beside the function that it was made of, on seeded noise, at several batch sizes and lengths.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np

from temporal_foley.models.audio.student import load_student
from temporal_foley.models.bundle import deployment
from temporal_foley.models.bundle.bundle import Bundle, load_bundle
from temporal_foley.models.bundle.bundle_backbone import load_bundle_backbone
from temporal_foley.models.bundle.deploy import DOCUMENT, deploy

RNG = np.random.default_rng(0)


def tagger_inputs(bundle: Bundle) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield inputs of several shapes."""
    for batch, frames in ((1, 1), (1, 40), (3, 100)):
        yield (
            RNG.exponential(size=(batch, frames, bundle.tagger.visual_features)).astype(np.float32),
            RNG.normal(size=(batch, frames, bundle.tagger.audio_features)).astype(np.float32),
            RNG.random(batch) < 0.7,
            RNG.random(batch) < 0.7,
            RNG.integers(1, frames + 1, batch).astype(np.int32),
        )


def clip_inputs(bundle: Bundle, size_px: int, samples: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield one clip that fills its length and one that does not."""
    frames = deployment.clip_frames(bundle)
    for length in (frames, frames // 2):
        yield (
            RNG.integers(0, 255, (1, frames, size_px, size_px, 3), np.uint8),
            RNG.normal(size=(1, samples)).astype(np.float32) * 0.1,
            np.ones(1, bool),
            np.ones(1, bool),
            np.array([length], np.int32),
        )


def main() -> int:
    """Print a line for each program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path)
    words = parser.parse_args()
    bundle = load_bundle(words.bundle)
    backbone = load_bundle_backbone(bundle, lambda: bundle)
    size = backbone.input_size_px
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "programs"
        deploy(str(words.bundle), out)
        document = json.loads((out / DOCUMENT).read_text("utf-8"))
        for name, facts in document["programs"].items():
            content = (out / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == facts["sha256"], name
            program = jax.export.deserialize(bytearray(content))
            function: Callable
            if name == "tagger.stablehlo":
                function, inputs = deployment.tagger_function(bundle), tagger_inputs(bundle)
            elif name == "looker.stablehlo":
                function = deployment.looker_function(backbone)
                shapes = [(batch, size, size, 3) for batch in (1, 5)]
                inputs = ((RNG.integers(0, 255, shape, np.uint8),) for shape in shapes)
            else:
                function = deployment.clip_function(bundle, backbone, load_student())
                inputs = clip_inputs(bundle, size, program.in_avals[1].shape[1])
            run = jax.jit(function)
            worst = max(
                float(np.abs(np.asarray(program.call(*given)) - np.asarray(run(*given))).max())
                for given in inputs
            )
            print(
                f"{name}: {facts['bytes'] / 1e6:.1f} MB for {', '.join(program.platforms)}, "
                f"largest difference {worst:.1e}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
