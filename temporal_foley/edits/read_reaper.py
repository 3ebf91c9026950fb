"""Read the clips of an edited REAPER project, without opening any file that it names."""

import dataclasses
import math
import re

from temporal_foley.errors import FoleyError
from temporal_foley.session.curves import STILL, decibels, decibels_of
from temporal_foley.session.edited import (
    FIRST_PICTURE,
    EditedClip,
    EditedSession,
    read_known,
    read_origin,
    read_source,
    read_takes,
)
from temporal_foley.session.writers.reaper import item_guid
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample
from temporal_foley.timeline import Curve

_DEEPEST = 64
_LONGEST_S = 1_000_000.0
_TOKEN = re.compile(r"""\"([^"]*)\"|'([^']*)'|`([^`]*)`|(\S+)""")


@dataclasses.dataclass
class _Block:
    """A block of the project: its words, and its lines and blocks in order."""

    words: list[str]
    parts: list["str | _Block"] = dataclasses.field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def lines(self) -> list[str]:
        return [part for part in self.parts if isinstance(part, str)]

    @property
    def blocks(self) -> list["_Block"]:
        return [part for part in self.parts if isinstance(part, _Block)]

    def values(self, word: str) -> list[str]:
        """Return the values of the first line that begins with a word; empty if there is none."""
        for line in self.lines:
            if line.startswith(word + " "):
                return _words(line)[1:]
        return []

    def number(self, word: str, place: int = 0, default: float = 0.0) -> float:
        """Return one number of a line.

        Raises:
            FoleyError: It is not a number, or far out of range.
        """
        values = self.values(word)
        if len(values) <= place:
            return default
        try:
            value = float(values[place])
        except ValueError:
            value = math.nan
        if not abs(value) <= _LONGEST_S:
            raise FoleyError(f"{word} must be a number of seconds, got {values[place]!r:.40}")
        return value

    def of(self, kind: str) -> list["_Block"]:
        return [block for block in self.blocks if block.kind == kind]


def read_reaper(text: str) -> EditedSession:
    """Read a project.

    Raises:
        FoleyError: It is not a REAPER project, or a number in it is invalid.
    """
    # Some programs begin a text with a byte-order mark.
    project = _parse(text.removeprefix("\ufeff"))
    leader = _first_picture(project)
    clips: list[EditedClip] = []
    stretched = scaled = 0
    for track in project.of("TRACK"):
        name = " ".join(track.values("NAME")[:1])
        for item in track.of("ITEM"):
            take = _heard_take(item)
            source = _source(take)
            if source is None or source.words[1:2] == ["VIDEO"]:
                continue
            stretched += abs(take.number("PLAYRATE", default=1.0) - 1.0) > 1e-9
            scaled += any(envelope.number("VOLTYPE") for envelope in take.of("VOLENV"))
            clips.append(_clip(item, take, source, name, leader))
    warnings: list[str] = []
    if stretched:
        warnings.append(f"{stretched} clips were stretched; they keep the speed of their take")
    if scaled:
        warnings.append(
            f"{scaled} volume envelopes count as faders do and were left out; set them to "
            "amplitude scaling"
        )
    notes = [line.removeprefix("|") for block in project.of("NOTES") for line in block.lines]
    return EditedSession(
        clips=tuple(clips),
        warnings=tuple(warnings),
        known=read_known(notes),
        source=read_source(notes),
        takes=read_takes(notes),
    )


def _parse(text: str) -> _Block:
    root = _Block(words=[])
    stack = [root]
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("<"):
            block = _Block(words=_words(line[1:]))
            stack[-1].parts.append(block)
            stack.append(block)
            if len(stack) > _DEEPEST:
                raise FoleyError("is nested too deeply for a REAPER project; save it again")
        elif line == ">":
            if len(stack) == 1:
                raise FoleyError("closes more blocks than it opens; save it again")
            stack.pop()
        elif line:
            stack[-1].parts.append(line)
    if len(root.blocks) != 1 or root.blocks[0].kind != "REAPER_PROJECT" or len(stack) != 1:
        raise FoleyError("is no whole REAPER project; save it again")
    return root.blocks[0]


def _words(line: str) -> list[str]:
    return [next(group for group in match if group) for match in _TOKEN.findall(line) if any(match)]


def _first_picture(project: _Block) -> int:
    """Return where the picture begins: at its marker, or else at its item."""
    for line in project.lines:
        if line.startswith("MARKER "):
            words = _words(line)
            if words[3:4] == [FIRST_PICTURE]:
                return _samples(_Block(words=[], parts=[line]).number("MARKER", 1))
    for track in project.of("TRACK"):
        for item in track.of("ITEM"):
            source = _source(item)
            if source is not None and source.words[1:2] == ["VIDEO"]:
                return _samples(item.number("POSITION") - item.number("SOFFS"))
    return 0


def _heard_take(item: _Block) -> _Block:
    """Return the lines and blocks of the take that an item plays; the first take is the item's."""
    takes = [_Block(words=[])]
    heard = 0
    for part in item.parts:
        words = _words(part) if isinstance(part, str) else []
        if words[:1] == ["TAKE"]:
            if "SEL" in words:
                heard = len(takes)
            takes.append(_Block(words=words))
        else:
            takes[-1].parts.append(part)
    return takes[heard]


def _source(take: _Block) -> _Block | None:
    """Return the source of a take, also if REAPER put a section around it."""
    found = next(iter(take.of("SOURCE")), None)
    while found is not None and found.words[1:2] == ["SECTION"]:
        found = next(iter(found.of("SOURCE")), None)
    return found


def _clip(item: _Block, take: _Block, source: _Block, track: str, leader: int) -> EditedClip:
    notes = [line.removeprefix("|") for block in item.of("NOTES") for line in block.lines]
    origin = next((found for note in notes if (found := read_origin(note))), None)
    begin = _samples(item.number("POSITION"))
    end = _samples(item.number("POSITION") + item.number("LENGTH"))
    # The item's own gain stands before its first take's pan and gain.
    pan, gain = take.number("VOLPAN", 1), take.number("VOLPAN", 2, 1.0)
    if take.words:
        pan, gain = take.number("TAKEVOLPAN"), take.number("TAKEVOLPAN", 1, 1.0)
    level = _envelope(take, "VOLENV")
    is_scaled = any(envelope.number("VOLTYPE") for envelope in take.of("VOLENV"))
    pans = tuple((at, round(min(max(-x, -1.0), 1.0), 6)) for at, x in _envelope(take, "PANENV"))
    guid = (item.values("IGUID") or [""])[0].strip("{}").upper()
    return EditedClip(
        is_first=origin is not None and guid == item_guid(origin.cue).strip("{}"),
        name=" ".join(take.values("NAME")[:1]),
        track=track,
        file=" ".join(source.values("FILE")[:1]),
        origin=origin,
        place=begin - leader,
        length=end - begin,
        source_in=_samples(take.number("SOFFS")),
        is_muted=item.number("MUTE") != 0,
        gain_db=decibels_of(abs(item.number("VOLPAN", 0, 1.0) * gain)),
        level=None if is_scaled else decibels(level) or STILL,
        pan=pans or ((0, round(min(max(pan, -1.0), 1.0), 6)),),
        fade_in=_samples(max(item.number("FADEIN", 1), item.number("FADEIN", 2))),
        fade_out=_samples(max(item.number("FADEOUT", 1), item.number("FADEOUT", 2))),
    )


def _envelope(take: _Block, kind: str) -> Curve:
    """Return the points of an envelope that is switched on; empty if there is none."""
    points: dict[int, float] = {}
    for envelope in take.of(kind):
        if envelope.number("ACT", default=1.0) == 0:
            continue
        for line in envelope.lines:
            if line.startswith("PT "):
                point = _Block(words=[], parts=[line])
                points[_samples(point.number("PT"))] = point.number("PT", 1)
    return tuple(sorted(points.items()))


def _samples(seconds: float) -> int:
    return to_sample(seconds, SAMPLE_RATE_HZ)
