"""Run the command line: `python -m temporal_foley`."""

from temporal_foley.cli.main import entry

entry()
