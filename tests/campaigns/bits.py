"""One flipped bit in what the program keeps on disk: it must be told, with file and remedy.

Case `k` flips a bit of a bundle, a sound library or cached features, in turn: a bundle is opened as
`generate` opens it, a library loaded and its takes read (or, for what people may correct by hand,
looked through by `library check`), features opened as training opens them.
"""

import contextlib
import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile

from temporal_foley.cli.main import main
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.library.add import AddSettings, add_sounds
from temporal_foley.models.bundle.bundle_files import open_bundle
from temporal_foley.models.by_name import bundle_folder
from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME
from temporal_foley.sound.takes.library import load_library
from tests.campaigns import Failure, Result

FULL = 500
REMEDIES = ("again", "delete", "--overwrite", "library add", "must", "should it be", "bring back")
SPARED = ("rejected.tsv",)
"""For people only; what it says stands in the notes of the shards too."""
_RATE_HZ = 16_000


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Flip one bit a case; report what was not noticed."""
    makers = {"bundle": make_bundle, "library": make_library, "features": make_features}
    checks = {"bundle": open_bundle, "library": open_library, "features": open_features}
    kept = {name: make(folder / name) for name, make in makers.items()}
    failures: list[Failure] = []
    counts: dict[str, int] = {}
    for name, place in kept.items():
        # Before anything is flipped, nothing is told.
        came = told_by(checks[name], place)
        if came is not None:
            failures.append(Failure(case=-1, what=f"an unharmed {name}", came=came))
    for case in cases:
        rng = np.random.default_rng((seed, case))
        name = list(kept)[case % len(kept)]
        found = (path for path in kept[name].rglob("*") if path.is_file())
        files = sorted(path for path in found if path.name not in SPARED)
        path = files[rng.integers(len(files))]
        content = path.read_bytes()
        place = int(rng.integers(8 * len(content)))
        what = f"bit {place % 8} of byte {place // 8} of {path.relative_to(folder)}"
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            came = told_by(checks[name], kept[name])
        except Exception as error:  # any other exception is what is looked for
            failures.append(Failure(case=case, what=what, came=f"{type(error).__name__}: {error}"))
            continue
        finally:
            path.write_bytes(content)
        counts[path.name] = counts.get(path.name, 0) + 1
        if came is None:
            failures.append(Failure(case=case, what=what, came="nothing was told"))
        elif path.name not in came or not any(word in came for word in REMEDIES):
            failures.append(Failure(case=case, what=what, came=came))
    return Result(count=len(cases), failures=failures, figures={"flipped, by file": counts})


def told_by(check: Callable[[Path], object], place: Path) -> str | None:
    """Return what is told of a thing on disk; None where nothing is."""
    try:
        told = check(place)
    except FoleyError as error:
        return str(error)
    return told if isinstance(told, str) else None


def make_bundle(folder: Path) -> Path:
    """Copy the bundle that ships."""
    shutil.copytree(bundle_folder(""), folder)
    return folder


def make_library(folder: Path) -> Path:
    """Take a few sounds into a library."""
    rng = np.random.default_rng(0)
    source = folder.with_name("sounds")
    source.mkdir(parents=True)
    for name in ("dog bark 1", "door creak", "glass 3", "fire"):
        hit = rng.normal(0, 0.3, _RATE_HZ // 2) * np.exp(-np.arange(_RATE_HZ // 2) / 800)
        soundfile.write(source / f"{name}.wav", hit.clip(-1, 1), _RATE_HZ)
    add_sounds(source, folder, AddSettings(vocabulary=load_vocabulary(), licence="CC0-1.0"))
    return folder


def make_features(folder: Path) -> Path:
    """Write small features of clips that are made up."""
    from tests.training.training_data import make_features as write

    return write(folder)


def open_library(folder: Path) -> str | None:
    """Load a library and read its takes; then look through its table."""
    library = load_library(folder)
    for effect in library.effects:
        for take in library.takes(effect):
            if take.asset.kind == "file":
                library.read(take.asset)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["library", "check", str(folder)])
    text = said.getvalue()
    if code == 0 and "changed by" not in text:
        return None
    # Sounds are named as the table names them.
    return text if CATALOGUE_NAME in text else f"{folder / CATALOGUE_NAME}: {text}"


def open_features(folder: Path) -> None:
    """Open all splits as training does, and look at their notes as the next extraction does."""
    from data_pipeline.features.split import open_split
    from data_pipeline.features.store import begin, read_note

    for split in ("train", "validation", "test"):
        store = open_split(folder, split).stores[0][1]
        begin(store.folder, store.settings)
        for shard in store.shards:
            if read_note(store.folder, shard.file) is None:
                raise AssertionError(f"{shard.file} is made again without a word")
