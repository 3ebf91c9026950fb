"""Read the material of a training, and refuse it before anything is built if it cannot do."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.class_folders import ORIGIN, VIDEOS
from data_pipeline.annotations.mapping import map_clips, name_key
from data_pipeline.annotations.records import Modality, Remark
from data_pipeline.builders.clips import ClipItem, name_effects
from data_pipeline.builders.labelled_files import (
    LabelledFile,
    check_known,
    read_labelled_files,
    unknown_class,
)
from data_pipeline.builders.stills import leave_out
from data_pipeline.prepare.planning import read_annotations
from data_pipeline.train.check import Division, choose_parts, positives, some
from data_pipeline.train.options import TrainOptions
from data_pipeline.train.vocabulary import NOTHING, folder_classes, vocabulary_of
from temporal_foley.effects import Vocabulary, load_vocabulary, vocabulary_text
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError

if TYPE_CHECKING:
    from data_pipeline.features.split import FeatureSplit

MADE = "made_vocabulary.toml"
"""A copy of the vocabulary that was made of the folders' names, to notice changes by hand."""
OWN_READERS = (ORIGIN, "dcase", "audacity", "label_studio")
"""Readers of a user's own labels, each of which should be known; publishers' have hundreds."""
FEWEST_SHARE = 0.1
"""Smaller shares of material of none of the effects are worth a warning."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingMaterial:
    """The labelled files and clips of a training, and how to divide them."""

    files: tuple[LabelledFile, ...]
    clips: tuple[ClipItem, ...]
    vocabulary: Vocabulary
    text: str
    """Of the vocabulary."""
    division: Division
    warnings: tuple[str, ...]

    def effects(self, medium: str) -> Counter[str]:
        """Count the files of a medium by effect; videos by what is visible or audible."""
        if medium != "video":
            return Counter(e for f in self.files if f.medium == medium for e in f.effects)
        return Counter(
            name for item in self.clips for name in {event.name for event in item.clip.events}
        )


def read_material(options: TrainOptions) -> TrainingMaterial:
    """Read the lists of files, and check that a model can be trained on them.

    Raises:
        UsageError: A class is not an effect, an effect has too few sources, or there is nothing to
            learn.
        FoleyError: A folder or file cannot be read.
    """
    if options.reader not in READERS:
        raise UsageError.unknown("reader", options.reader, READERS, option="--reader")
    classes = _classes(options)
    keys = {name_key(name) for name in classes}
    for name in options.nothing:
        if name_key(name) not in keys:
            raise UsageError.unknown("class", name, classes, option="--nothing")
    text = _vocabulary_text(options, classes)
    vocabulary = load_vocabulary(str(options.vocabulary_file))
    files = _read_files(options, vocabulary)
    clips, warnings = _read_clips(options, vocabulary)
    if files and not clips:
        check_known(files, vocabulary)
    elif files and any(not file.is_known for file in files):
        check_known([file for file in files if not file.is_known], vocabulary)
    _check_variety(files, clips, vocabulary)
    division = choose_parts(files, clips, by_series=options.group == "series")
    material = TrainingMaterial(
        files=tuple(files),
        clips=tuple(clips),
        vocabulary=vocabulary,
        text=text,
        division=division,
        warnings=(),
    )
    return dataclasses.replace(material, warnings=(*warnings, *_doubts(material)))


def _vocabulary_text(options: TrainOptions, classes: Sequence[str]) -> str:
    """Return the vocabulary that is given, or one of the classes' names; also write it.

    Raises:
        UsageError: The one that was made earlier has been edited, and is not given.
    """
    path, made = options.vocabulary_file, options.work / MADE
    if options.vocabulary is not None:
        # So that its own path is named if it is wrong.
        load_vocabulary(options.vocabulary)
        text = vocabulary_text(options.vocabulary)
    else:
        text = vocabulary_of(classes, options.nothing)
        is_edited = path.is_file() and made.is_file() and path.read_bytes() != made.read_bytes()
        if is_edited:
            raise UsageError(
                "was edited",
                path=path,
                remedy=f"give it with --vocabulary {path} --overwrite, or delete it",
            )
        made.write_text(text, "utf-8")
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
    return text


def _classes(options: TrainOptions) -> list[str]:
    """Return the names of all classes: of folders, and of events in a table."""
    folders = [folder for folder in (options.pictures, options.sounds) if folder is not None]
    if options.videos is not None and options.annotations is None:
        folders.append(options.videos)
    classes = set(folder_classes(folders))
    if options.annotations is not None:
        classes |= set(READERS[options.reader].read(options.annotations).names)
    return sorted(classes)


def _read_files(options: TrainOptions, vocabulary: Vocabulary) -> list[LabelledFile]:
    """Read the class folders of pictures and sounds."""
    files: list[LabelledFile] = []
    for option, path, medium in (
        ("--pictures", options.pictures, "picture"),
        ("--sounds", options.sounds, "sound"),
    ):
        if path is None:
            continue
        found, _ = read_labelled_files(
            path, vocabulary, nothing=options.nothing, grouping=options.group
        )
        if not any(file.medium == medium for file in found):
            other = {"picture": "sound", "sound": "picture"}[medium]
            raise UsageError(
                f"has {len(found)} {other}s and no {medium} in folders of classes",
                option=option,
                path=path,
                remedy=f"give it with --{other}s",
            )
        files += found
    if files and options.leave_out:
        try:
            files, _ = leave_out(files, options.leave_out)
        except ValueError as error:
            raise UsageError(str(error)) from None
    return files


def _read_clips(options: TrainOptions, vocabulary: Vocabulary) -> tuple[list[ClipItem], list[str]]:
    """Read the labels of the videos, and find their files; also return what may be wrong."""
    if options.videos is None:
        return [], []
    labels = options.annotations or options.videos
    reader = options.reader if options.annotations else ORIGIN
    reading = read_annotations((labels,), reader, (*options.nothing, NOTHING), modality_of(options))
    items, missing = name_effects(reading.clips, options.videos, vocabulary)
    counts = Counter(map_clips(reading.clips, vocabulary).unmapped)
    if counts and reader in OWN_READERS:
        raise unknown_class(counts, vocabulary, labels=options.annotations, can_leave_out=False)
    if not items:
        there = next((path.name for path in sorted(options.videos.rglob("*.*"))), None)
        raise UsageError(
            f"none of the {len(missing)} files that it names is in {options.videos}, such as "
            f"{missing[0].item if missing else '-'}",
            path=labels,
            remedy="name the files as they are called there"
            + (f", such as {there}" if there else ""),
        )
    warnings = []
    if counts:
        names = some([name for name, _ in counts.most_common()])
        warnings.append(
            f"{counts.total()} events of {len(counts)} classes are no effect of {vocabulary.name} "
            f"({names}); of their clips it is not known what is absent"
        )
    if missing:
        warnings.append(
            f"{len(missing)} of {len(missing) + len(items)} files that {labels} names are not in "
            f"{options.videos}, such as {missing[0].item}"
        )
    if reading.rejected:
        warnings.append(_rejected(reading.rejected, labels))
    if options.annotations is not None:
        warnings += _without_row(options.videos, items, labels)
    return items, warnings


def modality_of(options: TrainOptions) -> Modality | None:
    """Return what events are in a user's own table: of a video both is meant."""
    return "both" if options.annotations and options.reader in OWN_READERS else None


def _without_row(videos: Path, items: Sequence[ClipItem], table: Path) -> list[str]:
    """Warn of videos that the table does not name."""
    named = {item.path for item in items}
    left = [
        path
        for path in sorted(videos.rglob("*"))
        if path.suffix.casefold() in VIDEOS and path not in named
    ]
    if not left:
        return []
    return [
        f"{len(left)} videos are not in {table} and not used, such as {left[0].name}; a row with "
        "only a file name says that nothing happens in it"
    ]


def _rejected(rejected: Sequence[Remark], labels: Path) -> str:
    reason, count = Counter(remark.reason for remark in rejected).most_common(1)[0]
    first = next(remark for remark in rejected if remark.reason == reason)
    where = f"line {first.line}" if first.line else first.text
    return f"{len(rejected)} rows of {labels} are not used: {count} because it {reason} ({where})"


def _check_variety(
    files: Sequence[LabelledFile], clips: Sequence[ClipItem], vocabulary: Vocabulary
) -> None:
    """Check that there is an effect, and something else than this effect.

    Raises:
        UsageError: There is nothing to separate.
    """
    shown = [set(file.effects) for file in files]
    shown += [{event.name for event in item.clip.events} for item in clips]
    effects = set().union(*shown)
    if not effects:
        names = ", ".join(vocabulary.names[:8]) + (" ..." if len(vocabulary) > 8 else "")
        raise UsageError(
            f"no file has an effect of the vocabulary {vocabulary.name}",
            remedy=f"name the folders or events after its effects ({names}), or give --vocabulary "
            "FILE",
        )
    spans = any(event.strength == "frame" for item in clips for event in item.clip.events)
    if not spans and not any(file.medium == "picture" and file.effects for file in files):
        raise UsageError(
            "no label says when an effect happens: a folder of sounds or videos names only what is "
            "somewhere in each",
            remedy="add --pictures DIR, or --annotations TABLE with times of events in the videos",
        )
    if len(effects) == 1 and all(shown) and not spans:
        (name,) = effects
        raise UsageError(
            f"all {len(shown)} files are of {name}: the model could only find it everywhere",
            remedy="add files of none of the effects in DIR/other, or of another effect",
        )


def _doubts(material: TrainingMaterial) -> list[str]:
    """Return what the model will lack."""
    vocabulary = material.vocabulary
    pictures, sounds, videos = (material.effects(m) for m in ("picture", "sound", "video"))
    warnings = []
    absent = [n for n in vocabulary.names if not pictures[n] + sounds[n] + videos[n]]
    if absent:
        warnings.append(
            f"{len(absent)} of {len(vocabulary)} effects have no file and cannot be learnt: "
            f"{some(absent)}; give a --vocabulary without them"
        )
    unseen = [n for n in vocabulary.names if sounds[n] and not pictures[n] + videos[n]]
    if unseen:
        warnings.append(f"no picture or video shows {some(unseen)}: only found where it is audible")
    shown = [f for f in material.files if f.medium == "picture"]
    nothing = sum(not f.effects for f in shown) + sum(not c.clip.events for c in material.clips)
    spans = any(e.strength == "frame" for c in material.clips for e in c.clip.events)
    if nothing < FEWEST_SHARE * (len(shown) + len(material.clips)) and not spans:
        warnings.append(
            f"{nothing or 'no'} pictures or videos show none of the effects, so the model will "
            "find effects everywhere; add some in DIR/other, about as many as of all effects"
        )
    return warnings


def check_out(options: TrainOptions) -> None:
    """Check that the output folder is new, or of an earlier training, and apart from the input.

    Raises:
        FoleyError: It is not.
    """
    out = options.out
    if out.exists() and not out.is_dir():
        raise OutputExistsError("is a file", path=out, remedy="use another --out")
    for folder in (options.pictures, options.sounds, options.videos):
        if folder is not None and out.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"is in {folder}, whose folders are classes",
                option="--out",
                path=out,
                remedy=f"use another --out, such as {folder.resolve().parent / 'model'}",
            )
    if out.exists() and any(out.iterdir()) and not options.work.is_dir():
        raise OutputExistsError("has other content", path=out, remedy="use another --out")
    try:
        options.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FoleyError(
            f"cannot be written ({error.strerror})", path=out, remedy="use another --out"
        ) from None


def check_kept(material: TrainingMaterial, train: "FeatureSplit", data: Path) -> None:
    """Check that of every effect with files something is left to train on.

    Raises:
        FoleyError: All files of an effect were rejected.
    """
    shown, heard = positives(train, material.vocabulary)
    lost = [
        f"{medium}s of {name}"
        for medium, found in (("picture", shown), ("sound", heard), ("video", shown + heard))
        for name, count in material.effects(medium).items()
        if count and not found[material.vocabulary.index(name)]
    ]
    if lost:
        raise FoleyError(
            f"no {some(lost)} can be used",
            path=data,
            remedy="the reasons are in its files rejected.tsv; replace the files, or "
            f"--leave-out '{lost[0].rpartition(' ')[2]}/*'",
        )
