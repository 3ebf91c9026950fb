"""Learn from edited cue lists: write a corrected bundle, and measure how much better it is.

Cues that were accepted, locked, moved or added are positive examples; those that were rejected, and
the places that cues were moved away from, are negative ones. Cues that nobody edited have little
weight. The features of each video are computed again; only the last layer of the model changes.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from temporal_foley.cue_list import read_timeline
from temporal_foley.edits.keep import Edit, find_edits, read_proposed
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import CueListError, FoleyError, OutputExistsError, UsageError
from temporal_foley.media.audio import read_audio
from temporal_foley.media.video import VideoInfo, probe_video, sample_frames
from temporal_foley.models.bundle.bundle import save_bundle
from temporal_foley.models.bundle_detector import BundleDetector
from temporal_foley.models.by_name import load_detector
from temporal_foley.models.tagging.readout import has_one_readout, readout_rows, with_readout
from temporal_foley.session.source_video import find_source_video
from temporal_foley.spotting.decision import (
    decision_from_json,
    decision_to_json,
    default_decision,
)
from temporal_foley.stages import LISTENING_RATE_HZ
from temporal_foley.teaching.fit_edits import DecidedClip, EditScores, held_out, learn
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Cue, Event, Timeline

UNTOUCHED = 0.1
"""Weight of a frame without a decision."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnOutcome:
    """Result of learning; `sha256` is None if no bundle was written."""

    videos: int
    edits: int
    before: EditScores
    after: EditScores
    sha256: str | None
    warnings: tuple[str, ...]

    @property
    def is_worse(self) -> bool:
        """Whether the old bundle is better on held-out edits."""
        return self.after.log_loss > self.before.log_loss


def learn_from_edits(
    edited: Sequence[Path],
    out: Path,
    *,
    model: str = "",
    even_if_worse: bool = False,
    overwrite: bool = False,
    done: Callable[[float], None] = lambda part: None,
) -> LearnOutcome:
    """Learn from edited cue lists; write a bundle if it is no worse on held-out edits.

    Raises:
        UsageError: There are edits of fewer than two videos, or the model cannot learn.
        CueListError: A list is wrong, or its video does not exist.
        OutputExistsError: The bundle exists, and `overwrite` is not given.
    """
    if out.exists() and not overwrite:
        raise OutputExistsError("exists", path=out, remedy="give another --out, or --overwrite")
    detector = load_detector(model)
    if not isinstance(detector, BundleDetector) or not has_one_readout(detector.bundle):
        raise UsageError("learn needs a bundle with one last layer of sigmoids", option="--model")
    vocabulary, bundle = detector.vocabulary, detector.bundle
    decision = (
        default_decision(vocabulary)
        if bundle.decision is None
        else decision_from_json(bundle.decision, vocabulary)
    )
    clips: list[DecidedClip] = []
    warnings: list[str] = []
    count = 0
    for number, path in enumerate(edited):
        timeline = read_timeline(path)
        edits = find_edits(timeline, read_proposed(path))
        unknown = sorted({e.cue.effect for e in edits} - set(vocabulary.names))
        if unknown:
            warnings.append(f"{path.name}: {bundle.name} does not know {', '.join(unknown)}")
        if not edits:
            warnings.append(f"{path.name}: holds no edits")
        else:
            count += len(edits)
            clips.append(decided_clip(path, timeline, edits, detector))
        done((number + 1) / len(edited))
    if len({clip.name for clip in clips}) < 2:
        raise UsageError(
            f"learn needs edits of at least two videos, to hold one out, got {len(clips)}"
        )
    before, after = held_out(clips, vocabulary, decision)
    outcome = LearnOutcome(
        videos=len(clips),
        edits=count,
        before=before,
        after=after,
        sha256=None,
        warnings=tuple(warnings),
    )
    if outcome.is_worse and not even_if_worse:
        return outcome
    learned = learn(clips, vocabulary, decision)
    text = f"held-out edits before: {before}; after: {after}"
    changed = dataclasses.replace(
        with_readout(bundle, learned.correction.kernel, learned.correction.bias),
        decision=decision_to_json(learned.decision),
        training_info={
            **bundle.training_info,
            "learned": {
                "from": bundle.sha256,
                "videos": len(clips),
                "edits": count,
                "before": dataclasses.asdict(before),
                "after": dataclasses.asdict(after),
            },
        },
        card=f"{bundle.card.rstrip()}\n\n## Learned from edits\n\n{count} edits in {len(clips)} "
        f"videos; {text}.\n",
    )
    try:
        sha256 = save_bundle(out, changed, overwrite=overwrite)
    except OSError as error:
        raise FoleyError(f"cannot be written ({error.strerror})", path=out) from None
    return dataclasses.replace(outcome, sha256=sha256)


def decided_clip(
    path: Path, timeline: Timeline, edits: Sequence[Edit], detector: BundleDetector
) -> DecidedClip:
    """Compute the features of a cue list's video, and return them with the decisions."""
    video = find_source_video(timeline, path, None)
    if video is None:
        raise CueListError(
            f"its video {timeline.source.name} does not exist",
            path=path,
            remedy="put it beside the folder",
        )
    info = probe_video(video)
    grid = TimeGrid.covering(info.duration, detector.bundle.frame_rate)
    visual, audio = _embed(info, detector, grid)
    sound = np.zeros((len(visual), detector.bundle.tagger.audio_features), np.float32)
    if audio is not None:
        sound = audio[: len(visual)]
    has_sound = audio is not None
    bundle = detector.bundle
    labels, weights = label_frames(timeline, edits, grid, detector.vocabulary)
    known = set(detector.vocabulary.names)
    return DecidedClip(
        name=timeline.source.sha256,
        grid=grid,
        rows=readout_rows(bundle, visual, sound, has_sound=has_sound),
        logits=bundle.logits(visual, sound, has_picture=True, has_sound=has_sound),
        labels=labels,
        weights=weights,
        accepted=tuple(
            _event(e.cue) for e in edits if e.cue.status != "rejected" and e.cue.effect in known
        ),
        rejected=tuple(
            _event(e.cue) for e in edits if e.cue.status == "rejected" and e.cue.effect in known
        ),
    )


def _embed(
    info: VideoInfo, detector: BundleDetector, grid: TimeGrid
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the image and audio features of each frame; the latter None without sound."""
    frames = sample_frames(info, grid, detector.prepare)
    visual = detector.look(frame.image for frame in frames)
    sound = read_audio(info, sample_rate_hz=LISTENING_RATE_HZ, channels=1)
    if sound is None or not detector.listens or not len(visual):
        return visual, None
    return visual, detector.listen(sound, grid)


def label_frames(
    timeline: Timeline, edits: Sequence[Edit], grid: TimeGrid, vocabulary: Vocabulary
) -> tuple[np.ndarray, np.ndarray]:
    """Return the label and weight of each effect in each frame."""
    labels = np.zeros((grid.frames, len(vocabulary)), np.float32)
    weights = np.full(labels.shape, UNTOUCHED, np.float32)

    def mark(cue: Cue, label: float, weight: float) -> None:
        if cue.effect in vocabulary.names:
            first, last = grid.frame_range(cue.onset, cue.offset)
            column = vocabulary.index(cue.effect)
            labels[first:last, column] = label
            weights[first:last, column] = weight

    decided = {edit.cue.id for edit in edits}
    for cue in timeline.cues:
        if cue.id not in decided:
            mark(cue, 1.0, UNTOUCHED)
    # Later marks win: an accepted cue overrides a rejected one at the same place.
    for edit in edits:
        if edit.was is not None:
            mark(edit.was, 0.0, 1.0)
    for edit in edits:
        if edit.cue.status == "rejected":
            mark(edit.cue, 0.0, 1.0)
    for edit in edits:
        if edit.cue.status != "rejected":
            mark(edit.cue, 1.0, 1.0)
    return labels, weights


def _event(cue: Cue) -> Event:
    return Event(
        effect=cue.effect,
        onset=float(cue.onset),
        offset=float(cue.offset),
        confidence=cue.confidence,
    )
