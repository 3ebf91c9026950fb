"""`python -m temporal_foley`: the command line."""

from temporal_foley.cli import entry

entry()
