"""Run `python -m data_pipeline fine-tune` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("data_pipeline.fine_tune", "data_pipeline", "fine-tune")
