"""Make `backbones.npz` beside this file, from PyTorch and Keras; needs torch, keras and h5py.

    KERAS_BACKEND=jax python tests/golden/make_backbones.py

For EfficientNet-Lite: features and logits of a synthetic picture and of scikit-image's chelsea, by
plain PyTorch operations on the released weights, normalisation not folded. For ResNetV2: the same
by `keras.applications`, with weights drawn by `backbone_inputs.py`. Only the first values are kept.
"""

from pathlib import Path

import keras
import numpy as np
import torch
from backbone_inputs import KEPT, lite_pictures, resnet_draws, resnet_picture
from torch.nn import functional

from temporal_foley.models.image.lite_weights import block_shapes
from temporal_foley.models.image.releases import RELEASES, RESNET_DEPTHS, weights_path
from temporal_foley.models.image.resnet_v2 import keras_layers


def main() -> None:
    golden = {}
    for name in RELEASES:
        features, logits = run_lite(name)
        golden[f"{name}.features"] = features[:, :KEPT]
        golden[f"{name}.logits"] = logits[:, :KEPT]
    for name in RESNET_DEPTHS:
        features, logits = run_resnet(name)
        golden[f"{name}.features"] = features[:, :KEPT]
        golden[f"{name}.logits"] = logits[:, :KEPT]
    np.savez_compressed(Path(__file__).with_name("backbones.npz"), **golden)


def run_lite(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Run a released EfficientNet-Lite with PyTorch operations."""
    release = RELEASES[name]
    state = torch.load(weights_path(release), weights_only=True)

    def convolve(maps, layer, norm, stride=1, groups=1):
        kernel = state[f"{layer}.weight"]
        padding = []
        for size in (maps.shape[3], maps.shape[2]):
            total = max((-(-size // stride) - 1) * stride + kernel.shape[2] - size, 0)
            padding += [total // 2, total - total // 2]
        maps = functional.conv2d(
            functional.pad(maps, padding), kernel, stride=stride, groups=groups
        )
        parts = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var"))
        return functional.batch_norm(
            maps, *parts, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=1e-3
        )

    pictures = torch.from_numpy(lite_pictures(release.size_px)).permute(0, 3, 1, 2)
    maps = functional.relu6(convolve((pictures.float() - 127) / 128, "_conv_stem", "_bn0", 2))
    for index, shape in enumerate(block_shapes(release.width, release.depth)):
        prefix = f"_blocks.{index}."
        wide = maps
        if shape.expansion > 1:
            wide = functional.relu6(convolve(maps, f"{prefix}_expand_conv", f"{prefix}_bn0"))
        depthwise = (f"{prefix}_depthwise_conv", f"{prefix}_bn1", shape.stride, wide.shape[1])
        wide = functional.relu6(convolve(wide, *depthwise))
        narrow = convolve(wide, f"{prefix}_project_conv", f"{prefix}_bn2")
        has_shortcut = shape.stride == 1 and shape.inputs == shape.outputs
        maps = maps + narrow if has_shortcut else narrow
    maps = functional.relu6(convolve(maps, "_conv_head", "_bn1"))
    features = maps.mean(dim=(2, 3))
    logits = functional.linear(features, state["_fc.weight"], state["_fc.bias"])
    return features.numpy(), logits.numpy()


def run_resnet(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Run a `keras.applications` network with drawn weights."""
    picture = resnet_picture()
    build = getattr(keras.applications, name.replace("resnet", "ResNet").replace("v2", "V2"))
    network = build(weights=None, include_top=False, input_shape=picture.shape[1:])
    draws = resnet_draws(keras_layers(RESNET_DEPTHS[name]))
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(list(draws[layer.name].values()))
    prepared = keras.applications.resnet_v2.preprocess_input(picture.astype(np.float32))
    features = np.asarray(network(prepared)).mean(axis=(1, 2))
    top = draws["predictions"]
    return features, features @ top["kernel"] + top["bias"]


if __name__ == "__main__":
    main()
