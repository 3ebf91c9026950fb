"""Run `python -m data_pipeline distill` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("data_pipeline.distill", "data_pipeline", "distill")
