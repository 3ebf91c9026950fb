"""The command `deliverables`: measure finished files for their delivery."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import OutFolder
from temporal_foley.errors import FoleyError, OutputExistsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deliverables:
    """Measure the files of a folder for delivery, and write a report as text and JSON.

    Of each sound: integrated loudness, loudness range, highest short-term loudness, true peak,
    order of channels, silence at head and tail. Of each file: its SHA-256.
    """

    folder: Annotated[Path, Arg(positional=True, metavar="FOLDER")]
    """An output folder (VIDEO.foley), a folder of exported stems, or any other."""
    out: OutFolder = None
    """Where deliverables.txt and deliverables.json go. (default: the folder itself)"""
    overwrite: bool = False
    """Replace an earlier report."""

    def run(self, console: Console) -> None:
        """Measure, write both files, and print the text."""
        from temporal_foley.documents.deliverables import JSON_NAME, TEXT_NAME, measure_folder
        from temporal_foley.files.output import replace_file

        out = self.folder if self.out is None else self.out
        for name in (TEXT_NAME, JSON_NAME):
            if os.path.lexists(out / name) and not self.overwrite:
                raise OutputExistsError(
                    "exists", path=out / name, remedy="use --overwrite or --out DIR"
                )
        with console.progress(self.folder.name) as progress:
            report = measure_folder(self.folder, lambda part: progress("measure", part))
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FoleyError(f"cannot be made ({error.strerror})", path=out) from None
        replace_file(out / JSON_NAME, report.json_text().encode())
        replace_file(out / TEXT_NAME, report.text().encode())
        for line in report.text().splitlines():
            console.print(line)
        console.print(f"-> {out / TEXT_NAME}, {JSON_NAME}")
