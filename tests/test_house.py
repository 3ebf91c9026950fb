"""Check the layout: folders import only from lower layers, and stay small and light to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the bottom up. A folder may import from lower layers and from itself.
LAYERS = (
    ("temporal_foley.errors",),
    ("temporal_foley.timegrid", "temporal_foley.files"),
    ("temporal_foley.timeline", "temporal_foley.media"),
    ("temporal_foley.effects", "temporal_foley.cue_list"),
    ("temporal_foley.spotting",),
    (
        "temporal_foley.sound",
        "temporal_foley.models",
        "temporal_foley.evaluation",
        "temporal_foley.pages",
    ),
    (
        "temporal_foley.documents",
        "temporal_foley.library",
        "temporal_foley.session",
        "temporal_foley.training",
    ),
    ("temporal_foley.edits", "temporal_foley.stages"),
    ("temporal_foley.render", "temporal_foley.teaching"),
    ("temporal_foley.foley",),
    ("temporal_foley.desk",),
    ("temporal_foley.cli",),
    ("temporal_foley.__main__",),
    ("configs",),
    ("data_pipeline.schema", "data_pipeline.annotations"),
    ("data_pipeline.builders",),
    ("data_pipeline.compose",),
    ("data_pipeline.distill", "data_pipeline.prepare"),
    ("data_pipeline.features",),
    ("data_pipeline.lay_up",),
    ("data_pipeline.acquire", "data_pipeline.input", "data_pipeline.self_label"),
    ("data_pipeline.after_training",),
    ("data_pipeline.train",),
    ("data_pipeline.commands",),
    ("data_pipeline.__main__", "data_pipeline.old_commands"),
    ("baselines.scenes", "baselines.stills"),
)
LAYER_OF = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
TOP_LEVEL = ("temporal_foley", "data_pipeline", "baselines", "configs")
MOST_ROOT_MODULES = {"temporal_foley": 10, "data_pipeline": 3}
MOST_FILES = 15
# Folders still to be divided, with the number of files that they may not exceed meanwhile.
CROWDED: dict[str, int] = {}
HEAVY = {"jax", "jaxlib", "flax", "optax", "orbax", "torch", "tensorflow"}
WITHOUT_JAX = ("errors", "timegrid", "effects", "timeline", "cue_list", "files", "media")
WITHOUT_JAX += ("spotting", "sound", "session", "pages", "edits")


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    module_name(path): path for top in TOP_LEVEL for path in sorted((ROOT / top).rglob("*.py"))
}


def room_of(module):
    """Return the folder or root module that a module belongs to: `temporal_foley.media`."""
    parts = module.split(".")
    return parts[0] if parts[0] == "configs" else ".".join(parts[:2])


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: use absolute imports"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports():
    """Yield (importing module, imported module) over the whole tree, packages' roots left out."""
    for name, path in MODULES.items():
        for other in imported(path):
            if other in MODULES and other not in TOP_LEVEL and name not in TOP_LEVEL:
                yield name, other


def test_every_folder_has_a_layer_and_every_layer_a_folder():
    rooms = {room_of(name) for name in MODULES if "." in name or name == "configs"}
    assert rooms == set(LAYER_OF)


def test_folders_import_only_from_lower_layers():
    wrong = [
        f"{name} imports {other}"
        for name, other in imports()
        if room_of(name) != room_of(other) and LAYER_OF[room_of(other)] >= LAYER_OF[room_of(name)]
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_cycle():
    imports_of = {name: set() for name in MODULES}
    for name, other in imports():
        # A package's own `__init__` is always loaded first: that is no cycle.
        if name != other and not name.startswith(other + "."):
            imports_of[name].add(other)
    while leaves := [name for name, others in imports_of.items() if not others]:
        for leaf in leaves:
            del imports_of[leaf]
        for others in imports_of.values():
            others.difference_update(leaves)
    assert sorted(imports_of) == []


@pytest.mark.parametrize(("top", "most"), MOST_ROOT_MODULES.items())
def test_package_roots_hold_few_modules(top, most):
    assert len(list((ROOT / top).glob("*.py"))) <= most


def test_folders_hold_few_files():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    counts = {}
    for line in tracked.stdout.splitlines():
        if line.endswith(".py") and not line.endswith("__init__.py") and (ROOT / line).exists():
            folder = str(Path(line).parent)
            counts[folder] = counts.get(folder, 0) + 1
    too_many = {
        folder: count for folder, count in counts.items() if count > CROWDED.get(folder, MOST_FILES)
    }
    assert too_many == {}


def test_light_folders_do_not_import_jax():
    wrong = [
        f"{name} imports {other}"
        for name, path in MODULES.items()
        if name.startswith("temporal_foley.") and name.split(".")[1] in WITHOUT_JAX
        for other in imported(path)
        if other.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_models_do_not_import_media():
    wrong = [
        f"{name} imports {other}"
        for name, other in imports()
        if name.startswith("temporal_foley.models") and other.startswith("temporal_foley.media")
    ]
    assert wrong == []


def test_the_package_does_not_import_training_code_or_tensorflow():
    forbidden = ("configs", "data_pipeline", "baselines", "tensorflow", "torch", "keras")
    wrong = [
        f"{name} imports {other}"
        for name, path in MODULES.items()
        if name.startswith("temporal_foley")
        for other in imported(path)
        if other.split(".")[0] in forbidden
    ]
    assert wrong == []


def test_only_the_command_train_loads_training_code():
    # It is the one command that is about training. It loads the pipeline when it runs, by name, so
    # that the package works without; a missing extra is an error of one line.
    users = [
        name
        for name, path in MODULES.items()
        if name.startswith("temporal_foley") and '"data_pipeline.' in path.read_text("utf-8")
    ]
    assert users == ["temporal_foley.cli.commands.train"]


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"], ["info"]])
def test_commands_that_need_no_model_do_not_load_one(words):
    code = (
        "import sys\n"
        "from temporal_foley.cli.main import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "LOADED []" in done.stderr, done.stderr
