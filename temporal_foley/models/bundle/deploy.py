"""Export a bundle as a folder of programs that run without this package."""

import hashlib
import importlib.util
from pathlib import Path

from temporal_foley.errors import OutputExistsError, UsageError
from temporal_foley.models.bundle.bundle_files import to_json
from temporal_foley.models.by_name import bundle_folder

SCHEMA = "temporal-foley/deployment"
VERSION = 1
DOCUMENT = "deployment.json"


def deploy(
    model: str, out: Path, *, weights: Path | None = None, overwrite: bool = False
) -> dict[str, int]:
    """Export a bundle's programs; return their names and sizes in bytes.

    Raises:
        UsageError: There is no such bundle, or flatbuffers is not installed.
        OutputExistsError: The folder exists and `overwrite` is not given, or it is not a
            deployment.
    """
    if out.exists() and any(out.iterdir()):
        if not overwrite:
            raise OutputExistsError(
                "exists", path=out, remedy="choose another folder or use --overwrite"
            )
        if not (out / DOCUMENT).is_file():
            raise OutputExistsError("not a deployment, so it is not overwritten", path=out)
    folder = bundle_folder(model)
    if importlib.util.find_spec("flatbuffers") is None:
        raise UsageError("deploy needs flatbuffers; install temporal-foley[deploy]")
    # Imported after the arguments are checked: these load jax.
    from temporal_foley.models.audio.student import load_student
    from temporal_foley.models.bundle import deployment
    from temporal_foley.models.bundle.bundle import load_bundle, replace_folder

    bundle = load_bundle(folder)
    inputs = bundle.inputs
    backbone = bundle.load_backbone(weights)
    programs = {
        "tagger.stablehlo": deployment.export_tagger(bundle),
        "looker.stablehlo": deployment.export_image_encoder(backbone),
    }
    if inputs.listener == "student" and inputs.aspect != "native":
        programs["clip.stablehlo"] = deployment.export_clip(bundle, backbone, load_student())
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "bundle": {"name": bundle.name, "sha256": bundle.sha256},
        "effects": list(bundle.vocabulary.names),
        "frame_rate": str(bundle.frame_rate),
        "aspect": inputs.aspect,
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
    contents = {name: program.content for name, program in programs.items()}
    replace_folder(out, contents | {DOCUMENT: to_json(document)})
    return {name: len(content) for name, content in contents.items()}
