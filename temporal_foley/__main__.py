"""Run the command line: `python -m temporal_foley`."""

from temporal_foley.cli.main import entry

if __name__ == "__main__":
    entry()
