"""Detect effects by the ImageNet classes that a vocabulary maps to them, without training.

An effect is visible where its ImageNet classes are. A 1000-way posterior is not yet that
probability: its mass spreads over related classes, and an effect with 118 dog breeds collects stray
mass that one with 2 classes does not. Bayes' rule corrects both. The network was trained on classes
in equal shares, so the prior share of the effect is `r`, the weighted number of its classes out of
a thousand; with the posterior sum `s`, the image is evidence of `s / (1 - s) : r / (1 - r)`, and
that ratio times `prior_odds`, the odds of the effect in a frame of an ordinary video, are the odds
that the effect is visible.
(Correction for a changed prior: Saerens, Latinne, Decaestecker, Neural Computation 14, 2002.)
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.effects import Vocabulary
from temporal_foley.errors import VocabularyError
from temporal_foley.models.detector import (
    FrameDetections,
    FrameProbabilities,
    Image,
    SmallImage,
    SoundBlock,
    in_batches,
)
from temporal_foley.models.image.backbone import (
    DEFAULT_ASPECT,
    DEFAULT_BACKBONE,
    Backbone,
    load_backbone,
)
from temporal_foley.models.image.preparation import Aspect
from temporal_foley.models.imagenet_classes import CLASSES, class_weights, describe_rules
from temporal_foley.spotting.places import Heat, Places, class_activation
from temporal_foley.timegrid import TimeGrid

PRIOR_ODDS = 0.01
"""Prior odds of an effect in a frame of an ordinary video."""

LEAST_SHOWN = 0.05
"""Least probability of an effect that is located in the image."""

TEMPERATURE = 0.5
"""Logits are divided by it: training with smoothed labels leaves posteriors too flat."""


@runtime_checkable
class _Outputs(Protocol):
    @property
    def logits(self) -> Float[np.ndarray, "batch classes"]: ...

    @property
    def feature_map(self) -> Float[np.ndarray, "batch rows columns features"]: ...


@runtime_checkable
class ImageClassifier(Protocol):
    """The part of a backbone that this detector needs."""

    name: str
    sha256: str
    aspect: Aspect

    def prepare(self, image: Image) -> SmallImage: ...

    def load_ahead(self) -> None: ...

    def __call__(self, images: UInt8[np.ndarray, "batch rows columns 3"]) -> _Outputs: ...


class ImageNetDetector:
    """Detects effects in single frames; a `models.detector.Detector`."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        backbone: ImageClassifier,
        *,
        prior_odds: float = PRIOR_ODDS,
        temperature: float = TEMPERATURE,
    ):
        if prior_odds <= 0.0:
            raise ValueError(f"prior_odds must be above 0, got {prior_odds}")
        if temperature <= 0.0:
            raise ValueError(f"temperature must be above 0, got {temperature}")
        self._weights = class_weights(vocabulary)
        if not self._weights.any():
            raise VocabularyError(
                "no effect has an imagenet rule, so nothing can be detected", path=vocabulary.name
            )
        self.vocabulary = vocabulary
        self.name = f"imagenet/{backbone.name}"
        self._backbone = backbone
        self._prior_odds = prior_odds
        self._temperature = temperature
        settings = f"{backbone.name} {backbone.aspect} {prior_odds!r} {temperature!r} {vocabulary}"
        digest = hashlib.sha256(f"{settings} {backbone.sha256}".encode())
        digest.update(self._weights.tobytes())
        self.sha256 = digest.hexdigest()

    def prepare(self, image: Image) -> SmallImage:
        """Scale one RGB image to the input of the backbone."""
        return self._backbone.prepare(image)

    def load_ahead(self) -> None:
        """Begin to load the network in a thread, so that decoding need not wait for it."""
        self._backbone.load_ahead()

    @property
    def frame_rate(self) -> None:
        """None: any grid will do."""
        return None

    @property
    def listens(self) -> bool:
        """False: sound is ignored."""
        return False

    @property
    def decision(self) -> None:
        """None: events are decided by the defaults."""
        return None

    def detect(
        self,
        frames: Iterable[SmallImage],
        *,
        grid: TimeGrid | None = None,
        sound: Iterable[SoundBlock] | None = None,
        with_places: bool = False,
    ) -> Iterator[FrameDetections]:
        """Yield the detections of batches of frames, in order; `sound` is not read."""
        is_located = with_places and isinstance(self._backbone, Backbone)
        for batch in in_batches(frames):
            outputs = self._backbone(batch)
            probabilities = effect_probabilities(
                np.asarray(outputs.logits), self._weights, self._prior_odds, self._temperature
            )
            places = None
            if is_located:
                places = Places.of(self._heat(outputs, probabilities), probabilities)
            yield FrameDetections(probabilities=probabilities, places=places)

    def _heat(self, outputs: _Outputs, probabilities: FrameProbabilities) -> Heat:
        """Return the heat maps of the effects that are probable in some image of the batch."""
        shown = np.flatnonzero(probabilities.max(axis=0) >= LEAST_SHOWN)
        frames, rows, columns, _ = outputs.feature_map.shape
        heat = np.zeros((frames, len(self.vocabulary), rows, columns), np.float32)
        if len(shown):
            shares = evidence_shares(outputs.logits, self._weights[:, shown], self._temperature)
            # The logits are linear in the features: these are the gradients.
            gradients = shares.reshape(-1, shares.shape[2]) @ self._readout.T
            gradients = gradients.reshape(frames, len(shown), -1)
            heat[:, shown] = class_activation(outputs.feature_map, gradients)
        return heat

    @functools.cached_property
    def _readout(self) -> Float[np.ndarray, "features classes"]:
        assert isinstance(self._backbone, Backbone)
        return self._backbone.weights["readout.kernel"]

    def seen_effects(self) -> dict[str, str]:
        """Return the effects with an ImageNet class, and the classes of each."""
        return self._effects(lambda weights: bool(weights.any()))

    def blind_effects(self) -> dict[str, str]:
        """Return the effects without an ImageNet class."""
        blind = self._effects(lambda weights: not weights.any())
        return {name: "no ImageNet class shows it" for name in blind}

    def _effects(self, wanted: Callable[[np.ndarray], bool]) -> dict[str, str]:
        return {
            effect.name: describe_rules(effect)
            for column, effect in enumerate(self.vocabulary.effects)
            if wanted(self._weights[:, column])
        }


def load_imagenet_detector(
    vocabulary: Vocabulary,
    *,
    backbone: str = DEFAULT_BACKBONE,
    aspect: Aspect = DEFAULT_ASPECT,
    weights: Path | None = None,
) -> ImageNetDetector:
    """Load the detector for any vocabulary that has imagenet rules.

    Raises:
        UsageError: There is no backbone of that name.
        WeightsError: The backbone's weights are missing.
        VocabularyError: No effect has a rule, or a rule names a synset that ImageNet lacks.
    """
    return ImageNetDetector(vocabulary, load_backbone(backbone, aspect=aspect, weights=weights))


def evidence_shares(
    logits: Float[np.ndarray, "frames classes"],
    weights: Float[np.ndarray, "classes effects"],
    temperature: float = TEMPERATURE,
) -> Float[np.ndarray, "frames effects classes"]:
    """Return the gradient of each effect's log odds with respect to the logits, but for a factor.

    Log odds, for a probability near 1 has no gradient left.
    """
    scaled = logits.astype(np.float64) / temperature
    posteriors = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    posteriors /= posteriors.sum(axis=1, keepdims=True)
    own = posteriors[:, None, :] * weights.T
    others = posteriors[:, None, :] - own
    shares = [part / np.maximum(part.sum(axis=2, keepdims=True), 1e-9) for part in (own, others)]
    return (shares[0] - shares[1]).astype(np.float32)


def effect_probabilities(
    logits: Float[np.ndarray, "frames classes"],
    weights: Float[np.ndarray, "classes effects"],
    prior_odds: float = PRIOR_ODDS,
    temperature: float = TEMPERATURE,
) -> FrameProbabilities:
    """Turn ImageNet logits into the probability that each effect is visible."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    posteriors = np.exp(scaled)
    posteriors /= posteriors.sum(axis=1, keepdims=True)
    after = np.clip(posteriors @ weights, 0.0, 1.0)
    before = weights.sum(axis=0) / CLASSES
    # odds = prior_odds * after / (1 - after) * (1 - before) / before, without dividing by 0.
    seen = prior_odds * after * (1.0 - before)
    unseen = (1.0 - after) * before
    total = seen + unseen
    return np.divide(seen, total, out=np.zeros_like(total), where=total > 0).astype(np.float32)
