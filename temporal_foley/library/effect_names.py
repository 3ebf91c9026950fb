"""Recognise an effect by file name, folder names or CatID.

The rules for the effects of foley20 are in `effect_names.tsv`. An effect of another vocabulary is
recognised by its name, its CatID, and the names of its AudioSet and VGGSound classes.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import PurePosixPath

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.library.ucs import UcsName, find_cat_id, parse_ucs_name

DERIVED_CONFIDENCE = 0.8
OWN_CAT_ID_CONFIDENCE = 0.95
FILE_WEIGHT, FOLDER_WEIGHT, FARTHER_WEIGHT, TEXT_WEIGHT = 0.95, 0.9, 0.85, 0.8
"""Weight of words in a file's name, in its folder, in the folders above, and in its metadata."""
_MOST_WORDS = 200
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recognition:
    """The effect that a sound was recognised as, empty for none, and how certain that is."""

    effect: str = ""
    confidence: float = 0.0
    by: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NameRule:
    """All of some words in a name, or one of some CatIDs, indicate an effect."""

    effect: str
    confidence: float
    words: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    cat_ids: frozenset[str] = frozenset()


def name_rules(vocabulary: Vocabulary) -> tuple[NameRule, ...]:
    """Return the rules for a vocabulary's effects: the shipped ones, or derived ones."""
    known = {effect.name for effect in vocabulary.effects}
    rules = [rule for rule in _shipped_rules() if rule.effect in known]
    with_rules = {rule.effect for rule in rules}
    for effect in vocabulary.effects:
        if effect.name not in with_rules:
            rules.extend(_derived_rules(effect))
    return tuple(rules)


def recognise_name(
    file: PurePosixPath, rules: Sequence[NameRule], texts: Iterable[str] = ()
) -> Recognition | None:
    """Recognise a file by its name, its folders and the texts in its metadata.

    Words nearer to the file count for more. A name by the Universal Category System is decisive: a
    category without an effect gives a recognition without effect. None if no rule applies.
    """
    ucs = parse_ucs_name(file.stem)
    if ucs is not None:
        return recognise_category(ucs, rules)
    folders = list(reversed(file.parts[:-1]))
    above = frozenset().union(*map(split_words, file.parts))
    found = [_by_words(split_words(file.stem), above, rules, "file name", FILE_WEIGHT)]
    if folders:
        # A file name often continues its folder's: `doors/wood/open.wav`.
        near = split_words(folders[0])
        both = near | split_words(file.stem)
        found.append(_by_words(near, above, rules, "folder name", FOLDER_WEIGHT))
        found.append(_by_words(both, above, rules, "folder name", FOLDER_WEIGHT))
    if len(folders) > 1:
        # Upper folders are continued by lower ones: `open_door/window/open.wav`.
        all_words = above
        far = frozenset().union(*map(split_words, folders[1:]))
        found.append(_by_words(far, all_words, rules, "folder name", FARTHER_WEIGHT))
    for text in texts:
        words = split_words(text)
        found.append(_by_words(words, words, rules, "metadata", TEXT_WEIGHT))
    # Of equally confident ones the first, which is nearer to the file.
    return max(filter(None, found), key=lambda one: one.confidence, default=None)


def recognise_category(
    ucs: UcsName, rules: Sequence[NameRule], by: str = "UCS name"
) -> Recognition:
    """Return the effect of a CatID, using the words beside it where a rule requires them."""
    words = split_words(f"{ucs.fx_name} {ucs.user_category} {ucs.user_data}")
    fitting = [
        rule
        for rule in rules
        if ucs.cat_id in rule.cat_ids and rule.words <= words and not rule.without & words
    ]
    best = max(fitting, key=lambda rule: rule.confidence, default=None)
    if best is None:
        return Recognition(confidence=OWN_CAT_ID_CONFIDENCE, by=by)
    return Recognition(effect=best.effect, confidence=best.confidence, by=by)


def split_words(text: str) -> frozenset[str]:
    """Return the words of a name or text, without numbers, case and common endings."""
    words = [word for part in re.split(r"[^A-Za-z]+", text) for word in _WORD.findall(part)]
    return frozenset(_stem(word.lower()) for word in words[:_MOST_WORDS])


def _stem(word: str) -> str:
    """Remove common English endings, so that `barking`, `barks` and `bark` are one word."""
    for ending in ("ing", "ed", "es", "s", "e"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and not word.endswith("ss"):
            is_doubled = rest[-1] == rest[-2] and rest[-1] not in "lsz" and len(ending) > 1
            return rest[:-1] if is_doubled else rest
    return word


def _by_words(
    words: frozenset[str],
    all_words: frozenset[str],
    rules: Sequence[NameRule],
    by: str,
    weight: float,
) -> Recognition | None:
    fitting = [
        rule
        for rule in rules
        if rule.words and not rule.cat_ids and rule.words <= words and not rule.without & all_words
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda rule: (rule.confidence, len(rule.words)))
    return Recognition(effect=best.effect, confidence=round(best.confidence * weight, 3), by=by)


def _shipped_rules() -> list[NameRule]:
    text = (resources.files("temporal_foley.library") / "effect_names.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [_rule(effect, float(confidence), said) for effect, confidence, said in rows]


def _rule(effect: str, confidence: float, said: str) -> NameRule:
    parts = said.split()
    return NameRule(
        effect=effect,
        confidence=confidence,
        words=frozenset(_stem(part.lower()) for part in parts if part[0] not in "@-"),
        without=frozenset(_stem(part[1:].lower()) for part in parts if part[0] == "-"),
        cat_ids=frozenset(part[1:] for part in parts if part[0] == "@"),
    )


def _derived_rules(effect: Effect) -> list[NameRule]:
    names = [effect.name, *effect.audioset, *effect.vggsound]
    phrases = {split_words(part) for name in names for part in re.split(r"[,(]", name)}
    rules = [
        NameRule(effect=effect.name, confidence=DERIVED_CONFIDENCE, words=words)
        for words in sorted(phrases - {frozenset()}, key=sorted)
    ]
    cat_id = find_cat_id(effect.ucs)
    if cat_id is not None:
        rules.append(
            NameRule(
                effect=effect.name,
                confidence=OWN_CAT_ID_CONFIDENCE,
                cat_ids=frozenset([cat_id]),
            )
        )
    return rules
