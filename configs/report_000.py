"""Run `python -m baselines.stills` by its old name."""

from temporal_foley.cli.runner import run_old_spelling

run_old_spelling("configs.report_000", "baselines.stills")
