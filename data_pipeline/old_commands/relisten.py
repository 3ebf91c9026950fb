"""Run `python -m data_pipeline relisten` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("data_pipeline.relisten", "data_pipeline", "relisten")
