"""Write `docs/reference/everyday.md`: the effects of the vocabulary, and what detects each.

    python scripts/make_everyday_reference.py

A test compares the page with what this prints.
"""

from pathlib import Path

from temporal_foley.effects import Effect, load_vocabulary
from temporal_foley.models.image.sights import load_sights
from temporal_foley.models.imagenet_classes import describe_rules
from temporal_foley.sound.synth import RECIPES

PAGE = Path(__file__).parents[1] / "docs/reference/everyday.md"
HEAD = """# The effects of everyday

`temporal-foley generate --model everyday` detects {count} effects: the {few} of the default model,
which are detected by the trained bundle, and {more} that are detected without training, by what the
image network and the audio network name: ImageNet's classes in the picture, AudioSet's in the
video's own sound. What pictures cannot show is added only when it is audible. Effects without a
built-in sound are left out, with a warning, unless your sound library has recordings of them.

Of a group, one effect is added at a time, unless others are certain too. Instruments and singing
are recognised and refused: they count against every effect outside the default model.

`--effects` finds an effect by its name and by other words: `--effects "church bell, frying"`.

This page is made by `scripts/make_everyday_reference.py` from `vocabularies/everyday.toml`.

| effect | kind | bus | UCS | group | seen | heard | built-in sound |
|---|---|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the text of the page."""
    vocabulary = load_vocabulary("everyday")
    trained = load_vocabulary().names
    groups = {name: group.name for group in vocabulary.groups for name in group.effects}
    rows = [row(e, groups.get(e.name, ""), e.name in trained) for e in vocabulary.effects]
    count, few = len(vocabulary), len(trained)
    return HEAD.format(count=count, few=few, more=count - few) + "".join(rows)


def row(effect: Effect, group: str, is_trained: bool) -> str:
    """Return the row of an effect."""
    seen = "trained" if is_trained else describe_rules(effect)
    if effect.name in load_sights().effects:
        seen = "trained on pictures"
    heard = "trained" if is_trained else ", ".join(effect.audioset)
    sound = "yes" if effect.name in RECIPES else "no"
    cells = (f"`{effect.name}`", effect.kind, effect.bus, effect.ucs, group, seen, heard, sound)
    return f"| {' | '.join(cell or '–' for cell in cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
