"""Label ordinary videos by their own sound, checked against the picture, as a DCASE table.

Audio tags over time -> effects by the AudioSet names of the vocabulary -> combined with the picture
(`cross_check.py`) -> events with a confidence and a modality: `both`, or `audio` if the source is
not visible. Uncertain effects get no label; a video with only uncertain effects is left out.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_pipeline.annotations.class_folders import VIDEOS
from data_pipeline.features.journal import Journal
from data_pipeline.self_label.file_labels import (
    FileLabels,
    SelfLabelConfig,
    Teacher,
    decide_labels,
    gather_evidence,
)
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError, MediaError, OutputExistsError, UsageError
from temporal_foley.models.detector import Detector
from temporal_foley.spotting.tables import clean_cell

COLUMNS = ("filename", "onset", "offset", "event_label", "modality", "confidence")


def label_folder(
    folder: Path,
    out: Path,
    teacher: Teacher,
    detector: Detector,
    config: SelfLabelConfig = SelfLabelConfig(),  # noqa: B008 (frozen)
    *,
    overwrite: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Label all videos below a folder, resuming an earlier run; return an entry for each.

    Raises:
        OutputExistsError: The table exists, and `overwrite` is not set.
        UsageError: There is no video in the folder.
    """
    if out.exists() and not overwrite:
        raise OutputExistsError("already exists", path=out, remedy="give --overwrite to replace it")
    videos = find_videos(folder)
    settings = f"{teacher.sha256} {detector.sha256} {detector.vocabulary.sha256} {config}"
    digest = hashlib.sha256(settings.encode()).hexdigest()[:16]
    entries = []
    with Journal(out.with_name(f"{out.name}.part.jsonl")) as journal:
        for number, path in enumerate(videos, 1):
            status = path.stat()
            name = path.relative_to(folder).as_posix()
            key = f"{digest} {status.st_size} {status.st_mtime_ns} {name}"
            if key not in journal:
                try:
                    evidence = gather_evidence(path, teacher, detector, config)
                    labels = decide_labels(evidence, detector.vocabulary, config)
                    journal.add(key, name=name, **_entry(labels))
                except MediaError as error:
                    journal.add(key, name=name, rejected=str(error).replace(f"{path}: ", ""))
            entries.append(journal[key])
            report(f"{number} of {len(videos)}: {_say(entries[-1])}")
    _write_table(out, entries)
    journal.path.unlink()
    return entries


def find_videos(folder: Path) -> list[Path]:
    """Return the videos below a folder, by name.

    Raises:
        UsageError: There is none.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.casefold() in VIDEOS)
    videos = [file for file in files if file.is_file()]
    if not videos:
        raise UsageError(f"contains no videos ({', '.join(VIDEOS)})", path=folder)
    return videos


def _entry(labels: FileLabels) -> dict[str, Any]:
    events = [
        [event.onset, event.offset, event.effect, modality, round(event.confidence, 4)]
        for event, modality in labels.events
    ]
    return {
        "events": events,
        "doubtful": labels.doubtful,
        "heard": labels.heard,
        "seen": labels.seen,
    }


def _say(entry: dict[str, Any]) -> str:
    if "rejected" in entry:
        return f"{entry['name']}: left out, {entry['rejected']}"
    found = ", ".join(f"{e[2]} {e[0]:.2f}-{e[1]:.2f} ({e[4]:.2f})" for e in entry["events"])
    doubt = f"; in doubt {', '.join(entry['doubtful'])}" if entry["doubtful"] else ""
    return f"{entry['name']}: {found or 'nothing'}{doubt}"


def _write_table(out: Path, entries: Sequence[dict[str, Any]]) -> None:
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write("\t".join(COLUMNS) + "\n")
            for entry in entries:
                name = clean_cell(entry["name"])
                for onset, offset, effect, modality, confidence in entry.get("events", ()):
                    row = (name, f"{onset:.6g}", f"{offset:.6g}", effect, modality, str(confidence))
                    file.write("\t".join(row) + "\n")
                if entry.get("events") == [] and not entry["doubtful"]:
                    file.write(name + "\t" * (len(COLUMNS) - 1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FoleyError(f"cannot be written ({error.strerror})", path=out) from None


def summarise(entries: Sequence[dict[str, Any]], vocabulary: Vocabulary) -> Iterator[str]:
    """Yield a summary; effects whose sound and picture disagree most come first."""
    rejected = Counter(entry["rejected"] for entry in entries if "rejected" in entry)
    judged = [entry for entry in entries if "rejected" not in entry]
    labelled = [entry for entry in judged if entry["events"]]
    doubtful = sum(bool(entry["doubtful"]) and not entry["events"] for entry in judged)
    quiet = len(judged) - len(labelled) - doubtful
    yield (
        f"{len(entries)} videos: {len(labelled)} with labels, {quiet} without effects, "
        f"{doubtful} in doubt and left out, {sum(rejected.values())} left out"
    )
    yield from (f"left out: {count}: {reason}" for reason, count in rejected.most_common())
    rows = []
    for name in vocabulary.names:
        events = [event for entry in judged for event in entry["events"] if event[2] == name]
        heard = {entry["name"] for entry in judged if name in entry["heard"]}
        seen = {entry["name"] for entry in judged if name in entry["seen"]}
        if heard or seen or events:
            seconds = sum(event[1] - event[0] for event in events)
            rows.append((len(heard ^ seen), name, len(events), seconds, heard, seen))
    for _, name, events, seconds, heard, seen in sorted(rows, key=lambda row: (-row[0], row[1])):
        yield (
            f"{name}: {events} events, {seconds:.1f} s; videos with sound and picture "
            f"{len(heard & seen)}, only sound {len(heard - seen)}, only picture {len(seen - heard)}"
        )
