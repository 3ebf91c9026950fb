"""Evaluate a model on features that it was not trained on: `python evaluate.py BUNDLE ...`.

The same as `python -m data_pipeline evaluate`, which an installed package has.
"""

import sys

from data_pipeline.commands.evaluate import Evaluate, main

__all__ = ["Evaluate", "main"]

if __name__ == "__main__":
    sys.exit(main())
