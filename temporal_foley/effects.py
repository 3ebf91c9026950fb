"""Read vocabularies: the effects that a model detects, and how each sounds and is mixed."""

import dataclasses
import functools
import hashlib
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from temporal_foley.errors import VocabularyError
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.files.records import RecordError, read_record, require

Kind = Literal["one_shot", "repeated", "loop", "ambience"]
Bus = Literal["hard_effects", "foley", "backgrounds"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BUSES: tuple[Bus, ...] = get_args(Bus)
DEFAULT_VOCABULARY = "foley20"

_Record = TypeVar("_Record")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_RECORD = re.compile(r"^\s*\[\[\s*effect\s*\]\]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageNetRule:
    """A WordNet synset whose ImageNet classes count for an effect, and why."""

    synset: str
    reason: str
    weight: float = 1.0
    exclude: bool = False
    """Whether its classes are taken out again."""

    def __post_init__(self) -> None:
        is_synset = re.fullmatch(r"n\d{8}", self.synset) is not None
        require(is_synset, "synset", f"must look like n02084071, got {self.synset!r}")
        require(self.reason != "", "reason", f"must say why {self.synset} counts")
        require(0.0 < self.weight <= 1.0, "weight", f"must be in (0, 1], got {self.weight}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effect:
    """A class of sound: how it sounds, where it is mixed, and how its probability is read."""

    name: str
    kind: Kind
    bus: Bus
    description: str = ""
    ucs: str = ""
    """Category of the Universal Category System."""
    audioset: tuple[str, ...] = ()
    vggsound: tuple[str, ...] = ()
    imagenet: tuple[ImageNetRule, ...] = ()
    threshold_on: float = 0.5
    threshold_off: float = 0.35
    min_duration_s: float = 0.25
    max_duration_s: float | None = None
    merge_gap_s: float = 0.5
    interval_s: tuple[float, float] | None = None
    """Shortest and longest time from one hit to the next of a `repeated` effect, or of a `one_shot`
    that recurs while its source stays in the picture; None: it happens once."""
    level_db: float = 0.0
    """Added to the level of its bus."""
    also: tuple[str, ...] = ()
    """Further words that it goes by."""

    def __post_init__(self) -> None:
        on, off, interval = self.threshold_on, self.threshold_off, self.interval_s
        is_name = _NAME.fullmatch(self.name) is not None
        require(is_name, "name", f"must be lower_case with at most 48 letters, got {self.name!r}")
        for field, known in (("kind", KINDS), ("bus", BUSES)):
            value = getattr(self, field)
            require(value in known, field, f"must be one of {', '.join(known)}, got {value!r}")
        require(0.0 < on < 1.0, "threshold_on", f"must be in (0, 1), got {on}")
        limits = f"must be above 0 and at most threshold_on ({on}), got {off}"
        require(0.0 < off <= on, "threshold_off", limits)
        for field in ("min_duration_s", "merge_gap_s"):
            value = getattr(self, field)
            require(value >= 0.0, field, f"must be at least 0, got {value}")
        if (longest := self.max_duration_s) is not None:
            is_longer = longest >= self.min_duration_s
            require(is_longer, "max_duration_s", f"must be at least min_duration_s, got {longest}")
        if interval is None:
            is_free = self.kind != "repeated"
            require(is_free, "interval_s", "must be given for a repeated effect")
        else:
            can_recur = self.kind in ("one_shot", "repeated")
            require(can_recur, "interval_s", f"must not be given for kind {self.kind}")
            in_order = 0.0 < interval[0] <= interval[1]
            require(in_order, "interval_s", f"must hold 0 < shortest <= longest, got {interval[0]}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EffectGroup:
    """Effects of one kind of source, the usual one first: one of them at a time is the rule."""

    name: str
    effects: tuple[str, ...]
    never_together: tuple[str, ...] = ()
    """Those of them that are one thing by two names, such as a river and waves."""

    def __post_init__(self) -> None:
        strangers = [name for name in self.never_together if name not in self.effects]
        require(not strangers, "never_together", f"must be effects of the group: {strangers}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefusedSource:
    """What is recognised so that it is never taken for an effect."""

    name: str
    audioset: tuple[str, ...] = ()
    imagenet: tuple[ImageNetRule, ...] = ()
    also: tuple[str, ...] = ()
    """Further words that it goes by."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The effects that a model detects, in the order of the last axis of its logits."""

    name: str
    effects: tuple[Effect, ...]
    sha256: str = ""
    groups: tuple[EffectGroup, ...] = ()
    refused: tuple[RefusedSource, ...] = ()

    def __post_init__(self) -> None:
        grouped = [effect for group in self.groups for effect in group.effects]
        for place, name in enumerate(grouped):
            require(name in self.names, "group", f"names {name!r}, which is not an effect")
            require(name not in grouped[:place], "group", f"names {name!r} twice")

    @property
    def names(self) -> tuple[str, ...]:
        """The effects' names, in order."""
        return tuple(effect.name for effect in self.effects)

    def __len__(self) -> int:
        return len(self.effects)

    def __getitem__(self, name: str) -> Effect:
        return self.effects[self.index(name)]

    def index(self, name: str) -> int:
        """Return the position of an effect; an unknown name lists the known ones."""
        try:
            return self.names.index(name)
        except ValueError:
            raise VocabularyError.unknown("effect", name, self.names) from None

    def select(self, only: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the names in `only` (all, if empty) without those in `exclude`, in order."""
        for name in (*only, *exclude):
            self.index(name)
        return tuple(n for n in self.names if (not only or n in only) and n not in exclude)


def load_vocabulary(name_or_path: str = DEFAULT_VOCABULARY) -> Vocabulary:
    """Load a vocabulary that ships with the package by name, or a user's own by its path.

    Raises:
        VocabularyError: The file cannot be read or a record is wrong; the message names the line.

    Examples:
        >>> vocabulary = load_vocabulary("foley20")
        >>> len(vocabulary), vocabulary["dog_barking"].kind
        (20, 'one_shot')
    """
    text = vocabulary_text(name_or_path)
    if name_or_path in _shipped_texts():
        return _shipped_vocabulary(name_or_path)
    return parse_vocabulary(text, Path(name_or_path).stem, where=name_or_path)


def vocabulary_text(name_or_path: str) -> str:
    """Return the TOML text of a vocabulary that ships with the package, or of a user's own.

    Raises:
        VocabularyError: No vocabulary has that name, or the file cannot be read.
    """
    shipped = _shipped_texts()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if not path.is_file():
        raise VocabularyError(
            "no such file, and not a shipped vocabulary",
            path=name_or_path,
            remedy=f"shipped are: {', '.join(shipped)}",
        )
    try:
        return read_whole(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VocabularyError(
            f"cannot be read as UTF-8 text ({file_cause(error)})", path=path
        ) from None


def shipped_vocabularies() -> tuple[str, ...]:
    """Return the names of the vocabularies that ship with the package."""
    return tuple(_shipped_texts())


@functools.cache
def _shipped_texts() -> dict[str, str]:
    folder = resources.files("temporal_foley") / "vocabularies"
    files = {f.name.removesuffix(".toml"): f for f in folder.iterdir() if f.name.endswith(".toml")}
    return {name: files[name].read_text("utf-8") for name in sorted(files)}


@functools.cache
def _shipped_vocabulary(name: str) -> Vocabulary:
    return parse_vocabulary(_shipped_texts()[name], name)


def parse_vocabulary(text: str, name: str, where: str | None = None) -> Vocabulary:
    """Read the TOML text of a vocabulary; `where` is what errors call it."""
    where = where or f"{name}.toml"
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise VocabularyError(f"{error}", path=where) from None
    unknown = sorted(set(document) - {"effect", "include", "group", "refused"})
    if unknown:
        raise VocabularyError(
            f"unknown key {unknown[0]!r}", path=where, remedy="records are [[effect]]"
        )
    included = _included(document.get("include"), name, where)
    effects = _read_effects(document.get("effect", []), text, where, included)
    try:
        groups = _read_records(EffectGroup, document, "group")
        refused = _read_records(RefusedSource, document, "refused")
        digest = hashlib.sha256(text.encode())
        if included:
            # A change of what is included is a change of this vocabulary.
            digest.update(repr(included).encode())
        return Vocabulary(
            name=name,
            effects=effects,
            sha256=digest.hexdigest(),
            groups=groups,
            refused=refused,
        )
    except RecordError as error:
        raise VocabularyError(f"{error}", path=where) from None


def _included(wanted: object, name: str, where: str) -> tuple[Effect, ...]:
    """Return the effects of the shipped vocabulary that a vocabulary includes."""
    if wanted is None:
        return ()
    known = [other for other in _shipped_texts() if other != name]
    if wanted not in known:
        raise VocabularyError(
            f"must be a shipped vocabulary, got {wanted!r}", path=where, field="include"
        )
    return _shipped_vocabulary(str(wanted)).effects


def _read_effects(
    records: object, text: str, where: str, included: tuple[Effect, ...]
) -> tuple[Effect, ...]:
    """Read the [[effect]] records of a vocabulary, after those that it includes."""
    if not isinstance(records, list) or not (records or included):
        raise VocabularyError("holds no [[effect]] record", path=where)
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines, 1) if _RECORD.match(line)]
    if len(starts) != len(records):
        raise VocabularyError("write every record as [[effect]] on a line of its own", path=where)
    effects = list(included)
    for number, (record, start) in enumerate(zip(records, starts, strict=True)):
        end = starts[number + 1] if number + 1 < len(starts) else len(lines) + 1
        try:
            effect = read_record(Effect, record)
        except RecordError as error:
            line = _line_of(error.field, lines, start, end)
            raise VocabularyError(f"{where}, line {line}: {error}") from None
        if any(effect.name == other.name for other in effects):
            raise VocabularyError(f"{where}, line {start}: a second effect named {effect.name!r}")
        effects.append(effect)
    return tuple(effects)


def _read_records(
    kind: type[_Record], document: Mapping[str, Any], key: str
) -> tuple[_Record, ...]:
    records = document.get(key, [])
    require(isinstance(records, list), key, f"must be a list: write [[{key}]]")
    return tuple(read_record(kind, record, key) for record in records)


def _line_of(field: str, lines: list[str], start: int, end: int) -> int:
    """Find the line, from `start` to before `end`, that sets a field of a record."""
    key = re.split(r"\W", field)[0]
    matches = (n for n in range(start, end) if re.match(rf"\s*{key}\s*=", lines[n - 1]))
    return next(matches, start)
