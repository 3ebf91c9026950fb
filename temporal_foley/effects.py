"""The vocabulary: which effects there are, and what is known of each. TOML in, records out."""

import dataclasses
import functools
import hashlib
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from temporal_foley.errors import VocabularyError
from temporal_foley.files.reading import file_cause, read_whole

KINDS = ("one_shot", "repeated", "loop", "ambience")
BUSES = ("hard_effects", "foley", "backgrounds")
DEFAULT_VOCABULARY = "foley20"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_RECORD = re.compile(r"^\s*\[\[\s*effect\s*\]\]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageNetRule:
    """One WordNet synset whose ImageNet classes speak for (or not for) an effect, and why."""

    synset: str
    reason: str
    weight: float = 1.0
    exclude: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.synset, str) or not re.fullmatch(r"n\d{8}", self.synset):
            raise ValueError(f"imagenet.synset must look like n02084071, got {self.synset!r}")
        if not isinstance(self.reason, str) or not self.reason:
            raise ValueError(f"imagenet.reason must be a text that says why {self.synset} is there")
        if not _is_number(self.weight) or not 0.0 < self.weight <= 1.0:
            raise ValueError(f"imagenet.weight must be in (0, 1], got {self.weight!r}")
        if not isinstance(self.exclude, bool):
            raise ValueError(f"imagenet.exclude must be true or false, got {self.exclude!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effect:
    """A class of sound: how it sounds, where it is mixed, and how its probability is read.

    `interval_s` is the shortest and longest time from one hit to the next of a `repeated` effect,
    or of a `one_shot` that happens again while its source stays in the picture; None: once.
    `level_db` is added to the level of its bus.
    """

    name: str
    kind: str
    bus: str
    description: str = ""
    ucs: str = ""
    audioset: tuple[str, ...] = ()
    vggsound: tuple[str, ...] = ()
    imagenet: tuple[ImageNetRule, ...] = ()
    threshold_on: float = 0.5
    threshold_off: float = 0.35
    min_duration_s: float = 0.25
    max_duration_s: float | None = None
    merge_gap_s: float = 0.5
    interval_s: tuple[float, float] | None = None
    level_db: float = 0.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name must be lower_case with at most 48 letters, got {self.name!r}")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.bus not in BUSES:
            raise ValueError(f"bus must be one of {', '.join(BUSES)}, got {self.bus!r}")
        if not 0.0 < self.threshold_on < 1.0:
            raise ValueError(f"threshold_on must be in (0, 1), got {self.threshold_on}")
        if not 0.0 < self.threshold_off <= self.threshold_on:
            raise ValueError(
                f"threshold_off must be above 0 and at most threshold_on ({self.threshold_on}), "
                f"got {self.threshold_off}"
            )
        if self.min_duration_s < 0:
            raise ValueError(f"min_duration_s must be at least 0, got {self.min_duration_s}")
        if self.max_duration_s is not None and self.max_duration_s < self.min_duration_s:
            raise ValueError(
                f"max_duration_s must be at least min_duration_s, got {self.max_duration_s}"
            )
        if self.merge_gap_s < 0:
            raise ValueError(f"merge_gap_s must be at least 0, got {self.merge_gap_s}")
        if self.kind == "repeated" and self.interval_s is None:
            raise ValueError("interval_s must be given for a repeated effect")
        if self.interval_s is not None:
            if self.kind in ("loop", "ambience"):
                raise ValueError(f"interval_s must not be given for kind {self.kind}")
            shortest, longest = self.interval_s
            if not 0.0 < shortest <= longest:
                raise ValueError(f"interval_s must hold 0 < shortest <= longest, got {shortest}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The effects a model answers for, in the order of the last axis of its logits."""

    name: str
    effects: tuple[Effect, ...]
    sha256: str = ""

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
            known = ", ".join(self.names)
            raise VocabularyError(
                f"no effect {name!r} in {self.name}; there are: {known}"
            ) from None

    def select(self, only: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the names in `only` (all, if empty) without those in `exclude`, in order."""
        for name in (*only, *exclude):
            self.index(name)
        return tuple(n for n in self.names if (not only or n in only) and n not in exclude)


def load_vocabulary(name_or_path: str = DEFAULT_VOCABULARY) -> Vocabulary:
    """Load a vocabulary that ships with the package by name, or a user's own by its path.

    Raises:
        VocabularyError: The file cannot be read or a record is wrong; the text names the line.
    """
    text = vocabulary_text(name_or_path)
    if name_or_path in _shipped_texts():
        return _shipped_vocabulary(name_or_path)
    return parse_vocabulary(text, Path(name_or_path).stem, where=name_or_path)


def vocabulary_text(name_or_path: str) -> str:
    """Return the TOML text of a vocabulary that ships with the package, or of a user's own.

    Raises:
        VocabularyError: There is none of that name, or the file cannot be read.
    """
    shipped = _shipped_texts()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if not path.is_file():
        raise VocabularyError(
            f"{name_or_path}: no such vocabulary file, and none of the shipped: "
            f"{', '.join(shipped)}"
        )
    try:
        return read_whole(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VocabularyError(
            f"{path}: cannot be read as UTF-8 text ({file_cause(error)})"
        ) from None


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
        raise VocabularyError(f"{where}: {error}") from None
    unknown = sorted(set(document) - {"effect"})
    if unknown:
        raise VocabularyError(f"{where}: unknown key {unknown[0]!r}; records are [[effect]]")
    records = document.get("effect", [])
    if not isinstance(records, list) or not records:
        raise VocabularyError(f"{where}: holds no [[effect]] record")
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines, 1) if _RECORD.match(line)]
    if len(starts) != len(records):
        raise VocabularyError(f"{where}: write every record as [[effect]] on a line of its own")
    effects: list[Effect] = []
    for number, (record, start) in enumerate(zip(records, starts, strict=True)):
        end = starts[number + 1] if number + 1 < len(starts) else len(lines) + 1
        try:
            effect = _effect(record)
        except (TypeError, ValueError) as error:
            line = _line_of(str(error), lines, start, end)
            raise VocabularyError(f"{where}, line {line}: {error}") from None
        if any(effect.name == other.name for other in effects):
            raise VocabularyError(f"{where}, line {start}: a second effect named {effect.name!r}")
        effects.append(effect)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Vocabulary(name=name, effects=tuple(effects), sha256=digest)


def _effect(record: dict[str, Any]) -> Effect:
    known = _field_types(Effect)
    values: dict[str, Any] = {}
    for key, value in record.items():
        if key not in known:
            raise ValueError(f"{key} is not a known key; there are: {', '.join(known)}")
        values[key] = _convert(key, value)
    if "name" not in values or "kind" not in values or "bus" not in values:
        raise ValueError("an effect must have a name, a kind and a bus")
    return Effect(**values)


def _convert(key: str, value: Any) -> Any:
    if key in ("audioset", "vggsound"):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{key} must be a list of names")
        return tuple(value)
    if key == "imagenet":
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ValueError('imagenet must be a list of { synset = "...", reason = "..." }')
        known = _field_types(ImageNetRule)
        for item in value:
            for name in item:
                if name not in known:
                    raise ValueError(f"imagenet has no {name!r}; there are: {', '.join(known)}")
            if not {"synset", "reason"} <= set(item):
                raise ValueError("imagenet needs a synset and a reason in each entry")
        return tuple(ImageNetRule(**item) for item in value)
    if key == "interval_s":
        if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
            raise ValueError("interval_s must be two numbers, shortest and longest")
        return (float(value[0]), float(value[1]))
    if key in ("name", "kind", "bus", "description", "ucs"):
        if not isinstance(value, str):
            raise ValueError(f"{key} must be text, got {value!r}")
        return value
    if not _is_number(value):
        raise ValueError(f"{key} must be a number, got {value!r}")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _field_types(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _line_of(message: str, lines: list[str], start: int, end: int) -> int:
    """Find the line of the record that sets the key an error speaks of."""
    key = re.match(r"[a-z_]+", message)
    for number in range(start, end):
        if key and re.match(rf"\s*{key.group()}\s*=", lines[number - 1]):
            return number
    return start
