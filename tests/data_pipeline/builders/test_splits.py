from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.builders.splits import (
    PARTS,
    Member,
    Parts,
    SplitError,
    assign_splits,
    audit_splits,
)

EIGHTY = PARTS["80_10_10"]
BASELINE = PARTS["stills_baseline"]


def _members(name: str, sources: int, each: int = 1) -> list[Member]:
    return [
        Member(source=f"{name}{number}", classes=(name,))
        for number in range(sources)
        for _ in range(each)
    ]


def count_classes(members, split_of):
    table = defaultdict(Counter)
    for member in members:
        for name in member.classes:
            table[name][split_of[member.source]] += 1
    return table


def test_each_class_comes_near_the_wanted_parts():
    members = [*_members("cat", 100), *_members("dog", 50, each=4), *_members("bell", 10)]
    table = count_classes(members, assign_splits(members, EIGHTY))
    assert table["cat"] == {"train": 80, "validation": 10, "test": 10}
    assert table["dog"] == {"train": 160, "validation": 20, "test": 20}
    assert table["bell"] == {"train": 8, "validation": 1, "test": 1}
    table = count_classes(members, assign_splits(members, BASELINE))
    assert table["cat"] == {"train": 80, "test": 20}


def test_a_class_with_one_source_is_trained_on_and_one_with_two_is_tested():
    members = [*_members("only", 1, each=30), *_members("two", 2, each=30)]
    split_of = assign_splits(members, EIGHTY)
    assert split_of["only0"] == "train"
    assert sorted((split_of["two0"], split_of["two1"])) == ["test", "train"]


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=60
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_members_does_not_matter(pairs, random):
    members = [Member(source=f"s{number}", classes=(name,)) for number, name in pairs]
    shuffled = list(members)
    random.shuffle(shuffled)
    split_of = assign_splits(members, EIGHTY)
    assert split_of == assign_splits(shuffled, EIGHTY)
    assert set(split_of) == {member.source for member in members}


def test_another_seed_shares_out_otherwise():
    members = _members("cat", 100)
    first, second = (assign_splits(members, EIGHTY, seed) for seed in (0, 1))
    assert first != second
    assert first == assign_splits(members, EIGHTY, 0)


def test_a_given_split_stays():
    members = [
        *_members("cat", 20),
        Member(source="given", classes=("cat",), split="validation"),
    ]
    assert assign_splits(members, EIGHTY)["given"] == "validation"
    assert assign_splits(members, BASELINE)["given"] == "test"


def test_a_source_that_is_given_twice_is_refused():
    members = [Member(source="a", split="train"), Member(source="a", split="test")]
    with pytest.raises(SplitError, match="a: is given to train, test"):
        assign_splits(members, EIGHTY)


def test_the_audit_finds_a_source_on_both_sides():
    assert audit_splits({"train": ["a", "b", "a"], "test": ["c"]}) == 3
    with pytest.raises(SplitError, match="b: is in train and in test"):
        audit_splits({"train": ["a", "b"], "test": ["c", "b"]})


def test_parts_sum_up_to_one():
    assert np.isclose(sum(BASELINE.parts.values()), 1.0)
    with pytest.raises(ValueError, match="sum up to 1"):
        Parts(name="x", parts={"train": 0.8, "test": 0.1})
