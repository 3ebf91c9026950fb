"""Run `python -m data_pipeline background` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("data_pipeline.background", "data_pipeline", "background")
