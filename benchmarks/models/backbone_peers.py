"""Build the networks of other packages from EfficientNet-Lite0's params, for `backbone.py`.

Each function returns one that takes a batch of pictures and returns logits; it raises ImportError
where the peer is not installed.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float, UInt8

from temporal_foley.models.image.layers import same_padding
from temporal_foley.models.image.lite_weights import block_shapes

Look = Callable[[UInt8[np.ndarray, "batch rows columns 3"]], Float[np.ndarray, "batch classes"]]
SHAPES = block_shapes(1.0, 1.0)


def plain_flax(params: dict, is_folded: bool) -> Look:
    """Build it of `nnx.Conv`, with or without a `nnx.BatchNorm` after each convolution."""
    rngs = nnx.Rngs(0)

    def layer(kernel: np.ndarray, bias: np.ndarray, stride: int = 1, groups: int = 1):
        size, outputs = kernel.shape[0], kernel.shape[3]
        convolution = nnx.Conv(
            kernel.shape[2] * groups,
            outputs,
            (size, size),
            strides=stride,
            feature_group_count=groups,
            use_bias=is_folded,
            rngs=rngs,
        )
        convolution.kernel[...] = jnp.asarray(kernel)
        if is_folded:
            convolution.bias[...] = jnp.asarray(bias)
            return convolution
        norm = nnx.BatchNorm(outputs, use_running_average=True, epsilon=0.0, rngs=rngs)
        norm.bias[...] = jnp.asarray(bias)
        return nnx.Sequential(convolution, norm)

    def pointwise(part: dict):
        return layer(np.asarray(part["kernel"])[None, None], part["bias"])

    def depthwise(part: dict, stride: int):
        kernel = np.asarray(part["kernel"])
        return layer(kernel[:, :, None], part["bias"], stride, kernel.shape[2])

    class Plain(nnx.Module):
        def __init__(self):
            self.stem = layer(params["stem"]["kernel"], params["stem"]["bias"], 2)
            self.parts = nnx.List(
                [
                    nnx.List(
                        [
                            *([pointwise(block["expand"])] if "expand" in block else []),
                            depthwise(block["depthwise"], shape.stride),
                            pointwise(block["project"]),
                        ]
                    )
                    for shape, block in zip(SHAPES, params["blocks"].values(), strict=True)
                ]
            )
            self.head = pointwise(params["head"])

        def __call__(self, images):
            maps = jax.nn.relu6(self.stem((images.astype(jnp.float32) - 127.0) / 128.0))
            for shape, part in zip(SHAPES, self.parts, strict=True):
                wide = maps
                for convolution in part[:-1]:
                    wide = jax.nn.relu6(convolution(wide))
                narrow = part[-1](wide)
                has_shortcut = shape.stride == 1 and shape.inputs == shape.outputs
                maps = maps + narrow if has_shortcut else narrow
            features = jax.nn.relu6(self.head(maps)).mean(axis=(1, 2))
            return features @ params["readout"]["kernel"] + params["readout"]["bias"]

    graphdef, state = nnx.split(Plain())
    step = jax.jit(lambda state, images: nnx.merge(graphdef, state)(images))
    return lambda images: np.asarray(step(state, images))


def onnx_model(params: dict, size_px: int) -> bytes:
    """Write the network as an ONNX model."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(values) -> str:
        name = f"constant{len(constants)}"
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def add(kind: str, *inputs: str, **attributes) -> str:
        name = f"value{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolve(maps: str, kernel, bias, size: int, stride: int = 1, groups: int = 1) -> str:
        before, after = same_padding(size, kernel.shape[2], stride)
        return add(
            "Conv",
            maps,
            constant(kernel),
            constant(bias),
            strides=[stride] * 2,
            pads=[before, before, after, after],
            group=groups,
        )

    def pointwise(maps: str, part: dict) -> str:
        return convolve(maps, np.asarray(part["kernel"]).T[:, :, None, None], part["bias"], 1)

    zero, six = constant(0.0), constant(6.0)
    maps = add("Transpose", add("Cast", "images", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    maps = add("Mul", add("Sub", maps, constant(127.0)), constant(1 / 128))
    stem = params["stem"]
    maps = convolve(maps, stem["kernel"].transpose(3, 2, 0, 1), stem["bias"], size_px, 2)
    maps, size = add("Clip", maps, zero, six), -(-size_px // 2)
    for shape, block in zip(SHAPES, params["blocks"].values(), strict=True):
        wide = maps
        if "expand" in block:
            wide = add("Clip", pointwise(maps, block["expand"]), zero, six)
        kernel = np.asarray(block["depthwise"]["kernel"]).transpose(2, 0, 1)[:, None]
        bias = block["depthwise"]["bias"]
        wide = convolve(wide, kernel, bias, size, shape.stride, len(kernel))
        narrow = pointwise(add("Clip", wide, zero, six), block["project"])
        size = -(-size // shape.stride)
        has_shortcut = shape.stride == 1 and shape.inputs == shape.outputs
        maps = add("Add", maps, narrow) if has_shortcut else narrow
    maps = add("Clip", pointwise(maps, params["head"]), zero, six)
    features = add("Flatten", add("GlobalAveragePool", maps))
    readout = params["readout"]
    logits = add("Gemm", features, constant(readout["kernel"]), constant(readout["bias"]))
    nodes.append(helper.make_node("Identity", [logits], ["logits"]))
    shape = ["batch", size_px, size_px, 3]
    graph = helper.make_graph(
        nodes,
        "efficientnet_lite0",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1000])],
        constants,
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def onnx_runtime(params: dict, size_px: int) -> Look:
    """Run it in ONNX Runtime, one picture at a time, its fastest way here."""
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_model(params, size_px))
    return lambda images: np.concatenate(
        [session.run(None, {"images": image[None]})[0] for image in images]
    )


def openvino(params: dict, size_px: int) -> Look:
    """Run it in OpenVINO, one picture at a time in as many streams as it likes."""
    from openvino import AsyncInferQueue, Core

    core = Core()
    model = core.read_model(model=onnx_model(params, size_px))
    model.reshape([1, size_px, size_px, 3])
    queue = AsyncInferQueue(core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"}))

    def look(images):
        logits = np.empty((len(images), 1000), np.float32)

        def keep(request, index):
            logits[index] = request.get_output_tensor(0).data[0]

        queue.set_callback(keep)
        for index, image in enumerate(images):
            queue.start_async({0: image[None]}, index)
        queue.wait_all()
        return logits

    return look


def torch_eager(params: dict, size_px: int) -> Look:
    """Run it with PyTorch operations, normalisation folded, channels last."""
    import torch
    from torch.nn import functional

    def tensor(values):
        return torch.from_numpy(np.array(values, np.float32, order="C"))

    def kernel(part: dict, axes: int):
        values = np.asarray(part["kernel"])
        if axes == 4:
            return tensor(values.transpose(3, 2, 0, 1))
        return tensor(
            values.T[:, :, None, None] if axes == 2 else values.transpose(2, 0, 1)[:, None]
        )

    held = {"stem": (kernel(params["stem"], 4), tensor(params["stem"]["bias"]))}
    for name in ("head", "readout"):
        held[name] = (kernel(params[name], 2), tensor(params[name]["bias"]))
    for index, block in params["blocks"].items():
        for name, part in block.items():
            axes = 3 if name == "depthwise" else 2
            held[f"{index}.{name}"] = (kernel(part, axes), tensor(part["bias"]))

    def convolve(maps, name: str, stride: int = 1, groups: int = 1):
        weight, bias = held[name]
        before, after = same_padding(maps.shape[2], weight.shape[2], stride)
        if before or after:
            maps = functional.pad(maps, (before, after, before, after))
        return functional.conv2d(maps, weight, bias, stride=stride, groups=groups)

    def look(images):
        with torch.inference_mode():
            maps = torch.from_numpy(images).permute(0, 3, 1, 2).float()
            maps = functional.relu6(convolve((maps - 127) / 128, "stem", 2))
            for index, shape in enumerate(SHAPES):
                wide = maps
                if shape.expansion > 1:
                    wide = functional.relu6(convolve(maps, f"{index}.expand"))
                wide = convolve(wide, f"{index}.depthwise", shape.stride, wide.shape[1])
                narrow = convolve(functional.relu6(wide), f"{index}.project")
                has_shortcut = shape.stride == 1 and shape.inputs == shape.outputs
                maps = maps + narrow if has_shortcut else narrow
            maps = functional.relu6(convolve(maps, "head"))
            return convolve(maps.mean(dim=(2, 3), keepdim=True), "readout")[:, :, 0, 0].numpy()

    return look
