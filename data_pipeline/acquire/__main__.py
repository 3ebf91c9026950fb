"""Run `python -m data_pipeline acquire` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("data_pipeline.acquire", "data_pipeline", "acquire")
