"""Convert the weights of the report's PyTorch heads to params and statistics of ours.

The names are those of the classes printed in the report (`audio_embed`, `video_embed`,
`outputlayer`, `all_embed`, `rnn1` for the sound and `rnn2` for the picture); a head of one modality
has `embed` and `outputlayer`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped

from baselines.scenes.heads import HeadName

Tensors = Mapping[str, Shaped[np.ndarray, "..."]]
Pure = dict[str, Any]

_LSTM_DEPTH = 2


def scene_head_from_torch(state: Tensors, head: HeadName, alpha: float = 0.5) -> tuple[Pure, Pure]:
    """Arrange a state dict for a head; raise KeyError if it lacks a tensor.

    The weight of the image in late fusion is not a tensor there, so it is an argument.
    """
    if head in ("video", "audio"):
        embeds, readouts = {"embed": "embed"}, {"readout": "outputlayer"}
    elif head == "early":
        embeds, readouts = {"both": "all_embed"}, {}
    else:
        embeds = {"audio_embed": "audio_embed", "visual_embed": "video_embed"}
        readouts = {"readout": "outputlayer"}
    if head == "late":
        readouts = {
            "audio_readout": "outputlayer_audio",
            "visual_readout": "outputlayer_video",
        }
    params: Pure = {ours: _embed(state, theirs) for ours, theirs in embeds.items()}
    params |= {
        ours: {place: _dense(state, f"{theirs}.{place}") for place in range(2)}
        for ours, theirs in readouts.items()
    }
    if head in ("bilstm", "bilstm_pooled"):
        params |= {"audio_lstm": _lstm(state, "rnn1"), "visual_lstm": _lstm(state, "rnn2")}
    statistics: Pure = {
        ours: {
            "norm": {
                "mean": _array(state, f"{theirs}.1.running_mean"),
                "variance": _array(state, f"{theirs}.1.running_var"),
            }
        }
        for ours, theirs in embeds.items()
    }
    if head == "late":
        statistics["alpha_held"] = np.array([alpha], np.float32)
    return params, statistics


def _embed(state: Tensors, name: str) -> Pure:
    norm = {
        "scale": _array(state, f"{name}.1.weight"),
        "bias": _array(state, f"{name}.1.bias"),
    }
    return {
        "wide": _dense(state, f"{name}.0"),
        "norm": norm,
        "narrow": _dense(state, f"{name}.4"),
    }


def _dense(state: Tensors, name: str) -> Pure:
    return {"kernel": _array(state, f"{name}.weight").T, "bias": _array(state, f"{name}.bias")}


def _lstm(state: Tensors, name: str) -> Pure:
    def direction(ending: str) -> Pure:
        return {
            "inward": _array(state, f"{name}.weight_ih_{ending}").T,
            "inward_bias": _array(state, f"{name}.bias_ih_{ending}"),
            "across": _array(state, f"{name}.weight_hh_{ending}").T,
            "across_bias": _array(state, f"{name}.bias_hh_{ending}"),
        }

    return {
        "ahead": {layer: direction(f"l{layer}") for layer in range(_LSTM_DEPTH)},
        "behind": {layer: direction(f"l{layer}_reverse") for layer in range(_LSTM_DEPTH)},
    }


def _array(state: Tensors, name: str) -> Shaped[np.ndarray, "..."]:
    return np.asarray(state[name], np.float32)
