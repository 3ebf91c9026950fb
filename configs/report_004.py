"""Run `python -m baselines.scenes` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("configs.report_004", "baselines.scenes")
