"""`python -m temporal_foley`: the command line."""

from temporal_foley.cli.main import entry

entry()
