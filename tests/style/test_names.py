"""Check that no public class or function of the package and the pipeline has two meanings."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Names that are defined more than once on purpose, with the reason.
ALLOWED = {
    "evaluate": "each metric is used as module.evaluate",
    "main": "each program is started by it",
    "make": "each synthesis recipe is used as module.make",
    "run": "each command is used as module.run",
    # The image and the audio network are built of the same parts, in two and in one dimension.
    "Bottleneck": "the same block",
    "BlockShape": "the shape of that block",
    "Depthwise": "the same layer",
    "block_shapes": "the shapes of a network's blocks",
    "params_from_torch": "reads the published weights of a network",
}


def public_definitions() -> dict[str, list[str]]:
    """Return the modules that define each public class or function at their top level."""
    found: dict[str, list[str]] = {}
    for top in ("temporal_foley", "data_pipeline"):
        for path in sorted((ROOT / top).rglob("*.py")):
            for node in ast.parse(path.read_text("utf-8")).body:
                is_named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                if is_named and not node.name.startswith("_"):
                    found.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    return found


def test_public_names_are_defined_once():
    twice = {name: paths for name, paths in public_definitions().items() if len(paths) > 1}
    assert {name: paths for name, paths in twice.items() if name not in ALLOWED} == {}
    assert set(ALLOWED) <= set(twice), "remove names that are no longer defined twice"
