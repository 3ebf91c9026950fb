"""The curves of a run are readable, however few points they have."""

import json

import pytest
from matplotlib.figure import Figure

from temporal_foley.training.finish import CURVES
from temporal_foley.training.log import draw_curves

SCORE = "validation/macro_roc_auc"


@pytest.mark.parametrize(("evaluations", "mark"), [(1, "o"), (3, "None")])
def test_a_single_validation_is_drawn_as_a_dot(tmp_path, monkeypatch, evaluations, mark):
    rows = [{"step": step, "loss": 1.0 / step} for step in (10, 20, 30)]
    rows += [{"step": 10 * n, SCORE: 0.8} for n in range(1, evaluations + 1)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *a, **k: (figures.append(figure), save(figure, *a, **k))
    )
    draw_curves(tmp_path, CURVES, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    loss, validation = figures[0].axes
    assert (loss.get_title(), validation.get_title()) == ("loss", "validation")
    (line,) = validation.get_lines()
    assert str(line.get_marker()) == mark
    assert len(line.get_xdata()) == evaluations


def test_a_run_without_numbers_still_gets_a_picture(tmp_path):
    draw_curves(tmp_path, CURVES, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").is_file()
