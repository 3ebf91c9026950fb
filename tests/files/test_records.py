"""Check that documents become records, and that errors name the field and its value."""

import dataclasses
import json
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest

from temporal_foley.files.records import RecordError, read_record, require, to_plain


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    gain_db: float
    rate: Fraction = Fraction(4)

    def __post_init__(self):
        require(self.gain_db <= 40.0, "gain_db", f"must be at most 40, got {self.gain_db}")
        if self.rate < 0:
            raise ValueError("a rate is never negative")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole:
    name: str
    kind: Literal["file", "recipe"] = "file"
    parts: tuple[Part, ...] = ()
    span: tuple[float, float] | None = None


def test_a_document_becomes_a_record_and_plain_data_again():
    whole = Whole(name="é", parts=(Part(gain_db=-3.5, rate=Fraction(1, 3)),), span=(0.0, 1.0))
    assert read_record(Whole, json.loads(json.dumps(to_plain(whole)))) == whole


def test_whole_numbers_serve_as_numbers_and_missing_fields_have_defaults():
    assert read_record(Part, {"gain_db": 2}) == Part(gain_db=2.0)
    assert to_plain(Part(gain_db=np.float32(0.5)))["gain_db"] == 0.5


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"name": 7}, "name", "must be text, got 7"),
        ({"name": "a\0"}, "name", "is no Unicode text"),
        ({"kind": "\ud800"}, "kind", "is no Unicode text"),
        ({"kind": "tape"}, "kind", "must be one of file, recipe, got 'tape'"),
        ({"nam": "x"}, "nam", r"is unknown; did you mean name\?"),
        ({"colour": "x"}, "colour", "is unknown; there are: name, kind"),
        ({"span": [1.0]}, "span", "must have 2 items, got 1"),
        ({"span": [0.0, float("inf")]}, "span[1]", "must be a finite number"),
        ({"parts": {}}, "parts", "must be a list, got {}"),
        ({"parts": [3]}, "parts[0]", "must be an object, got 3"),
        ({"parts": [{}]}, "parts[0].gain_db", "is missing"),
        ({"parts": [{"gain_db": True}]}, "parts[0].gain_db", "must be a number, got True"),
        ({"parts": [{"gain_db": 50}]}, "parts[0].gain_db", "must be at most 40, got 50"),
        ({"parts": [{"gain_db": 10**20}]}, "parts[0].gain_db", "is out of range"),
        ({"parts": [{"gain_db": 0, "rate": "4/0"}]}, "parts[0].rate", "must be a ratio"),
        ({"parts": [{"gain_db": 0, "rate": 4}]}, "parts[0].rate", "must be a ratio"),
        ({"parts": [{"gain_db": 0, "rate": "-1"}]}, "parts[0]", "a rate is never negative"),
    ],
)
def test_the_field_and_its_value_are_named(change, field, problem):
    with pytest.raises(RecordError, match=problem) as caught:
        read_record(Whole, {"name": "x", **change}, "list")
    assert caught.value.field == f"list.{field}"
    assert str(caught.value).startswith(f"list.{field}")
