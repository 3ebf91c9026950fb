"""The notebooks run without a browser, on less material."""

import json
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(path, tmp_path, monkeypatch):
    from configs import foley_demo
    from data_pipeline.train import demo

    settings = foley_demo.config()
    few = {"steps": 20, "loop": foley_demo.LoopConfig(evaluate_every=20)}
    monkeypatch.setattr(demo, "SPLITS", (("train", 40), ("validation", 40), ("test", 40)))
    monkeypatch.setattr(demo, "CLIP_S", 3.5)
    monkeypatch.setattr(foley_demo, "config", lambda: type(settings)(**vars(settings) | few))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert (tmp_path / "demo-model" / "report" / "report.html").is_file()
    assert list((tmp_path / "demo-output").rglob("cues.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_output(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
