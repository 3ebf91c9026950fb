"""Write, read and check a bundle: a folder with a tagger and all that is needed to use it.

    bundle.json          shape of the network, inputs that it needs, how it decides
    vocabulary.toml      its effects
    weights.safetensors  its weights in half precision; effects taught to it; the bank of features
                         that effects are taught against; its backbone, if that was fine-tuned
    card.md              what it was trained on, how good it is, what it cannot do
    manifest.json        SHA-256 and size of each of the others

Reading a bundle runs no code from it. A file whose hash differs from the manifest is refused, and
so is a manifest that lists other files.
"""

import dataclasses
import functools
import hashlib
import os
import shutil
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from flax import nnx
from jaxtyping import Array, Float, Float32, PyTree

from temporal_foley.effects import Vocabulary
from temporal_foley.errors import OutputExistsError
from temporal_foley.models.bundle.bundle_backbone import OwnBackbone, load_bundle_backbone
from temporal_foley.models.bundle.bundle_files import (
    BACKBONE_PREFIX,
    FILES,
    MANIFEST,
    SCHEMA,
    VERSION,
    BundleError,
    ModelInputs,
    described,
    manifest,
    read_document,
    read_files,
    to_json,
)
from temporal_foley.models.bundle.network import BundleNetwork
from temporal_foley.models.image.backbone import Backbone
from temporal_foley.models.image.fine_tuned import read_network
from temporal_foley.models.image.loaded import LoadedNetwork
from temporal_foley.models.named_weights import arrange_weights, name_weights
from temporal_foley.models.programs.program import flattened, single_precision
from temporal_foley.models.tagging.background import Background
from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig
from temporal_foley.models.tagging.taught import TaughtEffects

__all__ = ["FILES", "MANIFEST", "Bundle", "BundleError", "ModelInputs", "load_bundle"]
__all__ += ["save_bundle"]

# Parts beside the weights, by the name of their field: each a record of arrays.
_EXTRAS = (("taught", TaughtEffects), ("background", Background))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A tagger with its weights, ready to use."""

    name: str
    vocabulary: Vocabulary
    vocabulary_text: str
    inputs: ModelInputs
    tagger: TaggerConfig
    weights: PyTree[Array | np.ndarray]
    decision: Mapping[str, Any] | None = None
    """A `spotting.decision.Decision` as plain data; None before one was fitted."""
    training_info: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Data with their hashes, steps and scores of the training run; examples of each effect."""
    card: str = ""
    taught: TaughtEffects | None = None
    """Effects after those of the tagger, at the end of the vocabulary."""
    background: Background | None = None
    """What further effects can be taught against."""
    backbone: LoadedNetwork | None = None
    """Its own backbone, if that was fine-tuned; `inputs.backbone_sha256` is of its weights."""
    sha256: str = ""
    """Of the manifest; empty until it is saved."""

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second of its grid."""
        return self.inputs.frame_rate

    @property
    def has_backbone(self) -> bool:
        """Whether it carries a fine-tuned backbone."""
        return self.backbone is not None

    def load_backbone(self, weights: Path | None = None) -> Backbone:
        """Make the backbone that computes its image features (`load_bundle_backbone`)."""
        network = self.backbone
        own = None
        if network is not None:
            own = OwnBackbone(lambda: network, lambda: single_precision(flattened(network.params)))
        return load_bundle_backbone(self.name, self.inputs, own, weights=weights)

    def logits(
        self,
        visual: Float[np.ndarray, "frames visual_features"],
        audio: Float[np.ndarray, "frames audio_features"],
        *,
        has_picture: bool,
        has_sound: bool,
    ) -> Float32[np.ndarray, "frames outputs"]:
        """Return the logits of the frames of a clip of any length; not calibrated."""
        return self.network.logits(visual, audio, has_picture=has_picture, has_sound=has_sound)

    @functools.cached_property
    def network(self) -> BundleNetwork:
        """The tagger, ready to judge clips."""
        return BundleNetwork(
            dataclasses.asdict(self.tagger),
            single_precision(flattened(self.weights)),
            self.taught,
            lambda: tagger_structure(self.tagger),
        )


@functools.cache
def tagger_structure(config: TaggerConfig) -> nnx.GraphDef:
    """Return the structure of a tagger, without weights; equal configurations give equal ones."""
    return nnx.split(_abstract(config))[0]


@functools.cache
def _abstract(config: TaggerConfig) -> Tagger:
    return nnx.eval_shape(lambda: Tagger(config, rngs=nnx.Rngs(params=jax.random.key(0))))


def save_bundle(folder: Path, bundle: Bundle, *, overwrite: bool = False) -> str:
    """Write a bundle and return its SHA-256. The folder appears only when it is complete.

    Raises:
        OutputExistsError: The folder exists and `overwrite` is not given, or it is not a bundle.
    """
    if folder.exists() and any(folder.iterdir()):
        if not overwrite:
            raise OutputExistsError(
                "exists", path=folder, remedy="choose another folder or use --overwrite"
            )
        if not (folder / MANIFEST).is_file():
            raise OutputExistsError("not a bundle, so it is not overwritten", path=folder)
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "name": bundle.name,
        "vocabulary": bundle.vocabulary.name,
        "senses": {
            **dataclasses.asdict(bundle.inputs),
            "frame_rate": str(bundle.inputs.frame_rate),
        },
        "tagger": dataclasses.asdict(bundle.tagger),
        "decision": bundle.decision,
        "facts": bundle.training_info,
    }
    contents = {
        "bundle.json": to_json(document),
        "vocabulary.toml": bundle.vocabulary_text.encode("utf-8"),
        "weights.safetensors": safetensors.numpy.save(_named_arrays(bundle)),
        "card.md": bundle.card.encode("utf-8"),
    }
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in contents.items()
    }
    contents[MANIFEST] = manifest(files)
    replace_folder(folder, contents)
    return hashlib.sha256(contents[MANIFEST]).hexdigest()


def _named_arrays(bundle: Bundle) -> dict[str, np.ndarray]:
    flat = name_weights(bundle.weights)
    for part, kind in _EXTRAS:
        if (extra := getattr(bundle, part)) is not None:
            for field in dataclasses.fields(kind):
                flat[f"{part}.{field.name}"] = np.ascontiguousarray(getattr(extra, field.name))
    if bundle.backbone is not None:
        named = name_weights(bundle.backbone.params)
        flat |= {f"{BACKBONE_PREFIX}{name}": array for name, array in named.items()}
    return flat


def replace_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a new folder, then move it into the place of an old one."""
    staging = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        for name, content in contents.items():
            with (staging / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():
            old = folder.with_name(f"{folder.name}.{os.getpid()}.old")
            folder.rename(old)
            staging.rename(folder)
            shutil.rmtree(old)
        else:
            staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle and check every byte of it.

    Raises:
        BundleError: A file is missing, has changed, or is not valid.
    """
    folder = Path(folder)
    contents, sha256 = read_files(folder)
    try:
        document = read_document(contents)
        config = _tagger_config(document["tagger"])
        flat = safetensors.numpy.load(contents["weights.safetensors"])
        taught, background = (_take_extra(flat, part, kind) for part, kind in _EXTRAS)
        fields = described(folder, contents, document)
        backbone = _take_backbone(flat, fields["inputs"])
        wanted = nnx.to_pure_dict(nnx.split(_abstract(config))[1])
        bundle = Bundle(
            **fields,
            vocabulary_text=contents["vocabulary.toml"].decode("utf-8"),
            tagger=config,
            weights=jax.device_put(arrange_weights(flat, wanted)),
            card=contents["card.md"].decode("utf-8"),
            taught=taught,
            background=background,
            backbone=backbone,
            sha256=sha256,
        )
        _check_shapes(bundle)
    except (ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise BundleError(f"not a valid bundle ({error})", path=folder) from error
    return bundle


def _tagger_config(plain: Mapping[str, Any]) -> TaggerConfig:
    if plain["recurrent"].get("look_ahead_frames") is not None:
        raise ValueError("causal taggers (look_ahead_frames) are no longer supported")
    # Fields that no longer exist (of late fusion) are skipped.
    return msgspec.convert(plain, TaggerConfig)


def _take_extra(flat: dict[str, np.ndarray], part: str, kind: type) -> Any:
    """Take a record beside the tagger's weights out of them, if there is one."""
    names = [field.name for field in dataclasses.fields(kind)]
    found = {name: flat.pop(f"{part}.{name}") for name in names if f"{part}.{name}" in flat}
    return kind(**found) if found else None


def _take_backbone(flat: dict[str, np.ndarray], inputs: ModelInputs) -> LoadedNetwork | None:
    """Take the weights of a fine-tuned backbone out of the others, if there is one."""
    names = [name for name in flat if name.startswith(BACKBONE_PREFIX)]
    if not names:
        return None
    network = read_network(
        inputs.backbone, {name.removeprefix(BACKBONE_PREFIX): flat.pop(name) for name in names}
    )
    if network.sha256 != inputs.backbone_sha256:
        raise ValueError("its backbone is not the one that it was trained with")
    return network


def _check_shapes(bundle: Bundle) -> None:
    config, taught, background = bundle.tagger, bundle.taught, bundle.background
    outputs = config.effects + (0 if taught is None else len(taught))
    if len(bundle.vocabulary) != outputs:
        raise ValueError(f"{len(bundle.vocabulary)} effects and {outputs} outputs")
    if taught is not None and config.output == "softmax":
        raise ValueError("effects cannot be taught to a softmax")
    extras = [] if taught is None else [taught.kernel]
    extras += [] if background is None else [background.mean]
    for extra in extras:
        if len(extra) != config.visual_features:
            raise ValueError(f"{len(extra)} features and {config.visual_features} inputs")
