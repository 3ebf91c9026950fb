"""Test the command `evaluate.py`: its metrics and report, or one line of why there are none.

The networks are stood in for by tables of logits, so that nothing is compiled.
"""

import dataclasses
import json
import re
import subprocess
import sys
import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import evaluate
from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import begin, finish, shard_name, write_shard
from data_pipeline.schema import EffectEvent
from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.spotting.decision import decision_to_json, default_decision

ROOT = Path(evaluate.__file__).parent
NAMES = ("fire", "wave")
VOCABULARY = Vocabulary(
    name="small",
    effects=tuple(Effect(name=name, kind="loop", bus="foley") for name in NAMES),
)
SETTINGS = {"frame_rate": "4", "backbone": "b", "aspect": "stretch", "weights": {}}


def make_record(number, *, sound=True):
    """The first two features of a frame show which effects are visible, or audible."""
    random = np.random.default_rng(number)
    effect = NAMES[number % 2] if number % 3 else None
    events = ()
    truth = np.zeros((40, 2))
    if effect:
        events = (EffectEvent(effect=effect, onset_s=2.0, offset_s=7.0),)
        truth[8:28, NAMES.index(effect)] = 1.0
    return FeatureRecord(
        id=f"clip <{number}>",
        source=f"video{number}",
        sha256="",
        frame_rate=Fraction(4),
        times_s=np.arange(40) / 4,
        visual=(truth + random.normal(0, 0.4, truth.shape)).astype(np.float16),
        audio=(truth + random.normal(0, 0.2, truth.shape)).astype(np.float16) * sound,
        has_picture=True,
        has_sound=sound,
        events=events,
        labelled=NAMES,
    )


def make_bundle(name, *, ear=True, output="sigmoid", vocabulary=VOCABULARY, **inputs):
    def logits(visual, audio, *, has_picture, has_sound):
        total = np.full((len(visual), 2), -3.0)
        total += (5.0 * np.asarray(visual, float)) if has_picture else 0.0
        total += (5.0 * np.asarray(audio, float)) if has_sound and ear else 0.0
        other = np.zeros((len(visual), int(output == "softmax")))
        return np.concatenate([total, other], axis=1).astype(np.float32)

    known = {"frame_rate": Fraction(4), "backbone": "b", "aspect": "stretch"}
    known |= {"backbone_sha256": "", "listener_sha256": ""}
    return types.SimpleNamespace(
        name=name,
        sha256="0" * 64,
        vocabulary=vocabulary,
        inputs=types.SimpleNamespace(**{**known, **inputs}),
        tagger=types.SimpleNamespace(output=output, correction=None),
        decision=decision_to_json(default_decision(vocabulary)) if output == "sigmoid" else None,
        logits=logits,
    )


@pytest.fixture
def data(tmp_path):
    """Features of twelve clips, one without sound."""
    folder = tmp_path / "features" / "clips" / "test"
    begin(folder, SETTINGS)
    records = [make_record(number, sound=number != 4) for number in range(12)]
    finish(folder, SETTINGS, [write_shard(folder, shard_name(0, 1), records)])
    return tmp_path / "features"


@pytest.fixture
def bundles(monkeypatch):
    """Bundles by the name of their folder."""
    import temporal_foley.models.bundle.bundle as module

    known = {
        "both": make_bundle("both"),
        "eye": make_bundle("eye", ear=False),
        "softmax": make_bundle("softmax", ear=False, output="softmax"),
    }
    monkeypatch.setattr(module, "load_bundle", lambda path: known[path.name])
    return known


def run(data, out, *more, bundle="both"):
    words = [bundle, "--data", str(data), "--out", str(out), "--draws", "30", *more]
    return evaluate.main(words)


def test_models_are_judged_on_the_same_frames(data, bundles, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(data, out, "--baseline", "frames=eye", "--baseline", "report 000=softmax") == 0
    document = json.loads((out / "metrics.json").read_text("utf-8"))
    assert (document["schema"], document["version"]) == ("temporal-foley/metrics", 1)
    models = document["models"]
    assert list(models) == ["model", "frames", "report 000"]
    counts = [m["all"]["frames"]["micro"]["positives"] for m in models.values()]
    assert counts == [160, 160, 160]
    areas = [m["all"]["frames"]["macro"]["roc_auc"] for m in models.values()]
    assert areas[0] > areas[1] > 0.8
    assert models["model"]["all"]["events"]["false_cues"]["clips"] == 4
    assert models["report 000"]["decision"]["decoder"] == "mode"
    assert document["conflicts"]["clips"] == 11
    assert document["conflicts"]["ranking"][0]["difference"] != 0
    assert "macro ROC-AUC" in capsys.readouterr().out


def test_the_page_needs_nothing_from_elsewhere_and_escapes_names(data, bundles, tmp_path):
    out = tmp_path / "out"
    curve = tmp_path / "alpha.json"
    curve.write_text(
        '[{"alpha": 0.1, "accuracy": 0.8, "log_loss": 0.5},'
        ' {"alpha": 0.25, "accuracy": 0.9, "log_loss": 0.4}]'
    )
    assert run(data, out, "--baseline", "<b>=eye", "--alpha-curve", str(curve)) == 0
    page = (out / "report.html").read_text("utf-8")
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "http" not in page
    assert "<script" not in page
    assert "clip <" not in page
    assert "&lt;b&gt;" in page
    assert "Best at α = 0.25" in page
    assert "prefers-color-scheme: dark" in page
    for word in ("ROC by effect", "Worst mistakes", "By sound alone", "By source", "<svg"):
        assert word in page
    assert not re.search(r"\bnan\b", page)


def test_the_same_words_give_the_same_bytes(data, bundles, tmp_path):
    for name in ("one", "two"):
        assert run(data, tmp_path / name) == 0
    for file in ("metrics.json", "report.html"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_without_sound_a_model_that_listens_is_the_same_as_one_that_does_not(
    data, bundles, tmp_path
):
    assert run(data, tmp_path / "deaf", "--without-sound", "--baseline", "frames=eye") == 0
    document = json.loads((tmp_path / "deaf" / "metrics.json").read_text("utf-8"))
    model, frames = (document["models"][name]["all"] for name in ("model", "frames"))
    assert model["frames"] == frames["frames"]
    assert model["material"]["with_sound"] == 0
    assert document["conflicts"] is None


def test_only_what_is_seen_counts_if_asked_for(data, bundles, tmp_path):
    assert run(data, tmp_path / "out", "--labels-of", "sound") == 0
    document = json.loads((tmp_path / "out" / "metrics.json").read_text("utf-8"))
    # All events are both seen and heard here.
    assert document["models"]["model"]["all"]["frames"]["micro"]["positives"] == 160
    assert document["labels_of"] == "sound"


def test_an_earlier_report_is_replaced_only_when_told_so(data, bundles, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(data, out) == 0
    assert run(data, out) == 3
    assert "--overwrite" in capsys.readouterr().err
    assert run(data, out, "--overwrite") == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    assert run(data, other, "--overwrite") == 3
    assert (other / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--split", "holiday"], 2, "no features of the split holiday"),
        (["--baseline", "eye"], 2, "NAME=BUNDLE"),
        (["--baseline", "model=eye"], 2, "each name once"),
        (["--alpha-curve", "nowhere.json"], 2, "nowhere.json: cannot be read"),
        (["--pictures", "nowhere"], 2, "no finished dataset"),
    ],
)
def test_wrong_words_are_told_in_one_line(more, code, message, data, bundles, tmp_path, capsys):
    assert run(data, tmp_path / "out", *more) == code
    told = capsys.readouterr().err.strip()
    assert message in told
    assert "\n" not in told
    assert not (tmp_path / "out").exists()


def test_features_and_effects_of_another_kind_are_refused(data, bundles, tmp_path, capsys):
    bundles["eye"] = make_bundle("eye", backbone="other")
    assert run(data, tmp_path / "out", "--baseline", "frames=eye") == 2
    assert "eye: trained on features of another backbone" in capsys.readouterr().err
    effects = (VOCABULARY.effects[0], dataclasses.replace(VOCABULARY.effects[1], name="rain"))
    other = dataclasses.replace(VOCABULARY, effects=effects)
    bundles["eye"] = make_bundle("eye", vocabulary=other)
    assert run(data, tmp_path / "out", "--baseline", "frames=eye") == 2
    assert "other effects than the model has (rain)" in capsys.readouterr().err


def test_a_bundle_that_is_none_is_told_in_one_line(data, tmp_path, capsys):
    assert run(data, tmp_path / "out", bundle=str(tmp_path / "nothing")) == 3
    told = capsys.readouterr().err.strip()
    assert "nothing" in told
    assert "\n" not in told


def test_help_needs_nothing_heavy():
    code = (
        "import sys, evaluate\n"
        "try:\n    evaluate.main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "print('LOADED', sorted({'jax', 'numpy', 'tensorflow_datasets'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "--without-sound" in done.stdout
    assert "LOADED []" in done.stdout
