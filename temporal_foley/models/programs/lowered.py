"""Find steps of the shipped networks as StableHLO, so that a first start need not trace them.

`lowered.zip` has the modules that jax lowers those steps to, for the shapes that are used most, and
the options that jax compiles them with. jaxlib compiles them to the same machine code for half of
the processor time, since neither jax nor flax is imported. An entry is named by a hash of the step,
of its shapes, of the code of the networks and of the version of jaxlib, which does not promise to
read what another version wrote: with others, and after a change of that code, steps are traced.
`scripts/lower_programs.py` writes the file.
"""

import functools
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from importlib import metadata, resources
from typing import Any, NamedTuple

from temporal_foley.files.digest import code_sha256

FILE = "lowered.zip"
_CODE = ("models/audio", "models/image", "models/tagging", "models/programs/program.py")


class LoweredStep(NamedTuple):
    """What jaxlib needs to compile a step."""

    module: bytes
    """StableHLO as MLIR bytecode."""
    options: bytes
    """Serialized options of the compiler."""
    outputs: list[tuple[str, list[int]]]
    """Types and shapes of the outputs."""


def entry_name(description: Any) -> str:
    """Return the name of the entry of a step, given plain data that describes it."""
    text = json.dumps(description, sort_keys=True)
    parts = [metadata.version("jaxlib"), code_sha256(*_CODE), text]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_lowered(description: Any) -> LoweredStep | None:
    """Return a step that ships with the package, given plain data that describes it, or None."""
    return shipped_steps().get(entry_name(description))


def pack_lowered(steps: Mapping[str, LoweredStep]) -> bytes:
    """Return the content of the file with some steps, by the names of their entries."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, step in sorted(steps.items()):
            about = {"options": step.options.hex(), "outputs": step.outputs}
            contents = {"json": json.dumps(about).encode(), "mlir": step.module}
            for suffix, content in contents.items():
                # Without the time of writing: the same steps are the same file.
                entry = zipfile.ZipInfo(f"{name}.{suffix}")
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


@functools.cache
def shipped_steps() -> Mapping[str, LoweredStep]:
    """Return all steps in the file by the names of their entries; none if it is damaged."""
    file = resources.files("temporal_foley.models.programs") / FILE
    try:
        with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
            names = [name.removesuffix(".mlir") for name in archive.namelist() if ".mlir" in name]
            return {name: _read(archive, name) for name in names}
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return {}


def _read(archive: zipfile.ZipFile, name: str) -> LoweredStep:
    about = json.loads(archive.read(f"{name}.json"))
    module = archive.read(f"{name}.mlir")
    outputs = [(kind, shape) for kind, shape in about["outputs"]]
    return LoweredStep(module, bytes.fromhex(about["options"]), outputs)
