"""Print what published annotations contain, and write them as one table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.collect import join
from data_pipeline.annotations.dcase import write_table
from data_pipeline.annotations.label_studio import read_label_studio
from data_pipeline.annotations.mapping import map_clips
from data_pipeline.annotations.ontology import Ontology, read_ontology
from data_pipeline.annotations.records import Reading, Remark
from data_pipeline.annotations.survey import format_survey, survey
from temporal_foley.effects import load_vocabulary

_EXAMPLES_PER_REASON = 2


def show_annotations(
    reader: str,
    paths: Sequence[Path],
    *,
    vocabulary: str | None = None,
    ontology: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    frame_rate_hz: float | None = None,
) -> None:
    """Print the counts of published annotations, and write their events as a table.

    Args:
        reader: One of `catalogue.READERS`, or `survey` for every file of folders of sets.
        paths: Files or folders.
        vocabulary: Name the events as its effects, and list classes that are not one.
        ontology: AudioSet's; by default the one beside the files.
        out: Table to write.
        overwrite: Replace the table.
        frame_rate_hz: Of the videos, for Label Studio's timelines that count frames.

    Raises:
        FoleyError: A file cannot be read or written.
    """
    if reader == "survey":
        for path in paths:
            print(format_survey(survey(path)))
        return
    if reader == "label_studio":
        reading = join([read_label_studio(path, frame_rate_hz) for path in paths])
    else:
        reading = join([READERS[reader].read(path) for path in paths])
    _print_reading(reading)
    clips = reading.clips
    if vocabulary:
        mapped = map_clips(clips, load_vocabulary(vocabulary), find_ontology(paths, ontology))
        _print_counts(f"effects of {vocabulary} (events)", mapped.mapped)
        _print_counts("classes that are not an effect (events)", mapped.other)
        _print_counts("unmapped classes (events)", mapped.unmapped)
        clips = mapped.clips
    if out:
        write_table(out, clips, overwrite=overwrite)
        print(f"wrote {out}")


def find_ontology(paths: Sequence[Path], ontology: Path | None = None) -> Ontology | None:
    """Read AudioSet's ontology, by default from beside the annotations."""
    folders = [path if path.is_dir() else path.parent for path in paths]
    beside = [folder / "ontology.json" for folder in folders]
    found = [ontology] if ontology else [path for path in beside if path.is_file()]
    return read_ontology(found[0]) if found else None


def _print_reading(reading: Reading) -> None:
    print(
        f"{reading.rows} rows: {reading.rows_read} read, {len(reading.rejected)} rejected; "
        f"{len(reading.clips)} clips, {sum(reading.names.values())} events, "
        f"{len({clip.source for clip in reading.clips})} sources"
    )
    _print_remarks("rejected", reading.rejected)
    _print_remarks("changed", reading.remarks)
    _print_counts("splits (clips)", Counter(clip.split or "none" for clip in reading.clips))
    _print_counts("classes (events)", reading.names)


def _print_remarks(title: str, remarks: Sequence[Remark]) -> None:
    for reason, count in Counter(remark.reason for remark in remarks).most_common():
        print(f"{title}: {count} {'row' if count == 1 else 'rows'}: {reason}")
        examples = [remark for remark in remarks if remark.reason == reason]
        for remark in examples[:_EXAMPLES_PER_REASON]:
            line = f", line {remark.line}" if remark.line else ""
            print(f"  {remark.file}{line}: {remark.text}")


def _print_counts(title: str, counts: Mapping[str, int]) -> None:
    print(f"{title}: {len(counts)}")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"  {count:>7}  {name}")
