"""Parse command-line options into a dataclass.

Every field is an option: its type says what values it takes, the string under it is its help, and
`Annotated[..., Arg(...)]` holds the rest. A field that is a dataclass itself, such as a training
configuration, gives one option for each of its own fields: `--config.optimizer.learning-rate`.
"""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from temporal_foley.errors import UsageError, nearest

REQUIRED = dataclasses.MISSING

Command = TypeVar("Command")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arg:
    """What a field's type does not say about its option."""

    metavar: str = ""
    short: str = ""
    """A second flag, such as `-o`."""
    positional: bool = False
    advanced: bool = False
    """Show it only in `--help-all`."""
    commas: bool = False
    """Split each value at its commas."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Option:
    """One option or positional argument of a command."""

    field: str
    """Name of the field, with dots for fields of nested dataclasses."""
    kind: Any
    """Type of its value; of an optional field, the type without None."""
    default: Any
    arg: Arg
    owner: type
    """The dataclass that declares the field."""
    has_none: bool = False
    """Whether the value `none` stands for None: in configurations, where there is no other way."""

    @property
    def flag(self) -> str:
        """The flag, or the metavar of a positional argument."""
        name = self.field.replace("_", "-")
        return self.arg.metavar or name.upper() if self.arg.positional else f"--{name}"

    @property
    def has_many(self) -> bool:
        """Whether it takes as many values as are given."""
        return typing.get_origin(self.kind) is tuple and not self.arg.commas

    @property
    def flags(self) -> dict[str, bool]:
        """All its flags, with the value that each gives a field that is true or false."""
        flags = {self.arg.short: True} if self.arg.short else {}
        flags[self.flag] = True
        if self.kind is bool and self.default is not False:
            flags[f"--no-{self.flag[2:]}"] = False
        return flags


def parse(command: type[Command], argv: Sequence[str], defaults: Mapping[str, Any]) -> Command:
    """Return a command with the options of a command line.

    Args:
        command: The dataclass to make.
        argv: The arguments after the command's name.
        defaults: Values that replace the defaults of fields.

    Raises:
        UsageError: An option is unknown, wrong or missing.
    """
    options = list(options_of(command, defaults))
    given = _given(options, list(argv))
    values = dict(defaults)
    for option in sorted(options, key=lambda option: not option.arg.positional):
        if option in given:
            values[option.field] = _value(option, given[option])
        elif option.default is REQUIRED:
            raise UsageError("missing", option=option.flag)
    return _build(command, values)


def options_of(command: type, values: Mapping[str, Any], prefix: str = "") -> Iterator[Option]:
    """Yield the options of a dataclass, those of nested ones included.

    Args:
        command: The dataclass.
        values: Values that replace the defaults of fields.
        prefix: Prefix of the fields' names.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    fields = list(dataclasses.fields(command))
    # An argument that takes all remaining words comes last, even if a base class declares it.
    fields.sort(key=lambda field: _takes_rest(hints[field.name]))
    owners = {
        name: base for base in reversed(command.__mro__) for name in inspect.get_annotations(base)
    }
    for field in fields:
        kind, arg, is_optional = _plain(hints[field.name])
        default = values.get(field.name, _default(field))
        if dataclasses.is_dataclass(default):
            nested = {f.name: getattr(default, f.name) for f in dataclasses.fields(default)}
            yield from options_of(type(default), nested, f"{prefix}{field.name}.")
            if not is_optional:
                continue
        if dataclasses.is_dataclass(kind):
            kind = Literal["default"]
        yield Option(
            field=prefix + field.name,
            kind=kind,
            default=default,
            arg=arg,
            owner=owners[field.name],
            has_none=bool(prefix) and is_optional,
        )


def _takes_rest(hint: Any) -> bool:
    kind, arg, _ = _plain(hint)
    return arg.positional and typing.get_origin(kind) is tuple


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is REQUIRED else field.default_factory()


def _plain(hint: Any) -> tuple[Any, Arg, bool]:
    """Return a type without None and notes, the note, and whether it may be None."""
    arg, is_optional = Arg(), False
    if typing.get_origin(hint) is typing.Annotated:
        hint, *notes = typing.get_args(hint)
        arg = next((note for note in notes if isinstance(note, Arg)), arg)
    if isinstance(hint, types.UnionType | typing._UnionGenericAlias):  # type: ignore[attr-defined]
        hint = next(kind for kind in typing.get_args(hint) if kind is not types.NoneType)
        hint, inner, _ = _plain(hint)
        arg, is_optional = (inner if arg == Arg() else arg), True
    return hint, arg, is_optional


def _given(options: Sequence[Option], words: list[str]) -> dict[Option, list[str]]:
    """Sort the words of a command line by the options that they are for."""
    named = [option for option in options if not option.arg.positional]
    flags = {flag: (option, on) for option in named for flag, on in option.flags.items()}
    given: dict[Option, list[str]] = {}
    loose: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--":
            loose.extend(words)
            break
        if not _is_flag(word):
            loose.append(word)
            continue
        name, equals, attached = word.partition("=")
        name = name if name in flags else name.replace("_", "-")
        if name not in flags:
            near = nearest(name, flags)
            if name == "--out" and "-o" in flags:
                near = flags["-o"][0].flag
            # Without one, the remedy is the help: a list of all would be long.
            remedy = f"did you mean {near}?" if near else None
            raise UsageError(f"unknown option {name!r}", remedy=remedy)
        option, is_on = flags[name]
        values = given.setdefault(option, [])
        if option.kind is bool:
            if equals:
                raise UsageError(f"takes no value, got {attached!r}", option=name)
            values.append("true" if is_on else "false")
        elif equals:
            values.append(attached)
        else:
            most = len(words) if option.has_many else 1
            count = next((n for n, w in enumerate(words[:most]) if _is_flag(w)), most)
            if not words[:count]:
                raise UsageError("needs a value", option=name)
            values.extend(words[:count])
            del words[:count]
    for option in options:
        if option.arg.positional and loose:
            count = len(loose) if option.has_many else 1
            given[option], loose = loose[:count], loose[count:]
    if loose:
        raise UsageError(f"unexpected argument {loose[0]!r}")
    return given


def _is_flag(word: str) -> bool:
    return re.match(r"--?[A-Za-z]", word) is not None


def _value(option: Option, words: list[str]) -> Any:
    """Convert the words of an option to its type."""
    kinds = typing.get_args(option.kind)
    if option.has_none and words[-1].lower() == "none":
        return None
    if typing.get_origin(option.kind) is not tuple:
        return _one(option, option.kind, words[-1])
    if option.arg.commas:
        words = [part.strip() for word in words for part in word.split(",") if part.strip()]
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(words)
    if len(words) != len(kinds):
        raise UsageError(f"needs {len(kinds)} values, got {len(words)}", option=option.flag)
    return tuple(_one(option, kind, word) for kind, word in zip(kinds, words, strict=True))


def _one(option: Option, kind: Any, word: str) -> Any:
    if kind is bool:
        return word == "true"
    if typing.get_origin(kind) is Literal:
        if word not in typing.get_args(kind):
            raise UsageError.unknown("value", word, typing.get_args(kind), option=option.flag)
        return word
    try:
        return kind(word)
    except (ValueError, ZeroDivisionError):
        wanted = "a whole number" if kind is int else "a number"
        raise UsageError(f"must be {wanted}, got {word!r}", option=option.flag) from None


def _build(base: Any, values: Mapping[str, Any]) -> Any:
    """Make a dataclass, or change an instance of one, from values by dotted names."""
    is_new = isinstance(base, type)
    made: Any = base if is_new else type(base)
    hints = typing.get_type_hints(made)
    fields = {field.name: field for field in dataclasses.fields(made)}
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        first, dot, rest = name.partition(".")
        if dot:
            nested.setdefault(first, {})[rest] = value
        elif dataclasses.is_dataclass(kind := _plain(hints[name])[0]) and value == "default":
            own[name] = kind()  # type: ignore[operator]
        else:
            own[name] = value
    for name, changes in nested.items():
        before = _default(fields[name]) if is_new else getattr(base, name)
        if own.get(name, before) is not None:
            own[name] = _build(own.get(name, before), changes)
    try:
        return made(**own) if is_new else dataclasses.replace(base, **own)  # type: ignore[type-var]
    except ValueError as error:
        raise UsageError(str(error)) from None
