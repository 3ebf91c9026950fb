"""A bundle in, a folder of programs out that run without this package."""

import hashlib
import importlib.util
import json
import os
import shutil
from pathlib import Path

from temporal_foley.errors import OutputExistsError, UsageError
from temporal_foley.models.by_name import bundle_folder

SCHEMA = "temporal-foley/deployment"
VERSION = 1
DOCUMENT = "deployment.json"


def deploy(
    model: str, out: Path, *, weights: Path | None = None, overwrite: bool = False
) -> dict[str, int]:
    """Export a bundle's programs; return their names and sizes in bytes.

    Raises:
        UsageError: There is no such bundle, or what programs are written with is not installed.
        OutputExistsError: Something is there, and `overwrite` is not given, or it is no deployment.
    """
    if out.exists() and any(out.iterdir()):
        if not overwrite:
            raise OutputExistsError(f"{out}: is there already; give another or --overwrite")
        if not (out / DOCUMENT).is_file():
            raise OutputExistsError(f"{out}: is no earlier deployment and is left alone")
    folder = bundle_folder(model)
    if importlib.util.find_spec("flatbuffers") is None:
        raise UsageError("deploy needs flatbuffers; install temporal-foley[deploy]")
    # Not before the words are known to be right: these load jax.
    from temporal_foley.models.audio.student import load_student
    from temporal_foley.models.bundle import deployment
    from temporal_foley.models.bundle.bundle import load_bundle
    from temporal_foley.models.bundle.bundle_backbone import load_bundle_backbone

    bundle = load_bundle(folder)
    senses = bundle.senses
    backbone = load_bundle_backbone(bundle, lambda: bundle, weights=weights)
    programs = {
        "tagger.stablehlo": deployment.export_tagger(bundle),
        "looker.stablehlo": deployment.export_looker(backbone),
    }
    if senses.listener == "student" and senses.aspect != "native":
        programs["clip.stablehlo"] = deployment.export_clip(bundle, backbone, load_student())
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "bundle": {"name": bundle.name, "sha256": bundle.sha256},
        "effects": list(bundle.vocabulary.names),
        "frame_rate": str(bundle.frame_rate),
        "aspect": senses.aspect,
        "platforms": list(deployment.PLATFORMS),
        "decision": bundle.decision,
        "programs": {
            name: {
                "sha256": hashlib.sha256(program.content).hexdigest(),
                "bytes": len(program.content),
                "takes": list(program.takes),
                "gives": program.gives,
            }
            for name, program in programs.items()
        },
    }
    staging = out.with_name(f"{out.name}.{os.getpid()}.part")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        for name, program in programs.items():
            (staging / name).write_bytes(program.content)
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (staging / DOCUMENT).write_text(text, "utf-8")
        if out.exists():
            shutil.rmtree(out)
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return {name: len(program.content) for name, program in programs.items()}
