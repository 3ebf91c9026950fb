import json
from pathlib import Path

import pytest

from data_pipeline.annotations.mapping import load_class_names, map_classes, map_clips, name_key
from data_pipeline.annotations.ontology import Ontology, read_ontology
from data_pipeline.annotations.records import (
    AnnotatedClip,
    AnnotationError,
    LabelledEvent,
    clip_event,
    make_event,
)
from temporal_foley.effects import parse_vocabulary

VOCABULARY = parse_vocabulary(
    """
[[effect]]
name = "dog_barking"
kind = "one_shot"
bus = "hard_effects"
audioset = ["Dog"]
vggsound = ["dog bow-wow"]
[[effect]]
name = "whining"
kind = "one_shot"
bus = "hard_effects"
audioset = ["Yip"]
[[effect]]
name = "door_opening"
kind = "one_shot"
bus = "hard_effects"
audioset = ["Door"]
""",
    "tiny",
)
ONTOLOGY = Ontology(
    names={
        str(n): name
        for n, name in enumerate(
            (
                "Animal",
                "Dog",
                "Bark",
                "Yip",
                "Door",
                "Doorbell",
                "Ding-dong",
                "Squeak",
                "Violin, fiddle",
            )
        )
    },
    parents={
        "Dog": ("Animal",),
        "Bark": ("Dog",),
        "Yip": ("Dog",),
        "Doorbell": ("Door",),
        "Ding-dong": ("Doorbell",),
        "Squeak": ("Door", "Yip"),
    },
)
SHARED = Path(__file__).parents[3] / "../shared/data/annotations/audioset"


def effects_of(name, origin="ave", ontology: Ontology | None = ONTOLOGY):
    return map_classes([(origin, name)], VOCABULARY, ontology).effects[origin, name]


def test_children_count_for_an_effect_that_names_their_parent():
    assert effects_of("Bark") == ("dog_barking",)
    assert effects_of("Bark", ontology=None) == ()


def test_the_effect_that_names_a_class_itself_goes_before_its_parents():
    assert effects_of("Yip") == ("whining",)


def test_a_parent_does_not_count_for_its_children():
    assert effects_of("Animal") == ()


def test_a_class_below_two_effects_counts_for_both():
    assert effects_of("Squeak") == ("whining", "door_opening")


def test_children_that_sound_otherwise_are_left_to_themselves():
    assert effects_of("Doorbell") == ()
    assert effects_of("Ding-dong") == ()


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("class_folders", "dog_barking"),
        ("vggsound", "dog bow-wow"),
        ("visualsound", "dog bow-wow"),
        ("esc", "Dog bark"),
        ("avvp", "Dog"),
    ],
)
def test_each_set_finds_the_effect_in_its_own_words(origin, name):
    assert effects_of(name, origin) == ("dog_barking",)


def test_spellings_of_one_name_are_one_name():
    assert name_key("Frying_(food)") == name_key("Frying (food)")
    assert name_key("Violin_fiddle") == name_key("Violin, fiddle")


def test_what_is_known_to_be_no_effect_is_not_what_is_unknown():
    classes = [("avvp", "Violin_fiddle"), ("class_folders", "other"), ("avvp", "Gargling")]
    found = map_classes(classes, VOCABULARY, ONTOLOGY)
    assert found.unmapped == {("avvp", "Gargling")}
    assert set(found.effects.values()) == {()}


def test_playing_an_instrument_is_the_instrument_in_vggsound_only():
    for origin, unmapped in (("vggsound", False), ("avvp", True)):
        classes = [(origin, "playing violin, fiddle")]
        assert bool(map_classes(classes, VOCABULARY, ONTOLOGY).unmapped) == unmapped


def test_mapping_keeps_every_clip_and_counts_every_event():
    clips = [
        AnnotatedClip(
            source=name,
            clip=name,
            origin="ave",
            events=(make_event("Bark", 0, 1), make_event("Dog", 0, 1), clip_event(name)),
        )
        for name in ("Gargling", "Violin, fiddle")
    ]
    mapped = map_clips(clips, VOCABULARY, ONTOLOGY)
    assert len(mapped.clips) == 2
    # Bark and Dog are one effect here: once is enough.
    bark = LabelledEvent(name="dog_barking", onset_s=0, offset_s=1)
    assert [clip.events for clip in mapped.clips] == [(bark,)] * 2
    assert (mapped.mapped, mapped.other, mapped.unmapped) == (
        {"dog_barking": 4},
        {"Violin, fiddle": 1},
        {"Gargling": 1},
    )


def test_an_ontology_with_a_child_that_is_nowhere_is_refused(tmp_path):
    path = tmp_path / "ontology.json"
    path.write_text(
        json.dumps([{"id": "a", "name": "A", "child_ids": ["b"], "positive_examples": []}])
    )
    with pytest.raises(AnnotationError, match="child b"):
        read_ontology(path)
    path.write_text("[{}]")
    with pytest.raises(AnnotationError, match="record 1 has no id"):
        read_ontology(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the AudioSet ontology")
def test_class_names_are_names_of_the_ontology():
    names = load_class_names()
    known = set(read_ontology(SHARED / "ontology.json").names.values())
    used = {
        name for classes in names.audioset.values() for all_ in classes.values() for name in all_
    }
    assert used - known == set()
    keys = {name_key(name) for name in known}
    assert {key for pair in names.not_below for key in pair} - keys == set()
