"""Find the author and licence of sounds in the documents of their folder.

It reads tables with columns for file and licence (CSV, TSV, Markdown), lines of text that name a
file and a licence, `NAME.ogg.license` files (REUSE 3.3), and the LICENSE file of a folder.
"""

import csv
import dataclasses
import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from temporal_foley.errors import one_line
from temporal_foley.library.effect_names import split_words
from temporal_foley.sound.takes.licences import (
    UNKNOWN,
    licence_families,
    licence_in_text,
    plain_licence,
)

PAPER_SUFFIXES = (".csv", ".tsv", ".md", ".txt", ".license", "")
_FILE_WORDS = ("file", "filename", "file name", "sound", "sounds", "path", "track", "name")
_LICENCE_WORDS = ("licence", "license", "licence / source", "spdx")
_CREDIT_WORDS = ("credit", "author", "artist", "creator", "recordist", "by", "attribution")
_LARGEST_BYTES = 4 << 20
_MOST_PAPERS = 5_000
_LICENCE_FILE = re.compile(r"(licen[cs]es?|copying|unlicense)([._-].*)?$", re.I)
_LINE_CREDIT = re.compile(r"\bby\s+\*{0,2}([^*()\[\]|,;]{2,80})")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paper:
    """Licence and author of a sound; `where` names the document."""

    licence: str = ""
    credit: str = ""
    where: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Entry:
    file: str
    paper: Paper


class Papers:
    """All documents of a folder, read once."""

    def __init__(self, root: Path):
        self._entries: dict[PurePosixPath, list[_Entry]] = {}
        self._folders: dict[PurePosixPath, Paper] = {}
        self._files: dict[PurePosixPath, Paper] = {}
        self._debian: list[_Entry] = []
        for path in _papers(root):
            relative = PurePosixPath(path.relative_to(root).as_posix())
            text = _read(path)
            if relative.suffix == ".license":
                self._files[relative.with_suffix("")] = _reuse(text, relative.name)
            elif relative.name == "copyright" and text.startswith("Format:"):
                self._debian.extend(_debian_entries(text, str(relative)))
            elif _LICENCE_FILE.match(relative.stem):
                licence = licence_in_text(text)
                if licence is not None:
                    self._folders[relative.parent] = Paper(licence=licence, where=str(relative))
            entries = list(_entries(relative, text))
            self._entries.setdefault(relative.parent, []).extend(entries)
        self._exact = {
            folder: {entry.file.lower(): entry.paper for entry in reversed(entries)}
            for folder, entries in self._entries.items()
        }

    def find(self, file: PurePosixPath) -> Paper:
        """Return licence and author of a file, from its own folder or those above it.

        An entry for the file itself has priority over one for its folder.
        """
        if file in self._files:
            return self._files[file]
        folders = [file.parent, *file.parent.parents]
        said = [paper for folder in folders if (paper := self._in_tables(file, folder))]
        said += [self._folders[folder] for folder in folders if folder in self._folders]
        said += self._in_debian(file)
        with_licence = next((paper for paper in said if paper.licence), None)
        if with_licence is None:
            return said[0] if said else Paper()
        # A table in the folder may name only the author, and one above it the licence.
        credit = with_licence.credit
        if said[0] is not with_licence and said[0].credit:
            credit = said[0].credit
        return dataclasses.replace(with_licence, credit=credit)

    def _in_debian(self, file: PurePosixPath) -> list[Paper]:
        """Return what the `Files` stanza of Debian's `copyright` that fits best says.

        Its patterns are of the source package, whose files are installed elsewhere: the number of
        folders in common decides, and of equal ones the last.
        """
        fitting = [
            (score, place, entry.paper)
            for place, entry in enumerate(self._debian)
            if (score := _shared_parts(entry.file, file)) > 0
        ]
        return [max(fitting, key=lambda one: one[:2])[2]] if fitting else []

    def _in_tables(self, file: PurePosixPath, folder: PurePosixPath) -> Paper | None:
        exact = self._exact.get(folder, {})
        relative = file.relative_to(folder).as_posix().lower()
        for name in (relative, file.name.lower(), file.stem.lower()):
            if name in exact and (name == relative or folder == file.parent or "/" not in relative):
                return exact[name]
        if file.name.lower() in exact:
            return exact[file.name.lower()]
        # A list of sounds often omits the common part of their names, or gives a pattern.
        stem, words = file.stem.lower(), split_words(file.stem)
        for entry in self._entries.get(folder, ()):
            pattern = entry.file.lower()
            if "/" in pattern or "." in pattern:
                continue
            if fnmatch.fnmatchcase(stem, pattern) or fnmatch.fnmatchcase(stem, f"*_{pattern}"):
                return entry.paper
            if words and " " in pattern and split_words(pattern) == words:
                return entry.paper
        return None


def _papers(root: Path) -> Iterator[Path]:
    found = 0
    for folder, folders, files in os.walk(root, followlinks=False):
        folders.sort()
        for name in sorted(files):
            path = Path(folder) / name
            if path.suffix.lower() not in PAPER_SUFFIXES or path.is_symlink():
                continue
            if path.suffix == "" and not (name == "copyright" or _LICENCE_FILE.match(name)):
                continue
            if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
                continue
            found += 1
            if found > _MOST_PAPERS:
                return
            yield path


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _entries(relative: PurePosixPath, text: str) -> Iterator[_Entry]:
    if relative.suffix.lower() in (".csv", ".tsv"):
        delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
        rows = _csv_rows(text, delimiter)
        yield from _table(rows, str(relative))
        return
    rows: list[list[str]] = []
    for line in text.splitlines():
        if line.lstrip().startswith("|"):
            rows.append(_cells(line))
            continue
        yield from _table(rows, str(relative))
        rows = []
        yield from _line_entry(line, str(relative))
    yield from _table(rows, str(relative))


def _csv_rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
    except csv.Error:
        return []


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _table(rows: Sequence[Sequence[str]], where: str) -> Iterator[_Entry]:
    if len(rows) < 2:
        return
    head = [re.split(r"[(/]", cell.strip(" *").lower())[0].strip() for cell in rows[0]]
    columns = {
        kind: next((i for i, cell in enumerate(head) if cell in words), None)
        for kind, words in (
            ("file", _FILE_WORDS),
            ("licence", _LICENCE_WORDS),
            ("credit", (*_CREDIT_WORDS, "source")),
        )
    }
    # Who made it goes before where it is from.
    named = next((i for i, cell in enumerate(head) if cell in _CREDIT_WORDS), None)
    columns["credit"] = columns["credit"] if named is None else named
    if columns["file"] is None or (columns["licence"] is None and columns["credit"] is None):
        return
    for row in rows[1:]:
        file = _file_of(_cell(row, columns["file"]))
        licence = _cell(row, columns["licence"])
        if not file or set(file) <= set(":- "):
            continue
        paper = Paper(
            licence=plain_licence(_text_of(licence)) if licence else "",
            credit=_name_of(_cell(row, columns["credit"])),
            where=where,
        )
        yield _Entry(file=file, paper=paper)


def _cell(row: Sequence[str], column: int | None) -> str:
    return row[column].strip() if column is not None and column < len(row) else ""


def _file_of(cell: str) -> str:
    """Return the file that a cell names; for a Markdown link, its target if that is a sound."""
    link = re.match(r"\[([^\]]+(?:\[[^\]]*\])?[^\]]*)\](?:\(([^)]*)\)|\[[^\]]*\])", cell)
    if link is None:
        return one_line(cell.strip("` ").removeprefix("**").removesuffix("**"))
    target = link[2] or ""
    is_file = target and "://" not in target and PurePosixPath(target).suffix
    return one_line(target if is_file else link[1])


def _text_of(cell: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell).strip("* ")


def _name_of(cell: str) -> str:
    """Return the name in a cell; empty for placeholders such as dashes."""
    name = one_line(_text_of(cell))[:200]
    return name if re.search(r"\w", name) and name.upper() != "N/A" else ""


def _line_entry(line: str, where: str) -> Iterator[_Entry]:
    """Read a line that names a sound file and, after it, a licence."""
    name = re.search(
        r"([\w() .+~-]{1,120}\.(?:wav|flac|ogg|oga|mp3|m4a|aiff?|aifc|opus))\b", line, re.I
    )
    if name is None or len(line) > 2_000:
        return
    rest = line[name.end() :]
    # The licence is in the last brackets of a line; a title before them may mention another.
    plain = _text_of(rest)
    tail = plain[plain.rfind("(") :] if "(" in plain else plain
    licence = plain_licence(tail)
    if UNKNOWN in licence_families(licence):
        return
    credit = _LINE_CREDIT.search(plain)
    yield _Entry(
        file=name[1].strip(" *-[("),
        paper=Paper(licence=licence, credit=one_line(credit[1]) if credit else "", where=where),
    )


def _shared_parts(pattern: str, file: PurePosixPath) -> int:
    """Return how many parts a pattern of a source package shares with an installed file."""
    *folders, name = pattern.split("/")
    if not fnmatch.fnmatchcase(file.name, name):
        return 0
    path = "/".join(("", *file.parts[:-1], ""))
    ends = (folders[cut:] for cut in range(len(folders)))
    shared = next((len(end) for end in ends if f"/{'/'.join(end)}/" in path), 0)
    if name == "*":
        # A folder of another name says nothing.
        return 2 * shared if folders else 1
    return 2 * shared + (100 if "*" not in name else 2)


def _debian_entries(text: str, where: str) -> Iterator[_Entry]:
    """Read the `Files` stanzas of a machine-readable copyright file (DEP-5)."""
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            name.lower(): re.sub(r"\s+", " ", value).strip()
            for name, value in re.findall(r"^(\S+):((?:.*)(?:\n[ \t].*)*)", stanza, re.M)
        }
        if not (fields.get("files") and fields.get("license")):
            continue
        licence = plain_licence(fields["license"].split("  ")[0][:80])
        holder = re.sub(r"^(©|\(c\)|\d{4}([-, ]+\d{4})*|[,\s])+", "", fields.get("copyright", ""))
        paper = Paper(licence=licence, credit=one_line(holder)[:120].strip(), where=where)
        for pattern in fields["files"].split():
            yield _Entry(file=pattern, paper=paper)


def _reuse(text: str, where: str) -> Paper:
    licence = re.search(r"SPDX-License-Identifier:\s*(.+)", text)
    credit = re.search(r"SPDX-FileCopyrightText:\s*(.+)", text)
    said = licence[1] if licence else text[:600]
    return Paper(
        licence=plain_licence(said.strip()) if licence else licence_in_text(said) or UNKNOWN,
        credit=one_line(credit[1])[:200] if credit else "",
        where=where,
    )
