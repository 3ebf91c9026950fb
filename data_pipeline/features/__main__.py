"""Run `python -m data_pipeline features` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("data_pipeline.features", "data_pipeline", "features")
