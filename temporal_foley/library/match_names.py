"""Find the effect that a name in plain words means: `church bell` is `church_bell`.

An effect goes by its name, by the words in its field `also`, by the names of its AudioSet classes,
by its UCS category, and by the names of the ImageNet classes that show it. The more of these words
a name shares, and the rarer they are among all effects, the better it matches. What a vocabulary
refuses goes by its names too: `violin` is an instrument, and no effect.
"""

import dataclasses
import functools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from temporal_foley.effects import Effect, ImageNetRule, RefusedSource, Vocabulary
from temporal_foley.errors import plain_name
from temporal_foley.library.effect_names import split_words
from temporal_foley.library.ucs import ucs_categories
from temporal_foley.models.imagenet_classes import class_lemmas

LEAST_MATCH = 0.52
NEAREST = 3
CONTAINED = 0.6
"""Part of its weight that a phrase counts for if a name has further words."""
_NAME, _AUDIOSET, _LEMMA, _UCS, _DESCRIPTION = 1.0, 0.95, 0.8, 0.6, 0.6
_LEAST_RULE = 0.75
"""Rules below are of what only goes with an effect, and not names of it."""
_COMMON = split_words(
    "a and an at by effect etc for in is it of on or sound noise somebody someone the to with "
    "people person man woman playing using various calling thing"
)
_MANY_DO = split_words(
    "run fire bark growl scream roar howl hoot whistle smack tap plane buzz box chirp sing crowing"
)
"""What many things do, or sounds like it: means an effect only if a name says nothing else."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NameMatch:
    """What a name was found to mean."""

    name: str
    effect: str = ""
    """The effect; empty if none matches well enough."""
    refused: str = ""
    """What the vocabulary refuses, if the name is of such a thing."""
    nearest: tuple[str, ...] = ()
    """The effects that are nearest to the name, the best first."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Phrase:
    words: frozenset[str]
    weight: float


def match_name(name: str, vocabulary: Vocabulary) -> NameMatch:
    """Find the effect of a vocabulary that a name means."""
    spelt = {plain_name(own): own for own in vocabulary.names}
    if (exact := spelt.get(plain_name(name))) is not None:
        return NameMatch(name=name, effect=exact, nearest=(exact,))
    phrases, rarity = _phrases(vocabulary)
    asked = [_words(part) for part in (name, *re.split(r"[,/;]", name))]
    scores = {
        who: max((_likeness(words, p, rarity) for words in asked for p in own), default=0.0)
        for who, own in phrases.items()
    }
    ranked = sorted(vocabulary.names, key=lambda who: -scores[who])
    nearest = _nearest(name, vocabulary, [who for who in ranked if scores[who] > 0.0])
    best = scores[ranked[0]]
    refused = max((r.name for r in vocabulary.refused), key=lambda r: scores[r], default="")
    if refused and scores[refused] >= max(best, LEAST_MATCH):
        return NameMatch(name=name, refused=refused, nearest=nearest)
    found = ranked[0] if best >= LEAST_MATCH else ""
    return NameMatch(name=name, effect=found, nearest=nearest)


def _nearest(name: str, vocabulary: Vocabulary, by_words: Sequence[str]) -> tuple[str, ...]:
    """Return the effects that share words with a name, then those that share letters."""
    import difflib

    alike = difflib.get_close_matches(plain_name(name), vocabulary.names, n=NEAREST, cutoff=0.0)
    return tuple(dict.fromkeys([*by_words, *alike]))[:NEAREST]


def _likeness(words: frozenset[str], phrase: _Phrase, rarity: dict[str, float]) -> float:
    """Return how much of two phrases is common to both, by how rare the words are."""
    shared = sum(rarity.get(word, 1.0) for word in words & phrase.words)
    both = sum(rarity.get(word, 1.0) for word in words | phrase.words)
    if not shared:
        return 0.0
    likeness = shared / both
    if phrase.words <= words and not phrase.words <= _MANY_DO:
        # A name often says more than needed: what a thing is made of, or what it does.
        likeness = max(likeness, CONTAINED * (0.9 + 0.1 * shared / len(phrase.words)))
    return phrase.weight * likeness


@functools.lru_cache(maxsize=4)
def _phrases(vocabulary: Vocabulary) -> tuple[dict[str, tuple[_Phrase, ...]], dict[str, float]]:
    """Return the phrases of each effect and refusal, and how rare each word is, up to 1."""
    phrases = {e.name: tuple(_of_effect(e)) for e in vocabulary.effects}
    phrases |= {r.name: tuple(_of_refusal(r)) for r in vocabulary.refused}
    counts = Counter(
        word for own in phrases.values() for word in frozenset().union(*(p.words for p in own))
    )
    most = math.log(1 + len(phrases))
    rarity = {w: math.log((1 + len(phrases)) / count) / most for w, count in counts.items()}
    return phrases, rarity


def _of_effect(effect: Effect) -> Iterator[_Phrase]:
    for text in (effect.name, *effect.also):
        yield _Phrase(words=_words(text), weight=_NAME)
    yield from _of_audioset(effect.audioset)
    yield from _of_imagenet(effect.imagenet)
    if effect.ucs in (categories := ucs_categories()):
        category, subcategory = categories[effect.ucs]
        yield _Phrase(words=_words(f"{category} {subcategory}"), weight=_UCS)
        yield _Phrase(words=_words(subcategory), weight=_UCS)
    yield _Phrase(words=_words(effect.description), weight=_DESCRIPTION)


def _of_refusal(refusal: RefusedSource) -> Iterator[_Phrase]:
    for text in (refusal.name, *refusal.also):
        yield _Phrase(words=_words(text), weight=_NAME)
    yield from _of_audioset(refusal.audioset)
    yield from _of_imagenet(refusal.imagenet)


def _of_audioset(names: Sequence[str]) -> Iterator[_Phrase]:
    for text in names:
        for part in (text, *re.split(r"[,(]", text)):
            yield _Phrase(words=_words(part), weight=_AUDIOSET)


def _of_imagenet(rules: Sequence[ImageNetRule]) -> Iterator[_Phrase]:
    excluded = {lemma for r in rules if r.exclude for lemma in class_lemmas(r.synset)}
    for rule in rules:
        if rule.exclude or rule.weight < _LEAST_RULE:
            continue
        for lemma in class_lemmas(rule.synset):
            if lemma not in excluded:
                yield _Phrase(words=_words(lemma), weight=_LEMMA)


def _words(text: str) -> frozenset[str]:
    words = split_words(text)
    return words - _COMMON or words
