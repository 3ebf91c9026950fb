"""The files of a bundle in, what they say of it out, checked; without loading its network.

What a bundle is called, how it looks, listens and decides can be told before jax is there, so that
`info` is quick and pictures are decoded while the network is loaded.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from temporal_foley.effects import Vocabulary, parse_vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.files.reading import read_whole

SCHEMA = "temporal-foley/bundle"
VERSION = 1
MANIFEST = "manifest.json"
FILES = ("bundle.json", "vocabulary.toml", "weights.safetensors", "card.md")
MAX_FILE_BYTES = 1 << 30

Listener = Literal["student", "teacher"]


class BundleError(FoleyError):
    """A bundle that cannot be read or has changed; names the file and the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Senses:
    """What made the embeddings that a tagger was trained on, and must make them when it is used."""

    frame_rate: Fraction
    backbone: str
    aspect: str
    backbone_sha256: str
    listener: Listener
    listener_sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundleFolder:
    """A bundle on disk, whose files are whole and whose network is not loaded."""

    folder: Path
    sha256: str
    """Of the manifest."""
    name: str
    vocabulary: Vocabulary
    senses: Senses
    tagger: Mapping[str, Any]
    """The configuration of the network, as plain data."""
    decision: Mapping[str, Any] | None
    facts: Mapping[str, Any]


def open_bundle(folder: Path) -> BundleFolder:
    """Check the files of a bundle, and read what they say.

    Raises:
        BundleError: A file is missing, has changed, or does not hold what it must.
    """
    folder = Path(folder)
    contents, sha256 = read_files(folder)
    try:
        document = read_document(contents)
        return BundleFolder(
            folder=folder,
            sha256=sha256,
            name=str(document["name"]),
            vocabulary=read_vocabulary(folder, contents, document),
            senses=read_senses(document),
            tagger=dict(document["tagger"]),
            decision=document["decision"],
            facts=document["facts"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder}: not a bundle of this program ({error})") from error


def read_files(folder: Path) -> tuple[dict[str, bytes], str]:
    """Return the files of a bundle, each with the hash that the manifest says, and its own."""
    manifest_bytes = _read(folder / MANIFEST)
    return _checked(folder, manifest_bytes), hashlib.sha256(manifest_bytes).hexdigest()


def read_document(contents: Mapping[str, bytes]) -> dict[str, Any]:
    """Read `bundle.json`."""
    document = json.loads(contents["bundle.json"])
    if document["schema"] != SCHEMA or document["version"] != VERSION:
        raise ValueError(f"schema {document['schema']} {document['version']} is not known")
    return document


def read_senses(document: Mapping[str, Any]) -> Senses:
    """Read what a bundle looks and listens with."""
    plain = document["senses"]
    return Senses(**{**plain, "frame_rate": Fraction(plain["frame_rate"])})


def read_vocabulary(
    folder: Path, contents: Mapping[str, bytes], document: Mapping[str, Any]
) -> Vocabulary:
    """Read the effects of a bundle."""
    text = contents["vocabulary.toml"].decode("utf-8")
    return parse_vocabulary(text, document["vocabulary"], f"{folder}/vocabulary.toml")


def _checked(folder: Path, manifest_bytes: bytes) -> dict[str, bytes]:
    try:
        listed = json.loads(manifest_bytes)["files"]
        wanted = {name: (str(e["sha256"]), int(e["bytes"])) for name, e in listed.items()}
        if manifest(listed) != manifest_bytes:
            raise ValueError("it is not as it was written")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{folder / MANIFEST}: damaged ({error}); install or copy the bundle again"
        ) from None
    if set(wanted) != set(FILES):
        raise BundleError(
            f"{folder / MANIFEST}: names other files than a bundle has; copy it again"
        )
    contents = {}
    for name, (sha256, size) in wanted.items():
        content = _read(folder / name)
        if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
            raise BundleError(f"{folder / name}: has changed; install or copy the bundle again")
        contents[name] = content
    return contents


def manifest(files: Mapping[str, Any]) -> bytes:
    """Write a manifest, with a hash over itself: a bit that changes in it is noticed too."""
    body = {"schema": SCHEMA, "version": VERSION, "files": files}
    return to_json({**body, "sha256": hashlib.sha256(to_json(body)).hexdigest()})


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, MAX_FILE_BYTES)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); is this a bundle?") from None


def to_json(document: Mapping[str, Any]) -> bytes:
    """Write plain data."""
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
