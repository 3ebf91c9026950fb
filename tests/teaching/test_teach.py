"""Test `teach` as a user meets it: pictures and clips make a bundle know one more effect."""

import dataclasses
from fractions import Fraction

import cv2
import jax
import numpy as np
import pytest
import soundfile
from flax import nnx

from temporal_foley.cli.main import main
from temporal_foley.effects import load_vocabulary, vocabulary_text
from temporal_foley.models.bundle.bundle import Bundle, ModelInputs, load_bundle, save_bundle
from temporal_foley.models.by_name import load_detector
from temporal_foley.models.detector import detect_all
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.tagging.background import make_background
from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig
from temporal_foley.sound.takes.library import load_library
from temporal_foley.teaching.teach import new_effect


def stripes(seed, turned):
    rng = np.random.default_rng(seed)
    x = np.arange(128) + rng.uniform(0, 40)
    wave = np.where(np.sin(x * rng.uniform(0.4, 0.8)) > 0, 220, 30)
    image = np.tile(wave, (128, 1)).astype(np.uint8)
    image = (
        image
        if turned
        else rng.integers(0, 255, (8, 8)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    )
    return np.stack([image, np.roll(image, 3, 0), image], axis=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Make a bundle whose background are pictures of blocks."""
    backbone = load_backbone()
    pictures = np.stack([backbone.prepare(stripes(seed, False)) for seed in range(24)])
    config = TaggerConfig(fusion=FusionConfig(width=8), recurrent=RecurrentConfig(hidden=4))
    model = Tagger(config, rngs=nnx.Rngs(params=0))
    bundle = Bundle(
        name="small",
        vocabulary=load_vocabulary(),
        vocabulary_text=vocabulary_text("foley20"),
        inputs=ModelInputs(
            frame_rate=Fraction(4),
            backbone="efficientnet_lite0",
            aspect="stretch",
            backbone_sha256=backbone.sha256,
            listener="student",
            listener_sha256="1" * 64,
        ),
        tagger=config,
        weights=jax.device_get(nnx.to_pure_dict(nnx.split(model)[1])),
        background=make_background(backbone(pictures).features, [(1, 1.2, -5.0)]),
    )
    folder = tmp_path_factory.mktemp("base") / "bundle"
    save_bundle(folder, bundle)
    return folder


@pytest.fixture
def shown(tmp_path, make_clip):
    folder = tmp_path / "shown"
    (folder / "more").mkdir(parents=True)
    for seed in range(2):
        cv2.imwrite(str(folder / f"{seed}.png"), stripes(100 + seed, True))
    make_clip(folder / "more" / "clip.mp4")
    (folder / "notes.txt").write_text("no picture")
    return folder


def run(*words):
    return main([str(word) for word in words])


def test_an_effect_is_taught_and_used(base, shown, tmp_path, capsys):
    out = tmp_path / "out"
    soundfile.write(tmp_path / "tone.wav", np.full(4800, 0.1, np.float32), 48_000)
    (shown / "broken.jpg").write_bytes(b"no picture")
    words = ["--take", tmp_path / "tone.wav", "--licence", "CC0-1.0"]
    assert run("teach", "zebra", "--examples", shown, "--model", base, "--out", out, *words) == 0
    told = capsys.readouterr()
    assert "3 examples" in told.out
    assert "broken.jpg" in told.err
    bundle = load_bundle(out)
    assert bundle.vocabulary.names[-1] == "zebra"
    detector = load_detector(str(out))
    pictures = [detector.prepare(stripes(seed, turned)) for turned in (1, 0) for seed in (7, 8, 9)]
    rows = detect_all(detector, pictures).probabilities
    assert rows[:3, -1].min() > rows[3:, -1].max()
    assert detector.seen_effects()["zebra"]
    # What the rest of the bundle answers is what the old bundle answers.
    before = detect_all(load_detector(str(base)), pictures).probabilities
    np.testing.assert_array_equal(rows[:, :-1], before)
    take = load_library(tmp_path / "out.sounds").takes("zebra")[0]
    assert take.licence == "CC0-1.0"


def test_what_stands_there_is_not_replaced_unasked(base, shown, tmp_path, capsys):
    words = ["teach", "zebra", "--examples", shown, "--model", base, "--out", tmp_path / "out"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    assert run(*words) == 3
    assert run(*words, "--overwrite") == 3
    assert "is not overwritten" in capsys.readouterr().err
    assert (tmp_path / "out" / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["9 zebras"], "lower_case"),
        (["fire"], "already"),
        (["zebra", "--interval", "2", "1"], "interval_s"),
        (["zebra", "--model", "imagenet"], "trained bundle"),
        (["zebra", "--examples", "nowhere"], "not a folder"),
    ],
)
def test_wrong_words_are_one_line(base, shown, tmp_path, capsys, words, text):
    given = ["--examples", shown, "--model", base, "--out", tmp_path / "out"]
    usual = [part for part in zip(given[::2], given[1::2], strict=True) if part[0] not in words]
    assert run("teach", *words, *(word for pair in usual for word in pair)) in (2, 3)
    told = capsys.readouterr().err
    assert text in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_no_example_that_can_be_read_is_an_error(base, tmp_path, capsys):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"")
    words = ["--examples", tmp_path / "bad", "--model", base, "--out", tmp_path / "out"]
    assert run("teach", "zebra", *words) == 3
    assert "a.jpg" in capsys.readouterr().err


def test_a_bundle_without_a_background_says_what_it_lacks(base, shown, tmp_path, capsys):
    plain = dataclasses.replace(load_bundle(base), background=None)
    save_bundle(tmp_path / "plain", plain)
    words = ["--examples", shown, "--model", tmp_path / "plain", "--out", tmp_path / "out"]
    assert run("teach", "zebra", *words) == 3
    assert "data_pipeline background" in capsys.readouterr().err


def test_a_repeated_effect_gets_a_usual_interval():
    effect = new_effect("zebra", kind="repeated")
    assert effect.interval_s is not None
    assert new_effect("zebra").interval_s is None
