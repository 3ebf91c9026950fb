"""Read annotations that are published as text tables, by a record of each table's form."""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.ontology import read_class_names
from data_pipeline.annotations.records import (
    MODALITIES,
    STRENGTHS,
    AnnotatedClip,
    AnnotationError,
    LabelledEvent,
    Modality,
    Reading,
    RowError,
    make_event,
)
from data_pipeline.annotations.rows import (
    Row,
    files_of,
    guess_delimiter,
    read_rows,
    seconds,
    take_header,
    youtube_id,
)

NO_CLASS = "is published without a class"

_ID = re.compile(r"/[a-z]/[0-9a-z_]+")
_LENGTH_ROUNDING_S = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """A form of table: which files have it, and what their columns mean.

    The fields that columns are read into: `video` (a YouTube id) or `source`; `clip`, its name;
    `start` and `end` of the clip in its source; `label`, or `labels` separated by commas; `onset`
    and `offset` of the event in the clip, without which a label applies to the whole clip;
    `split`, `modality`, `strength`, `origin`, `licence`; `nothing` if the clip has no event. Other
    fields are for `prepare`.
    """

    origin: str
    licence: str
    files: str
    """Pattern of the file names in a folder of the set; case does not matter."""
    columns: tuple[str, ...]
    """The publisher's columns in order, as `column=field`, or `column` where both are the same.

    Several layouts differ in their number of columns.
    """
    more_columns: str = ""
    """Further columns that a header may name."""
    needs: str = ""
    """Columns that a header must name, unless one holds `labels`."""
    header: Literal["required", "optional"] = "required"
    delimiter: str | None = ","
    """A space: any number of them. None: a tab if the first line has one, else a comma."""
    quoted: bool = True
    comment: str = ""
    """Lines that begin with this are skipped."""
    unless_beside: str = ""
    """Skip the file if this one is in the same folder: it contains the same rows."""
    splits: tuple[tuple[str, str], ...] = ()
    """Pattern in the file's stem -> split, if the rows do not say."""
    row_splits: Callable[[Path, int], Mapping[int, str]] | None = None
    """Returns the split by row number, from files beside a table of N rows."""
    clip_s: float | None = None
    """Length of all clips."""
    clip: str = "{clip}"
    """The clip's name, from the fields and the numbers `start_s` and `end_s`."""
    clip_pattern: str = ""
    """Takes the name of a clip apart; its groups are further fields."""
    clip_form: str = ""
    """The pattern, as people write it."""
    modality: Modality = "both"
    class_ids: bool = False
    """Labels are AudioSet's ids, which files beside the table translate."""
    source_is_file: bool = False
    """The file's stem, without `_times`, is the source."""
    pads: bool = False
    """Rows may leave out their last cells."""
    prepare: Callable[[dict[str, str]], None] | None = None
    """Checks and completes the fields of a row, where the columns alone do not suffice."""

    def matches(self, path: Path) -> bool:
        """Return whether a file's name is one of this format."""
        if self.unless_beside and path.with_name(self.unless_beside).is_file():
            return False
        return re.fullmatch(self.files, path.name, re.IGNORECASE) is not None

    @functools.cached_property
    def layouts(self) -> tuple[dict[str, str], ...]:
        """Fields by column, of each layout."""
        return tuple(map(_fields_by_column, self.columns))

    @functools.cached_property
    def fields(self) -> dict[str, str]:
        """Fields by column, of all columns that there may be."""
        return functools.reduce(dict.__or__, self.layouts, _fields_by_column(self.more_columns))


def _fields_by_column(columns: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in columns.split()]
    return {name: field or name for name, _, field in pairs}


def read_table_formats(path: Path, formats: Sequence[Format]) -> Reading:
    """Read one file, or all files of a folder that have one of the formats.

    Raises:
        AnnotationError: A file cannot be read, or the folder contains none of these formats.
    """
    files = files_of(path, lambda file: any(form.matches(file) for form in formats))
    return join([_read_file(file, _format_of(file, formats)) for file in files])


def clip_of(
    form: Format,
    field: dict[str, str],
    *,
    split: str | None = None,
    class_names: Mapping[str, str] | None = None,
) -> AnnotatedClip:
    """Make the clip that the fields of one row describe.

    Raises:
        RowError: The fields contradict each other, or lack something.
    """
    if form.clip_pattern and "clip" in field:
        match = re.fullmatch(form.clip_pattern, field["clip"])
        if match is None:
            raise RowError(f"names no clip: should be {form.clip_form}")
        field = field | {name: text for name, text in match.groupdict().items() if text is not None}
    if form.prepare:
        form.prepare(field)
    source = youtube_id(field["video"]) if "video" in field else field["source"]
    start_s = seconds(field.get("start") or "0")
    if start_s < 0.0:
        raise RowError("begins before the video")
    end_s = None if form.clip_s is None else start_s + form.clip_s
    if field.get("end"):
        end_s = seconds(field["end"])
        if end_s <= start_s:
            raise RowError("ends where it begins or before")
        if form.clip_s and abs(end_s - start_s - form.clip_s) > _LENGTH_ROUNDING_S:
            raise RowError(f"names a clip that is not {form.clip_s:g} s long")
    length_s = form.clip_s if end_s is None or form.clip_s else end_s - start_s
    return AnnotatedClip(
        source=source,
        clip=form.clip.format(**field | {"source": source}, start_s=start_s, end_s=end_s),
        start_s=start_s,
        end_s=end_s,
        split=field.get("split") or split,
        events=_events(form, field, length_s, class_names or {}),
        origin=field.get("origin") or form.origin,
        licence=field.get("licence") or form.licence,
    )


def _format_of(path: Path, formats: Sequence[Format]) -> Format:
    """Return the format of a file by its name, else by its column names, else the first one."""
    for form in formats:
        if form.matches(path):
            return form
    for form in formats:
        if _read(path, form)[0]:
            return form
    return formats[0]


def _read(path: Path, form: Format) -> tuple[tuple[str, ...], list[Row]]:
    delimiter = form.delimiter or guess_delimiter(path)
    rows = read_rows(path, delimiter, quoted=form.quoted, comment=form.comment)
    return take_header(rows, form.fields)


def _read_file(path: Path, form: Format) -> Reading:
    names, rows = _read(path, form)
    if rows and not names and form.header == "required":
        known = ", ".join(sorted(form.fields))
        raise AnnotationError(
            "has no line of column names", path=path, remedy=f"there should be some of {known}"
        )
    layouts = {len(layout): tuple(layout.values()) for layout in form.layouts}
    if names:
        layout = next((some for some in form.layouts if set(names) <= set(some)), form.fields)
        layouts = {len(names): tuple(layout[name] for name in names)}
        missing = [name for name in form.needs.split() if name not in names]
        if missing and "labels" not in layouts[len(names)]:
            raise AnnotationError(f"must name the column {missing[0]}", path=path)
    own_split = next(
        (split for part, split in form.splits if re.search(part, path.stem, re.I)), None
    )
    row_splits = form.row_splits(path, len(rows)) if form.row_splits else {}
    numbers = {row.line: number for number, row in enumerate(rows)}
    class_names = read_class_names(path.parent) if form.class_ids else {}
    source = {"source": path.stem.removesuffix("_times")} if form.source_is_file else {}

    def read(row: Row) -> AnnotatedClip:
        cells = row.cells
        if form.pads:
            cells += ("",) * (min(layouts) - len(cells))
        if len(cells) not in layouts:
            raise RowError("has the wrong number of columns")
        field = source | dict(zip(layouts[len(cells)], cells, strict=True))
        split = own_split or row_splits.get(numbers[row.line])
        try:
            return clip_of(form, field, split=split, class_names=class_names)
        except KeyError as error:
            column = next(name for name, to in form.fields.items() if to == error.args[0])
            raise AnnotationError(f"must name the column {column}", path=path) from None

    return collect(rows, read)


def _events(
    form: Format, field: Mapping[str, str], length_s: float | None, class_names: Mapping[str, str]
) -> tuple[LabelledEvent, ...]:
    modality = field.get("modality") or form.modality
    strength = field.get("strength") or ("frame" if "onset" in field else "clip")
    if modality not in MODALITIES or strength not in STRENGTHS:
        raise RowError(f"should have a modality of {MODALITIES} and a strength of {STRENGTHS}")
    if "nothing" in field:
        return ()
    if "label" in field:
        labels = [field["label"]]
    elif "labels" in field:
        labels = field["labels"].split(",")
    else:
        raise RowError(NO_CLASS)
    if form.class_ids:
        labels = [_class_name(label.strip(), class_names) for label in labels]
    onset_s, offset_s = 0.0, length_s
    if "onset" in field:
        onset_s = seconds(field["onset"])
        offset_s = seconds(field["offset"]) if field.get("offset") else None
    return tuple(
        make_event(
            label,
            onset_s,
            offset_s,
            length_s=length_s,
            modality=modality,
            strength=strength,
        )
        for label in dict.fromkeys(labels)
    )


def _class_name(label: str, class_names: Mapping[str, str]) -> str:
    if not _ID.fullmatch(label):
        raise RowError("names no class: an id looks like /m/09x0r")
    if label not in class_names:
        raise RowError("has a class id that is not in ontology.json or class_labels_indices.csv")
    return class_names[label]
