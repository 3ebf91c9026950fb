"""Run `python -m data_pipeline self-label` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("data_pipeline.self_label", "data_pipeline", "self-label")
