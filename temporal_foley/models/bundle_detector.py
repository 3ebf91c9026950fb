"""The trained detector: a bundle that looks, and listens where there is something to hear.

It needs the whole video before it can answer for a frame, for its recurrent layers read from both
ends. What it keeps of a picture until then is its embedding, some 5 kB.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.errors import WeightsError
from temporal_foley.models.attribution import picture_gradients
from temporal_foley.models.bundle.bundle_backbone import load_bundle_backbone
from temporal_foley.models.bundle.bundle_files import BundleFolder, open_bundle
from temporal_foley.models.detector import (
    FrameProbabilities,
    Image,
    SmallImage,
    SoundBlock,
    in_batches,
)
from temporal_foley.models.image.backbone import BackboneOutputs
from temporal_foley.spotting.decision import calibrate, decision_from_json, default_decision
from temporal_foley.spotting.places import Places, class_activation
from temporal_foley.timegrid import TimeGrid

if TYPE_CHECKING:
    from temporal_foley.models.bundle.bundle import Bundle


class BundleDetector:
    """Judges videos by a bundle."""

    def __init__(self, bundle: "Bundle | BundleFolder", *, weights: Path | None = None):
        """Take a bundle, or the folder of one, which is loaded when it is first needed."""
        senses = bundle.senses
        self._source = bundle
        if isinstance(bundle, BundleFolder):
            output, fusion = bundle.tagger["output"], bundle.tagger["fusion"]["kind"]
        else:
            output, fusion = bundle.tagger.output, bundle.tagger.fusion.kind
        self.facts = bundle.facts
        self.name = bundle.name
        self.sha256 = bundle.sha256
        self.vocabulary: Vocabulary = bundle.vocabulary
        self.frame_rate: Fraction | None = senses.frame_rate
        self.decision: Mapping[str, Any] | None = bundle.decision
        self._decision = (
            default_decision(bundle.vocabulary, output=output)
            if bundle.decision is None
            else decision_from_json(bundle.decision, bundle.vocabulary)
        )
        self.listens = fusion != "video"
        self._backbone = load_bundle_backbone(bundle, lambda: self.bundle, weights=weights)

    @functools.cached_property
    def bundle(self) -> "Bundle":
        """The bundle with its network."""
        if not isinstance(self._source, BundleFolder):
            return self._source
        from temporal_foley.models.bundle.bundle import load_bundle

        return load_bundle(self._source.folder)

    def prepare(self, image: Image) -> SmallImage:
        """Scale one RGB picture to what the backbone looks at."""
        return self._backbone.prepare(image)

    def load_ahead(self) -> None:
        """Begin to load the network in a thread, so that decoding need not wait for it."""
        self._backbone.load_ahead()

    def probabilities(
        self,
        frames: Iterable[SmallImage],
        *,
        grid: TimeGrid | None = None,
        sound: Iterable[SoundBlock] | None = None,
        places: Places | None = None,
    ) -> Iterator[FrameProbabilities]:
        """Yield the calibrated probabilities of all frames, in one block, when all were seen.

        With `places`, what each effect is seen by is gathered there.
        """
        visual = self.look(frames, places)
        heard = None
        if sound is not None and self.listens and len(visual):
            if grid is None:
                raise ValueError("grid must be given with a sound")
            heard = self.listen(sound, grid)
        silence = np.zeros((len(visual), self.bundle.tagger.audio_features), np.float32)
        logits = self.bundle.logits(
            visual,
            silence if heard is None else heard[: len(visual)],
            has_picture=True,
            has_sound=heard is not None,
        )
        yield calibrate(logits, self._decision)

    @property
    def sees_places(self) -> bool:
        """Whether it can tell where in a picture an effect is seen."""
        return self.bundle.tagger.fusion.kind != "audio"

    def look(
        self, frames: Iterable[SmallImage], places: Places | None = None
    ) -> Float[np.ndarray, "frames features"]:
        """Return what the backbone sees in prepared pictures, as it is stored for training."""
        features = self.bundle.tagger.visual_features
        rows = [np.zeros((0, features), np.float16)]
        for batch in in_batches(frames):
            # Half precision, as the features that it was trained on.
            seen = self._backbone(batch)
            rows.append(np.asarray(seen.features, np.float16))
            if places is not None:
                self._place(seen, rows[-1], places)
        return np.concatenate(rows)

    def _place(
        self, seen: BackboneOutputs, features: Float[np.ndarray, "frames features"], places: Places
    ) -> None:
        gradients, logits = picture_gradients(self.bundle, features)
        heat = class_activation(seen.feature_map, gradients)
        if logits.shape[1] != self._decision.columns:
            # Effects that another part of the bundle judges are seen nowhere.
            added = len(self.vocabulary) - heat.shape[1]
            heat = np.pad(heat, ((0, 0), (0, added), (0, 0), (0, 0)))
            logits = np.pad(logits, ((0, 0), (0, added)), constant_values=-1e3)
        places.add(heat, calibrate(logits, self._decision))

    def listen(
        self, sound: Iterable[SoundBlock], grid: TimeGrid
    ) -> Float[np.ndarray, "frames features"] | None:
        """Return an embedding of each frame's sound, or None if it is silence."""
        # Not before there is something to hear: this loads a network.
        from temporal_foley.models.audio.encoders import listen, load_encoder

        senses = self.bundle.senses
        encoder = load_encoder(senses.listener)
        if encoder.sha256 != senses.listener_sha256:
            raise WeightsError(
                f"{senses.listener}: not the audio network that the bundle {self.name} was "
                "trained with; install the version that its card names"
            )
        return listen(encoder, (block.mean(axis=1) for block in sound), grid)

    def seen_effects(self) -> dict[str, str]:
        """Return the effects that it was trained on, and how much stands behind each."""
        examples = self.facts.get("examples", {})
        told = {}
        for name in self.vocabulary.names:
            rows = [
                f"{row['records']} of {dataset} ({row['sources']} sources)"
                for dataset, row in examples.get(name, {}).items()
            ]
            if rows:
                told[name] = ", ".join(rows)
        return told

    def blind_effects(self) -> dict[str, str]:
        """Return the effects that it had no example of."""
        seen = self.seen_effects()
        return {n: "no example in training" for n in self.vocabulary.names if n not in seen}


def load_bundle_detector(folder: Path, *, weights: Path | None = None) -> BundleDetector:
    """Load a bundle as a detector.

    Raises:
        BundleError: It is none, or has changed.
        WeightsError: What it looks or listens with is not there.
    """
    return BundleDetector(open_bundle(folder), weights=weights)
