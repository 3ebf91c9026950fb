"""Hand hostile paths and disguised files to every place that takes one.

No file outside the inputs is opened, nothing is written outside the output, nobody is called, and
no pipe or device keeps the program waiting. Each case is one place with one disguise.
"""

import functools
import importlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from tests.campaigns.command_run import run_command
from tests.campaigns.driver import Campaign, Trial
from tests.campaigns.inputs.disguises import PATHS, SCRIPTS, Lure
from tests.campaigns.inputs.witness import Port, Watch, devices_opened, tree
from tests.campaigns.media.damaged_media import read_for_training
from tests.campaigns.media.damaged_media import warm_up as use_quick_detector
from tests.campaigns.media.specimens import VIDEOS, make_sound, make_video

# Commands by place: {path} is what is tried, {parent} its folder, {out} where output may go, and
# the other names are good inputs.
FILMS = {
    "generate VIDEO": "generate {path} --out {out}",
    "tag VIDEO": "tag {path} --out {out}",
    "render --video": "render {cues} --video {path} --out {out}",
    "export --video": "export {cues} --to otio --video {path} --out {out}",
    "reconform --video": "reconform {cues} --video {path} --out {out}",
    "reconform --old-video": "reconform {cues} --video {video} --old-video {path} --out {out}",
    "teach --examples": "teach guitar --examples {parent} --out {out}/b",
    "features media": "(training) {path}",
}
SOUNDS = {
    "library add of a folder": "library add {parent} --to {out}/library --no-listen",
    "teach --take": "teach guitar --examples {shown} --take {path} --out {out}/b",
    "training sound": "(training) {path}",
}
TEXTS = {
    "render CUES": (".json", "render {path} --out {out}"),
    "export CUES": (".json", "export {path} --to all --out {out}"),
    "learn CUES": (".json", "learn {path} {cues} --out {out}/b"),
    "reconform CUES": (".json", "reconform {path} --video {video} --out {out}"),
    "import --cues": (".json", "import {session} --cues {path} --out {out}/c"),
    "import RPP": (".rpp", "import {path} --cues {cues} --out {out}/c"),
    "import OTIO": (".otio", "import {path} --cues {cues} --out {out}/c"),
    "import OTIOZ": (".otioz", "import {path} --cues {cues} --out {out}/c"),
    "--vocabulary": (".toml", "generate {video} --vocabulary {path} --out {out}"),
    "--weights": (
        ".h5",
        "generate {video} --backbone resnet152v2 --weights {path} --out {out}",
    ),
    "library add --table": (
        ".tsv",
        "library add {sounds} --to {out}/l --no-listen --table {path}",
    ),
    "library add ZIP": (".zip", "library add {path} --to {out}/l --no-listen"),
    "annotations dcase": (".tsv", "(annotations) dcase {path}"),
    "annotations json": (".json", "(annotations) label_studio {path}"),
    "annotations survey": ("", "(annotations) survey {parent}"),
}
"""The suffix of the file, and the command."""
FOLDERS = {
    "--library, library.toml": ("library.toml", "generate {video} --library {parent} --out {out}"),
    "--library, library.tsv": ("library.tsv", "generate {video} --library {parent} --out {out}"),
    "library list": ("library.tsv", "library list {parent}"),
    "library check": ("library.tsv", "library check {parent}"),
    "library audition": ("library.tsv", "library audition {parent} --out {out}/a.wav"),
    "--model, manifest.json": ("manifest.json", "info --model {parent}"),
    "--model, weights": (
        "weights.safetensors",
        "generate {video} --model {parent} --out {out}",
    ),
    "an output's run.json": ("run.json", "render {parent}/cues.json --out {out}"),
}
"""The name of the file in a folder, and the command."""
LISTED = ("{sound}", "../lure/canary.wav", "/dev/zero", "pipe.wav", "link.wav", "http://x/a.wav")
"""What a table may call a sound of a library."""


def all_cases() -> list[tuple[str, str]]:
    """Return every place with every disguise."""
    found = [(place, name) for place in (*FILMS, *SOUNDS) for name in (*PATHS, *SCRIPTS)]
    found += [(place, name) for place in (*TEXTS, *FOLDERS) for name in PATHS]
    found += [
        (f"{place} lists a sound", name)
        for place in ("library.toml", "library.tsv", "library check", "cues.json")
        for name in LISTED
    ]
    return found


def good_inputs(kit: Path) -> dict[str, str]:
    """Return where each good input is, by its name in the commands."""
    work = kit / "out" / "film.foley"
    names = {name: kit / name for name in ("shown", "sounds", "library", "bundle")}
    names |= {"video": kit / "film.mp4", "cues": work / "cues.json"}
    return {name: str(path) for name, path in names.items()} | {
        "session": str(work / "export" / "film.otio")
    }


def prepare(folder: Path) -> None:
    """Make the good inputs and the canaries."""
    from temporal_foley import foley

    kit, lure = folder / "kit", folder / "lure"
    good = good_inputs(kit)
    (kit / "shown").mkdir(parents=True)
    (kit / "sounds").mkdir()
    lure.mkdir()
    make_video(VIDEOS[0], kit).rename(good["video"])
    for number in range(2):
        shutil.copyfile(good["video"], kit / "shown" / f"{number}.mp4")
    make_sound("wav-16", kit).rename(kit / "sounds" / "door knock.wav")
    package = Path(importlib.import_module("temporal_foley").__file__ or "").parent
    shutil.copytree(package / "bundles" / "foley20", good["bundle"])
    with mock.patch.object(foley, "load_detector"):
        use_quick_detector()
        for command in (
            "library add {sounds} --to {library} --no-listen",
            "generate {video} --out {out}",
            "export {cues} --to otio,reaper",
        ):
            run = run_command([w.format(**good, out=kit / "out") for w in command.split()])
            if run.code:
                raise AssertionError(run.err)
    shutil.copyfile(good["video"], lure / "canary.mp4")
    shutil.copyfile(kit / "sounds" / "door knock.wav", lure / "canary.wav")
    shutil.copyfile(good["cues"], lure / "canary.json")


@functools.cache
def _witnesses(lure: Path) -> tuple[Port, Watch]:
    return Port(), Watch(lure)


def attempt(trial: Trial) -> None:
    """Try one place."""
    place, disguise = all_cases()[trial.number]
    trial.what = f"{place}, {disguise}"
    # Every worker has canaries of its own, or one would be blamed for another.
    lure_folder = trial.root / f"lure-{os.getpid()}"
    if not lure_folder.exists():
        shutil.copytree(trial.shared / "lure", lure_folder)
    port, watch = _witnesses(lure_folder)
    lure = Lure(folder=lure_folder, port=port.number)
    kit, here = trial.shared / "kit", trial.folder
    for name in ("in", "out", "away"):
        (here / name).mkdir()
    words = _command(place, disguise, kit, lure, here)
    watched = (kit, here / "in", here / "away", lure_folder)
    os.chdir(here / "away")
    before = tree(*watched)
    watch.opened()
    with devices_opened() as devices:
        run = run_command(words, _program(words))
    os.chdir(trial.root)
    written = (run.out + run.err).strip()
    if "Traceback" in written:
        trial.faults.append("a traceback: " + written.splitlines()[-1])
    elif run.code not in (0, 2, 3):
        trial.faults.append(f"exit code {run.code}: {written[-300:]}")
    elif run.code and len(run.err.splitlines()) > 1:
        trial.faults.append(f"exit code {run.code} with more than a line: {run.err[-300:]}")
    trial.expect("files opened", [], watch.opened())
    trial.expect("calls of the port", False, port.called())
    trial.expect("devices opened", set(), set(devices) - {"/dev/null", "/dev/urandom"})
    trial.expect("changes", [], sorted(set(before.items()) ^ set(tree(*watched).items()))[:1])


def _program(words: list[str]) -> Callable[[list[str]], int]:
    if words[0] == "(annotations)":
        pipeline = importlib.import_module("data_pipeline.__main__")
        return lambda argv: pipeline.main(["annotations", *argv[1:]])
    if words[0] == "(training)":
        return lambda argv: _read_for_training(Path(argv[1]))
    return importlib.import_module("temporal_foley.cli.main").main


def _read_for_training(path: Path) -> int:
    end, fault = read_for_training(path, path.parent)
    if fault:
        raise AssertionError(fault)
    return 0 if end == "read" else 3


def _command(place: str, disguise: str, kit: Path, lure: Lure, here: Path) -> list[str]:
    """Put the disguise where it is looked for, and return the command's arguments."""
    if place.endswith(" lists a sound"):
        return _listed(place.removesuffix(" lists a sound"), disguise, kit, lure, here)
    make, name = {**PATHS, **SCRIPTS}[disguise], ""
    if place in FOLDERS:
        name, command = FOLDERS[place]
        good = good_inputs(kit)
        source = {"manifest.json": "bundle", "weights.safetensors": "bundle"}.get(name, "library")
        folder = Path(good["cues"]).parent if name == "run.json" else good[source]
        shutil.copytree(folder, here / "in", dirs_exist_ok=True)
        (here / "in" / name).unlink(missing_ok=True)
    elif place in TEXTS:
        suffix, command = TEXTS[place]
        name = f"given{suffix}"
    else:
        command = {**FILMS, **SOUNDS}[place]
        name = f"door knock{'.mp4' if place in FILMS else '.wav'}"
    path = make(here / "in" / name, lure)
    # An address cannot be in a folder: a link to it can.
    if isinstance(path, str) and "{parent}" in command:
        (here / "in" / name).symlink_to(path)
        path = here / "in" / name
    values = {"path": path, "parent": here / "in", "out": here / "out"} | good_inputs(kit)
    return [word.format(**values) for word in command.split()]


def _listed(place: str, file: str, kit: Path, lure: Lure, here: Path) -> list[str]:
    """Let a table or cue list name a file that is none of its library's."""
    library, out, good = here / "in", str(here / "out"), good_inputs(kit)
    os.mkfifo(library / "pipe.wav")
    (library / "link.wav").symlink_to(lure.sound)
    file = file.format(sound=lure.sound).replace("../lure", f"../../{lure.folder.name}")
    if place == "library.toml":
        record = f'[[take]]\neffect = "dog_barking"\nfile = "{file}"\nlicence = "CC0-1.0"\n'
        (library / "library.toml").write_text(record)
        return ["generate", good["video"], "--library", str(library), "--out", out]
    if place == "cues.json":
        shutil.copytree(good["library"], library, dirs_exist_ok=True)
        document = json.loads(Path(good["cues"]).read_text("utf-8"))
        for track in document["tracks"]:
            for cue in track["cues"]:
                cue["asset"] = {"kind": "file", "name": file, "seed": None, "sha256": "0" * 64}
        (library / "cues.json").write_text(json.dumps(document))
        words = ["--library", str(library), "--video", good["video"], "--out", out]
        return ["render", str(library / "cues.json"), *words]
    head = "file\teffect\tuse\tlicence\tsha256\n"
    row = f"{file}\tdog_barking\tyes\tCC0-1.0\t{'0' * 64}\n"
    (library / "library.tsv").write_text(head + row)
    if place == "library check":
        return ["library", "check", str(library)]
    return ["generate", good["video"], "--library", str(library), "--out", out]


CAMPAIGN = Campaign(
    attempt=attempt,
    full=len(all_cases()),
    is_list=True,
    # Steps through the places at another disguise each.
    short=range(3, len(all_cases()), 17),
    long=range(len(all_cases())),
    prepare=prepare,
    warm_up=use_quick_detector,
    watched=True,
    limit_bytes=1500 << 20,
)
