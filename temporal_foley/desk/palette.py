"""Offer every effect and every take, of the built-in and of the user's own library, for adding."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from temporal_foley.effects import Bus, Effect, Kind, Vocabulary, load_vocabulary
from temporal_foley.errors import LibraryError
from temporal_foley.pages.review import ReviewTake, take_entry
from temporal_foley.sound.alternates import list_alternates
from temporal_foley.sound.synth import RECIPES
from temporal_foley.sound.synth.family_names import FAMILIES
from temporal_foley.sound.takes.library import (
    BUILT_IN_CREDIT,
    BUILT_IN_LICENCE,
    Library,
    LibraryTake,
)
from temporal_foley.timeline import Asset

TAKES_SHOWN = 8
"""Takes that are offered of each recipe."""

_LASTING = {
    *("breathing", "snoring", "saw", "cloth", "paper", "eraser", "sweeping", "sanding"),
    *("tap", "shower", "boiling", "frying", "waterfall", "underwater"),
    *FAMILIES["engines"],
}
_BACKGROUNDS = {*FAMILIES["outdoors"], "waterfall", "underwater", "crowd_murmur", "children"}
_FOLEY_FAMILIES = ("friction", "steps")
_FOLEY = {"cloth", "knock", "dishes", "cutlery", "glass_clink", "book", "breathing", "applause"}
_REPEATED_S = (0.3, 0.8)


def recipe_effect(name: str) -> Effect:
    """Return how the effect of a recipe sounds and is mixed, where no vocabulary has it."""
    known = load_vocabulary()
    if name in known.names:
        return known[name]
    kind: Kind = "one_shot"
    bus: Bus = "hard_effects"
    if name in _BACKGROUNDS:
        kind, bus = "ambience", "backgrounds"
    elif name in _LASTING or name == "applause":
        kind = "loop"
    elif name in FAMILIES["steps"]:
        kind = "repeated"
    if bus != "backgrounds" and (
        name in _FOLEY or any(name in FAMILIES[family] for family in _FOLEY_FAMILIES)
    ):
        bus = "foley"
    return Effect(
        name=name, kind=kind, bus=bus, interval_s=_REPEATED_S if kind == "repeated" else None
    )


class Palette:
    """All that can be added: effects with their takes, found by name, read when asked for."""

    def __init__(self, library: Library, vocabulary: Vocabulary):
        self.library, self.vocabulary = library, vocabulary

    def effect(self, name: str) -> Effect:
        """Return an effect by its name.

        Raises:
            LibraryError: There is none of that name.
        """
        if name in self.vocabulary.names:
            return self.vocabulary[name]
        if name in RECIPES:
            return recipe_effect(name)
        for entry in self.library.takes(name):
            kind: Any = entry.kind or "one_shot"
            interval = _REPEATED_S if kind == "repeated" else None
            bus: Bus = "backgrounds" if kind == "ambience" else "hard_effects"
            return Effect(name=name, kind=kind, bus=bus, interval_s=interval)
        raise LibraryError(f"no effect is called {name!r}")

    def document(self) -> list[dict[str, Any]]:
        """Return one row for each recipe and each file of the library."""
        return [*self._files(), *self._recipes()]

    def take(self, effect_name: str, asset: Asset) -> dict[str, Any]:
        """Read a take as the page needs it.

        Raises:
            LibraryError: Neither the library nor the recipes have it.
        """
        effect = self.effect(effect_name)
        entry = self._entry(effect_name, asset)
        kind: Any = entry.kind or effect.kind
        plain = Effect(
            name=effect.name,
            kind=kind,
            bus=effect.bus,
            interval_s=(effect.interval_s or _REPEATED_S) if kind == "repeated" else None,
        )
        alone = Library(name="one", sha256="", takes=[entry], load=self.library.read)
        alternate, take = next(list_alternates(plain, alone, most=1))
        one = ReviewTake(effect=effect_name, take=alternate, samples=take.samples)
        return {**take_entry(one), "facts": self.facts(effect)}

    def facts(self, effect: Effect) -> dict[str, Any]:
        """Return what the page needs to know of an effect."""
        return {
            "name": effect.name,
            "kind": effect.kind,
            "bus": effect.bus,
            "level_db": effect.level_db,
            "threshold_on": effect.threshold_on,
        }

    def _entry(self, effect: str, asset: Asset) -> LibraryTake:
        plain = dataclasses.replace(asset, cents=0)
        for name in (effect, *self.library.effects):
            for entry in self.library.takes(name):
                if entry.asset == plain:
                    return dataclasses.replace(entry, asset=asset)
        if asset.kind == "recipe" and asset.name in RECIPES and (asset.seed or 0) >= 0:
            return LibraryTake(
                effect=effect, asset=asset, licence=BUILT_IN_LICENCE, credit=BUILT_IN_CREDIT
            )
        raise LibraryError(f"the library has no take {asset.name!r}")

    def _recipes(self) -> Iterator[dict[str, Any]]:
        names = [name for name in self.vocabulary.names if name in RECIPES]
        names += [name for name in RECIPES if name not in names]
        for name in names:
            takes = [Asset(kind="recipe", name=name, seed=seed) for seed in range(TAKES_SHOWN)]
            yield self._row(name, name, "built-in", BUILT_IN_LICENCE, BUILT_IN_CREDIT, takes)

    def _files(self) -> Iterator[dict[str, Any]]:
        for name in self.library.effects:
            for entry in self.library.takes(name):
                if entry.asset.kind == "file":
                    title = PurePosixPath(entry.asset.name).name
                    where = f"{self.library.name}/{entry.asset.name}"
                    yield self._row(name, title, where, entry.licence, entry.credit, [entry.asset])

    def _row(
        self, effect: str, title: str, where: str, licence: str, credit: str, takes: list[Asset]
    ) -> dict[str, Any]:
        text = re.sub(r"[\W_]+", " ", f"{effect} {title} {where} {credit}").lower()
        return {
            "effect": effect,
            "title": title,
            "where": where,
            "licence": licence,
            "credit": credit,
            "text": text,
            "takes": [
                {"kind": a.kind, "name": a.name, "seed": a.seed, "sha256": a.sha256, "cents": 0}
                for a in takes
            ],
        }
