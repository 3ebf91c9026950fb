"""Test bundles: they are read back as written, and changed files are refused."""

import dataclasses
import re

import numpy as np
import pytest

from temporal_foley.errors import OutputExistsError
from temporal_foley.models.bundle.bundle import (
    FILES,
    MANIFEST,
    BundleError,
    load_bundle,
    save_bundle,
    tagger_structure,
)
from tests.factories import make_bundle


@pytest.fixture(scope="module")
def bundle():
    return make_bundle(
        tagger={"visual_features": 6, "audio_features": 4},
        training_info={"steps": 3},
        card="# Small\n",
    )


def judged(bundle, frames=5):
    rng = np.random.default_rng(0)
    visual, audio = rng.normal(size=(frames, 6)), rng.normal(size=(frames, 4))
    return bundle.logits(visual, audio, has_picture=True, has_sound=True)


def test_a_bundle_comes_back_as_it_was_written(bundle, tmp_path):
    sha256 = save_bundle(tmp_path / "b", bundle)
    found = load_bundle(tmp_path / "b")
    assert found.sha256 == sha256
    for name in ("name", "vocabulary", "inputs", "tagger", "training_info", "card"):
        assert getattr(found, name) == getattr(bundle, name)
    np.testing.assert_array_equal(judged(found), judged(bundle))
    assert {path.name for path in (tmp_path / "b").iterdir()} == {*FILES, MANIFEST}


def test_the_same_bundle_gives_the_same_bytes(bundle, tmp_path):
    assert save_bundle(tmp_path / "a", bundle) == save_bundle(tmp_path / "b", bundle)


def test_every_flipped_bit_is_noticed(bundle, tmp_path):
    save_bundle(tmp_path / "b", bundle)
    rng = np.random.default_rng(1)
    for name in (*FILES, MANIFEST):
        path = tmp_path / "b" / name
        content = path.read_bytes()
        for place in rng.integers(0, len(content), 6):
            flipped = bytearray(content)
            flipped[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(flipped)
            with pytest.raises(BundleError, match=re.escape(str(tmp_path / "b"))):
                load_bundle(tmp_path / "b")
        path.write_bytes(content)
    assert load_bundle(tmp_path / "b").name == "small"


def test_a_missing_file_is_named(bundle, tmp_path):
    save_bundle(tmp_path / "b", bundle)
    (tmp_path / "b" / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"weights\.safetensors"):
        load_bundle(tmp_path / "b")


def test_what_is_no_bundle_is_not_overwritten(bundle, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputExistsError):
        save_bundle(tmp_path / "mine", bundle, overwrite=True)
    save_bundle(tmp_path / "b", bundle)
    with pytest.raises(OutputExistsError, match="overwrite"):
        save_bundle(tmp_path / "b", bundle)
    save_bundle(tmp_path / "b", dataclasses.replace(bundle, name="new"), overwrite=True)
    assert load_bundle(tmp_path / "b").name == "new"
    assert (tmp_path / "mine" / "thesis.txt").is_file()


def test_weights_of_another_network_are_refused(bundle, tmp_path):
    save_bundle(
        tmp_path / "b",
        dataclasses.replace(bundle, tagger=dataclasses.replace(bundle.tagger, visual_features=7)),
    )
    with pytest.raises(BundleError, match="shape"):
        load_bundle(tmp_path / "b")


def test_equal_configurations_have_equal_structures(bundle):
    assert tagger_structure(bundle.tagger) == tagger_structure(dataclasses.replace(bundle.tagger))
