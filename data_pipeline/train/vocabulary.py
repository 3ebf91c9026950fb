"""Write a vocabulary for the classes of folders."""

import re
from collections.abc import Iterable
from pathlib import Path

from data_pipeline.annotations.class_folders import PICTURES, SOUNDS, VIDEOS, read_class_folders
from data_pipeline.annotations.mapping import name_key
from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary, vocabulary_text
from temporal_foley.errors import UsageError

NOTHING = "other"
"""The folder of pictures and sounds without any effect."""
_NEW = """[[effect]]
name = "{name}"
# A guess: how it sounds (one_shot, repeated, loop, ambience) and where it is mixed.
kind = "loop"
bus = "hard_effects"
"""


def folder_classes(folders: Iterable[Path]) -> dict[str, int]:
    """Return the classes of class folders, with the number of files of each."""
    classes: dict[str, int] = {}
    for folder in folders:
        for clip in read_class_folders(folder).clips:
            for event in clip.events:
                classes[event.name] = classes.get(event.name, 0) + 1
    return dict(sorted(classes.items()))


def vocabulary_of(classes: Iterable[str], nothing: Iterable[str] = ()) -> str:
    """Return the TOML text of a vocabulary with an effect for each class.

    Effects that the shipped vocabulary knows get its records; others are loops until edited.

    Raises:
        UsageError: There is no class, or a class cannot be the name of an effect.
    """
    known = {name_key(effect.name): effect.name for effect in load_vocabulary().effects}
    records = dict(_records(vocabulary_text(DEFAULT_VOCABULARY)))
    left_out = {name_key(name) for name in (*nothing, NOTHING)}
    texts = []
    for name in classes:
        key = name_key(name)
        if key in left_out:
            continue
        plain = known.get(key) or re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,47}", plain):
            raise UsageError(f"the folder {name!r} cannot name an effect; rename it: door_opening")
        texts.append(records.get(plain) or _NEW.format(name=plain))
    if not texts:
        suffixes = ", ".join((*PICTURES[:2], *SOUNDS[:2], *VIDEOS[:2]))
        raise UsageError(
            "the folders contain no class; put files into a folder per effect: "
            f"DIR/dog_barking/SOURCE/FILE ({suffixes} ...)"
        )
    return "# Made from the names of folders.\n\n" + "\n".join(texts)


def _records(text: str) -> Iterable[tuple[str, str]]:
    """Yield the name and text of each record of a vocabulary."""
    for record in re.split(r"(?m)^(?=\[\[effect\]\])", text)[1:]:
        name = re.search(r'(?m)^name = "(.+)"', record)
        if name is not None:
            yield name[1], record.strip() + "\n"
