"""The house stands: a room imports only from floors below it, and light rooms stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "temporal_foley"

# From the ground up; a module may import from floors below its own and from its own room.
FLOORS = (
    ("errors", "reading"),
    ("timegrid", "effects", "config", "versions"),
    ("timeline", "media", "models"),
    ("cue_list",),
    ("spotting", "sound", "session", "attribution"),
    ("evaluation", "bundle_spotter", "close_look", "keep_edits", "reconform"),
    ("training", "models_by_name", "stages", "demo", "exported_sound", "library_listening"),
    ("library_recognition", "library_arguments", "library_sources"),
    ("library_corrections",),
    ("foley", "library_adding", "exported_files", "teach", "teach_sounds", "deploy"),
    ("from_cues", "learn", "exporting", "progress", "info", "arguments"),
    ("library_commands", "batch"),
    ("commands",),
    ("cli",),
    ("__main__",),
)
ROOMS = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = {"jax", "jaxlib", "flax", "optax", "orbax", "torch", "tensorflow"}
WITHOUT_JAX = (
    "errors",
    "timegrid",
    "effects",
    "timeline",
    "cue_list",
    "media",
    "spotting",
    "sound",
    "session",
)


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if name != "__init__":
            yield path, name


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            yield node.module
            if node.module == "temporal_foley":
                yield from (f"temporal_foley.{alias.name}" for alias in node.names)


def test_every_module_has_a_floor():
    assert {room for _, room in modules()} - set(ROOMS) == set()


def test_a_room_imports_only_from_floors_below():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, room in modules()
        for name in imported(path)
        if name.startswith("temporal_foley.")
        and (other := name.split(".")[1]) in ROOMS
        and other != room
        and ROOMS[other] >= ROOMS[room]
    ]
    assert wrong == []


def test_rooms_without_a_model_do_not_import_jax():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, room in modules()
        if room in WITHOUT_JAX
        for name in imported(path)
        if name.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_models_do_not_import_media():
    wrong = [
        path.name
        for path, room in modules()
        if room == "models"
        for name in imported(path)
        if name.startswith("temporal_foley.media")
    ]
    assert wrong == []


def test_the_library_does_not_import_training_code_or_tensorflow():
    forbidden = ("configs", "data_pipeline", "tensorflow", "torch", "keras")
    wrong = [
        f"{path.name} imports {name}"
        for path, _ in modules()
        for name in imported(path)
        if name.split(".")[0] in forbidden
    ]
    assert wrong == []


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"], ["info"]])
def test_words_that_need_no_model_do_not_load_one(words):
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
