"""A bundle: a tagger with all that is needed to use it, in a folder; written, read and checked.

    bundle.json          what the network is, what it looks and listens with, how it decides
    vocabulary.toml      its effects
    weights.safetensors  its weights, half precision; effects taught to it, and the bank of
                         features that effects are taught against; its backbone, if that was
                         fine-tuned
    card.md              what it was trained on, how good it is, what it cannot do
    manifest.json        SHA-256 and size of each of the others

Nothing in a bundle is run when it is read. A file that does not have the hash that the manifest
says is refused, and so is one that the manifest does not name.
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
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax import nnx
from jaxtyping import Array, Float, Float32, PyTree

from temporal_foley.effects import Vocabulary
from temporal_foley.errors import OutputExistsError
from temporal_foley.models.bundle.bundle_backbone import PART as BACKBONE
from temporal_foley.models.bundle.bundle_files import (
    FILES,
    MANIFEST,
    SCHEMA,
    VERSION,
    BundleError,
    Senses,
    manifest,
    read_document,
    read_files,
    read_senses,
    read_vocabulary,
    to_json,
)
from temporal_foley.models.image.fine_tuned import name_weights, read_network
from temporal_foley.models.image.loaded import LoadedNetwork
from temporal_foley.models.tagging.background import Background
from temporal_foley.models.tagging.class_prior import PriorConfig
from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.judging import judge_clip
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tag_prior import TagPriorConfig
from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig
from temporal_foley.models.tagging.taught import TaughtEffects, judge_frames

__all__ = ["FILES", "MANIFEST", "Bundle", "BundleError", "Senses", "load_bundle", "save_bundle"]

# Parts beside the weights, by the name of their field: each a record of arrays.
_EXTRAS = (("taught", TaughtEffects), ("background", Background))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A tagger, ready to judge embeddings."""

    name: str
    vocabulary: Vocabulary
    vocabulary_text: str
    senses: Senses
    tagger: TaggerConfig
    weights: PyTree[Array]
    decision: Mapping[str, Any] | None = None
    """A `spotting.decision.Decision` as plain data; None before one was fitted."""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What the training run notes: data and their hashes, steps, figures; what stands behind each
    effect."""
    card: str = ""
    taught: TaughtEffects | None = None
    """Effects behind those of the tagger, at the end of the vocabulary."""
    background: Background | None = None
    """What further effects can be taught against."""
    backbone: LoadedNetwork | None = None
    """What it looks with, if that was fine-tuned; `senses.backbone_sha256` is of its weights."""
    sha256: str = ""
    """Of the manifest; empty before it was saved."""

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second of its grid."""
        return self.senses.frame_rate

    def logits(
        self,
        visual: Float[np.ndarray, "frames visual_features"],
        audio: Float[np.ndarray, "frames audio_features"],
        *,
        has_picture: bool,
        has_sound: bool,
    ) -> Float32[np.ndarray, "frames outputs"]:
        """Judge the frames of a clip of any length; not calibrated."""
        logits = judge_clip(
            tagger_structure(self.tagger),
            self.weights,
            visual,
            audio,
            has_picture=has_picture,
            has_sound=has_sound,
        )
        if self.taught is None:
            return logits
        return np.concatenate(
            [logits, judge_frames(self.taught, visual, has_picture=has_picture)], axis=1
        )


@functools.cache
def tagger_structure(config: TaggerConfig) -> nnx.GraphDef:
    """Return the structure of a tagger, without numbers; equal configurations give equal ones."""
    return nnx.split(_abstract(config))[0]


def _abstract(config: TaggerConfig) -> Tagger:
    return nnx.eval_shape(lambda: Tagger(config, rngs=nnx.Rngs(params=jax.random.key(0))))


def save_bundle(folder: Path, bundle: Bundle, *, overwrite: bool = False) -> str:
    """Write a bundle; return its hash. The folder is there whole or not at all.

    Raises:
        OutputExistsError: Something is there, and `overwrite` is not given, or it is no bundle.
    """
    if folder.exists() and any(folder.iterdir()):
        if not overwrite:
            raise OutputExistsError(f"{folder}: is there already; give another or --overwrite")
        if not (folder / MANIFEST).is_file():
            raise OutputExistsError(f"{folder}: is not a bundle and is left alone")
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "name": bundle.name,
        "vocabulary": bundle.vocabulary.name,
        "senses": _plain(dataclasses.asdict(bundle.senses)),
        "tagger": dataclasses.asdict(bundle.tagger),
        "decision": bundle.decision,
        "facts": bundle.facts,
    }
    flat = {
        name: np.ascontiguousarray(value, np.float16)
        for name, value in sorted(_flatten(bundle.weights).items())
    }
    for part, kind in _EXTRAS:
        if (extra := getattr(bundle, part)) is not None:
            for field in dataclasses.fields(kind):
                flat[f"{part}.{field.name}"] = np.ascontiguousarray(getattr(extra, field.name))
    if bundle.backbone is not None:
        named = name_weights(bundle.backbone.params)
        flat |= {f"{BACKBONE}{name}": array for name, array in named.items()}
    contents = {
        "bundle.json": to_json(document),
        "vocabulary.toml": bundle.vocabulary_text.encode("utf-8"),
        "weights.safetensors": safetensors.numpy.save(flat),
        "card.md": bundle.card.encode("utf-8"),
    }
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in contents.items()
    }
    contents[MANIFEST] = manifest(files)
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
    return hashlib.sha256(contents[MANIFEST]).hexdigest()


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle, and check every byte of it.

    Raises:
        BundleError: A file is missing, has changed, or does not hold what it must.
    """
    folder = Path(folder)
    contents, sha256 = read_files(folder)
    try:
        document = read_document(contents)
        config = _tagger_config(document["tagger"])
        flat = safetensors.numpy.load(contents["weights.safetensors"])
        taught, background = (_take_extra(flat, part, kind) for part, kind in _EXTRAS)
        senses = read_senses(document)
        backbone = _take_backbone(flat, senses)
        weights = _unflatten(flat, config)
        vocabulary = read_vocabulary(folder, contents, document)
        outputs = config.effects + (0 if taught is None else len(taught))
        if len(vocabulary) != outputs:
            raise ValueError(f"{len(vocabulary)} effects and {outputs} outputs")
        if taught is not None and config.output == "softmax":
            raise ValueError("effects taught beside a softmax")
        for extra in (taught and taught.kernel, background and background.mean):
            if extra is not None and len(extra) != config.visual_features:
                raise ValueError(f"{len(extra)} features and {config.visual_features} inputs")
        return Bundle(
            name=str(document["name"]),
            vocabulary=vocabulary,
            vocabulary_text=contents["vocabulary.toml"].decode("utf-8"),
            senses=senses,
            tagger=config,
            weights=weights,
            decision=document["decision"],
            facts=document["facts"],
            card=contents["card.md"].decode("utf-8"),
            taught=taught,
            background=background,
            backbone=backbone,
            sha256=sha256,
        )
    except (ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise BundleError(f"{folder}: not a bundle of this program ({error})") from error


def _take_extra(flat: dict[str, np.ndarray], part: str, kind: type) -> Any:
    """Take what stands beside the tagger's weights out of them, if it is there."""
    names = [field.name for field in dataclasses.fields(kind)]
    found = {name: flat.pop(f"{part}.{name}") for name in names if f"{part}.{name}" in flat}
    return kind(**found) if found else None


def _take_backbone(flat: dict[str, np.ndarray], senses: Senses) -> LoadedNetwork | None:
    """Take the weights of a fine-tuned backbone out of the others, if it is there."""
    names = [name for name in flat if name.startswith(BACKBONE)]
    if not names:
        return None
    network = read_network(
        senses.backbone, {name.removeprefix(BACKBONE): flat.pop(name) for name in names}
    )
    if network.sha256 != senses.backbone_sha256:
        raise ValueError("its backbone is not the one that it was trained with")
    return network


def _tagger_config(plain: Mapping[str, Any]) -> TaggerConfig:
    return TaggerConfig(
        **{
            **plain,
            "fusion": FusionConfig(**plain["fusion"]),
            "recurrent": RecurrentConfig(**plain["recurrent"]),
            **{
                name: None if plain.get(name) is None else kind(**plain[name])
                for name, kind in (("prior", PriorConfig), ("tag_prior", TagPriorConfig))
            },
        }
    )


def _flatten(weights: PyTree[Array]) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_flatten_with_path(weights)[0]
    return {_dotted(path): np.asarray(leaf, np.float32) for path, leaf in leaves}


def _unflatten(flat: Mapping[str, np.ndarray], config: TaggerConfig) -> PyTree[Array]:
    wanted = nnx.to_pure_dict(nnx.split(_abstract(config))[1])
    leaves, structure = jax.tree_util.tree_flatten_with_path(wanted)
    names = [_dotted(path) for path, _ in leaves]
    if set(names) != set(flat):
        odd = sorted(set(names) ^ set(flat))[0]
        raise ValueError(f"the weights and the network differ in {odd}")
    values = []
    for name, (_, leaf) in zip(names, leaves, strict=True):
        value = flat[name].astype(np.float32)
        if value.shape != leaf.shape:
            raise ValueError(f"{name} is of shape {value.shape}, not {leaf.shape}")
        if not np.isfinite(value).all():
            raise ValueError(f"{name} holds what is not a number")
        values.append(jnp.asarray(value))
    return jax.tree_util.tree_unflatten(structure, values)


def _dotted(path: tuple) -> str:
    return ".".join(str(getattr(part, "key", getattr(part, "idx", part))) for part in path)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Fraction) else v for k, v in fields.items()}
