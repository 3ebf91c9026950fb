"""Run a compiled program with jax's runtime alone, which loads in a tenth of the time of jax.

The runtime, `jaxlib`, has no promise of stability: what fails here is meant to be caught, and the
program to be compiled again by jax itself. The version of jaxlib is part of a program's key.
"""

import functools
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from temporal_foley.models.programs.lowered import LoweredStep
from temporal_foley.models.programs.machine import steady_threads

Arrays = Sequence[Shaped[np.ndarray, "..."]]

CACHE_LINE_BYTES = 64
"""Arrays that begin at a multiple of it are not copied."""
RUN_ERRORS = (RuntimeError, AttributeError, TypeError, ValueError, KeyError, ImportError)
RUN_ERRORS += (BufferError, IndexError)
"""What a runtime of another version, or a program of another machine, raises."""


class _Kind(NamedTuple):
    """Type and shape of an array, in the place of jax's abstract values."""

    shape: tuple[int, ...]
    dtype: np.dtype
    weak_type: bool = False


class _Exported(NamedTuple):
    """A buffer of the runtime as numpy takes it."""

    capsule: Any

    def __dlpack__(self, **_options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class StoredProgram:
    """A compiled program; inputs and outputs are arrays on the host."""

    def __init__(self, content: bytes | bytearray):
        """Load what `serialize` returned."""
        runtime = _runtime()
        length = int.from_bytes(content[:8], "little")
        outputs = json.loads(content[8 : 8 + length])
        self._handlers = [
            runtime.result_handler(_Kind(tuple(shape), np.dtype(dtype)), runtime.sharding)
            for dtype, shape in outputs
        ]
        self._executable = runtime.load(bytes(content[8 + length :]))

    def __call__(self, weights: Sequence[Any], inputs: Arrays) -> tuple[np.ndarray, ...]:
        """Run the program on weights from `as_buffers` and on inputs."""
        results = self._executable.execute_sharded([*weights, *as_buffers(inputs)])
        export = _runtime().export
        found = []
        for buffer in results.consume_with_handlers(self._handlers):
            buffer.block_until_ready()
            found.append(np.from_dlpack(_Exported(export(buffer))))
        return tuple(found)


def serialize(executable: Any, outputs: Arrays) -> bytes:
    """Return a compiled program of jax, `compiled.runtime_executable()`, as bytes.

    Args:
        executable: The program.
        outputs: Arrays, or their descriptions, of the types and shapes of its outputs.
    """
    return _packed(describe_outputs(outputs), executable)


def compile_lowered(lowered: LoweredStep) -> bytes:
    """Compile a step that is lowered already, and return what `serialize` does."""
    return _packed(lowered.outputs, _runtime().compile(lowered))


def describe_outputs(outputs: Arrays) -> list[tuple[str, list[int]]]:
    """Return the types and shapes of arrays, or of descriptions of some."""
    return [(np.dtype(output.dtype).name, list(output.shape)) for output in outputs]


def _packed(outputs: list[tuple[str, list[int]]], executable: Any) -> bytes:
    head = json.dumps(outputs).encode()
    return len(head).to_bytes(8, "little") + head + executable.serialize()


def as_buffers(arrays: Arrays) -> list[Any]:
    """Return arrays as the runtime takes them; those on whole cache lines are not copied."""
    put = _runtime().put
    return [put(np.asarray(array, order="C")) for array in arrays]


class _Runtime:
    """The processor as a device of the runtime, without jax."""

    def __init__(self):
        steady_threads()
        # jax does the same: else the runtime reports its devices on the terminal.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
        from jaxlib import xla_client

        core: Any = importlib.import_module("jaxlib._jax")
        if "jax" not in sys.modules:
            # It has no value before jax gives it one, and jax does so again when it is imported.
            core.jax_jit.set_enable_x64_state(core.config.Config("temporal_foley_x64", False))
        client = xla_client.make_cpu_client(asynchronous=False)
        self._client, self._module = client, xla_client
        self._device = client.local_devices()[0]
        devices = xla_client.DeviceList((self._device,))
        self._devices = devices
        self.export = core.buffer_to_dlpack_managed_tensor

        class OnProcessor(xla_client.SingleDeviceSharding):
            """What the runtime asks of a sharding; jax adds it to the class when it is imported."""

            memory_kind = None
            _internal_device_list = devices

            def _to_xla_hlo_sharding(self, _dimensions: int) -> Any:
                return xla_client.HloSharding.replicate()

        self.sharding = OnProcessor(self._device)

    def load(self, executable: bytes) -> Any:
        options = self._module.CompileOptions()
        return self._client.deserialize_executable(executable, self._devices, options)

    def compile(self, lowered: LoweredStep) -> Any:
        options = self._module.CompileOptions.ParseFromString(lowered.options)
        return self._client.compile_and_load(
            lowered.module, executable_devices=self._devices, compile_options=options
        )

    def put(self, array: np.ndarray) -> Any:
        kind = _Kind(array.shape, array.dtype)
        return self._module.batched_device_put(kind, self.sharding, [array], [self._device])

    def result_handler(self, kind: _Kind, sharding: Any) -> Any:
        try:
            return self._module.array_result_handler(kind, sharding, True, True)
        except TypeError:  # From jaxlib 0.11 on it has no checks to be told to skip.
            return self._module.array_result_handler(kind, sharding, True)


@functools.cache
def _runtime() -> _Runtime:
    return _Runtime()
