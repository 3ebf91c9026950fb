"""What to build: the words of the command in, a builder and its plan out."""

import argparse

import tensorflow_datasets as tfds

from data_pipeline.builders.dataset import Plan
from data_pipeline.builders.stills import Stills, StillsConfig, plan_stills
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import UsageError


def make_plan(
    words: argparse.Namespace, vocabulary: Vocabulary
) -> tuple[type[tfds.core.GeneratorBasedBuilder], Plan]:
    """Read all lists and share out what they name; no medium is decoded yet.

    Raises:
        UsageError: A word that the dataset needs is missing.
    """
    if words.dataset == "stills":
        return Stills, plan_stills(_stills(words), vocabulary)
    raise UsageError(f"{words.dataset}: is not built yet")


def _stills(words: argparse.Namespace) -> StillsConfig:
    if not words.files:
        raise UsageError(f"{words.dataset} needs --files: class folders or CSV tables")
    return StillsConfig(
        paths=tuple(words.files),
        parts=words.parts,
        grouping=words.group,
        nothing=tuple(words.nothing),
        seed=words.seed,
    )
