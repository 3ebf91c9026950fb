"""Test what `info` prints of a model, and how the numbers are found."""

import re

import pytest

from temporal_foley.cli.main import main
from temporal_foley.models.bundle.effect_summary import EffectSummary, summarise_effects


@pytest.fixture(scope="module")
def text():
    from contextlib import redirect_stdout
    from io import StringIO

    printed = StringIO()
    with redirect_stdout(printed):
        assert main(["info"]) == 0
    return printed.getvalue()


def test_the_table_counts_pictures_and_sounds_apart(text):
    rows = {row[0]: row[1:] for line in text.splitlines() if len(row := line.split()) == 6}
    assert rows["effect"] == ["kind", "pictures", "sounds", "clips", "ROC-AUC"]
    assert rows["dog_barking"][:3] == ["one_shot", "273", "37"]
    assert rows["glass_breaking"][:3] == ["one_shot", "21", "16"]
    assert re.fullmatch(r"[01]\.\d{3}", rows["dog_barking"][4])


def test_effects_without_pictures_are_not_called_visible(text):
    assert "can be seen" not in text
    assert "without training pictures" not in text


def test_versions_sounds_and_licences_are_printed(text):
    for words in ("temporal-foley ", "Sound library built-in", "CC0-1.0", "Apache-2.0"):
        assert words in text


def test_effects_that_imagenet_has_no_class_for_are_named(capsys):
    assert main(["info", "--model", "imagenet"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"never detected: .*glass_breaking", text)
    assert max(map(len, text.splitlines())) <= 110


def test_counts_come_from_training_and_scores_from_the_table_beside_the_bundle(tmp_path):
    examples = {
        "fire": {
            "stills": {"records": 5, "sources": 4, "pictures": 3, "sounds": 2},
            "composed": {"records": 7, "sources": 7, "pictures": 0, "sounds": 0},
        },
        "old": {"stills": {"records": 5, "sources": 4}},
    }
    info, names = {"examples": examples}, ("fire", "old", "new")
    assert summarise_effects(tmp_path / "mine", info, names) == {
        "fire": EffectSummary(pictures=3, sounds=2, clips=7),
        "old": EffectSummary(),
        "new": EffectSummary(pictures=0, sounds=0, clips=0),
    }
    (tmp_path / "mine.effects.tsv").write_text(
        "effect\tpictures\tsounds\tclips\troc_auc\nold\t4\t1\t0\t0.5\nfire\t1\t0\t0\t\nx\t1\t1\t1\t1\n"
    )
    summaries = summarise_effects(tmp_path / "mine", info, names)
    assert summaries["old"] == EffectSummary(pictures=4, sounds=1, clips=0, roc_auc=0.5)
    assert summaries["fire"] == EffectSummary(pictures=1, sounds=0, clips=0)
