"""What to build: the words of the command in, a builder and its plan out."""

import argparse
import dataclasses

import tensorflow_datasets as tfds

from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.collect import join
from data_pipeline.annotations.ontology import read_ontology
from data_pipeline.annotations.records import Reading
from data_pipeline.builders.clips import Clips, ClipsConfig, name_effects, plan_clips
from data_pipeline.builders.dataset import Plan
from data_pipeline.builders.scenes import Scenes, plan_scenes
from data_pipeline.builders.staging import Rejected
from data_pipeline.builders.stills import Stills, StillsConfig, plan_stills
from data_pipeline.compose.builder import Composed, plan_composed
from data_pipeline.compose.config import ComposeConfig, read_compose_config
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import UsageError


def make_plan(
    words: argparse.Namespace, vocabulary: Vocabulary
) -> tuple[type[tfds.core.GeneratorBasedBuilder], Plan]:
    """Read all lists and share out what they name.

    Raises:
        UsageError: A word that the dataset needs is missing, or one is out of range.
    """
    try:
        if words.dataset == "stills":
            return Stills, plan_stills(_stills(words), vocabulary)
        if words.dataset == "composed":
            return Composed, _composed(words, vocabulary)
        config, reading = _clips(words), _read(words)
        rejected = tuple(Rejected(item=r.text, reason=r.reason) for r in reading.rejected)
        if words.dataset == "clips":
            ontology = read_ontology(words.ontology) if words.ontology else None
            plan = plan_clips(reading.clips, config, vocabulary, words.reader, ontology)
            made = Clips, dataclasses.replace(plan, rejected=rejected + plan.rejected)
        else:
            plan = plan_scenes(reading.clips, config, vocabulary, words.reader)
            made = Scenes, dataclasses.replace(plan, rejected=rejected + plan.rejected)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return made


def _stills(words: argparse.Namespace) -> StillsConfig:
    if not words.files:
        raise UsageError(f"{words.dataset} needs --files: class folders or CSV tables")
    return StillsConfig(
        paths=tuple(words.files),
        parts=words.parts,
        grouping=words.group,
        nothing=tuple(words.nothing),
        leave_out=tuple(words.leave_out),
        seed=words.seed,
    )


def _compose(words: argparse.Namespace) -> ComposeConfig:
    config = read_compose_config(words.config) if words.config else ComposeConfig()
    config = dataclasses.replace(config, frame_rate_hz=words.frame_rate or config.frame_rate_hz)
    return dataclasses.replace(config, clips=words.clips) if words.clips else config


def _composed(words: argparse.Namespace, vocabulary: Vocabulary) -> Plan:
    config = _compose(words)
    if not words.annotations:
        return plan_composed(_stills(words), config, vocabulary)
    clips = _clips(words)
    ontology = read_ontology(words.ontology) if words.ontology else None
    items, rejected = name_effects(_read(words).clips, clips.media, vocabulary, ontology)
    plan = plan_composed(_stills(words), config, vocabulary, items)
    return dataclasses.replace(plan, rejected=(*rejected, *plan.rejected))


def _clips(words: argparse.Namespace) -> ClipsConfig:
    if not words.annotations or words.media is None:
        raise UsageError(f"{words.dataset} needs --annotations and --media")
    if words.reader not in READERS:
        raise UsageError(f"--reader must be one of {', '.join(READERS)}, got {words.reader!r}")
    return ClipsConfig(
        media=words.media,
        frame_rate_hz=words.frame_rate or ClipsConfig.frame_rate_hz,
        parts=words.parts,
        seed=words.seed,
    )


def _read(words: argparse.Namespace) -> Reading:
    return join([READERS[words.reader].read(path) for path in words.annotations])
