"""Lower the steps of the shipped networks to StableHLO, for the package's `lowered.zip`.

    python scripts/lower_programs.py [--add]

To be run after a change of the code of the networks, or of the settings or shapes of the shipped
bundle (a test says when), and then with `--add` for each other version of jaxlib that is to start
as fast: it keeps what is in the file.
"""

import argparse
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from jax._src import compiler
from jax._src.interpreters import mlir
from jaxlib.mlir import ir, passmanager

from temporal_foley.files.output import replace_file
from temporal_foley.models.audio.geometry import COLUMN_SAMPLES
from temporal_foley.models.audio.student import load_student
from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.models.by_name import bundle_folder
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.programs import lowered, program
from temporal_foley.models.programs.lowered import (
    LoweredStep,
    entry_name,
    pack_lowered,
    shipped_steps,
)
from temporal_foley.models.programs.program import NetworkStep, Shapes
from temporal_foley.models.programs.run import describe_outputs, serialize

Outputs = list[tuple[str, list[int]]]

BUNDLE = "foley20"
FRAMES = (8, 64, 256, 512, 1024)
"""Lengths of clips; at 4 frames per second up to four minutes."""
AUDIO_COLUMNS = (8, 16, 32)
"""Lengths of windows of sound, of .32 s each; a shorter clip is rare."""


def run_steps() -> None:
    """Run each step of the shipped networks in the shapes that most videos need."""
    network = load_bundle(bundle_folder(BUNDLE)).network
    for frames in FRAMES:
        network.make_ready(frames, with_gradients=True)
        visual = np.zeros((frames, network.visual_features), np.float32)
        audio = np.zeros((frames, network.audio_features), np.float32)
        network.logits(visual, audio, has_picture=True, has_sound=True)
    backbone = load_backbone()
    backbone(np.zeros((1, backbone.input_size_px, backbone.input_size_px, 3), np.uint8))
    student = load_student()
    for columns in AUDIO_COLUMNS:
        samples = columns * COLUMN_SAMPLES
        student.columns(np.zeros((1, samples), np.float32), np.array([samples]))


def lower_steps() -> dict[str, LoweredStep]:
    """Return what jax gives its compiler for each step, by the names of entries."""
    steps: dict[str, LoweredStep] = {}
    compiled: list[tuple[bytes, bytes]] = []
    outputs: list[Outputs] = []
    compile_module, compile_step = compiler.backend_compile_and_load, NetworkStep._compile

    def note_module(backend: Any, module: Any, devices: Any, options: Any, callbacks: Any) -> Any:
        compiled.append((without_places(module), options.SerializeAsString()))
        return compile_module(backend, module, devices, options, callbacks)

    def note_outputs(executable: Any, own: Any) -> bytes:
        outputs.append(describe_outputs(own))
        return serialize(executable, own)

    def note_step(step: NetworkStep, shapes: Shapes) -> Any:
        made = compile_step(step, shapes)
        # Tracing may compile small programs before that of the step.
        steps[entry_name(step.describe(shapes))] = LoweredStep(*compiled[-1], outputs[-1])
        return made

    with (
        mock.patch.object(compiler, "backend_compile_and_load", note_module),
        mock.patch.object(program, "serialize", note_outputs),
        mock.patch.object(NetworkStep, "_compile", note_step),
        mock.patch.object(NetworkStep, "_load", return_value=None),
        mock.patch.object(NetworkStep, "_compile_lowered", return_value=None),
    ):
        run_steps()
    return steps


def without_places(module: ir.Module) -> bytes:
    """Return a module as bytecode, without the places in the source that it came from."""
    with module.context:
        copy = ir.Module.parse(mlir.module_to_bytecode(module))
        passmanager.PassManager.parse("builtin.module(strip-debuginfo)").run(copy.operation)
        return mlir.module_to_bytecode(copy)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--add", action="store_true", help="keep the steps that are in the file")
    kept = shipped_steps() if parser.parse_args().add else {}
    found = {**kept, **lower_steps()}
    file = Path(lowered.__file__).with_name(lowered.FILE)
    replace_file(file, pack_lowered(found))
    print(f"{file.name}: {len(found)} steps, {file.stat().st_size / 1000:.0f} kB")
