"""Test how a dataclass becomes options: values, nested configurations, errors."""

import copy
import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import pytest

from temporal_foley.cli.help import command_help
from temporal_foley.cli.options import Arg, parse
from temporal_foley.errors import FoleyError, MediaError, UsageError, nearest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prior:
    gain: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a run."""

    steps: int = 10
    """Steps in all."""
    sizes: tuple[int, ...] = (8, 48)
    prior: Prior | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Everything:
    """Do everything. Nothing else."""

    files: Annotated[tuple[Path, ...], Arg(positional=True, metavar="FILE...")]
    """Files."""
    out: Annotated[Path | None, Arg(short="-o")] = None
    names: Annotated[tuple[str, ...] | None, Arg(commas=True)] = None
    rate: Fraction | None = None
    level: float = -6.0
    span: tuple[float, float] | None = None
    kind: Literal["loop", "one_shot"] = "loop"
    dry: bool = False
    augment: bool = True
    tone: bool | None = None
    secret: Annotated[str | None, Arg(advanced=True)] = None
    """Nobody needs this."""
    config: Settings = dataclasses.field(default_factory=Settings)


def read(*words: str, **defaults: object) -> Everything:
    return parse(Everything, words, defaults)


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (("--out", "x"), "out", Path("x")),
        (("-o", "x"), "out", Path("x")),
        (("--out=x=y",), "out", Path("x=y")),
        (("--names", "a, b", "--names", "c"), "names", ("a", "b", "c")),
        (("--rate", "24000/1001"), "rate", Fraction(24000, 1001)),
        (("--level", "-12.5"), "level", -12.5),
        (("--span", "-1", "2"), "span", (-1.0, 2.0)),
        (("--kind", "one_shot"), "kind", "one_shot"),
        (("--dry",), "dry", True),
        (("--no-augment",), "augment", False),
        (("--tone",), "tone", True),
        (("--no-tone",), "tone", False),
        ((), "tone", None),
        (("b", "--", "-c"), "files", (Path("a"), Path("b"), Path("-c"))),
        (("--config.steps", "3"), "config", Settings(steps=3)),
        (("--config.sizes", "1", "2"), "config", Settings(sizes=(1, 2))),
        (("--config.prior", "default"), "config", Settings(prior=Prior())),
    ],
)
def test_values_are_converted_to_the_type_of_the_field(words, field, value):
    assert getattr(read("a", *words), field) == value


def test_nested_defaults_are_kept_and_changed():
    base = Settings(steps=5, prior=Prior(gain=2.0))
    assert read("a", "--config.prior.gain", "3", config=base).config == dataclasses.replace(
        base, prior=Prior(gain=3.0)
    )
    assert read("a", "--config.prior", "none", config=base).config.prior is None


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "FILE...: missing"),
        (("a", "--ot", "x"), "unknown option '--ot'; did you mean --out?"),
        (("a", "--out"), "--out: needs a value"),
        (("a", "--out", "--dry"), "--out: needs a value"),
        (("a", "--dry=yes"), "--dry: takes no value, got 'yes'"),
        (("a", "--rate", "1/0"), "--rate: must be a number, got '1/0'"),
        (("a", "--span", "1"), "--span: needs 2 values, got 1"),
        (("a", "--kind", "lop"), "--kind: unknown value 'lop'; did you mean loop?"),
        (("a", "--config.steps", "x"), "--config.steps: must be a whole number, got 'x'"),
        (("a", "--config.steps", "0"), "steps must be at least 1, got 0"),
        (("a", "--config.step", "0"), "did you mean --config.steps?"),
    ],
)
def test_errors_name_the_option_and_the_remedy(words, text):
    with pytest.raises(UsageError) as caught:
        read(*words)
    assert text in str(caught.value)


def test_help_has_all_options_once_and_hides_the_advanced_ones():
    text = "\n".join(command_help("program", Everything, {}, show_all=False))
    for words in ("FILE...", "-o, --out PATH", "(default: -6.0)", "--no-augment", "--config.*:"):
        assert words in text
    assert "--secret" not in text
    assert "Show 1 more options." in text
    assert "--secret" in "\n".join(command_help("program", Everything, {}, show_all=True))


def test_an_error_carries_its_parts_and_survives_another_process():
    error = MediaError("not a video", path=Path("a.mp4"), field="header", remedy="export it again")
    assert str(error) == "a.mp4: header: not a video; export it again"
    again = copy.copy(error)
    assert str(again) == str(error)
    assert (again.path, again.remedy) == (Path("a.mp4"), "export it again")
    assert str(FoleyError("only a text")) == "only a text"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("dog barking", "dog_barking"),
        ("dog-barkin", "dog_barking"),
        ("barking dog", "dog_barking"),
        ("dog", "dog_barking"),
        ("Cat Meowing", "cat_meowing"),
        ("xylophone", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_what_was_meant(name, meant):
    assert nearest(name, ("dog_barking", "cat_meowing", "fire")) == meant
