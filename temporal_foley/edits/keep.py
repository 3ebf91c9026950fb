"""Merge the edits of an earlier cue list into a new proposal for the same video.

`proposed.json` beside `cues.json` has what the detector had proposed: the differences are edits. A
new cue that repeats an edited one is left out; one that coincides with a rejected cue is rejected
again. Cues without edits are replaced by the new proposal.
"""

import bisect
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from temporal_foley.cue_list import read_timeline, timeline_from_json, timeline_to_json
from temporal_foley.errors import CueListError
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Cue, Timeline, Track

PROPOSED_FILE = "proposed.json"
BEFORE_FILE = "cues.before.json"
SAME_MOMENT = SAMPLE_RATE_HZ // 4
"""Hits less than a quarter of a second apart may be the same."""

_SUSTAINED = ("loop", "ambience")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edit:
    """An edited cue, and how it had been proposed (None if it was added)."""

    cue: Cue
    was: Cue | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decided:
    """An edited cue list, and what had been proposed (None if unknown)."""

    edited: Timeline
    proposed: Timeline | None

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edited cues; one that was removed from the list counts as rejected."""
        return find_edits(self.edited, self.proposed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MergeChanges:
    """Numbers of cues by what happened to them when a video was analysed again."""

    kept: int = 0
    """Edited cues."""
    new: int = 0
    rejected_again: int = 0
    gone: int = 0
    changed: int = 0
    same: int = 0

    def __str__(self) -> str:
        edits = "1 edit" if self.kept == 1 else f"{self.kept} edits"
        counts = [
            (f"{edits} kept", True),
            (f"{self.new} new", self.new),
            (f"{self.rejected_again} rejected again", self.rejected_again),
            (f"{self.gone} gone", self.gone),
            (f"{self.changed} changed", self.changed),
            (f"{self.same} as before", True),
        ]
        return ", ".join(text for text, is_told in counts if is_told)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """The merged cue list, the proposal for each of its cues, and what changed."""

    timeline: Timeline
    proposed: Timeline
    changes: MergeChanges


def find_edits(edited: Timeline, proposed: Timeline | None) -> tuple[Edit, ...]:
    """Return the cues that differ from their proposal."""
    if proposed is None:
        return tuple(Edit(cue=cue, was=cue) for cue in edited.cues if _is_decided(cue))
    was = {cue.id: cue for cue in proposed.cues}
    edits = [
        Edit(cue=cue, was=was.get(cue.id))
        for cue in edited.cues
        if _is_decided(cue) or (cue != was.get(cue.id) and not _follows_scene(cue))
    ]
    present = {cue.id for cue in edited.cues}
    edits += [
        Edit(cue=dataclasses.replace(cue, status="rejected", locked=True), was=cue)
        for cue in proposed.cues
        if cue.id not in present and not _follows_scene(cue)
    ]
    return tuple(edits)


def _follows_scene(cue: Cue) -> bool:
    """Return whether a cue is there only because its scene goes on."""
    return cue.evidence.carried_from is not None


def read_decided(cues: Path, source_sha256: str) -> Decided | None:
    """Read the cue list of an earlier run and its proposal; None if it has no edits.

    Raises:
        CueListError: The list cannot be read, or its edits are of another video.
    """
    if not cues.is_file():
        return None
    decided = Decided(edited=read_timeline(cues), proposed=read_proposed(cues))
    if not decided.edits and not _has_other_gains(decided):
        return None
    if decided.edited.source.sha256 != source_sha256:
        raise CueListError(
            f"{cues}: holds edits for another cut of the video; bring them over with "
            "temporal-foley reconform, or give --discard-edits"
        )
    return decided


def holds_edits(cues: Path) -> bool:
    """Return whether a cue list has edits; one that cannot be read may have some."""
    try:
        return read_decided(cues, read_timeline(cues).source.sha256) is not None
    except CueListError:
        return cues.exists()


def read_proposed(cues: Path) -> Timeline | None:
    """Read the proposal beside a cue list, if it is for the same video."""
    path = cues.with_name(PROPOSED_FILE)
    return read_timeline(path) if path.is_file() else None


def keep_edits(decided: Decided, new: Timeline, effects: Sequence[str] = ()) -> Kept:
    """Merge edits into a new proposal for the same video.

    Args:
        decided: The earlier list.
        new: The new proposal.
        effects: The order of tracks; others come last.
    """
    # As it will be read again: numbers are rounded in the file.
    new = timeline_from_json(timeline_to_json(new))
    edits = {edit.cue.id: edit for edit in decided.edits}
    kinds = {
        track.effect: track.kind
        for timeline in (decided.edited, decided.proposed, new)
        if timeline is not None
        for track in timeline.tracks
    }
    # Where the earlier look had found something; what was added by hand it had not.
    earlier = [edit.was for edit in edits.values() if edit.was is not None]
    earlier += [cue for cue in decided.edited.cues if cue.id not in edits]
    pairs = _pair(earlier, new.cues, kinds)
    by_id = {cue.id: cue for cue in earlier}
    found = {partner.id: by_id[cue_id] for cue_id, partner in pairs.items()}
    touched = _by_effect(edit.cue for edit in edits.values())

    cues = [edit.cue for edit in edits.values()]
    proposals = [
        dataclasses.replace(pairs.get(edit.was.id, edit.was), id=edit.cue.id)
        for edit in edits.values()
        if edit.was is not None
    ]
    taken = {*edits, *(cue.id for cue in new.cues)}
    counts: dict[str, int] = dict.fromkeys(("new", "rejected_again", "changed", "same"), 0)
    for cue in new.cues:
        before = found.get(cue.id)
        if before is not None and before.id in edits:
            continue
        verdict = "proposed"
        if before is None:
            verdict = _verdict(cue, touched.get(cue.effect, []), kinds[cue.effect])
        if verdict == "left out":
            continue
        proposal = cue
        if cue.id in edits:
            proposal = dataclasses.replace(cue, id=_free_id(cue.effect, taken))
            taken.add(proposal.id)
        proposals.append(proposal)
        if verdict == "rejected":
            counts["rejected_again"] += 1
            proposal = dataclasses.replace(proposal, status="rejected")
        elif before is None:
            counts["new"] += 1
        else:
            is_same = dataclasses.replace(cue, id=before.id) == before
            counts["same" if is_same else "changed"] += 1
        cues.append(proposal)
    untouched = [cue for cue in decided.edited.cues if cue.id not in edits]
    gone = sum(cue.id not in pairs for cue in untouched)
    return Kept(
        timeline=dataclasses.replace(
            new,
            start_timecode=decided.edited.start_timecode,
            scenes=decided.edited.scenes if _has_other_scenes(decided) else new.scenes,
            tracks=_tracks(cues, _templates(decided, new), effects),
        ),
        proposed=dataclasses.replace(
            new, tracks=_tracks(proposals, _templates(decided, new, own_gains=False), effects)
        ),
        changes=MergeChanges(kept=len(edits), gone=gone, **counts),
    )


def _is_decided(cue: Cue) -> bool:
    return cue.locked or cue.status not in ("proposed", "already_heard")


def _by_effect(cues: Iterable[Cue]) -> dict[str, list[Cue]]:
    sorted_out: dict[str, list[Cue]] = {}
    for cue in cues:
        sorted_out.setdefault(cue.effect, []).append(cue)
    return sorted_out


def _pair(earlier: Sequence[Cue], new: Sequence[Cue], kinds: dict[str, str]) -> dict[str, Cue]:
    """Return for each earlier cue, by its id, the nearest new cue that repeats it."""
    pairs: dict[str, Cue] = {}
    taken: set[str] = set()
    candidates: list[tuple[int, str, Cue]] = []
    news = _by_effect(new)
    for effect, own in _by_effect(earlier).items():
        others = sorted(news.get(effect, []), key=_moment)
        moments = [_moment(cue) for cue in others]
        for cue in own:
            if kinds[effect] in _SUSTAINED:
                near = [other for other in others if _overlap(cue, other)]
            else:
                first = bisect.bisect_left(moments, _moment(cue) - SAME_MOMENT)
                last = bisect.bisect_right(moments, _moment(cue) + SAME_MOMENT)
                near = others[first:last]
            candidates += [(_distance(cue, other), cue.id, other) for other in near]
    for _, cue_id, other in sorted(candidates, key=lambda row: (row[0], row[1], row[2].id)):
        if cue_id not in pairs and other.id not in taken:
            pairs[cue_id] = other
            taken.add(other.id)
    return pairs


def _verdict(cue: Cue, touched: Sequence[Cue], kind: str) -> str:
    """Decide what to do with a new cue next to the edited cues."""
    verdict = "proposed"
    for other in touched:
        is_near = abs(_moment(cue) - _moment(other)) <= SAME_MOMENT
        if other.status == "rejected":
            # Steps ring into each other: of those only the very step is meant.
            if is_near or (kind != "repeated" and _overlap(cue, other)):
                verdict = "rejected"
        elif is_near or (kind in _SUSTAINED and _overlap(cue, other)):
            return "left out"
    return verdict


def _moment(cue: Cue) -> int:
    return cue.picture_sample if cue.loop is None else cue.onset_sample


def _overlap(a: Cue, b: Cue) -> bool:
    return a.onset_sample < b.offset_sample and b.onset_sample < a.offset_sample


def _distance(a: Cue, b: Cue) -> int:
    if a.loop is None and b.loop is None:
        return abs(_moment(a) - _moment(b))
    return abs(a.onset_sample - b.onset_sample) + abs(a.offset_sample - b.offset_sample)


def _free_id(effect: str, taken: set[str]) -> str:
    number = 1
    while f"{effect}-{number:04d}" in taken:
        number += 1
    return f"{effect}-{number:04d}"


def _has_other_gains(decided: Decided) -> bool:
    return bool(_own_gains(decided)) or _has_other_scenes(decided)


def _has_other_scenes(decided: Decided) -> bool:
    return decided.proposed is not None and decided.edited.scenes != decided.proposed.scenes


def _own_gains(decided: Decided) -> dict[str, float]:
    """Return the gains of tracks that were edited."""
    if decided.proposed is None:
        # What they had been is not known: where anything was decided, they count as decided.
        is_worked_on = bool(decided.edits)
        return {t.effect: t.gain_db for t in decided.edited.tracks if is_worked_on}
    was = {track.effect: track.gain_db for track in decided.proposed.tracks}
    return {
        track.effect: track.gain_db
        for track in decided.edited.tracks
        if track.effect in was and track.gain_db != was[track.effect]
    }


def _templates(decided: Decided, new: Timeline, *, own_gains: bool = True) -> dict[str, Track]:
    """Return a track without cues for each effect."""
    before = [] if decided.proposed is None else decided.proposed.tracks
    templates = {track.effect: track for track in (*decided.edited.tracks, *before, *new.tracks)}
    gains = _own_gains(decided) if own_gains else {}
    return {
        effect: dataclasses.replace(track, gain_db=gains.get(effect, track.gain_db))
        for effect, track in templates.items()
    }


def _tracks(
    cues: Sequence[Cue], templates: dict[str, Track], effects: Sequence[str]
) -> tuple[Track, ...]:
    """Put cues on the tracks of their effects, in order of onset; empty tracks are left out."""
    own = _by_effect(sorted(cues, key=lambda cue: (cue.onset_sample, cue.id)))
    order = [*(name for name in effects if name in own), *(n for n in templates if n in own)]
    return tuple(
        dataclasses.replace(templates[effect], cues=tuple(own[effect]))
        for effect in dict.fromkeys(order)
    )
