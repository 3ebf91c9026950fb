import numpy as np

from baselines.stills.top import Top, fit_top
from temporal_foley.cli.runner import run


def test_a_top_learns_classes_that_features_tell_apart():
    generator = np.random.default_rng(0)
    classes = np.arange(300) % 3
    features = (np.eye(3)[classes] * 20 + generator.normal(0, 1, (300, 3))).astype(np.float32)
    data = (features, classes.astype(np.int32))
    logits = fit_top(data, data, 3, epochs=100, seed=0)
    assert logits.shape == (300, 3)
    assert (logits.argmax(axis=1) == classes).all()


def test_a_folder_without_features_is_told_in_one_line(tmp_path, capsys):
    assert run("top", Top, [str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "has no finished features" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
