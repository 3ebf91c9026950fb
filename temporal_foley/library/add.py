"""A folder or archive of sounds in; a library's folder with a catalogue of them out.

Each sound is read once: recognised, measured, and compared with what is there. Files are copied
into the library first and the catalogue is replaced last, so that what is interrupted can be run
again. A folder that is itself the library is catalogued where it is.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import soundfile

from temporal_foley.effects import Vocabulary
from temporal_foley.errors import LibraryError, MediaError, one_line
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.run_record import Progress
from temporal_foley.library.corrections import corrected_row, corrected_rows
from temporal_foley.library.effect_names import NameRule, name_rules
from temporal_foley.library.embedded import read_embedded
from temporal_foley.library.fingerprint import KnownPrints
from temporal_foley.library.listen import Listener, Wave, listening_wave
from temporal_foley.library.recognise import (
    Heard,
    finished_row,
    measured_row,
    recognised_row,
)
from temporal_foley.library.sidecars import Papers
from temporal_foley.library.sources import (
    SOUND_SUFFIXES,
    copy_into,
    opened_source,
    safe_name,
    sound_files,
)
from temporal_foley.library.take_analysis import TakeAnalysis, analyse_take
from temporal_foley.media.audio import read_sound_file
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
    """How sounds are taken into a library."""

    vocabulary: Vocabulary
    allowed: frozenset[str] = frozenset()
    """Families of licences; sounds under others stay out. Empty: all come in."""
    licence: str = ""
    """Of sounds of which nothing tells."""
    credit: str = ""
    listen: bool = True
    table: Path | None = None
    """What a person says of files: goes before all else."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddOutcome:
    """What became of the sounds of a source."""

    library: Path
    added: tuple[CatalogueRow, ...]
    known: int
    corrected: int
    left_out: tuple[tuple[str, str], ...]
    """Files that were not taken in, and why."""

    @property
    def recognised_by(self) -> Counter[str]:
        """How many of the added sounds are in use, by what told their effect."""
        return Counter(row.by for row in self.added if row.use)


def add_sounds(
    source: Path,
    library: Path,
    settings: AddSettings,
    *,
    listener: Listener | None = None,
    progress: Progress | None = None,
) -> AddOutcome:
    """Take the sounds of a folder or archive into a library.

    Raises:
        LibraryError: The source or the library cannot be read, or an archive is refused.
        UsageError: The source is neither a folder nor an archive.
    """
    progress = progress or (lambda stage, part: None)
    said = {}
    if settings.table is not None:
        said = corrections(settings.table, settings.vocabulary.names)
    catalogue = library / CATALOGUE_NAME
    before = read_catalogue(catalogue) if catalogue.is_file() else []
    rows = {row.file: row for row in before}
    rows, corrected = corrected_rows(rows, said, settings.vocabulary)
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
            said=said,
            listener=listener or Listener(settings.vocabulary),
        )
        files = list(sound_files(folder, library, in_place=in_place))
        if not files and not corrected:
            raise LibraryError(
                f"{source}: holds no sound file; known endings: {' '.join(SOUND_SUFFIXES)}"
            )
        added = work.take_in(files, progress)
    try:
        library.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(f"{library}: cannot be made ({error.strerror})") from None
    write_catalogue(work.rows.values(), catalogue)
    return AddOutcome(
        library=library,
        added=tuple(added),
        known=work.known,
        corrected=corrected,
        left_out=tuple(work.left_out),
    )


class _Work:
    """What is being added, and to what."""

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
        said: dict[str, dict[str, Any]],
        listener: Listener,
    ):
        self.folder, self.name, self.library, self.in_place = folder, name, library, in_place
        self.settings, self.rules, self.rows, self.said = settings, rules, rows, said
        self.listener = listener
        self.papers = Papers(folder)
        self.known = 0
        self.left_out: list[tuple[str, str]] = []
        self._by_sha256 = {row.sha256: row.file for row in rows.values() if row.sha256}
        self._by_content = {row.content: row.file for row in rows.values() if row.content}
        self._prints = KnownPrints()
        for row in rows.values():
            if row.fingerprint:
                self._prints.add(row.fingerprint, row.seconds, row.file)

    def take_in(self, files: Sequence[Path], progress: Progress) -> list[CatalogueRow]:
        """Take all files in; those that names do not tell are listened to, some at a time."""
        added: list[CatalogueRow] = []
        silent: list[Heard] = []
        for number, path in enumerate(files, 1):
            found = self._look_at(path)
            if found is not None:
                if found.recognition is None and self.settings.listen:
                    silent.append(found)
                else:
                    added.append(self._keep(found))
            if len(silent) >= _LISTEN_AT_ONCE or (silent and number == len(files)):
                added.extend(self._keep(heard) for heard in self._listen(silent))
                silent = []
            progress("read", number / len(files))
        return sorted(added, key=lambda row: row.file)

    def _look_at(self, path: Path) -> Heard | None:
        """Recognise and measure one file; None if it is known or stays out."""
        file = PurePosixPath(path.relative_to(self.folder).as_posix())
        try:
            # First: whatever is no sound is told at once, however large it is.
            rate_hz = soundfile.info(path).samplerate
            sha256 = file_sha256(path)
            own = self.rows.get(str(file)) if self.in_place else None
            same = self._by_sha256.get(sha256)
            if own is not None and own.sha256 == sha256:
                self.known += 1
                return None
            if own is None and same is not None:
                return self._known(file, same)
            samples = read_sound_file(path, rate_hz)
        except (MediaError, soundfile.SoundFileError, OSError) as error:
            # The file is named beside it, and where an archive was unpacked helps nobody.
            why = getattr(error, "error_string", None) or str(error)
            self.left_out.append((str(file), one_line(why).removeprefix(f"{path}: ")))
            return None
        analysis = analyse_take(samples, rate_hz)
        double = self._double(analysis, str(file) if self.in_place else "")
        if double is not None:
            self.left_out.append((str(file), f"the same sound as {double}"))
            return None
        embedded = read_embedded(path)
        row = measured_row(
            file=self._target(file),
            origin="" if self.in_place else str(PurePosixPath(self.name) / file),
            sha256=sha256,
            analysis=analysis,
            rate_hz=rate_hz,
            channels=samples.shape[1],
        )
        row = self._with_papers(row, file, embedded.licence, embedded.credit)
        if not is_allowed(row.licence, self.settings.allowed):
            self.left_out.append((str(file), f"licence {row.licence} is not allowed"))
            return None
        self._remember(row)
        begin, end = (round((s or 0.0) * rate_hz) for s in (row.start_s, row.end_s))
        return Heard(
            row=row,
            path=path,
            recognition=recognised_row(file, self.rules, embedded),
            wave=self._wave(samples[begin:end], rate_hz),
            said=self.said.get(row.file) or self.said.get(str(file)),
        )

    def _known(self, file: PurePosixPath, same: str) -> None:
        """Settle a file whose very bytes are listed already, under this name or another."""
        listed = self.rows[same]
        if self.in_place and not (self.library / same).is_file():
            # It was moved: what is known of it goes with it.
            self.rows[str(file)] = dataclasses.replace(self.rows.pop(same), file=str(file))
            self._by_sha256[listed.sha256] = str(file)
            self.known += 1
        elif not self.in_place and listed.origin == str(PurePosixPath(self.name) / file):
            self.known += 1
        else:
            self.left_out.append((str(file), f"the same file as {same}"))

    def _double(self, analysis: TakeAnalysis, own: str) -> str | None:
        same = self._by_content.get(analysis.content)
        if same is None:
            same = self._prints.find(analysis.fingerprint, analysis.seconds)
        return None if same == own else same

    def _remember(self, row: CatalogueRow) -> None:
        self._by_sha256[row.sha256] = row.file
        self._by_content[row.content] = row.file
        self._prints.add(row.fingerprint, row.seconds, row.file)
        self.rows[row.file] = row

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
        """Return the name that a file has in the library: free, and plain on every system."""
        if self.in_place:
            return str(file)
        target = PurePosixPath(self.name, *map(safe_name, file.parts))
        number = 1
        while str(target) in self.rows:
            number += 1
            target = target.with_name(f"{safe_name(file.stem)} {number}{file.suffix}")
        return str(target)

    def _listen(self, silent: Sequence[Heard]) -> Iterator[Heard]:
        found = self.listener.recognise([heard.wave for heard in silent])
        for heard, recognition in zip(silent, found, strict=True):
            yield dataclasses.replace(heard, recognition=recognition)

    def _keep(self, heard: Heard) -> CatalogueRow:
        """Finish a sound's row and copy its file into the library."""
        row = finished_row(heard.row, self.settings.vocabulary, heard.recognition)
        if heard.said:
            row = corrected_row(row, heard.said, self.settings.vocabulary)
        if not self.in_place:
            copy_into(heard.path, self.library / row.file)
        self.rows[row.file] = row
        return row

    def _wave(self, samples: np.ndarray, rate_hz: int) -> Wave:
        if not self.settings.listen:
            return np.zeros(0, np.float32)
        return listening_wave(samples, rate_hz)
