"""Load a ResNetV2 from a Keras weights file.

Reads what `keras.applications` publishes (`resnet152v2_weights_tf_dim_ordering_tf_kernels.h5`, with
or without `_notop`), and what `save_weights` writes, as `.h5` or as `.weights.h5`. Only arrays are
read from the file, never a model's description.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from temporal_foley.errors import WeightsError
from temporal_foley.models.image.loaded import LoadedNetwork, load_network
from temporal_foley.models.image.releases import RESNET_DEPTHS, RESNET_SIZE_PX
from temporal_foley.models.image.resnet_v2 import (
    FEATURES,
    ResNetV2,
    keras_layers,
    params_from_keras,
)
from temporal_foley.models.weights import sha256_of

_TOP = "predictions"


def load_resnet_v2(name: str, weights: Path) -> LoadedNetwork:
    """Load a ResNetV2 from the user's weights file; without its top the logits are all zero."""
    depths = RESNET_DEPTHS[name]
    layers = read_keras_weights(weights, name)
    return load_network(
        lambda: ResNetV2(depths),
        params_from_keras(layers, depths),
        sha256=sha256_of(weights),
        features=FEATURES,
        size_px=RESNET_SIZE_PX,
    )


def read_keras_weights(path: Path, name: str) -> dict[str, dict[str, Float[np.ndarray, "..."]]]:
    """Read the weights of every layer of a ResNetV2, by layer and weight name."""
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(
            "reading it needs h5py", path=path, remedy="run `pip install temporal-foley[backbones]`"
        ) from error
    wanted = keras_layers(RESNET_DEPTHS[name])
    try:
        with h5py.File(path, "r") as file:
            groups = _named_layers(file) if "layers" in file else _legacy_layers(file)
            if _TOP not in groups:
                shapes = wanted.pop(_TOP)
                top = {part: np.zeros(shape, np.float32) for part, shape in shapes.items()}
            else:
                top = {}
            layers = {layer: _read_layer(groups, layer, parts) for layer, parts in wanted.items()}
            # A deeper sibling holds all layers of a shallower one, and more.
            extra = [layer for layer in groups if layer.startswith("conv") and layer not in wanted]
            if extra:
                raise ValueError(f"it also holds the layer {extra[0]}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise WeightsError(f"not Keras weights of {name} ({error})", path=path) from error
    return {**layers, _TOP: top} if top else layers


def _read_layer(
    groups: dict[str, dict[str, Any]], layer: str, parts: dict[str, tuple[int, ...]]
) -> dict[str, Float[np.ndarray, "..."]]:
    if layer not in groups:
        raise ValueError(f"it lacks the layer {layer}")
    arrays = {}
    for part, shape in parts.items():
        dataset = groups[layer].get(part)
        if dataset is None or getattr(dataset, "shape", None) != shape:
            found = "nothing" if dataset is None else getattr(dataset, "shape", "no array")
            raise ValueError(f"{layer}/{part} must have shape {shape}, found {found}")
        arrays[part] = np.asarray(dataset, np.float32)
        if not np.isfinite(arrays[part]).all():
            raise ValueError(f"{layer}/{part} holds values that are not finite")
    return arrays


def _legacy_layers(file: Any) -> dict[str, dict[str, Any]]:
    """Index the form of Keras 1 and 2: a group a layer, weights by name."""
    root = file.get("model_weights", file)
    if "layer_names" not in root.attrs:
        raise ValueError("it has no layers")
    layers = {}
    for layer in (_text(name) for name in root.attrs["layer_names"]):
        paths = [_text(path) for path in root[layer].attrs["weight_names"]]
        # Names look like "conv1_conv/kernel:0".
        weights = {path.split("/")[-1].split(":")[0]: root[layer][path] for path in paths}
        if weights:
            layers[layer] = weights
    return layers


def _named_layers(file: Any) -> dict[str, dict[str, Any]]:
    """Index the form of Keras 3: weights by number, the layer's name in an attribute."""
    layers = {}
    for group in file["layers"].values():
        weights = group.get("vars")
        if weights is None or len(weights) == 0:
            continue
        if "name" not in weights.attrs:
            raise ValueError(
                "its layers have no names; save it again with a newer Keras, or as .h5"
            )
        is_norm = len(weights) == 4
        parts = (
            ("gamma", "beta", "moving_mean", "moving_variance") if is_norm else ("kernel", "bias")
        )
        layers[_text(weights.attrs["name"])] = {
            part: weights[str(index)] for index, part in enumerate(parts[: len(weights)])
        }
    return layers


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
