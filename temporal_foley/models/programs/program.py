"""Compile a step of a network once for a machine, and run it without jax from then on.

A program is stored in the cache under a hash of the step, of its shapes and of everything in
`machine`. Where it is missing, damaged, or cannot be run, it is compiled from what the package has
of the step (`lowered`), or else jax traces and compiles the step, and the result is stored. In each
way the same machine code runs, so results are equal to the bit.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from jaxtyping import Shaped

from temporal_foley.files.cache import Cache
from temporal_foley.models.programs.lowered import find_lowered
from temporal_foley.models.programs.machine import (
    changes_compiler,
    machine_key,
    runs_on_processor,
    steady_threads,
)
from temporal_foley.models.programs.run import (
    CACHE_LINE_BYTES,
    RUN_ERRORS,
    StoredProgram,
    as_buffers,
    compile_lowered,
    serialize,
)

Array = Shaped[np.ndarray, "..."]
Weights = Mapping[str, Array]
"""Weights by their dotted names."""
Outputs = tuple[Array, ...]
Shapes = tuple[tuple[str, tuple[int, ...]], ...]
Step = Callable[..., Any]

CACHE = Cache("programs", 1 << 28)
_NARROW = {"int64": np.int32, "float64": np.float32}
"""Types that jax takes as narrower ones."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NetworkStep:
    """A step of a network with its weights, compiled for each shape of its inputs."""

    name: str
    settings: Any
    """Plain data that decides, with the name, what is traced; None: it is not stored."""
    trace: Callable[[], Step]
    """Returns the step, a function of nested weights and of the inputs; may import jax."""
    weights: Weights
    cache: Cache = CACHE
    _steps: dict[Shapes, "Compiled"] = dataclasses.field(default_factory=dict)
    _lock: AbstractContextManager[bool] = dataclasses.field(default_factory=threading.Lock)

    def __call__(self, *inputs: Array) -> Outputs:
        """Run the step."""
        arrays = [np.asarray(array, _NARROW.get(array.dtype.name)) for array in inputs]
        return self.make_ready(*arrays)(*arrays)

    def make_ready(self, *inputs: Array) -> Callable[..., Outputs]:
        """Return the step for inputs like these; loads or compiles it if need be."""
        names = (np.dtype(_NARROW.get(array.dtype.name, array.dtype)).name for array in inputs)
        return self.compile_for(*zip(names, (array.shape for array in inputs), strict=True))

    def compile_for(self, *shapes: tuple[str, tuple[int, ...]]) -> Callable[..., Outputs]:
        """Return the step for inputs of given types and shapes; loads or compiles it if need be."""
        with self._lock:
            if shapes not in self._steps:
                stored = self._load(shapes) or self._compile_lowered(shapes)
                self._steps[shapes] = stored or self._compile(shapes)

        def run(*inputs: Array) -> Outputs:
            step = self._steps[shapes]
            try:
                return step(self, inputs)
            except RUN_ERRORS:
                if not isinstance(step, _Stored):
                    raise
            # It loads but does not run here: as if it were not stored.
            with self._lock:
                self._steps[shapes] = self._compile(shapes)
            return self._steps[shapes](self, inputs)

        return run

    def _load(self, shapes: Shapes) -> "Compiled | None":
        if self.settings is None or not runs_on_processor():
            return None
        key = self._key(shapes)
        if key in _SHARED:
            return _SHARED[key]
        content = self.cache.read(key)
        if content is None:
            return None
        try:
            return _SHARED.setdefault(key, _Stored(StoredProgram(content)))
        except RUN_ERRORS:
            return None

    def _compile_lowered(self, shapes: Shapes) -> "Compiled | None":
        if self.settings is None or not runs_on_processor() or changes_compiler():
            return None
        lowered = find_lowered(self.describe(shapes))
        if lowered is None:
            return None
        try:
            content = compile_lowered(lowered)
            compiled = _Stored(StoredProgram(content))
        except RUN_ERRORS:
            return None
        self.cache.write(self._key(shapes), content)
        return _SHARED.setdefault(self._key(shapes), compiled)

    def _compile(self, shapes: Shapes) -> "Compiled":
        steady_threads()
        import jax

        from temporal_foley.models.compilation import (
            enable_compilation_cache,
            without_compilation_cache,
        )

        if self.settings is None:
            enable_compilation_cache()
        step = self.trace()
        on_processor = jax.default_backend() == "cpu"
        options: dict[str, str | bool] | None = None
        if on_processor:
            # Steps run in threads of their own. One that uses several itself adds in another order
            # for each number of cores, and the results would depend on the machine.
            options = {"xla_cpu_multi_thread_eigen": False}

        def flat(weights: Any, *inputs: Any) -> Any:
            return step(nested(weights), *inputs)

        structs = [jax.ShapeDtypeStruct(shape, np.dtype(dtype)) for dtype, shape in shapes]
        # Unused weights are kept, so that a stored program takes all of them.
        lowered = jax.jit(flat, keep_unused=True).lower(self._on_device, *structs)
        is_stored = self.settings is not None and on_processor and runs_on_processor()
        with without_compilation_cache() if is_stored else contextlib.nullcontext():
            compiled = lowered.compile(compiler_options=options)

        def run(program: NetworkStep, inputs: Sequence[Array]) -> Outputs:
            outputs = jax.tree.leaves(compiled(program._on_device, *inputs))
            return tuple(np.asarray(output) for output in outputs)

        if not is_stored:
            return run
        with contextlib.suppress(*RUN_ERRORS):
            outputs: Any = jax.tree.leaves(compiled.out_info)
            self.cache.write(self._key(shapes), serialize(compiled.runtime_executable(), outputs))
        _SHARED[self._key(shapes)] = run
        return run

    def describe(self, shapes: Shapes) -> list[Any]:
        """Return plain data that decides, with the code and the machine, what is compiled."""
        own = [(name, array.dtype.name, array.shape) for name, array in self._sorted.items()]
        return [self.name, self.settings, own, shapes]

    def _key(self, shapes: Shapes) -> str:
        parts = [*self.describe(shapes), machine_key()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @functools.cached_property
    def _sorted(self) -> dict[str, Array]:
        # The order in which jax passes the entries of a dict.
        return dict(sorted(self.weights.items()))

    @functools.cached_property
    def _buffers(self) -> list[Any]:
        return as_buffers(list(self._sorted.values()))

    @functools.cached_property
    def _on_device(self) -> Any:
        import jax

        return jax.device_put(self._sorted)


Compiled = Callable[[NetworkStep, Sequence[Array]], Outputs]
_SHARED: dict[str, Compiled] = {}
"""Compiled steps of this process by key: bundles of one shape share them."""


class _Stored:
    """A stored program as a `Compiled`."""

    def __init__(self, run: StoredProgram):
        self._run = run

    def __call__(self, program: NetworkStep, inputs: Sequence[Array]) -> Outputs:
        return self._run(program._buffers, inputs)


def single_precision(weights: Weights) -> dict[str, Array]:
    """Return weights in single precision, placed in memory so that no runtime copies them."""
    line = CACHE_LINE_BYTES
    sizes = {name: -(-4 * array.size // line) * line for name, array in weights.items()}
    block = np.empty(sum(sizes.values()) + line, np.uint8)
    place = -block.ctypes.data % line
    placed: dict[str, Array] = {}
    for name, array in weights.items():
        part = block[place : place + 4 * array.size].view(np.float32).reshape(array.shape)
        part[...] = array
        placed[name] = part
        place += sizes[name]
    return placed


def nested(weights: Mapping[str, Any]) -> dict:
    """Arrange weights by dotted names as the nested dict that flax takes."""
    tree: dict = {}
    for name, array in weights.items():
        *path, last = (int(part) if part.isdecimal() else part for part in name.split("."))
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = array
    return tree


def flattened(tree: Mapping[Any, Any], prefix: str = "") -> dict[str, Array]:
    """Return the weights of a nested dict by dotted names, on the host: `nested` undone."""
    flat: dict[str, Array] = {}
    for part, branch in tree.items():
        if isinstance(branch, Mapping):
            flat |= flattened(branch, f"{prefix}{part}.")
        else:
            flat[f"{prefix}{part}"] = np.asarray(branch)
    return flat
