"""Plan a dataset: find what its lists name, and assign it to splits."""

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from data_pipeline.annotations import class_folders
from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.collect import join
from data_pipeline.annotations.mapping import map_clips, name_key
from data_pipeline.annotations.ontology import read_ontology
from data_pipeline.annotations.records import Modality, Reading
from data_pipeline.annotations.tables import read_table_formats
from data_pipeline.builders.clips import Clips, ClipsConfig, name_effects, plan_clips
from data_pipeline.builders.dataset import Plan
from data_pipeline.builders.labelled_files import unknown_class
from data_pipeline.builders.scenes import Scenes, plan_scenes
from data_pipeline.builders.staging import Rejected
from data_pipeline.builders.stills import Stills, StillsConfig, plan_stills
from data_pipeline.compose.builder import Composed, plan_composed
from data_pipeline.compose.config import ComposeConfig, read_compose_config
from data_pipeline.prepare.options import BuildOptions
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import UsageError


def make_build_plan(
    options: BuildOptions, vocabulary: Vocabulary
) -> tuple[type[tfds.core.GeneratorBasedBuilder], Plan]:
    """Read all lists and assign what they name to splits.

    Raises:
        UsageError: An option is out of range.
    """
    if options.reader not in READERS:
        raise UsageError.unknown("reader", options.reader, READERS, option="--reader")
    try:
        if options.dataset == "stills":
            return Stills, plan_stills(_stills(options), vocabulary)
        if options.dataset == "composed":
            return Composed, _composed(options, vocabulary)
        config = _clips(options)
        reading = _read(options, vocabulary)
        rejected = tuple(Rejected(item=r.text, reason=r.reason) for r in reading.rejected)
        if options.dataset == "clips":
            ontology = read_ontology(options.ontology) if options.ontology else None
            plan = plan_clips(reading.clips, config, vocabulary, options.reader, ontology)
        else:
            plan = plan_scenes(reading.clips, config, vocabulary, options.reader)
    except ValueError as error:
        raise UsageError(str(error)) from None
    builder = Clips if options.dataset == "clips" else Scenes
    return builder, dataclasses.replace(plan, rejected=rejected + plan.rejected)


def _stills(options: BuildOptions) -> StillsConfig:
    return StillsConfig(
        paths=options.files,
        parts=options.parts,
        grouping=options.group,
        nothing=options.nothing,
        leave_out=options.leave_out,
        seed=options.seed,
    )


def _clips(options: BuildOptions) -> ClipsConfig:
    assert options.media is not None
    return ClipsConfig(
        media=options.media,
        frame_rate_hz=options.frame_rate or ClipsConfig.frame_rate_hz,
        parts=options.parts,
        seed=options.seed,
    )


def _composed(options: BuildOptions, vocabulary: Vocabulary) -> Plan:
    config = read_compose_config(options.config) if options.config else ComposeConfig()
    config = dataclasses.replace(
        config,
        frame_rate_hz=options.frame_rate or config.frame_rate_hz,
        clips=options.clips or config.clips,
    )
    if not options.annotations:
        return plan_composed(_stills(options), config, vocabulary)
    reading = _read(options, vocabulary)
    ontology = read_ontology(options.ontology) if options.ontology else None
    items, rejected = name_effects(reading.clips, _clips(options).media, vocabulary, ontology)
    plan = plan_composed(_stills(options), config, vocabulary, items)
    return dataclasses.replace(plan, rejected=(*rejected, *plan.rejected))


def _read(options: BuildOptions, vocabulary: Vocabulary) -> Reading:
    """Read the annotations; in class folders, each class must be an effect or declared not to be.

    Raises:
        UsageError: A class is neither.
    """
    reading = read_annotations(
        options.annotations, options.reader, options.nothing, options.modality
    )
    if options.reader == class_folders.ORIGIN:
        mapped = map_clips(reading.clips, vocabulary)
        if mapped.unmapped:
            raise unknown_class(mapped.unmapped, vocabulary, can_leave_out=False)
    return reading


def read_annotations(
    paths: Sequence[Path],
    reader: str,
    nothing: Collection[str] = (),
    modality: Modality | None = None,
) -> Reading:
    """Read annotations, without the events of classes that are known not to be an effect.

    Args:
        paths: The publisher's files.
        reader: Name of their reader.
        nothing: Classes that are known not to be an effect.
        modality: That of events in tables that have no such column; None is the reader's.
    """
    formats = READERS[reader].formats if modality else ()
    if modality and formats:
        formats = tuple(dataclasses.replace(form, modality=modality) for form in formats)
        reading = join([read_table_formats(path, formats) for path in paths])
    else:
        reading = join([READERS[reader].read(path) for path in paths])
    left_out = {name_key(name) for name in nothing}
    clips = (
        dataclasses.replace(
            clip, events=tuple(e for e in clip.events if name_key(e.name) not in left_out)
        )
        for clip in reading.clips
    )
    return dataclasses.replace(reading, clips=tuple(clips))
