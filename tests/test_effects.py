"""Vocabularies: foley20 against the published class lists, and errors that name the line."""

import csv
import dataclasses
import json
from pathlib import Path

import pytest

from temporal_foley.effects import BUSES, Vocabulary, load_vocabulary, parse_vocabulary
from temporal_foley.errors import VocabularyError
from temporal_foley.library.ucs import ucs_categories
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.models.imagenet_classes import class_weights, load_class_tree

ANNOTATIONS = Path(__file__).parents[1] / "../shared/data/annotations"
needs_annotations = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason="the publishers' class lists are not at hand"
)

MINIMAL = '[[effect]]\nname = "rain"\nkind = "ambience"\nbus = "backgrounds"\n'


def kinds() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for effect in load_vocabulary().effects:
        found.setdefault(effect.kind, set()).add(effect.name)
    return found


def test_foley20_has_the_report_s_effects_in_its_order():
    assert load_vocabulary("foley20").names == (
        *("train_passing", "water_drop", "river", "stars_shining", "lightning"),
        *("writing", "screaming", "high_heels", "wave", "typing"),
        *("ambulance", "dog_barking", "cars", "door_opening", "glass_breaking"),
        *("cat_meowing", "cheer", "fire", "helicopter", "blender"),
    )


def test_foley20_has_the_report_s_kinds():
    found = kinds()
    assert found["repeated"] == {"high_heels", "typing"}
    assert found["ambience"] == {"river", "wave", "stars_shining"}
    assert found["loop"] == {
        *("train_passing", "cars", "helicopter", "blender"),
        *("fire", "ambulance", "writing", "cheer"),
    }
    assert sum(map(len, found.values())) == 20


def test_ambiences_are_mixed_as_backgrounds():
    for effect in load_vocabulary().effects:
        assert effect.bus in BUSES
        assert (effect.bus == "backgrounds") == (effect.kind == "ambience")


@needs_annotations
def test_audioset_names_are_audioset_s():
    ontology = json.loads((ANNOTATIONS / "audioset/ontology.json").read_text("utf-8"))
    known = {entry["name"] for entry in ontology}
    for effect in load_vocabulary().effects:
        assert effect.audioset
        assert set(effect.audioset) <= known, effect.name


@needs_annotations
def test_vggsound_names_are_vggsound_s():
    with (ANNOTATIONS / "vggsound/stat.csv").open(encoding="utf-8", newline="") as rows:
        known = {row[0] for row in csv.reader(rows)}
    for effect in load_vocabulary().effects:
        assert set(effect.vggsound) <= known, effect.name


@needs_annotations
def test_ucs_ids_are_ucs_s():
    entries = json.loads((ANNOTATIONS / "ucs/json/en.json").read_text("utf-8"))
    known = {entry["CatID"] for entry in entries}
    assert {effect.ucs for effect in load_vocabulary().effects} <= known


def test_a_user_s_own_vocabulary_is_read_from_its_path(tmp_path):
    path = tmp_path / "weather.toml"
    path.write_text(
        MINIMAL + 'imagenet = [\n  { synset = "n04507155", reason = "umbrellas", weight = 1 },\n]\n'
        "threshold_on = 0.6\n"
    )
    vocabulary = load_vocabulary(str(path))
    assert vocabulary.name == "weather"
    assert vocabulary["rain"].threshold_on == 0.6
    assert vocabulary["rain"].imagenet[0].synset == "n04507155"
    assert len(vocabulary.sha256) == 64


def test_the_same_text_has_the_same_fingerprint():
    assert parse_vocabulary(MINIMAL, "a").sha256 == parse_vocabulary(MINIMAL, "b").sha256
    assert parse_vocabulary(MINIMAL, "a").sha256 != parse_vocabulary(MINIMAL + "\n", "a").sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"mine\.toml: holds no \[\[effect\]\] record"),
        ("name = 'x'\n" + MINIMAL, r"mine\.toml: unknown key 'name'"),
        (MINIMAL + "kind = 1\n", r"mine\.toml: .*line 5"),
        (MINIMAL + "loudness = 1\n", "line 5: loudness is unknown"),
        (MINIMAL + "\nthreshold_on = true\n", "line 6: threshold_on must be a number, got True"),
        (MINIMAL + "min_duration_s = -1\n", "line 5: min_duration_s must be at least 0"),
        (MINIMAL + "merge_gap_s = -1\n", "line 5: merge_gap_s must be at least 0"),
        (MINIMAL + "interval_s = [1, 2]\n", "line 5: interval_s must not be given"),
        (MINIMAL + "interval_s = [1]\n", "line 5: interval_s must have 2 items"),
        (MINIMAL + "audioset = 'Rain'\n", "line 5: audioset must be a list"),
        (MINIMAL + "imagenet = [{ synset = 'x' }]\n", r"line 5: imagenet\[0\].reason is missing"),
        (
            MINIMAL + "imagenet = [{ synset = 'dog', reason = 'r' }]\n",
            r"line 5: imagenet\[0\].synset must look like",
        ),
        (
            MINIMAL + "imagenet = [{ synset = 'n02084071', reason = 'r', weight = 2 }]\n",
            r"line 5: imagenet\[0\].weight must be in",
        ),
        (MINIMAL + "threshold_on = 2\n", "line 5: threshold_on must be in"),
        (MINIMAL + "threshold_off = 0.6\n", "line 5: threshold_off must be above 0 and at most"),
        (MINIMAL.replace("ambience", "noise"), "line 3: kind must be one of"),
        (MINIMAL.replace("backgrounds", "music"), "line 4: bus must be one of"),
        (MINIMAL.replace('"rain"', '"Rain fall"'), "line 2: name must be lower_case"),
        (MINIMAL + "\n" + MINIMAL, "line 6: a second effect named 'rain'"),
        ("[[effect]]\nname = 'rain'\n", "line 1: kind is missing"),
    ],
)
def test_wrong_records_are_refused_by_line(text, message):
    with pytest.raises(VocabularyError, match=message):
        parse_vocabulary(text, "mine")


def test_a_rule_of_the_wrong_type_is_refused_by_line():
    for entry in (
        "synset = 5, reason = 'r'",
        "synset = 'n02084071', reason = 5",
        "synset = 'n02084071', reason = 'r', weight = 'much'",
        "synset = 'n02084071', reason = 'r', exclude = 1",
    ):
        text = MINIMAL + f"imagenet = [\n  {{ {entry} }},\n]\n"
        with pytest.raises(VocabularyError, match=r"line 5: imagenet\[0\]\.\w+ must"):
            parse_vocabulary(text, "mine")


def test_unknown_names_list_known_ones_or_the_nearest(tmp_path):
    with pytest.raises(VocabularyError, match=r"shipped are: everyday, foley20"):
        load_vocabulary(str(tmp_path / "missing.toml"))
    with pytest.raises(VocabularyError, match="unknown effect 'bark'; did you mean dog_barking"):
        load_vocabulary().index("bark")
    with pytest.raises(VocabularyError, match="unknown effect 'xylophone'; known are train"):
        load_vocabulary().index("xylophone")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(VocabularyError, match="cannot be read as UTF-8"):
        load_vocabulary(str(tmp_path / "binary.toml"))


def test_selection_keeps_the_order_of_the_vocabulary():
    vocabulary = load_vocabulary()
    assert vocabulary.select(only=("fire", "river")) == ("river", "fire")
    assert "fire" not in vocabulary.select(exclude=("fire",))
    with pytest.raises(VocabularyError, match="unknown effect 'fires'; did you mean fire"):
        vocabulary.select(only=("fires",))


EVERYDAY = load_vocabulary("everyday")


def test_everyday_has_about_a_hundred_effects_and_those_of_foley20_first():
    assert 90 <= len(EVERYDAY) <= 120
    assert EVERYDAY.effects[:20] == load_vocabulary("foley20").effects


def test_everyday_uses_names_that_exist():
    tree = load_class_tree()
    for effect in EVERYDAY.effects:
        assert effect.ucs in ucs_categories(), effect.name
        assert class_places(effect.audioset) is not None
        assert {rule.synset for rule in effect.imagenet} <= set(tree.names), effect.name
        assert effect.audioset or effect.imagenet, f"{effect.name} cannot be detected"
        assert effect.description


def test_no_instrument_is_an_effect_of_everyday():
    instruments = class_weights(
        Vocabulary(
            name="instruments",
            effects=(
                dataclasses.replace(
                    EVERYDAY["fire"], name="i", imagenet=EVERYDAY.refused[0].imagenet
                ),
            ),
        )
    )[:, 0]
    shown = class_weights(EVERYDAY).max(axis=1)
    assert not (instruments * shown).any()


def test_groups_name_effects_once():
    grouped = [name for group in EVERYDAY.groups for name in group.effects]
    assert len(set(grouped)) == len(grouped)
    assert set(grouped) <= set(EVERYDAY.names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('include = "foley21"\n' + MINIMAL, "include: must be a shipped vocabulary"),
        ("include = 1\n" + MINIMAL, "include: must be a shipped vocabulary"),
        (MINIMAL + "[[group]]\nname = 'g'\neffects = ['snow']\n", "group names 'snow'"),
        (MINIMAL + "[[group]]\nname = 'g'\neffects = ['rain', 'rain']\n", "'rain' twice"),
        (MINIMAL + "[[group]]\nname = 'g'\n", "group.effects is missing"),
        (MINIMAL + "[group]\nname = 'g'\n", "must be a list"),
        (MINIMAL + "[[refused]]\nname = 'r'\nvolume = 1\n", "refused.volume is unknown"),
    ],
)
def test_wrong_groups_and_inclusions_are_named(text, message):
    with pytest.raises(VocabularyError, match=message):
        parse_vocabulary(text, "mine")


def test_a_vocabulary_may_include_a_shipped_one():
    vocabulary = parse_vocabulary('include = "foley20"\n' + MINIMAL, "mine")
    assert vocabulary.names == (*load_vocabulary("foley20").names, "rain")
