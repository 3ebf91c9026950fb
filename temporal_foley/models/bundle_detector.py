"""Detect effects with a trained bundle: by images, and by the video's own sound where it has one.

It needs the whole video before it can answer for a frame, because its recurrent layers read from
both ends. Until then it keeps the features of each frame, some 5 kB.
"""

import contextlib
import functools
import threading
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.errors import WeightsError
from temporal_foley.models.audio.columns import ColumnEncoder
from temporal_foley.models.audio.heard_sound import HeardSound
from temporal_foley.models.bundle.bundle_backbone import OwnBackbone, load_bundle_backbone
from temporal_foley.models.bundle.bundle_files import BundleFolder, open_bundle
from temporal_foley.models.bundle.network import BundleNetwork, StoredWeights
from temporal_foley.models.detector import (
    Apart,
    FrameDetections,
    FrameProbabilities,
    Image,
    SmallImage,
    SoundBlock,
    in_batches,
)
from temporal_foley.models.image.backbone import BackboneOutputs
from temporal_foley.models.programs.program import flattened, single_precision
from temporal_foley.spotting.decision import calibrate, decision_from_json, default_decision
from temporal_foley.spotting.places import Places, class_activation, join_places
from temporal_foley.timegrid import TimeGrid

if TYPE_CHECKING:
    from flax import nnx

    from temporal_foley.models.audio.encoders import AudioEncoder
    from temporal_foley.models.bundle.bundle import Bundle
    from temporal_foley.models.image.loaded import LoadedNetwork


class BundleDetector:
    """Detects effects with the tagger of a bundle; a `models.detector.Detector`."""

    def __init__(self, bundle: "Bundle | BundleFolder", *, weights: Path | None = None):
        """Take a bundle, or the folder of one, which is loaded when it is first needed."""
        self._source = bundle
        if isinstance(bundle, BundleFolder):
            output, fusion = bundle.tagger["output"], bundle.tagger["fusion"]["kind"]
        else:
            output, fusion = bundle.tagger.output, bundle.tagger.fusion.kind
        self.name = bundle.name
        self.sha256 = bundle.sha256
        self.backbone_sha256 = bundle.inputs.backbone_sha256
        self.vocabulary: Vocabulary = bundle.vocabulary
        self.frame_rate: Fraction | None = bundle.inputs.frame_rate
        self.decision: Mapping[str, Any] | None = bundle.decision
        self._decision = (
            default_decision(bundle.vocabulary, output=output)
            if bundle.decision is None
            else decision_from_json(bundle.decision, bundle.vocabulary)
        )
        self.listens = fusion != "video"
        own = self._own_backbone() if bundle.has_backbone else None
        self._backbone = load_bundle_backbone(bundle.name, bundle.inputs, own, weights=weights)

    @functools.cached_property
    def bundle(self) -> "Bundle":
        """The bundle with its network."""
        if not isinstance(self._source, BundleFolder):
            return self._source
        from temporal_foley.models.bundle.bundle import load_bundle

        return load_bundle(self._source.folder)

    @functools.cached_property
    def network(self) -> BundleNetwork:
        """The tagger; needs no jax where its programs are stored."""
        source = self._source
        return self._stored.network if isinstance(source, BundleFolder) else source.network

    @functools.cached_property
    def _stored(self) -> StoredWeights:
        assert isinstance(self._source, BundleFolder)
        return StoredWeights(self._source, self._structure)

    def _structure(self) -> "nnx.GraphDef":
        # Imported lazily: it needs jax. All of the bundle is checked before a step is compiled.
        from temporal_foley.models.bundle.bundle import tagger_structure

        return tagger_structure(self.bundle.tagger)

    def _own_backbone(self) -> OwnBackbone:
        def network() -> "LoadedNetwork":
            own = self.bundle.backbone
            assert own is not None
            return own

        if isinstance(self._source, BundleFolder):
            return OwnBackbone(network, lambda: self._stored.backbone)
        return OwnBackbone(network, lambda: single_precision(flattened(network().params)))

    def prepare(self, image: Image) -> SmallImage:
        """Scale one RGB image to the input of the backbone."""
        return self._backbone.prepare(image)

    def load_ahead(self) -> None:
        """Begin to load the network in a thread, so that decoding need not wait for it."""
        self._backbone.load_ahead()

    def detect(
        self,
        frames: Iterable[SmallImage],
        *,
        grid: TimeGrid | None = None,
        sound: Iterable[SoundBlock] | None = None,
        with_places: bool = False,
    ) -> Iterator[FrameDetections]:
        """Yield the calibrated probabilities of all frames in one block, after the last frame."""
        visual, audio, places = self.look_and_listen(
            frames, grid, sound if self.listens else None, with_places=with_places
        )
        yield FrameDetections(
            probabilities=self.judge(visual, audio),
            places=places,
            features=visual,
            apart=None if audio is None else self.judge_apart(visual, audio),
        )

    def look_and_listen(
        self,
        frames: Iterable[SmallImage],
        grid: TimeGrid | None,
        sound: Iterable[SoundBlock] | None,
        *,
        with_places: bool,
    ) -> tuple[
        Float[np.ndarray, "frames features"],
        Float[np.ndarray, "frames features"] | None,
        Places | None,
    ]:
        """Return image features, audio features if there is sound, and places if asked for.

        Pictures and sound are read side by side; meanwhile the tagger is made ready.
        """
        if sound is not None and grid is None:
            raise ValueError("grid must be given with a sound")
        with_places = with_places and self.network.fusion != "audio"
        places: list[Places] | None = [] if with_places else None
        if grid is not None:
            self._make_ready(grid, with_gradients=with_places)
        ahead = (
            sound.embedding_ahead(self._encoder)
            if isinstance(sound, HeardSound) and isinstance(self._encoder, ColumnEncoder)
            else contextlib.nullcontext()
        )
        with ahead:
            visual = self.look(frames, places)
            audio = None
            if sound is not None and grid is not None and len(visual):
                heard = self.listen(sound, grid)
                audio = None if heard is None else heard[: len(visual)]
        return visual, audio, join_places(places or [])

    def _make_ready(self, grid: TimeGrid, *, with_gradients: bool) -> None:
        """Begin to load the tagger's steps in a thread; errors are left to who uses them."""

        def load() -> None:
            with contextlib.suppress(Exception):
                self.network.make_ready(grid.frames, with_gradients=with_gradients)

        # No daemon: a process that ends while the runtime compiles would be aborted.
        threading.Thread(target=load, name="load-tagger").start()

    def judge(
        self,
        visual: Float[np.ndarray, "frames features"],
        audio: Float[np.ndarray, "frames features"] | None,
    ) -> FrameProbabilities:
        """Return the calibrated probabilities of frames by what `look` and `listen` returned."""
        return self._judge(visual, audio)

    def judge_apart(
        self,
        visual: Float[np.ndarray, "frames features"],
        audio: Float[np.ndarray, "frames features"],
    ) -> Apart:
        """Return what frames show by their pictures alone and by their sound alone."""
        return Apart(seen=self._judge(visual, None), heard=self._judge(None, audio))

    def _judge(
        self,
        visual: Float[np.ndarray, "frames features"] | None,
        audio: Float[np.ndarray, "frames features"] | None,
    ) -> FrameProbabilities:
        given = visual if visual is not None else audio
        assert given is not None
        nothing = np.zeros((1, 1), np.float32)
        dark = np.broadcast_to(nothing, (len(given), self.network.visual_features))
        silence = np.broadcast_to(nothing, (len(given), self.network.audio_features))
        logits = self.network.logits(
            dark if visual is None else visual,
            silence if audio is None else audio,
            has_picture=visual is not None,
            has_sound=audio is not None,
        )
        return calibrate(logits, self._decision)

    def class_logits(
        self, visual: Float[np.ndarray, "frames features"]
    ) -> Float[np.ndarray, "frames classes"]:
        """Return the outputs of the backbone's own classifier for features that `look` returned."""
        kernel, bias = (self._backbone.weights[f"readout.{name}"] for name in ("kernel", "bias"))
        return visual.astype(np.float32) @ kernel + bias

    def look(
        self, frames: Iterable[SmallImage], places: list[Places] | None = None
    ) -> Float[np.ndarray, "frames features"]:
        """Return the image features of prepared pictures, as they are stored for training.

        With `places`, the heat maps of each batch are appended to it.
        """
        features = self.network.visual_features
        rows = [np.zeros((0, features), np.float16)]
        for batch in in_batches(frames):
            outputs = self._backbone(batch)
            # Half precision, as the features that it was trained on.
            rows.append(np.asarray(outputs.features, np.float16))
            if places is not None:
                places.append(self._places(outputs, rows[-1]))
        return np.concatenate(rows)

    def _places(
        self, outputs: BackboneOutputs, features: Float[np.ndarray, "frames features"]
    ) -> Places:
        gradients, logits = self.network.gradients(features)
        heat = class_activation(outputs.feature_map, gradients)
        if logits.shape[1] != self._decision.columns:
            # Taught effects are judged outside the tagger and have no location.
            added = len(self.vocabulary) - heat.shape[1]
            heat = np.pad(heat, ((0, 0), (0, added), (0, 0), (0, 0)))
            logits = np.pad(logits, ((0, 0), (0, added)), constant_values=-1e3)
        return Places.of(heat, calibrate(logits, self._decision))

    def listen(
        self, sound: Iterable[SoundBlock], grid: TimeGrid
    ) -> Float[np.ndarray, "frames features"] | None:
        """Return the audio features of each frame, or None if the sound is silence."""
        # Imported lazily: loading the audio network takes about a second.
        from temporal_foley.models.audio.encoders import listen

        if not isinstance(sound, HeardSound):
            sound = (block.mean(axis=1) for block in sound)
        return listen(self._encoder, sound, grid)

    @functools.cached_property
    def _encoder(self) -> "AudioEncoder":
        from temporal_foley.models.audio.encoders import load_encoder

        inputs = self._source.inputs
        encoder = load_encoder(inputs.listener)
        if encoder.sha256 != inputs.listener_sha256:
            raise WeightsError(
                f"not the audio network that the bundle {self.name} was trained with",
                path=inputs.listener,
                remedy="install the version that its card names",
            )
        return encoder

    def seen_effects(self) -> dict[str, str]:
        """Return the effects that it has examples of, and how many of each dataset."""
        examples = self._source.training_info.get("examples", {})
        return {
            name: ", ".join(
                f"{row['records']} of {dataset} ({row['sources']} sources)"
                for dataset, row in examples[name].items()
            )
            for name in self.vocabulary.names
            if examples.get(name)
        }

    def blind_effects(self) -> dict[str, str]:
        """Return the effects that it has no example of."""
        seen = self.seen_effects()
        return {n: "no example in training" for n in self.vocabulary.names if n not in seen}


def load_bundle_detector(folder: Path, *, weights: Path | None = None) -> BundleDetector:
    """Load a bundle as a detector.

    Raises:
        BundleError: It is not a bundle, or has changed.
        WeightsError: The weights of one of its networks are missing.
    """
    return BundleDetector(open_bundle(folder), weights=weights)
