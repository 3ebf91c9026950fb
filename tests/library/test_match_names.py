"""Plain words find their effects, and what is no effect finds none."""

from pathlib import Path

import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.library.match_names import match_name
from temporal_foley.models.image.sights import load_sights
from temporal_foley.models.imagenet_classes import describe_rules
from temporal_foley.sound.synth import RECIPES

EVERYDAY, FOLEY20 = load_vocabulary("everyday"), load_vocabulary("foley20")
MEANT = {
    "church bell": "church_bell",
    "Church Bells": "church_bell",
    "frying": "frying",
    "beagle": "dog_barking",
    "motorbike": "motorcycle",
    "typing on computer keyboard": "typing",
    "hammering nails": "hammer",
    "Walk, footsteps": "footsteps",
    "lorry": "truck",
    "thunder": "lightning",
    "faucet": "tap",
}


@pytest.mark.parametrize(("name", "effect"), MEANT.items())
def test_words_find_their_effect(name, effect):
    assert match_name(name, EVERYDAY).effect == effect


@pytest.mark.parametrize("vocabulary", [EVERYDAY, FOLEY20], ids=lambda v: v.name)
def test_every_effect_finds_itself(vocabulary):
    for name in vocabulary.names:
        assert match_name(name, vocabulary).effect == name
        assert match_name(name.replace("_", " ").title(), vocabulary).effect == name


@pytest.mark.parametrize("name", ["violin", "playing drum kit", "grand piano", "female singing"])
def test_instruments_are_refused(name):
    match = match_name(name, EVERYDAY)
    assert (match.effect, match.refused) == ("", "instruments")


@pytest.mark.parametrize("name", ["philosophy", "hammr", "", "!!", "x" * 300, "Zürich"])
def test_what_means_nothing_names_the_three_nearest(name):
    match = match_name(name, EVERYDAY)
    assert match.effect == ""
    assert len(set(match.nearest)) == 3
    assert set(match.nearest) <= set(EVERYDAY.names)


def test_a_misspelt_effect_is_nearest():
    assert match_name("hammr", EVERYDAY).nearest[0] == "hammer"


def test_what_only_goes_with_an_effect_is_no_name_of_it():
    # Rules of low weight: a volcano shows flames, an umbrella rain.
    assert match_name("volcano", FOLEY20).effect == ""


def test_the_reference_page_lists_every_effect():
    page = Path(__file__).parents[2] / "docs/reference/everyday.md"
    text = page.read_text("utf-8")
    for effect in EVERYDAY.effects:
        row = next(line for line in text.splitlines() if line.startswith(f"| `{effect.name}` |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:4] == [effect.kind, effect.bus, effect.ucs]
        if effect not in FOLEY20.effects:
            assert cells[6] == (", ".join(effect.audioset) or "–")
            pictured = effect.name in load_sights().effects
            seen = "trained on pictures" if pictured else describe_rules(effect)
            assert cells[5] == (seen or "–")
        assert cells[7] == ("yes" if effect.name in RECIPES else "no")
