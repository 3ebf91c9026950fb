"""What each `library` command does: its words in, work done and told, an exit code out."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from temporal_foley.cli.library_arguments import (
    LibraryAdd,
    LibraryAudition,
    LibraryCheck,
    LibraryList,
    LibraryWork,
)
from temporal_foley.cli.progress import show_progress
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import (
    FoleyError,
    LibraryError,
    MediaError,
    OutputExistsError,
    UsageError,
    one_line,
)
from temporal_foley.files.digest import file_sha256
from temporal_foley.library.audition import write_audition
from temporal_foley.sound.takes.catalogue import (
    CATALOGUE_NAME,
    CatalogueRow,
    read_catalogue,
    was_changed,
)
from temporal_foley.sound.takes.library import load_library
from temporal_foley.sound.takes.licences import (
    UNKNOWN,
    is_allowed,
    licence_families,
    parse_allowed,
    plain_licence,
)
from temporal_foley.sound.takes.manifest import file_inside

SHOWN = 10


def run_library(words: LibraryWork) -> int:
    """Do what a `library` command says; returns the exit code.

    Raises:
        FoleyError: What it says cannot be done.
    """
    match words.do:
        case LibraryAdd():
            return _add(words.do)
        case LibraryList():
            return _list(words.do)
        case LibraryCheck():
            return _check(words.do)
        case LibraryAudition():
            return _audition(words.do)


def _add(words: LibraryAdd) -> int:
    from temporal_foley.library.add import AddSettings, add_sounds

    began = time.perf_counter()
    settings = AddSettings(
        vocabulary=load_vocabulary(words.vocabulary),
        allowed=parse_allowed(words.allow),
        licence=plain_licence(words.licence) if words.licence else "",
        credit=one_line(words.credit),
        listen=not words.no_listen,
        table=words.table,
    )
    with show_progress(words.source.name) as progress:
        outcome = add_sounds(words.source, words.to, settings, progress=progress)
    for file, why in outcome.left_out[:SHOWN]:
        print(f"temporal-foley: {one_line(file)}: left out ({one_line(why)})", file=sys.stderr)
    if len(outcome.left_out) > SHOWN:
        kinds = Counter(_kind_of(why) for _, why in outcome.left_out)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        print(f"temporal-foley: left out in all: {told}", file=sys.stderr)
    added = outcome.added
    used = sum(row.use for row in added)
    by = ", ".join(f"{count} by {by}" for by, count in outcome.recognised_by.most_common())
    guesses = sum(bool(row.effect) and not row.use for row in added)
    print(
        f"{one_line(words.source.name)}: {len(added)} added, {outcome.known} known, "
        f"{outcome.corrected} corrected, {len(outcome.left_out)} left out "
        f"({time.perf_counter() - began:.1f} s)"
    )
    print(
        f"  {used} in use{f' ({by})' if by else ''}, {guesses} guesses to look through, "
        f"{len(added) - used - guesses} of no effect"
    )
    print(f"  correct them in {one_line(words.to / CATALOGUE_NAME)}: effect, use, licence, credit")
    print(f"  temporal-foley generate VIDEO --library {one_line(words.to)}")
    return 0


def _list(words: LibraryList) -> int:
    rows = _rows(words.library)
    if words.effect:
        for row in rows:
            if row.effect == words.effect:
                print(one_line(_take_line(row)))
        return 0
    print(f"{one_line(words.library)}: {len(rows)} sounds, {sum(r.use for r in rows)} in use")
    for effect in sorted({row.effect for row in rows} - {""}):
        own = [row for row in rows if row.effect == effect]
        used = [row for row in own if row.use]
        by = ", ".join(f"{count} by {by}" for by, count in Counter(r.by for r in used).items())
        guesses = len(own) - len(used)
        more = f"; {guesses} guesses to look through" if guesses else ""
        print(f"  {effect}: {len(used)} in use{f' ({by})' if by else ''}{more}")
    print(f"  of no effect: {sum(not row.effect for row in rows)}")
    print("Licences of the takes in use")
    for licence, count in Counter(row.licence for row in rows if row.use).most_common():
        print(f"  {one_line(licence)}: {count}")
    marks = Counter(mark for row in rows if row.use for mark in row.marks.split())
    if marks:
        print("Marked: " + ", ".join(f"{count} {mark}" for mark, count in marks.most_common()))
    return 0


def _check(words: LibraryCheck) -> int:
    allowed = parse_allowed(words.allow)
    rows = _rows(words.library)
    found = [(row.file, fault) for row in rows for fault in _faults(row, words.library, allowed)]
    for file, fault in found:
        print(f"{one_line(file)}: {fault}")
    changed = [row.file for row in rows if was_changed(row)]
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        print(
            f"{one_line(words.library / CATALOGUE_NAME)}: changed by hand or by damage since "
            f"`library add` wrote it: {one_line(', '.join(changed[:SHOWN]))}{more}; look them "
            "through, then `library add` on the library itself takes them over"
        )
    in_use = sum(row.use for row in rows)
    if not found:
        # What the rows say of places and names is checked as `generate` does.
        load_library(words.library, allowed=allowed)
    print(f"{one_line(words.library)}: {len(rows)} sounds, {in_use} in use, {len(found)} faults")
    return FoleyError.exit_code if found else 0


def _faults(row: CatalogueRow, library: Path, allowed: frozenset[str]) -> Iterator[str]:
    try:
        path = file_inside(library.resolve(), row.file)
        if row.sha256 and file_sha256(path) != row.sha256:
            yield "has changed since it was added; run `library add` on the library itself"
    except (MediaError, ValueError) as error:
        if not (library / row.file).exists():
            yield "is gone; put it back, or delete its line"
        else:
            yield f"is not read ({error}); delete its line"
    if not row.use:
        return
    if UNKNOWN in licence_families(row.licence or UNKNOWN):
        yield f"has no known licence ({row.licence or UNKNOWN}); write it into the table"
    if not is_allowed(row.licence, allowed):
        yield f"is under {row.licence}, which --allow leaves out"
    for mark in row.marks.split():
        yield f"is {mark}"


def _audition(words: LibraryAudition) -> int:
    if words.out.suffix.lower() != ".wav":
        raise UsageError(f"--out must end in .wav, got {str(words.out)!r}")
    if words.out.exists() and not words.overwrite:
        raise OutputExistsError(f"{words.out}: exists; use --overwrite or another --out")
    library = load_library(words.library)
    effects = [words.effect] if words.effect else library.effects
    takes = [take for name in effects for take in library.takes(name) if take.asset.kind == "file"]
    if not takes:
        what = f" of {words.effect}" if words.effect else ""
        raise LibraryError(f"{words.library}: has no take{what} in use; see library list")
    seconds = write_audition(library, takes, words.out)
    labels = words.out.with_suffix(".txt").name
    print(f"{one_line(words.out)}: {len(takes)} takes, {seconds:.1f} s; {labels} tells which")
    return 0


def _rows(library: Path) -> list[CatalogueRow]:
    catalogue = library / CATALOGUE_NAME
    if not catalogue.is_file():
        raise LibraryError(
            f"{catalogue}: no such file; `temporal-foley library add DIR --to {library}` makes it"
        )
    return read_catalogue(catalogue)


def _take_line(row: CatalogueRow) -> str:
    use = "in use" if row.use else "a guess"
    sure = f"{row.confidence:.2f} by {row.by}"
    facts = [use, sure, f"{row.seconds:.2f} s", row.licence, row.credit, row.marks]
    return f"{row.file}: " + ", ".join(fact for fact in facts if fact)


def _kind_of(why: str) -> str:
    for words in ("the same file", "the same sound", "licence"):
        if why.startswith(words):
            return words
    return "unreadable"
