"""Run `python -m data_pipeline compose-audit` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("data_pipeline.compose_audit", "data_pipeline", "compose-audit")
