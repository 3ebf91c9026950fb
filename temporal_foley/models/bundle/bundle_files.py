"""Read and check the files of a bundle without loading its network.

What a bundle is called, which inputs it needs and how it decides is known before jax is imported,
so `info` is quick and pictures are decoded while the network is loaded.
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
from temporal_foley.files.reading import open_regular, read_whole

SCHEMA = "temporal-foley/bundle"
VERSION = 1
MANIFEST = "manifest.json"
FILES = ("bundle.json", "vocabulary.toml", "weights.safetensors", "card.md")
MAX_FILE_BYTES = 1 << 30
BACKBONE_PREFIX = "backbone."
"""Of the names of a fine-tuned backbone's weights."""

Listener = Literal["student", "teacher"]


class BundleError(FoleyError):
    """A bundle that cannot be read or has changed; names the file and the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelInputs:
    """The networks that compute a tagger's features, the same in training and in use."""

    frame_rate: Fraction
    backbone: str
    aspect: str
    backbone_sha256: str
    listener: Listener
    """The audio network."""
    listener_sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundleFolder:
    """A bundle on disk whose files are intact and whose network is not loaded."""

    folder: Path
    sha256: str
    """Of the manifest."""
    name: str
    vocabulary: Vocabulary
    inputs: ModelInputs
    tagger: Mapping[str, Any]
    """The configuration of the network, as plain data."""
    decision: Mapping[str, Any] | None
    training_info: Mapping[str, Any]

    @property
    def has_backbone(self) -> bool:
        """Whether it carries a fine-tuned backbone; read from the head of its weights file."""
        with open_regular(self.folder / "weights.safetensors") as file:
            length = int.from_bytes(file.read(8), "little")
            return any(name.startswith(BACKBONE_PREFIX) for name in json.loads(file.read(length)))


def open_bundle(folder: Path) -> BundleFolder:
    """Check the files of a bundle and read its description.

    Raises:
        BundleError: A file is missing, has changed, or is not valid.
    """
    folder = Path(folder)
    contents, sha256 = read_files(folder)
    try:
        document = read_document(contents)
        return BundleFolder(
            folder=folder,
            sha256=sha256,
            tagger=dict(document["tagger"]),
            **described(folder, contents, document),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"not a valid bundle ({error})", path=folder) from error


def read_files(folder: Path) -> tuple[dict[str, bytes], str]:
    """Return the content of each file, checked against the manifest, and the manifest's SHA-256."""
    manifest_bytes = _read(folder / MANIFEST)
    return _checked(folder, manifest_bytes), hashlib.sha256(manifest_bytes).hexdigest()


def read_document(contents: Mapping[str, bytes]) -> dict[str, Any]:
    """Read `bundle.json`."""
    document = json.loads(contents["bundle.json"])
    if document["schema"] != SCHEMA or document["version"] != VERSION:
        raise ValueError(f"schema {document['schema']} {document['version']} is unknown")
    return document


def described(
    folder: Path, contents: Mapping[str, bytes], document: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields that an opened and a loaded bundle share."""
    inputs = document["senses"]
    return {
        "name": str(document["name"]),
        "vocabulary": parse_vocabulary(
            contents["vocabulary.toml"].decode("utf-8"),
            document["vocabulary"],
            f"{folder}/vocabulary.toml",
        ),
        "inputs": ModelInputs(**{**inputs, "frame_rate": Fraction(inputs["frame_rate"])}),
        "decision": document["decision"],
        "training_info": document["facts"],
    }


def manifest(files: Mapping[str, Any]) -> bytes:
    """Write a manifest with a hash over itself, so that a changed bit in it is noticed too."""
    body = {"schema": SCHEMA, "version": VERSION, "files": files}
    return to_json({**body, "sha256": hashlib.sha256(to_json(body)).hexdigest()})


def to_json(document: Mapping[str, Any]) -> bytes:
    """Write plain data."""
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _checked(folder: Path, manifest_bytes: bytes) -> dict[str, bytes]:
    try:
        listed = json.loads(manifest_bytes)["files"]
        wanted = {name: (str(e["sha256"]), int(e["bytes"])) for name, e in listed.items()}
        if manifest(listed) != manifest_bytes:
            raise ValueError("its own hash differs")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"damaged ({error})", path=folder / MANIFEST, remedy="install or copy the bundle again"
        ) from None
    if set(wanted) != set(FILES):
        raise BundleError(
            "lists other files than a bundle has",
            path=folder / MANIFEST,
            remedy="copy the bundle again",
        )
    contents = {}
    for name, (sha256, size) in wanted.items():
        content = _read(folder / name)
        if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
            raise BundleError(
                "has changed", path=folder / name, remedy="install or copy the bundle again"
            )
        contents[name] = content
    return contents


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, MAX_FILE_BYTES)
    except OSError as error:
        raise BundleError(
            f"cannot be read ({error.strerror})", path=path, remedy="is this a bundle?"
        ) from None
