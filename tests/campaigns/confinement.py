"""Hostile paths and disguised files in every place that takes one: nothing else is touched.

No file outside the inputs is opened, nothing is written outside the output, nobody is called, and
no pipe or device keeps the program. Each case is one place with one disguise; they are the same
for every seed.
"""

import dataclasses
import functools
import importlib
import itertools
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.campaigns import Failure, Result
from tests.campaigns.disguises import PATHS, SCRIPTS, Lure, Make
from tests.campaigns.specimens import VIDEOS, make_sound, make_video
from tests.campaigns.spoken import speak
from tests.campaigns.watchdog import answers
from tests.campaigns.witness import Ear, Watch, devices_opened, tree

LIMIT_BYTES = 1500 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kit:
    """Good inputs, for the places that are not tried."""

    folder: Path

    @property
    def video(self) -> str:
        return str(self.folder / "film.mp4")

    @property
    def sounds(self) -> str:
        return str(self.folder / "sounds")

    @property
    def library(self) -> str:
        return str(self.folder / "library")

    @property
    def cues(self) -> str:
        return str(self.folder / "out" / "film.foley" / "cues.json")

    @property
    def session(self) -> str:
        return str(self.folder / "out" / "film.foley" / "export" / "film.otio")

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"


Words = Callable[[Kit, str, str], list[str]]
"""The words of a command: good inputs, what is tried, and where output may go."""

FILMS: dict[str, Words] = {
    "generate VIDEO": lambda k, p, o: ["generate", p, "--out", o],
    "tag VIDEO": lambda k, p, o: ["tag", p, "--out", o],
    "render --video": lambda k, p, o: ["render", k.cues, "--video", p, "--out", o],
    "export --video": lambda k, p, o: ["export", k.cues, "--to", "otio", "--video", p, "--out", o],
    "reconform --video": lambda k, p, o: ["reconform", k.cues, "--video", p, "--out", o],
    "reconform --old-video": lambda k, p, o: (
        ["reconform", k.cues, "--video", k.video, "--old-video", p, "--out", o]
    ),
    "teach --examples": lambda k, p, o: (
        ["teach", "guitar", "--examples", str(Path(p).parent), "--out", f"{o}/b"]
    ),
    "features media": lambda k, p, o: ["(training)", p],
}
SOUNDS: dict[str, Words] = {
    "library add of a folder": lambda k, p, o: (
        ["library", "add", str(Path(p).parent), "--to", f"{o}/library", "--no-listen"]
    ),
    "teach --take": lambda k, p, o: (
        ["teach", "guitar", "--examples", f"{k.folder}/shown", "--take", p, "--out", f"{o}/b"]
    ),
    "training sound": lambda k, p, o: ["(training)", p],
}
TEXTS: dict[str, tuple[str, Words]] = {
    "render CUES": (".json", lambda k, p, o: ["render", p, "--out", o]),
    "export CUES": (".json", lambda k, p, o: ["export", p, "--to", "all", "--out", o]),
    "learn CUES": (".json", lambda k, p, o: ["learn", p, k.cues, "--out", f"{o}/b"]),
    "reconform CUES": (".json", lambda k, p, o: ["reconform", p, "--video", k.video, "--out", o]),
    "import --cues": (
        ".json",
        lambda k, p, o: ["import", k.session, "--cues", p, "--out", f"{o}/c"],
    ),
    "import RPP": (".rpp", lambda k, p, o: ["import", p, "--cues", k.cues, "--out", f"{o}/c"]),
    "import OTIO": (".otio", lambda k, p, o: ["import", p, "--cues", k.cues, "--out", f"{o}/c"]),
    "import OTIOZ": (".otioz", lambda k, p, o: ["import", p, "--cues", k.cues, "--out", f"{o}/c"]),
    "--vocabulary": (
        ".toml",
        lambda k, p, o: ["generate", k.video, "--vocabulary", p, "--out", o],
    ),
    "--weights": (
        ".h5",
        lambda k, p, o: (
            ["generate", k.video, "--backbone", "resnet152v2", "--weights", p, "--out", o]
        ),
    ),
    "library add --table": (
        ".tsv",
        lambda k, p, o: (
            ["library", "add", k.sounds, "--to", f"{o}/l", "--no-listen", "--table", p]
        ),
    ),
    "library add ZIP": (
        ".zip",
        lambda k, p, o: ["library", "add", p, "--to", f"{o}/l", "--no-listen"],
    ),
    "annotations dcase": (".tsv", lambda k, p, o: ["(annotations)", "dcase", p]),
    "annotations json": (".json", lambda k, p, o: ["(annotations)", "label_studio", p]),
    "annotations survey": ("", lambda k, p, o: ["(annotations)", "survey", str(Path(p).parent)]),
}
FOLDERS: dict[str, tuple[str, Words]] = {
    "--library, library.toml": (
        "library.toml",
        lambda k, p, o: ["generate", k.video, "--library", str(Path(p).parent), "--out", o],
    ),
    "--library, library.tsv": (
        "library.tsv",
        lambda k, p, o: ["generate", k.video, "--library", str(Path(p).parent), "--out", o],
    ),
    "library list": ("library.tsv", lambda k, p, o: ["library", "list", str(Path(p).parent)]),
    "library check": ("library.tsv", lambda k, p, o: ["library", "check", str(Path(p).parent)]),
    "library audition": (
        "library.tsv",
        lambda k, p, o: ["library", "audition", str(Path(p).parent), "--out", f"{o}/a.wav"],
    ),
    "--model, manifest.json": (
        "manifest.json",
        lambda k, p, o: ["info", "--model", str(Path(p).parent)],
    ),
    "--model, weights": (
        "weights.safetensors",
        lambda k, p, o: ["generate", k.video, "--model", str(Path(p).parent), "--out", o],
    ),
    "an output's run.json": (
        "run.json",
        lambda k, p, o: ["render", str(Path(p).parent / "cues.json"), "--out", o],
    ),
}
"""Places inside a folder: the name of the file there, and the words."""
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


FULL = len(all_cases())


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Try a place with a disguise a case."""
    kinds = all_cases()
    folder = folder.resolve()
    tasks: list[tuple[int, Path]] = [(n, folder) for n in cases if n < len(kinds)]
    failures, slowest = [], 0.0
    for (number, _), answer in itertools.chain(
        answers(prepare, [(-1, folder)], limit_s=300.0, workers=1),
        answers(attempt, tasks, warm_up=warm_up, limit_bytes=LIMIT_BYTES),
    ):
        what = "the good inputs" if number < 0 else ", ".join(kinds[number])
        slowest = max(slowest, answer.seconds if number >= 0 else 0.0)
        if fault := answer.fault or answer.value:
            print(f"{number}: {what}: {fault}", file=sys.stderr, flush=True)
            failures.append(Failure(case=number, what=what, came=fault))
    failures.sort(key=lambda failure: failure.case)
    figures = {"longest case": f"{slowest:.1f} s"}
    return Result(count=len(tasks), failures=failures, figures=figures)


def prepare(task: tuple[int, Path]) -> str:
    """Make the good inputs and the canaries."""
    from tests.campaigns.media import warm_up as quick_detector

    quick_detector()
    folder = task[1] / "kit"
    kit = Kit(folder=folder)
    (folder / "shown").mkdir(parents=True)
    (folder / "sounds").mkdir()
    make_video(VIDEOS[0], folder).rename(kit.video)
    for number in range(2):
        shutil.copyfile(kit.video, folder / "shown" / f"{number}.mp4")
    make_sound("wav-16", folder).rename(folder / "sounds" / "door knock.wav")
    package = Path(importlib.import_module("temporal_foley").__file__ or "").parent
    shutil.copytree(package / "bundles" / "foley20", kit.bundle)
    for words in (
        ["library", "add", kit.sounds, "--to", kit.library, "--no-listen"],
        ["generate", kit.video, "--out", f"{folder}/out"],
        ["export", kit.cues, "--to", "otio,reaper"],
    ):
        said = speak(words)
        if said.code:
            return said.err
    lure = task[1] / "lure"
    lure.mkdir()
    shutil.copyfile(kit.video, lure / "canary.mp4")
    shutil.copyfile(folder / "sounds" / "door knock.wav", lure / "canary.wav")
    shutil.copyfile(kit.cues, lure / "canary.json")
    return ""


def warm_up() -> None:
    """Load what most places need."""
    from tests.campaigns.media import warm_up as quick_detector

    quick_detector()
    for name in ("exporting", "from_cues", "reconform", "learn", "teach", "library_commands"):
        importlib.import_module(f"temporal_foley.{name}")
    importlib.import_module("data_pipeline.annotations.__main__")


@functools.cache
def _witnesses(lure: Path) -> tuple[Ear, Watch]:
    return Ear(), Watch(lure)


def attempt(task: tuple[int, Path]) -> str:
    """Try one place; returns what was wrong."""
    number, root = task
    place, disguise = all_cases()[number]
    kit = Kit(folder=root / "kit")
    # Every worker has canaries of its own, or one would be blamed for another.
    lure_folder = root / f"lure-{os.getpid()}"
    if not lure_folder.exists():
        shutil.copytree(root / "lure", lure_folder)
    ear, watch = _witnesses(lure_folder)
    lure = Lure(folder=lure_folder, port=ear.port)
    here = root / f"case-{number}"
    for name in ("in", "out", "away"):
        (here / name).mkdir(parents=True, exist_ok=True)
    words = _words(place, disguise, kit, lure, here)
    os.chdir(here / "away")
    before = tree(kit.folder, here / "in", here / "away", lure_folder)
    watch.opened()
    with devices_opened() as devices:
        said = speak(words, _command(words))
    os.chdir(root)
    faults = list(_behaviour(said.code, said.out + said.err, said.err))
    if opened := watch.opened():
        faults.append(f"opened {opened}")
    if ear.called():
        faults.append("called the port")
    if opened := sorted(set(devices) - {"/dev/null", "/dev/urandom"}):
        faults.append(f"opened {opened}")
    after = tree(kit.folder, here / "in", here / "away", lure_folder)
    if changed := sorted(set(before.items()) ^ set(after.items())):
        faults.append(f"changed {changed[0][0]}")
    if not faults:
        shutil.rmtree(here)
    return "; ".join(faults)


def _behaviour(code: int, said: str, err: str) -> Iterator[str]:
    if "Traceback" in said:
        yield "a traceback: " + said.strip().splitlines()[-1]
    elif code not in (0, 2, 3):
        yield f"exit code {code}: {said.strip()[-300:]}"
    elif code and len(err.splitlines()) > 1:
        yield f"exit code {code} with more than a line: {err.strip()[-300:]}"


def _command(words: list[str]) -> Callable[[list[str]], int]:
    if words[0] == "(annotations)":
        annotations = importlib.import_module("data_pipeline.annotations.__main__")
        return lambda argv: annotations.main(argv[1:])
    if words[0] == "(training)":
        return lambda argv: _read_for_training(Path(argv[1]))
    return importlib.import_module("temporal_foley.cli.main").main


def _read_for_training(path: Path) -> int:
    from tests.campaigns.media import read_for_training

    end, fault = read_for_training(path, path.parent)
    if fault:
        raise AssertionError(fault)
    return 0 if end == "read" else 3


def _words(place: str, disguise: str, kit: Kit, lure: Lure, here: Path) -> list[str]:
    """Put the disguise where it is looked for, and return the words of the command."""
    out = str(here / "out")
    make: Make = {**PATHS, **SCRIPTS}.get(disguise, PATHS["device"])
    if place in FILMS or place in SOUNDS:
        suffix = ".mp4" if place in FILMS else ".wav"
        value = make(here / "in" / f"door knock{suffix}", lure)
        return {**FILMS, **SOUNDS}[place](kit, _given(value, place, here), out)
    if place in TEXTS:
        suffix, words = TEXTS[place]
        return words(kit, _given(make(here / "in" / f"given{suffix}", lure), place, here), out)
    if place in FOLDERS:
        name, words = FOLDERS[place]
        target = here / "in" / name
        if name in ("manifest.json", "weights.safetensors"):
            shutil.copytree(kit.bundle, here / "in", dirs_exist_ok=True)
        elif name == "run.json":
            shutil.copytree(Path(kit.cues).parent, here / "in", dirs_exist_ok=True)
        else:
            shutil.copytree(kit.library, here / "in", dirs_exist_ok=True)
        target.unlink(missing_ok=True)
        value = make(target, lure)
        if isinstance(value, str):  # An address cannot stand in a folder: a link to it can.
            target.symlink_to(value)
        return words(kit, str(target), out)
    return _listed(place.removesuffix(" lists a sound"), disguise, kit, lure, here)


def _given(value: str | Path, place: str, here: Path) -> str:
    """Return what is handed over; where a folder is, what is no file in it becomes a link in it."""
    in_folder = place in ("teach --examples", "library add of a folder", "annotations survey")
    if isinstance(value, str) and in_folder:
        link = here / "in" / ("door knock.wav" if "library" in place else "door knock.mp4")
        link.symlink_to(value)
        return str(link)
    return str(value)


def _listed(place: str, file: str, kit: Kit, lure: Lure, here: Path) -> list[str]:
    """Let a table or cue list name a file that is none of its library's."""
    library, out = here / "in", str(here / "out")
    os.mkfifo(library / "pipe.wav")
    (library / "link.wav").symlink_to(lure.sound)
    file = file.format(sound=lure.sound).replace("../lure", f"../../{lure.folder.name}")
    if place == "library.toml":
        record = f'[[take]]\neffect = "dog_barking"\nfile = "{file}"\nlicence = "CC0-1.0"\n'
        (library / "library.toml").write_text(record)
        return ["generate", kit.video, "--library", str(library), "--out", out]
    if place == "cues.json":
        shutil.copytree(kit.library, library, dirs_exist_ok=True)
        document = json.loads(Path(kit.cues).read_text("utf-8"))
        for track in document["tracks"]:
            for cue in track["cues"]:
                cue["asset"] = {"kind": "file", "name": file, "seed": None, "sha256": "0" * 64}
        (library / "cues.json").write_text(json.dumps(document))
        words = ["--library", str(library), "--video", kit.video, "--out", out]
        return ["render", str(library / "cues.json"), *words]
    head = "file\teffect\tuse\tlicence\tsha256\n"
    row = f"{file}\tdog_barking\tyes\tCC0-1.0\t{'0' * 64}\n"
    (library / "library.tsv").write_text(head + row)
    if place == "library check":
        return ["library", "check", str(library)]
    return ["generate", kit.video, "--library", str(library), "--out", out]
