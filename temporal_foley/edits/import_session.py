"""Import an edited session into the cue list that it was exported from.

A clip is identified by the note that names its cue. A cue that was moved, trimmed, faded, panned,
changed in level or given another take gets these values; a deleted or muted one is rejected; copies
and the other halves of cuts become new cues. All of these are locked. A cue that was added to the
list, or changed in it, after the export stays as it is.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.edits.edit_cue import decided, edit_cue, with_take
from temporal_foley.edits.read_otio import check_otio, read_bundle, read_otio
from temporal_foley.edits.read_reaper import read_reaper
from temporal_foley.edits.recognise_clips import with_recognised
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError, meant_file
from temporal_foley.session.build_session import MARK, is_file_of
from temporal_foley.session.curves import shifted
from temporal_foley.session.edited import (
    MOST_BYTES,
    EditedClip,
    EditedSession,
    Origin,
    file_part,
    has_other_take,
)
from temporal_foley.session.export_media import shape_reader
from temporal_foley.session.names import clean_name, file_name, title_of
from temporal_foley.session.written import note_imported
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import SILENT_STATUSES, Cue, Timeline, Track

SUFFIXES = (".rpp", ".otio", ".otioz")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportChanges:
    """Numbers of cues by kind of change; a cue that was moved and trimmed counts twice."""

    moved: int = 0
    trimmed: int = 0
    adjusted: int = 0
    """Another level, pan, fade, take or effect."""
    rejected: int = 0
    added: int = 0
    kept: int = 0

    def __str__(self) -> str:
        said = ("moved", "trimmed", "adjusted", "rejected", "added")
        counts = [f"{getattr(self, name)} {name}" for name in said if getattr(self, name)]
        return ", ".join([*counts, f"{self.kept} as they were"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportOutcome:
    """The path of the edited cue list, and what changed in it."""

    path: Path
    changes: ImportChanges
    warnings: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """A description of the changes."""
        return str(self.changes)


def import_edits(
    edited: Path,
    cues: Path,
    out: Path | None = None,
    *,
    library: Path | None = None,
    overwrite: bool = False,
) -> ImportOutcome:
    """Import the edits of a session into its cue list, by default as `CUES.edited.json` beside it.

    Args:
        edited: The session.
        cues: The cue list.
        out: Where to write.
        library: The folder of the sound library, if it was not the built-in one; only used where
            the session has lost its notes.
        overwrite: Replace an earlier list.

    Raises:
        FoleyError: The session or the cue list cannot be read, or the session was made for another
            video.
        OutputExistsError: The new cue list exists, and `overwrite` is not given.
    """
    out = cues.with_name(f"{cues.stem}.edited.json") if out is None else out
    timeline = read_timeline(cues)
    if out.exists() and not overwrite:
        raise OutputExistsError(f"{out}: exists; use --overwrite or --out FILE")
    session = read_session(edited)
    shape_of = shape_reader(load_library(library))
    session = dataclasses.replace(session, clips=with_recognised(session.clips, timeline, shape_of))
    check_session(session, timeline, edited)
    result, changes, warnings = apply_edits(timeline, session.clips, session.known, session.takes)
    part = out.with_name(out.name + ".part")
    try:
        write_timeline(result, part)
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FoleyError(f"{out}: cannot be written ({error.strerror})") from None
    note_imported(edited)
    return ImportOutcome(path=out, changes=changes, warnings=(*session.warnings, *warnings))


def read_session(path: Path) -> EditedSession:
    """Read the clips of an `.rpp`, `.otio` or `.otioz`.

    Raises:
        FoleyError: It is none of these, too large, or damaged.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: must be an .rpp, .otio or .otioz; save the session as one")
    try:
        if not path.is_file():
            raise FoleyError(f"no such file; {meant_file(path)}")
        if suffix == ".otioz":
            text = read_bundle(path)
        elif path.stat().st_size > MOST_BYTES:
            raise FoleyError(f"is larger than {MOST_BYTES >> 20} MiB, too large for a session")
        else:
            text = path.read_bytes().decode("utf-8-sig", "replace")
        if suffix == ".rpp":
            return read_reaper(text)
        check_otio(text)
        return read_otio(text)
    except OSError as error:
        raise FoleyError(f"{path}: cannot be read ({error.strerror})") from None
    except FoleyError as error:
        raise type(error)(f"{path}: {error}") from None


def check_session(session: EditedSession, timeline: Timeline, path: Path) -> None:
    """Check that a session was made for the video of a cue list.

    Raises:
        FoleyError: It was made for another video, or nothing in it is recognised.
    """
    name = timeline.source.name
    remedy = f"import it into the list that it was exported from, not into that of {name}"
    if session.source is not None and session.source != timeline.source.sha256:
        raise FoleyError("was made for another video", path=path, remedy=remedy)
    if session.known is not None:
        return
    ours = {file_part(clip.file) for clip in session.clips if MARK in clip.file}
    ending = f"{MARK}{file_name(Path(name).stem)}."
    if ours and not any(ending in file for file in ours):
        other = sorted(ours)[0].partition(MARK)[2].rpartition(".")[0]
        raise FoleyError(f"was made for another video ({other})", path=path, remedy=remedy)
    known = {cue.id for cue in timeline.cues}
    if known and not any(clip.origin and clip.origin.cue in known for clip in session.clips):
        raise FoleyError("holds no clip of a cue of this list", path=path, remedy=remedy)


def apply_edits(
    timeline: Timeline,
    clips: Sequence[EditedClip],
    exported: frozenset[str] | None = None,
    takes: Sequence[Origin] = (),
) -> tuple[Timeline, ImportChanges, tuple[str, ...]]:
    """Return the edited timeline, what changed, and warnings about what could not be used.

    Only cues that were `exported` can have been deleted; None means all. `takes` are the notes of
    the session's sound files, besides those of its clips.
    """
    known = {cue.id: cue for cue in timeline.cues}
    effects = _effects(timeline)
    placed, warnings = _known_clips(clips, known)
    stale = {
        name
        for name, own in placed.items()
        if any(_is_outdated(known[name], clip, origin) for clip, origin in own)
    }
    origins = [*takes, *(clip.origin for clip in clips if clip.origin is not None)]
    files = _known_files(origins, known)
    duration = timeline.source.duration_samples
    used = set(known)
    result: list[Cue] = []
    counts: dict[str, int] = dict.fromkeys(
        ("moved", "trimmed", "adjusted", "rejected", "added", "kept"), 0
    )
    vanished = strange = 0
    # Without notes, a cue that is missing may be one of the clips that were not recognised.
    is_certain = exported is not None or not warnings
    for cue in timeline.cues:
        own = placed.get(cue.id, [])
        was_there = is_certain if exported is None else cue.id in exported
        if cue.id in stale or (not own and (cue.status in SILENT_STATUSES or not was_there)):
            result.append(cue)
            counts["kept"] += 1
            continue
        heard = [(clip, origin) for clip, origin in own if not clip.is_muted]
        if not heard and cue.status in SILENT_STATUSES:
            result.append(cue)
            counts["kept"] += 1
            continue
        if not heard:
            result.append(dataclasses.replace(cue, status="rejected", locked=True))
            counts["rejected"] += 1
            continue
        # Of a cue that was cut or copied, the piece nearest to its old place stays that cue.
        # The editor may know better which of them it is.
        heard.sort(
            key=lambda pair: (
                not pair[0].is_first,
                abs(pair[0].place - cue.onset_sample),
                pair[0].place,
            )
        )
        # A copy may lie where the cue itself was.
        others = [other for other in timeline.cues if other.id != cue.id]
        for number, (clip, origin) in enumerate(heard):
            taken = cue
            if has_other_take(clip.file, origin):
                found = files.get(file_part(clip.file))
                strange += found is None
                if found is not None:
                    taken, origin = with_take(cue, clip, *found)
            effect = effects.get(clip.track, cue.effect)
            edited = edit_cue(taken, clip, origin, effect, duration)
            if edited == taken != cue:
                edited = decided(taken)
            if edited is None:
                vanished += 1
                if number == 0:
                    result.append(dataclasses.replace(cue, status="rejected", locked=True))
                    counts["rejected"] += 1
            elif number == 0:
                result.append(edited)
                for name in _differences(cue, edited):
                    counts[name] += 1
            elif not any(_is_same_sound(edited, other) for other in (*others, result[-1])):
                name = _free_id(edited.effect, used)
                used.add(name)
                reason = f"copy of {cue.id}"
                result.append(dataclasses.replace(decided(edited), id=name, reason=reason))
                counts["added"] += 1
    if stale:
        warnings.append(
            f"{len(stale)} cues have another place or take in the list since the session was "
            "exported, and stay as they are in the list; export it again to go on from there"
        )
    if vanished:
        warnings.append(f"{vanished} clips lie outside the picture or hold no sound of a take")
    if strange:
        warnings.append(
            f"{strange} clips play a file that is no take of the session and keep their take; "
            "put their sound into a library to use it"
        )
    return _with_cues(timeline, result), ImportChanges(**counts), tuple(warnings)


def _effects(timeline: Timeline) -> dict[str, str]:
    """Return the effect of each track of a session, by the name of the track."""
    named = {title_of(track.effect): track.effect for track in timeline.tracks}
    return named | {track.effect: track.effect for track in timeline.tracks}


_Placed = dict[str, list[tuple[EditedClip, Origin]]]


def _known_clips(clips: Sequence[EditedClip], known: dict[str, Cue]) -> tuple[_Placed, list[str]]:
    """Group clips by cue; a clip without a note is identified by other clips of its file."""
    by_file = {clip.file: clip.origin for clip in clips if clip.origin is not None and clip.file}
    placed: _Placed = {}
    foreign: list[str] = []
    for clip in clips:
        origin = clip.origin or by_file.get(clip.file)
        if origin is not None and origin.cue in known:
            placed.setdefault(origin.cue, []).append((clip, origin))
        elif clip.name != "2-pop" and not file_part(clip.file).startswith(("2-POP_", "ORIGINAL_")):
            foreign.append(clean_name(clip.name or clip.file))
    warnings: list[str] = []
    if foreign:
        shown = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        warnings.append(
            f"{len(foreign)} clips are of no cue in the list and were left out ({shown}); "
            "put their sound into a library to use it"
        )
    return placed, warnings


def _is_outdated(cue: Cue, clip: EditedClip, origin: Origin) -> bool:
    """Return whether a cue changed in the list since the export, and its clip has no newer edit.

    A decision may come from an earlier import: then the session continues from it.
    """
    is_placed = origin.onset is None or origin.onset == cue.onset_sample
    has_take = not origin.file or is_file_of(cue, origin.file, origin.start, origin.end)
    if not has_take and not has_other_take(clip.file, origin):
        return True
    return not is_placed and (not cue.locked or clip.place == origin.onset)


def _known_files(origins: Sequence[Origin], known: dict[str, Cue]) -> dict[str, tuple[Origin, Cue]]:
    """Return for each sound file of the session the note of a cue that was made of it."""
    return {
        one.file: (one, known[one.cue])
        for one in origins
        if one.file
        and one.cue in known
        and is_file_of(known[one.cue], one.file, one.start, one.end)
    }


def _is_same_sound(a: Cue, b: Cue) -> bool:
    """Return whether two cues sound alike, such as a copy that was imported before."""
    names = ("effect", "asset", "onset_sample", "offset_sample", "source_start")
    return all(getattr(a, name) == getattr(b, name) for name in names)


def _differences(before: Cue, after: Cue) -> list[str]:
    """Return the fields of `ImportChanges` that apply to an edit."""
    found: list[str] = []
    # A hit trimmed at its front still meets the picture where it did.
    place = "picture_sample" if after.loop is None else "onset_sample"
    if getattr(after, place) != getattr(before, place):
        found.append("moved")
    if after.length != before.length:
        found.append("trimmed")
    names = ("effect", "asset", "gain_db", "fade_in", "fade_out")
    is_other = any(getattr(after, name) != getattr(before, name) for name in names)
    # A trim at the front moves curves along, and changes nothing of them.
    curves = ((after.level, before.level), (after.pan, before.pan))
    if is_other or any(shifted(a, a[0][0]) != shifted(b, b[0][0]) for a, b in curves):
        found.append("adjusted")
    if not found and after is not before:
        found.append("adjusted")
    return found or ["kept"]


def _free_id(effect: str, taken: set[str]) -> str:
    number = 1
    while f"{effect}-{number:04d}" in taken:
        number += 1
    return f"{effect}-{number:04d}"


def _with_cues(timeline: Timeline, cues: Sequence[Cue]) -> Timeline:
    """Put cues on the tracks of their effects, in order of onset."""
    tracks: list[Track] = []
    for track in timeline.tracks:
        own = sorted(
            (cue for cue in cues if cue.effect == track.effect),
            key=lambda cue: (cue.onset_sample, cue.id),
        )
        tracks.append(dataclasses.replace(track, cues=tuple(own)))
    return dataclasses.replace(timeline, tracks=tuple(tracks))
