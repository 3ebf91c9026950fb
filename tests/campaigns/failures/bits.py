"""Flip one bit in what the program keeps on disk: it must report the file and the remedy.

Case `k` flips a bit of a bundle, a sound library or cached features, in turn: a bundle is opened as
`generate` opens it; a library is loaded, its takes read and `library check` run, for people may
correct its table by hand; features are opened as training opens them.
"""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import numpy as np
import soundfile

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.library.add import AddSettings, add_sounds
from temporal_foley.models.bundle.bundle_files import open_bundle
from temporal_foley.models.by_name import bundle_folder
from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME
from temporal_foley.sound.takes.library import load_library
from tests.campaigns.command_run import run_command
from tests.campaigns.driver import Campaign, Trial
from tests.training.training_data import make_features

REMEDIES = (
    "restore",
    "again",
    "delete",
    "--overwrite",
    "library add",
    "must",
    "did you mean",
    "bring back",
)
SPARED = ("rejected.tsv",)
"""For people only; the notes of the shards contain the same."""
_RATE_HZ = 16_000


def attempt(trial: Trial) -> None:
    """Flip one bit, and open the thing that has it."""
    rng, name = trial.rng, list(CHECKS)[trial.number % len(CHECKS)]
    found = (path for path in (trial.shared / name).rglob("*") if path.is_file())
    files = sorted(path for path in found if path.name not in SPARED)
    path = files[rng.integers(len(files))]
    content = path.read_bytes()
    place = int(rng.integers(8 * len(content)))
    trial.what = f"bit {place % 8} of byte {place // 8} of {path.relative_to(trial.shared)}"
    trial.counts[path.name] += 1
    flipped = bytearray(content)
    flipped[place // 8] ^= 1 << place % 8
    path.write_bytes(flipped)
    try:
        came = message_of(CHECKS[name], trial.shared / name)
    finally:
        path.write_bytes(content)
    if came is None:
        trial.faults.append("nothing was reported")
    elif path.name not in came or not any(word in came for word in REMEDIES):
        trial.faults.append(came)


def message_of(check: Callable[[Path], str | None], place: Path) -> str | None:
    """Return the error of something on disk; None if there is none."""
    try:
        return check(place)
    except FoleyError as error:
        return str(error)


def prepare(folder: Path) -> None:
    """Make one of each; before anything is flipped, nothing is reported."""
    copytree(bundle_folder(""), folder / "bundle")
    make_library(folder / "library")
    make_features(folder / "features")
    for name, check in CHECKS.items():
        assert message_of(check, folder / name) is None


def make_library(folder: Path) -> Path:
    """Add a few sounds to a library."""
    rng = np.random.default_rng(0)
    source = folder.with_name("sounds")
    source.mkdir(parents=True)
    for name in ("dog bark 1", "door creak", "glass 3", "fire"):
        hit = rng.normal(0, 0.3, _RATE_HZ // 2) * np.exp(-np.arange(_RATE_HZ // 2) / 800)
        soundfile.write(source / f"{name}.wav", hit.clip(-1, 1), _RATE_HZ)
    add_sounds(source, folder, AddSettings(vocabulary=load_vocabulary(), licence="CC0-1.0"))
    return folder


def open_bundle_of(folder: Path) -> None:
    """Open a bundle as `generate` does."""
    open_bundle(folder)


def open_library(folder: Path) -> str | None:
    """Load a library and read its takes; then check its table."""
    library = load_library(folder)
    for effect in library.effects:
        for take in library.takes(effect):
            if take.asset.kind == "file":
                library.read(take.asset)
    run = run_command(["library", "check", str(folder)])
    text = run.out + run.err
    if run.code == 0 and "changed by" not in text:
        return None
    # Sounds are reported by their name in the table.
    return text if CATALOGUE_NAME in text else f"{folder / CATALOGUE_NAME}: {text}"


def open_features(folder: Path) -> None:
    """Open all splits as training does, and read their notes as the next extraction does."""
    from data_pipeline.features.split import open_split
    from data_pipeline.features.store import begin, read_note

    for split in ("train", "validation", "test"):
        store = open_split(folder, split).stores[0][1]
        begin(store.folder, store.settings)
        for shard in store.shards:
            if read_note(store.folder, shard.file) is None:
                raise AssertionError(f"{shard.file} is made again without a message")


CHECKS: dict[str, Callable[[Path], str | None]] = {
    "bundle": open_bundle_of,
    "library": open_library,
    "features": open_features,
}
CAMPAIGN = Campaign(attempt=attempt, full=500, short=range(45), long=range(200), prepare=prepare)
