"""Check that cue lists, credits and disclosure say where every sound comes from."""

import dataclasses
import json
from typing import get_args

import pytest

from temporal_foley.cue_list import read_timeline, timeline_from_json, timeline_to_json
from temporal_foley.documents.disclosure import disclosure_html, source_uses, term_of_mix
from temporal_foley.errors import CueListError
from temporal_foley.files.records import RecordError
from temporal_foley.sound.takes.credits import credits_text
from temporal_foley.sound.takes.digital_source import (
    IPTC,
    TERMS,
    found_in_metadata,
    read_digital_source,
    term_of_all,
)
from temporal_foley.timeline import Asset, DigitalSource
from tests.factories import make_audible_timeline, make_cue, make_timeline, write_cue_list


def file_cue(id, source=None, **fields):
    name = f"{id}.wav"
    return make_cue(id, asset=Asset(kind="file", name=name, digital_source=source), **fields)


MANY = make_timeline(
    file_cue("door-1"),
    file_cue("door-2", "generated", at_s=3.0, licence="CC-BY-4.0", credit="A & <B>"),
    make_cue("bark-1"),
    make_cue("bark-2", at_s=4.0, status="rejected"),
    file_cue("steps-1", "composite"),
)


def test_takes_of_recipes_are_synthesised_and_files_recorded_unless_said():
    assert Asset(kind="recipe", name="x", seed=0).digital_source == "synthesised"
    assert Asset(kind="file", name="x").digital_source == "recorded"
    assert Asset(kind="file", name="x", digital_source="generated").digital_source == "generated"


def test_every_cue_and_alternate_of_a_cue_list_records_its_source():
    text = timeline_to_json(make_audible_timeline())
    document = json.loads(text)
    cues = [cue for track in document["tracks"] for cue in track["cues"]]
    assert {cue["asset"]["digital_source"] for cue in cues} == {"synthesised"}
    others = [other for cue in cues for other in cue["alternates"]]
    assert {other["asset"]["digital_source"] for other in others} == {"synthesised"}
    assert timeline_to_json(timeline_from_json(text)) == text


@pytest.mark.parametrize("version", [1, 2, 3])
def test_older_lists_are_read_and_get_the_usual_source(version, tmp_path):
    document = json.loads(timeline_to_json(MANY))
    document["version"] = version
    for track in document["tracks"]:
        for cue in track["cues"]:
            del cue["asset"]["digital_source"]
    path = tmp_path / "cues.json"
    path.write_text(json.dumps(document))
    sources = {cue.id: cue.asset.digital_source for cue in read_timeline(path).cues}
    assert sources == {
        **{"door-1": "recorded", "door-2": "recorded", "steps-1": "recorded"},
        **{"bark-1": "synthesised", "bark-2": "synthesised"},
    }


def test_a_wrong_source_in_a_cue_list_is_named(tmp_path):
    path = write_cue_list(tmp_path, MANY)
    path.write_text(path.read_text().replace('"generated"', '"generatd"'))
    with pytest.raises(CueListError, match="digital_source must be one of recorded, synthesised"):
        read_timeline(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("recorded", "recorded"),
        (" Generated ", "generated"),
        ("AI", "generated"),
        ("synthesized", "synthesised"),
        ("digitalCapture", "recorded"),
        ("algorithmicMedia", "synthesised"),
        ("trainedAlgorithmicMedia", "generated"),
        ("compositeWithTrainedAlgorithmicMedia", "generated"),
        (IPTC + "compositeSynthetic", "generated"),
        ("field recording", "recorded"),
    ],
)
def test_sources_are_read_in_our_words_and_those_of_the_iptc(text, expected):
    assert read_digital_source(text) == expected


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("recoded", "recorded"),
        ("generatd", "generated"),
        ("sythesised", "synthesised"),
        ("trainedAlgoritmicMedia", "generated"),
        ("compsite", "composite"),
    ],
)
def test_misspelt_sources_name_the_one_that_was_meant(text, meant):
    with pytest.raises(RecordError, match=f"did you mean {meant}"):
        read_digital_source(text)


def test_every_source_has_a_term_of_its_own():
    assert set(TERMS) == set(get_args(DigitalSource))
    assert len(set(TERMS.values())) == len(TERMS)
    assert all(read_digital_source(term) == source for source, term in TERMS.items())


@pytest.mark.parametrize(
    ("sources", "has_original", "expected"),
    [
        (["synthesised"], False, "algorithmicMedia"),
        (["recorded", "recorded"], False, "compositeCapture"),
        (["generated"], False, "trainedAlgorithmicMedia"),
        (["generated", "recorded"], False, "compositeSynthetic"),
        (["generated"], True, "compositeSynthetic"),
        (["recorded", "synthesised"], False, "composite"),
        (["synthesised"], True, "composite"),
        ([], True, "composite"),
        ([None], False, "compositeCapture"),
    ],
)
def test_the_term_of_a_mix_follows_from_its_parts(sources, has_original, expected):
    assert term_of_all(sources, has_original=has_original) == expected


def test_metadata_that_names_a_model_counts_before_all_else():
    both = f"..{IPTC}digitalCapture\0..{IPTC}trainedAlgorithmicMedia<".encode()
    assert found_in_metadata(both) == "generated"
    assert found_in_metadata(f"{IPTC}digitalCapture'".encode()) == "recorded"
    assert found_in_metadata(f"{IPTC}unheardOf'".encode()) is None
    assert found_in_metadata(b"\0" * 99) is None


def test_uses_are_grouped_by_effect_source_licence_and_credit_without_silent_cues():
    found = [(use.effect, use.digital_source, use.cues, use.licence) for use in source_uses(MANY)]
    assert found == [
        ("bark", "synthesised", 1, "CC0-1.0"),
        ("door", "generated", 1, "CC-BY-4.0"),
        ("door", "recorded", 1, "CC0-1.0"),
        ("steps", "composite", 1, "CC0-1.0"),
    ]
    assert term_of_mix(MANY) == IPTC + "compositeSynthetic"


def test_the_disclosure_counts_names_and_escapes():
    page = disclosure_html(MANY, "1.2.3")
    assert "4 sounds were added: 1 recorded from life, 1 synthesised by rule" in page
    assert "1 generated by a model" in page
    assert "No added sound was generated" not in page
    assert "A &amp; &lt;B&gt;" in page
    assert IPTC + "compositeSynthetic" in page
    assert page == disclosure_html(MANY, "1.2.3")
    none = disclosure_html(make_timeline(), "1.2.3")
    assert "No sound was added." in none
    assert "No added sound was generated by a model." in none
    tone = disclosure_html(MANY, "1", has_room_tone=True)
    assert "room tone" in tone
    assert "room tone" not in page


def test_names_that_are_not_text_do_not_break_the_page():
    source = dataclasses.replace(MANY.source, name="a\udcff<.mp4")
    page = disclosure_html(dataclasses.replace(MANY, source=source), "1")
    page.encode()
    assert "a?&lt;.mp4" in page


def test_credits_state_the_source_of_each_take():
    text = credits_text(MANY)
    assert "door-1.wav (door; recorded)" in text
    assert "door-2.wav by A & <B> (door; generated)" in text
    assert "built-in bark (bark; synthesised)" in text
