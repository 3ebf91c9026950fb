"""Add the sounds of a folder or ZIP file to a library and its catalogue.

Each sound is read once: recognised, measured, and compared with those in the library. Files are
copied first and the catalogue is replaced last, so that an interrupted run can be repeated. A
folder that is itself the library is catalogued in place.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from temporal_foley.effects import Vocabulary
from temporal_foley.errors import LibraryError, MediaError, one_line
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.run_record import Progress
from temporal_foley.library.corrections import corrected_row, corrected_rows
from temporal_foley.library.effect_names import NameRule, name_rules
from temporal_foley.library.embedded import read_embedded
from temporal_foley.library.listen import Listener, Wave, listening_wave
from temporal_foley.library.recognise import (
    NewSound,
    finished_row,
    measured_row,
    recognised_row,
)
from temporal_foley.library.sidecars import Papers
from temporal_foley.library.sources import (
    SOUND_SUFFIXES,
    copy_into,
    is_sound_file,
    opened_source,
    passed_over,
    safe_name,
    sound_files,
)
from temporal_foley.library.take_analysis import analyse_take
from temporal_foley.media.audio import read_sound_file, sound_file_rate
from temporal_foley.sound.takes.catalogue import (
    CATALOGUE_NAME,
    CatalogueRow,
    corrections,
    read_catalogue,
    write_catalogue,
)
from temporal_foley.sound.takes.licences import UNKNOWN, is_allowed

_LISTEN_AT_ONCE = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddSettings:
    """Settings of `library add`."""

    vocabulary: Vocabulary
    allowed: frozenset[str] = frozenset()
    """Families of licences; sounds under others are left out. Empty allows all."""
    licence: str = ""
    """For sounds without a licence of their own."""
    credit: str = ""
    digital_source: str = ""
    """Of sounds whose own metadata does not state it; recorded if empty."""
    listen: bool = True
    table: Path | None = None
    """A person's corrections, which override everything else."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddOutcome:
    """Result of adding the sounds of a source."""

    library: Path
    added: tuple[CatalogueRow, ...]
    known: int
    corrected: int
    left_out: tuple[tuple[str, str], ...]
    """Files that were not added, and why."""

    @property
    def recognised_by(self) -> Counter[str]:
        """The number of added sounds in use, by method of recognition."""
        return Counter(row.by for row in self.added if row.use)


def add_sounds(
    source: Path,
    library: Path,
    settings: AddSettings,
    *,
    listener: Listener | None = None,
    progress: Progress | None = None,
) -> AddOutcome:
    """Add the sounds of a folder or ZIP file to a library.

    Raises:
        LibraryError: The source or the library cannot be read, or a ZIP file is refused.
        UsageError: The source is neither a folder nor a ZIP file.
    """
    progress = progress or (lambda stage, part: None)
    by_file = {}
    if settings.table is not None:
        by_file = corrections(settings.table, settings.vocabulary.names)
    catalogue = library / CATALOGUE_NAME
    before = read_catalogue(catalogue) if catalogue.is_file() else []
    rows = {row.file: row for row in before}
    rows, corrected = corrected_rows(rows, by_file, settings.vocabulary)
    with opened_source(source) as (folder, name):
        in_place = folder.resolve().is_relative_to(library.resolve())
        if in_place:
            folder, library = folder.resolve(), library.resolve()
        work = _Work(
            folder=library if in_place else folder,
            name="" if in_place else safe_name(name),
            library=library,
            in_place=in_place,
            settings=settings,
            rules=name_rules(settings.vocabulary),
            rows=rows,
            corrections=by_file,
            listener=listener or Listener(settings.vocabulary),
        )
        if is_sound_file(source):
            files = [folder / source.name]
        else:
            files = list(sound_files(folder, library, in_place=in_place))
            work.left_out += passed_over(folder, library, in_place=in_place)
        if not files and not corrected:
            raise LibraryError(
                "holds no sound file",
                path=source,
                remedy=f"known suffixes: {' '.join(SOUND_SUFFIXES)}",
            )
        added = work.add_all(files, progress)
    try:
        library.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(f"cannot be made ({error.strerror})", path=library) from None
    write_catalogue(work.rows.values(), catalogue)
    return AddOutcome(
        library=library,
        added=tuple(added),
        known=work.known,
        corrected=corrected,
        left_out=tuple(work.left_out),
    )


class _Work:
    """State of one `library add`."""

    def __init__(
        self,
        *,
        folder: Path,
        name: str,
        library: Path,
        in_place: bool,
        settings: AddSettings,
        rules: Sequence[NameRule],
        rows: dict[str, CatalogueRow],
        corrections: dict[str, dict[str, Any]],
        listener: Listener,
    ):
        self.folder, self.name, self.library, self.in_place = folder, name, library, in_place
        self.settings, self.rules, self.rows = settings, rules, rows
        self.corrections = corrections
        self.listener = listener
        self.papers = Papers(folder)
        self.known = 0
        self.left_out: list[tuple[str, str]] = []
        self._by_sha256 = {row.sha256: row.file for row in rows.values() if row.sha256}
        self._by_content = {row.content: row.file for row in rows.values() if row.content}

    def add_all(self, files: Sequence[Path], progress: Progress) -> list[CatalogueRow]:
        """Add all files; those that names do not identify are classified in batches."""
        added: list[CatalogueRow] = []
        unnamed: list[NewSound] = []
        for number, path in enumerate(files, 1):
            found = self._look_at(path)
            if found is not None:
                if found.recognition is None and self.settings.listen:
                    unnamed.append(found)
                else:
                    added.append(self._keep(found))
            if len(unnamed) >= _LISTEN_AT_ONCE or (unnamed and number == len(files)):
                added.extend(self._keep(sound) for sound in self._listen(unnamed))
                unnamed = []
            progress("read", number / len(files))
        return sorted(added, key=lambda row: row.file)

    def _look_at(self, path: Path) -> NewSound | None:
        """Recognise and measure one file; None if it is known or left out."""
        file = PurePosixPath(path.relative_to(self.folder).as_posix())
        plain = str(file).encode("utf-8", "replace").decode("utf-8")
        if self.in_place and plain != str(file):
            self.left_out.append((plain, "its name is not UTF-8: rename it"))
            return None
        try:
            # First, so that a file that is not a sound is rejected quickly, however large it is.
            rate_hz = sound_file_rate(path)
            sha256 = file_sha256(path)
            own = self.rows.get(str(file)) if self.in_place else None
            same = self._by_sha256.get(sha256)
            if own is not None and own.sha256 == sha256:
                self.known += 1
                return None
            if own is None and same is not None:
                return self._known(file, same)
            samples = read_sound_file(path, rate_hz)
        except (MediaError, OSError) as error:
            # The report names the file; the temporary path of an unpacked archive helps nobody.
            self.left_out.append((str(file), one_line(error).removeprefix(f"{path}: ")))
            return None
        analysis = analyse_take(samples, rate_hz)
        same = self._by_content.get(analysis.content)
        if same not in (None, str(file) if self.in_place else ""):
            self.left_out.append((str(file), f"the same sound as {same}"))
            return None
        embedded = read_embedded(path)
        row = measured_row(
            file=self._target(file),
            origin="" if self.in_place else str(PurePosixPath(self.name) / plain),
            sha256=sha256,
            analysis=analysis,
            rate_hz=rate_hz,
            channels=samples.shape[1],
        )
        row = self._with_papers(row, file, embedded.licence, embedded.credit)
        source = embedded.digital_source or self.settings.digital_source or "recorded"
        row = dataclasses.replace(row, digital_source=source)
        if not is_allowed(row.licence, self.settings.allowed):
            self.left_out.append((str(file), f"licence {row.licence} is not allowed"))
            return None
        self._by_sha256[row.sha256] = self._by_content[row.content] = row.file
        self.rows[row.file] = row
        begin, end = (round((s or 0.0) * rate_hz) for s in (row.start_s, row.end_s))
        return NewSound(
            row=row,
            path=path,
            recognition=recognised_row(file, self.rules, embedded),
            wave=self._wave(samples[begin:end], rate_hz),
            corrections=self.corrections.get(row.file) or self.corrections.get(str(file)),
        )

    def _known(self, file: PurePosixPath, same: str) -> None:
        """Handle a file whose bytes are listed already, under this name or another."""
        listed = self.rows[same]
        if self.in_place and not (self.library / same).is_file():
            # It was moved: its row moves with it.
            self.rows[str(file)] = dataclasses.replace(self.rows.pop(same), file=str(file))
            self._by_sha256[listed.sha256] = str(file)
            self.known += 1
        elif not self.in_place and listed.origin == str(
            PurePosixPath(self.name) / str(file).encode("utf-8", "replace").decode("utf-8")
        ):
            self.known += 1
        else:
            self.left_out.append((str(file), f"the same file as {same}"))

    def _with_papers(
        self, row: CatalogueRow, file: PurePosixPath, licence: str, credit: str
    ) -> CatalogueRow:
        paper = self.papers.find(file)
        return dataclasses.replace(
            row,
            licence=paper.licence or licence or self.settings.licence or UNKNOWN,
            credit=paper.credit or credit or self.settings.credit,
        )

    def _target(self, file: PurePosixPath) -> str:
        """Return an unused name for a file in the library that every system accepts."""
        if self.in_place:
            return str(file)
        target = PurePosixPath(self.name, *map(safe_name, file.parts))
        number = 1
        while str(target) in self.rows:
            number += 1
            target = target.with_name(f"{safe_name(file.stem)} {number}{file.suffix}")
        return str(target)

    def _listen(self, sounds: Sequence[NewSound]) -> Iterator[NewSound]:
        found = self.listener.recognise([sound.wave for sound in sounds])
        for sound, recognition in zip(sounds, found, strict=True):
            yield dataclasses.replace(sound, recognition=recognition)

    def _keep(self, sound: NewSound) -> CatalogueRow:
        """Complete a sound's row and copy its file into the library."""
        row = finished_row(sound.row, self.settings.vocabulary, sound.recognition)
        if sound.corrections:
            row = corrected_row(row, sound.corrections, self.settings.vocabulary)
        if not self.in_place:
            copy_into(sound.path, self.library / row.file)
        self.rows[row.file] = row
        return row

    def _wave(self, samples: np.ndarray, rate_hz: int) -> Wave:
        if not self.settings.listen:
            return np.zeros(0, np.float32)
        return listening_wave(samples, rate_hz)
