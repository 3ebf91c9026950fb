"""Add effects to many videos with Apache Beam, resumably: what `generate` does, on any runner.

A video is one element. Its output is a folder that appears only when it is complete, so a run that
was killed resumes with the videos that have none, and a video that a runner hands out twice does no
harm. Files are equal to those of the command to the byte, because the same function makes them.
"""

import csv
import dataclasses
import glob
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from data_pipeline.features.run import importable, local_flags, run_pipeline
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.files.cores import limit_cores, usable_cores
from temporal_foley.files.output import VIDEO_SUFFIXES, output_folder, replace_file
from temporal_foley.foley import Foley
from temporal_foley.stages import DetectionSettings
from temporal_foley.timeline import MixSettings

REPORT = "report.tsv"
COLUMNS = ("video", "status", "folder", "reason")


class VideoReport(NamedTuple):
    """What became of a video: `made`, `unchanged` or `failed`."""

    video: str
    status: str
    folder: str
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayUpConfig:
    """How effects are added; the same for all videos."""

    model: str = ""
    library: Path | None = None
    seed: int = 0
    overwrite: bool = False


def films_of(patterns: Sequence[str]) -> list[Path]:
    """Return the videos that patterns name, sorted; `**` also searches in folders of folders.

    Raises:
        UsageError: A pattern names no video.
    """
    found: set[Path] = set()
    for pattern in patterns:
        paths = {Path(name).resolve() for name in glob.glob(pattern, recursive=True)}
        videos = {p for p in paths if p.is_file() and p.suffix.lower() in VIDEO_SUFFIXES}
        if not videos:
            raise UsageError("no video matches", option="--videos", remedy=f"check {pattern!r}")
        found |= videos
    return sorted(found)


def output_folders(videos: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Return the folder that the output folder of each video goes to: below `out`, as they are.

    Raises:
        UsageError: Two videos differ only in their endings, so that their outputs would meet.
    """
    root = Path(os.path.commonpath([video.parent for video in videos]))
    folders = {video: out / video.parent.relative_to(root) for video in videos}
    taken: dict[Path, Path] = {}
    for video, folder in folders.items():
        first = taken.setdefault(output_folder(video, folder), video)
        if first != video:
            raise UsageError(
                f"its output folder is already that of {first.name}",
                path=video,
                remedy="rename one of them",
            )
    return folders


def lay_up(
    videos: Sequence[Path],
    out: Path,
    config: LayUpConfig | None = None,
    *,
    beam_flags: Sequence[str] = (),
    workers: int = 0,
) -> list[VideoReport]:
    """Add effects to videos, and write `report.tsv` with what became of each.

    Args:
        videos: The videos; every worker must be able to read them under these paths.
        out: Folder for the outputs; every worker must be able to write to it.
        config: How effects are added.
        beam_flags: A runner and its flags; without them this machine.
        workers: Processes on this machine; 0 is one per core, 1 is this process.
    """
    out = out.resolve()
    folders = output_folders(videos, out)
    out.mkdir(parents=True, exist_ok=True)
    flags = list(beam_flags) or local_flags(workers)
    share = 0 if beam_flags else max(1, usable_cores() // (workers or usable_cores()))
    with importable():
        pipeline = beam.Pipeline(options=PipelineOptions(flags))
        _ = (
            pipeline
            | "Videos" >> beam.Create([(str(v), str(folder)) for v, folder in folders.items()])
            | "Spread" >> beam.Reshuffle()
            | "Make" >> beam.ParDo(AddEffects(config or LayUpConfig(), share))
            | "Together" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "Report" >> beam.Map(_write_report, out=str(out))
        )
        run_pipeline(pipeline, out)
    return read_report(out)


class AddEffects(beam.DoFn):
    """Add effects to a video; the model is loaded once per worker."""

    def __init__(self, config: LayUpConfig, cores: int):
        self.config = config
        self.cores = cores
        """How many cores a worker may use; 0: as many as it finds."""

    def setup(self) -> None:
        """Load the model and the library."""
        if self.cores:
            limit_cores(self.cores)
        self.foley = Foley.load(model=self.config.model, library=self.config.library)

    def process(self, element: tuple[str, str], *arguments: Any, **more: Any) -> Iterator[tuple]:
        """Work on a video; an error of the video is a result, not an end of the run."""
        video, folder = element
        made = output_folder(Path(video), Path(folder))
        try:
            result = self.foley.generate(
                video,
                folder,
                DetectionSettings(),
                MixSettings(),
                seed=self.config.seed,
                overwrite=self.config.overwrite,
            )
        except (FoleyError, OSError) as error:
            yield tuple(VideoReport(video, "failed", str(made), str(error)))
            return
        yield tuple(VideoReport(video, result.status, str(result.folder)))


def _write_report(rows: Iterable[tuple], *, out: str) -> None:
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(COLUMNS)
    for row in sorted(rows):
        table.writerow([" ".join(str(cell).split()) for cell in row])
    replace_file(Path(out) / REPORT, text.getvalue().encode("utf-8", "surrogateescape"))


def read_report(out: Path) -> list[VideoReport]:
    """Read the report of a run.

    Raises:
        FoleyError: There is none.
    """
    path = out / REPORT
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise FoleyError(f"cannot be read ({error.strerror})", path=path) from None
    rows = csv.reader(io.StringIO(text), delimiter="\t")
    next(rows, None)
    return [VideoReport(*row) for row in rows]
