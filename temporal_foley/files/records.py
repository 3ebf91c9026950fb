"""Check documents, as read from JSON or TOML, against frozen dataclasses, and build these.

msgspec converts types and names the place of an error. What it does not check for dataclasses is
checked here: unknown fields, numbers that other programs cannot hold, and text that they cannot.
"""

import dataclasses
import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import msgspec

Record = TypeVar("Record")

# Lone surrogates cannot be written as UTF-8; a NUL ends a text in other libraries.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_RATIO = re.compile(r"-?\d+(\.\d+)?|-?\d+/0*[1-9]\d*")
_TYPE_NAMES = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "an integer",
    "object": "an object",
    "str": "text",
}


class RecordError(ValueError):
    """A document that does not fit a record: `field` is the dotted path of what is wrong."""

    def __init__(self, field: str, problem: str, separator: str = " "):
        self.field = field
        self.problem = problem
        super().__init__(f"{field}{separator if field else ''}{problem}")


def require(holds: object, field: str, problem: str) -> None:
    """Refuse a record in its `__post_init__` unless a condition, of any type, holds.

    Raises:
        RecordError: It does not.
    """
    if not holds:
        raise RecordError(field, problem)


def read_record(kind: type[Record], document: Any, where: str = "") -> Record:
    """Build a record of a dataclass from plain data.

    Args:
        kind: The dataclass; its fields may hold further dataclasses, tuples and fractions.
        document: What a JSON or TOML parser returned.
        where: What errors call the document; the field's path is appended to it.

    Raises:
        RecordError: A field is missing, unknown, of the wrong type, or refused by
            `__post_init__`.

    Examples:
        >>> from temporal_foley.timeline import Provenance
        >>> read_record(Provenance, {"name": "built-in", "sha256": 7}, "library")
        Traceback (most recent call last):
        temporal_foley.files.records.RecordError: library.sha256 must be text, got 7
    """
    import msgspec  # Late: it takes 20 ms, and `--help` has no use for it.

    _check(kind, document, where)
    try:
        return msgspec.convert(document, kind, dec_hook=_read_fraction)
    except msgspec.ValidationError as error:
        raise _explain(error, document, where) from None


def to_plain(record: Any) -> dict[str, Any]:
    """Return a record as what JSON knows: fractions as text, numbers of numpy as numbers."""
    import msgspec

    return msgspec.to_builtins(record, enc_hook=_write_other)


def _check(kind: Any, value: Any, field: str) -> None:
    """Refuse unknown fields and choices, and values that are not portable."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kind = typing.get_args(kind)[0]
    if isinstance(value, dict) and dataclasses.is_dataclass(kind):
        known = _field_types(kind)
        for name, item in value.items():
            if name not in known:
                raise RecordError(join_field(field, name), f"is unknown; {_suggest(name, known)}")
            _check(known[name], item, join_field(field, name))
    elif isinstance(value, list):
        inner = next(iter(typing.get_args(kind)), None)
        for number, item in enumerate(value):
            _check(inner, item, f"{field}[{number}]")
    elif isinstance(value, str):
        if _NO_TEXT.search(value):
            raise RecordError(field, f"is no Unicode text: {value!r:.60}")
        if typing.get_origin(kind) is typing.Literal and value not in typing.get_args(kind):
            known = ", ".join(typing.get_args(kind))
            raise RecordError(field, f"must be one of {known}, got {value!r}")
    elif isinstance(value, int) and abs(value) >= 2**53:
        raise RecordError(field, f"is out of range: {value!r:.60}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise RecordError(field, f"must be a finite number, got {value}")


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"


@functools.cache
def _field_types(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _explain(error: "msgspec.ValidationError", document: Any, where: str) -> RecordError:
    """Word an error of msgspec as ours are: the field, what it must be, what it is."""
    text, _, path = str(error).partition(" - at `$")
    field = f"{where}{path.rstrip('`')}".removeprefix(".")
    cause = error.__cause__
    if isinstance(cause, RecordError):
        return RecordError(join_field(field, cause.field), cause.problem)
    if cause is not None:
        return RecordError(field, text, separator=": ")
    if missing := re.match(r"Object missing required field `(.+)`", text):
        return RecordError(join_field(field, missing[1]), "is missing")
    if wrong := re.match(r"Expected `array` of length (\d+), got (\d+)", text):
        return RecordError(field, f"must have {wrong[1]} items, got {wrong[2]}")
    if wrong := re.match(r"Expected `(.+)`, got `", text):
        names = (_TYPE_NAMES.get(name, name) for name in wrong[1].split(" | "))
        value = _value_at(document, path)
        return RecordError(field, f"must be {' or '.join(names)}, got {value!r:.60}")
    return RecordError(field, text)


def _value_at(document: Any, path: str) -> Any:
    for name, number in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        document = document[name or int(number)]
    return document


def join_field(path: str, name: str) -> str:
    """Return the dotted path of a field inside a record."""
    return f"{path}.{name}" if path and name else path or name


def _read_fraction(kind: type, value: Any) -> Any:
    if kind is Fraction and isinstance(value, str) and _RATIO.fullmatch(value):
        return Fraction(value)
    raise RecordError("", f'must be a ratio such as "25/1", got {value!r}')


def _write_other(value: Any) -> Any:
    return str(value) if isinstance(value, Fraction) else value.item()
