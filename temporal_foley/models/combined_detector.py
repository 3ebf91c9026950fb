"""Detect a large vocabulary: some effects with a trained bundle, the others without training.

One pass of the image network and one of the audio network serve both: the bundle reads their
features, the others their ImageNet classes and AudioSet tags (`zero_shot`). What the bundle finds
explains these away for the effects of the same group: thunder is no explosion where there is
lightning.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.errors import VocabularyError
from temporal_foley.files.digest import code_sha256
from temporal_foley.models import zero_shot
from temporal_foley.models.bundle_detector import BundleDetector, load_bundle_detector
from temporal_foley.models.closer_look import EVERY_S, CloseParts, CloserLook
from temporal_foley.models.detector import (
    Apart,
    FrameDetections,
    FrameProbabilities,
    Image,
    SmallImage,
    SoundBlock,
)
from temporal_foley.models.image.sights import load_sights
from temporal_foley.models.imagenet_classes import describe_rules
from temporal_foley.spotting.decision import (
    Decision,
    EffectDecision,
    decision_from_json,
    decision_to_json,
    default_decision,
    with_usual_durations,
)
from temporal_foley.spotting.places import Places
from temporal_foley.timegrid import TimeGrid


class CombinedDetector:
    """Detects a vocabulary with a bundle where it can; a `models.detector.Detector`."""

    listens = True

    def __init__(self, vocabulary: Vocabulary, bundle: BundleDetector):
        """Take a vocabulary and the bundle that covers some of its effects.

        Raises:
            VocabularyError: The bundle covers an effect that the vocabulary does not have.
        """
        missing = [name for name in bundle.vocabulary.names if name not in vocabulary.names]
        if missing:
            raise VocabularyError(
                f"does not have {missing[0]}, which the bundle {bundle.name} detects",
                path=vocabulary.name,
            )
        self.vocabulary = vocabulary
        self.bundle = bundle
        self.name = f"{vocabulary.name}/{bundle.name}"
        self.frame_rate: Fraction | None = bundle.frame_rate
        self._covered = [vocabulary.index(name) for name in bundle.vocabulary.names]
        self._others = [n for n in range(len(vocabulary)) if n not in self._covered]
        self._rest = dataclasses.replace(
            vocabulary,
            effects=tuple(vocabulary.effects[place] for place in self._others),
            groups=(),
        )
        self.decision: Mapping[str, Any] | None = decision_to_json(self._decision())
        self._has_sights = bundle.backbone_sha256 == load_sights().backbone_sha256
        rules = code_sha256(
            "models/zero_shot.py", "models/closer_look.py", "models/image/sights.py"
        )
        digest = hashlib.sha256(f"{bundle.sha256} {vocabulary.sha256} {rules}".encode())
        self.sha256 = digest.hexdigest()

    def _decision(self) -> Decision:
        """Return the bundle's decision, with the usual durations for the other effects."""
        own = self.bundle.decision
        base = (
            default_decision(self.bundle.vocabulary, decoder="semi_markov")
            if own is None
            else decision_from_json(own, self.bundle.vocabulary)
        )
        rest = with_usual_durations(default_decision(self._rest), self._rest)
        on, off = zero_shot.THRESHOLD_ON, zero_shot.THRESHOLD_OFF
        by_name: dict[str, EffectDecision] = {effect.effect: effect for effect in base.effects}
        by_name |= {
            effect.effect: dataclasses.replace(
                effect, threshold_on=on, threshold_off=off, looks_per_s=zero_shot.LOOKS_PER_S
            )
            for effect in rest.effects
        }
        # Probabilities are calibrated already.
        plain = (
            dataclasses.replace(by_name[n], slope=1.0, bias=0.0) for n in self.vocabulary.names
        )
        return dataclasses.replace(base, output="sigmoid", effects=tuple(plain))

    def prepare(self, image: Image) -> SmallImage:
        """Scale one RGB image to the input of the backbone."""
        return self.bundle.prepare(image)

    def load_ahead(self) -> None:
        """Begin to load the network in a thread, so that decoding need not wait for it."""
        self.bundle.load_ahead()

    def detect(
        self,
        frames: Iterable[SmallImage],
        *,
        grid: TimeGrid | None = None,
        sound: Iterable[SoundBlock] | None = None,
        with_places: bool = False,
    ) -> Iterator[FrameDetections]:
        """Yield the probabilities of all frames in one block, after the last frame."""
        closer = CloserLook(self.bundle.look, round(EVERY_S * (self.frame_rate or 1)))
        visual, audio, places = self.bundle.look_and_listen(
            closer.watch(frames), grid, sound, with_places=with_places
        )
        parts = closer.found()
        yield FrameDetections(
            probabilities=self.judge(visual, audio, parts),
            places=self._spread(places),
            features=visual,
            apart=None if audio is None else self._judge_apart(visual, audio, parts),
        )

    def judge(
        self,
        visual: Float[np.ndarray, "frames features"],
        audio: Float[np.ndarray, "frames features"] | None,
        parts: CloseParts | None = None,
    ) -> FrameProbabilities:
        """Return the probabilities of frames by the features that the bundle's networks gave.

        Args:
            visual: Image features.
            audio: Audio features; None without sound.
            parts: Image features of enlarged parts of some frames.
        """
        found = np.zeros((len(visual), len(self.vocabulary)), np.float32)
        if len(visual):
            own = audio if self.bundle.listens else None
            found[:, self._covered] = self.bundle.judge(visual, own)
            rest = self._judge_rest(visual, audio, parts)
            found[:, self._others] = rest * self._unexplained(found[:, self._covered])
        return found

    def _unexplained(self, trained: FrameProbabilities) -> Float[np.ndarray, "frames others"]:
        """Return how probably no effect of the bundle is there that is in the group of another."""
        absent = np.log1p(-np.minimum(trained.astype(np.float64), 0.999))
        return np.exp(absent @ self._siblings).astype(np.float32)

    @functools.cached_property
    def _siblings(self) -> Float[np.ndarray, "covered others"]:
        """1 where an effect of the bundle and another are in one group."""
        alike = np.zeros((len(self._covered), len(self._others)))
        places = {name: place for place, name in enumerate(self._rest.names)}
        for group in self.vocabulary.groups:
            own = [
                n for n, name in enumerate(self.bundle.vocabulary.names) if name in group.effects
            ]
            others = [places[name] for name in group.effects if name in places]
            alike[np.ix_(own, others)] = 1.0
        return alike

    def _judge_apart(
        self,
        visual: Float[np.ndarray, "frames features"],
        audio: Float[np.ndarray, "frames features"],
        parts: CloseParts | None,
    ) -> Apart:
        seen, heard = (np.zeros((len(visual), len(self.vocabulary)), np.float32) for _ in range(2))
        if len(visual):
            if self.bundle.listens:
                own = self.bundle.judge_apart(visual, audio)
                seen[:, self._covered], heard[:, self._covered] = own.seen, own.heard
            else:
                seen[:, self._covered] = self.bundle.judge(visual, None)
            seen[:, self._others] = self._judge_rest(visual, None, parts)
            odds = zero_shot.PRIOR_LOG_ODDS + zero_shot.tag_evidence(
                np.asarray(audio, np.float32), self._rest
            )
            heard[:, self._others] = _probabilities(odds)
        return Apart(seen=seen, heard=heard)

    def _judge_rest(
        self,
        visual: Float[np.ndarray, "frames features"],
        audio: Float[np.ndarray, "frames features"] | None,
        parts: CloseParts | None,
    ) -> Float[np.ndarray, "frames others"]:
        embeddings = None if audio is None else np.asarray(audio, np.float32)
        logits = self.bundle.class_logits(visual)
        sights = zero_shot.sight_evidence(visual, self._rest) if self._has_sights else None
        closer = np.full((len(visual), len(self._rest)), np.nan)
        if parts is not None:
            found = zero_shot.closer_evidence(self.bundle.class_logits(parts.features), self._rest)
            for frame, row in zip(parts.frames, found, strict=True):
                closer[frame : frame + parts.every] = row
        odds = zero_shot.zero_shot_log_odds(logits, embeddings, self._rest, sights, closer)
        return _probabilities(odds)

    def _spread(self, places: Places | None) -> Places | None:
        """Give the other effects no place: only the bundle's are located."""
        if places is None:
            return None
        frames, _, *size = places.heats.shape
        heats = np.zeros((frames, len(self.vocabulary), *size), np.float16)
        heats[:, self._covered] = places.heats
        visible = np.zeros((frames, len(self.vocabulary)), np.float16)
        visible[:, self._covered] = places.visible
        return Places(heats=heats, visible=visible)

    def seen_effects(self) -> dict[str, str]:
        """Return each effect with what its detection rests on."""
        basis = zero_shot.detection_basis(self._rest, with_sights=self._has_sights)
        pictured = load_sights().effects if self._has_sights else ()
        told = {}
        for effect in self.vocabulary.effects:
            if effect.name not in basis:
                told[effect.name] = f"trained: {self.bundle.name}"
                continue
            ways = []
            if effect.name in pictured:
                ways.append("seen: trained on pictures")
            elif rules := describe_rules(effect):
                ways.append(f"seen: {rules}")
            if effect.audioset:
                ways.append(f"heard: {', '.join(effect.audioset)}")
            told[effect.name] = "; ".join(ways)
        return told

    def blind_effects(self) -> dict[str, str]:
        """Return the effects that pictures cannot show, which only sound can add."""
        return {
            name: "cannot be seen; added only when it is audible"
            for name, basis in zero_shot.detection_basis(
                self._rest, with_sights=self._has_sights
            ).items()
            if "seen" not in basis
        }


def _probabilities(odds: zero_shot.LogOdds) -> FrameProbabilities:
    return (0.5 * (1.0 + np.tanh(0.5 * odds))).astype(np.float32)


def load_combined_detector(
    vocabulary: Vocabulary, folder: Path, *, weights: Path | None = None
) -> CombinedDetector:
    """Load the detector of a vocabulary of which a bundle covers some effects.

    Raises:
        BundleError: It is not a bundle, or has changed.
        WeightsError: The weights of one of its networks are missing.
        VocabularyError: The bundle covers effects that the vocabulary does not have.
    """
    return CombinedDetector(vocabulary, load_bundle_detector(folder, weights=weights))
