"""The path from a video to its effect layers, top to bottom.

    foley = Foley.load()
    tags = foley.tag("clip.mp4")              # probabilities and events, in memory
    outcome = foley.generate("clip.mp4")      # cues, stems, mix, video: outcome.folder

The stages stand in `stages.py`, each callable alone. Seconds count from the first picture of the
video; the words are those of `docs/explanation/architecture.md`.
"""

import dataclasses
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from temporal_foley import __version__
from temporal_foley.cue_list import write_timeline
from temporal_foley.edits.keep import (
    BEFORE_FILE,
    PROPOSED_FILE,
    holds_edits,
    keep_edits,
    read_decided,
)
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import OutputExistsError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import check_output, output_folder, staged, write_run
from temporal_foley.files.run_record import Progress, RunRecord
from temporal_foley.media.video import VideoInfo, probe_video
from temporal_foley.models.by_name import load_detector
from temporal_foley.models.detector import Detector
from temporal_foley.sound.mix import BusReport, MixReport
from temporal_foley.sound.stem_file import StemReport
from temporal_foley.sound.takes.library import Library, load_library
from temporal_foley.spotting.close_look import Glimpses
from temporal_foley.spotting.tables import write_events, write_scores
from temporal_foley.stages import (
    DetectionSettings,
    Tags,
    cast_timeline,
    grid_rate,
    hear_original,
    import_ahead,
    meet_picture,
    meet_sound,
    render_timeline,
    tag_video,
)
from temporal_foley.timeline import Event, MixSettings, without_rejected

__all__ = ["DetectionSettings", "Foley", "Outcome", "Tags", "run_document"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run; `finished`: it stood there already and was left alone."""

    folder: Path
    status: Literal["made", "finished"]
    events: tuple[Event, ...] | None = None
    """What was found; None where nothing was looked for."""
    cues: int | None = None
    """How many cues were laid up; None where none were asked for."""
    already_heard: int = 0
    """Number of cues that were left to the original."""
    changes: str | None = None
    """What changed beside the edits that were kept; None where there were none."""
    warnings: tuple[str, ...] = ()


class Foley:
    """What is loaded once and serves many videos: vocabulary, detector and sound library."""

    def __init__(self, detector: Detector, library: Library):
        self.detector = detector
        self.library = library

    @classmethod
    def load(
        cls,
        *,
        model: str | Path = "",
        vocabulary: str | None = None,
        backbone: str | None = None,
        weights: str | Path | None = None,
        library: str | Path | None = None,
        allowed: frozenset[str] = frozenset(),
    ) -> "Foley":
        """Load a model and a sound library.

        Args:
            model: A bundle that ships with the package, by name; the folder of one of your own; or
                `imagenet`, the map from ImageNet classes to effects, which needs no training.
                Without a name: the best that ships.
            vocabulary: Of `imagenet`: name or path; a bundle has its own.
            backbone: Of `imagenet`: what looks at the pictures; a bundle has its own.
            weights: A weights file of the backbone, where none comes with it.
            library: A sound library of your own.
            allowed: Families of licences (`cc0`, `cc-by`); its takes under others are left out.

        The networks themselves are read when they are first needed.
        """
        detector = load_detector(
            str(model),
            vocabulary=vocabulary,
            backbone=backbone,
            weights=None if weights is None else Path(weights),
        )
        return cls(
            detector=detector,
            library=load_library(None if library is None else Path(library), allowed=allowed),
        )

    def tag(
        self,
        video: str | Path,
        settings: DetectionSettings | None = None,
        *,
        progress: Progress | None = None,
    ) -> Tags:
        """Tell what should be heard in a video, and when."""
        record = RunRecord("tag", progress)
        info = probe_video(Path(video))
        with record.stage("look") as done:
            return tag_video(info, self.detector, settings or DetectionSettings(), done)

    def write_tags(
        self,
        video: str | Path,
        out: str | Path | None = None,
        settings: DetectionSettings | None = None,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Outcome:
        """Write what `tag` finds into `VIDEO.foley`, in `out` or beside the video."""
        settings = settings or DetectionSettings()
        record = RunRecord("tag", progress)
        with record.stage("probe"):
            info = probe_video(Path(video))
            made_with = self._made_with(file_sha256(info.path), settings)
        folder = output_folder(Path(video), None if out is None else Path(out))
        if check_output(folder, "tag", made_with, overwrite=overwrite) == "finished":
            return Outcome(folder=folder, status="finished")
        if holds_edits(folder / "cues.json"):
            raise OutputExistsError(
                f"{folder}: holds a cue list that a person worked on, which tag would take away; "
                "use --out DIR"
            )
        with staged(folder) as staging:
            with record.stage("look") as done:
                tags = tag_video(info, self.detector, settings, done)
            _write_tables(tags, staging)
            write_run(staging, run_document(record, info, made_with))
        return Outcome(folder=folder, status="made", events=tags.events, warnings=info.warnings)

    def generate(
        self,
        video: str | Path,
        out: str | Path | None = None,
        settings: DetectionSettings | None = None,
        mix: MixSettings | None = None,
        *,
        seed: int = 0,
        overwrite: bool = False,
        discard_edits: bool = False,
        progress: Progress | None = None,
    ) -> Outcome:
        """Lay up effect tracks for a video, into `VIDEO.foley` in `out` or beside the video.

        With `overwrite`, what a person decided in the `cues.json` that stands there is kept, unless
        `discard_edits` is given too; either way the old list stays as `cues.before.json`.

        Raises:
            MediaError: The video cannot be read.
            OutputExistsError: Something else stands there, and `overwrite` is not given.
            CueListError: The cue list that stands there cannot be read, or is of another video.
        """
        settings, mix = settings or DetectionSettings(), mix or MixSettings()
        record = RunRecord("generate", progress)
        with record.stage("probe"):
            info = probe_video(Path(video))
            sha256 = file_sha256(info.path)
            made_with = self._made_with(sha256, settings) | {
                "library": self.library.sha256,
                "seed": str(seed),
                **{f.name: str(getattr(mix, f.name)) for f in dataclasses.fields(mix)},
            }
        folder = output_folder(Path(video), None if out is None else Path(out))
        if check_output(folder, "generate", made_with, overwrite=overwrite) == "finished":
            return Outcome(folder=folder, status="finished")
        decided = None if discard_edits else read_decided(folder / "cues.json", sha256)
        changes = None
        with staged(folder) as staging:
            threading.Thread(target=import_ahead, name="import-ahead", daemon=True).start()
            glimpses = Glimpses()
            with record.stage("look") as done:
                tags = tag_video(info, self.detector, settings, done, glimpses=glimpses)
            with record.stage("sync") as done:
                met = meet_picture(tags, glimpses, done)
                if settings.listen:
                    met = meet_sound(met, hear_original(info, self.detector), settings)
            with record.stage("cast"):
                timeline = cast_timeline(
                    met, self.detector, self.library, source_sha256=sha256, mix=mix, seed=seed
                )
            proposed = timeline
            if decided is not None:
                kept = keep_edits(decided, timeline, self.vocabulary.names)
                timeline, proposed, changes = kept.timeline, kept.proposed, str(kept.changes)
            _write_tables(tags, staging)
            write_timeline(timeline, staging / "cues.json")
            if decided is not None or discard_edits:
                _keep_old_list(folder, staging)
            write_timeline(proposed, staging / PROPOSED_FILE)
            report = render_timeline(timeline, self.library, info, staging, record, tags.seen)
            write_run(staging, run_document(record, info, made_with, report))
        return Outcome(
            folder=folder,
            status="made",
            events=tags.events,
            cues=len(without_rejected(timeline).cues),
            already_heard=sum(cue.status == "already_heard" for cue in timeline.cues),
            changes=changes,
            warnings=info.warnings,
        )

    def _made_with(self, source_sha256: str, settings: DetectionSettings) -> dict[str, str]:
        """Name all that decides what a video's tags are; `run.json` keeps it."""
        return {
            "version": __version__,
            "video": source_sha256,
            "detector": self.detector.sha256,
            "vocabulary": self.vocabulary.sha256,
            "effects": ",".join(self.vocabulary.select(settings.only, settings.exclude)),
            "frame_rate": str(grid_rate(self.detector, settings)),
            "decoding": str(settings.decoding),
            "listen": str(settings.listen),
        }

    @property
    def vocabulary(self) -> Vocabulary:
        """The effects that are looked for."""
        return self.detector.vocabulary


def run_document(
    record: RunRecord,
    info: VideoInfo,
    made_with: Mapping[str, str],
    report: MixReport | None = None,
) -> dict[str, Any]:
    """Return what `run.json` says of a run."""
    return record.document(
        source={"name": info.path.name, "path": str(info.path), "sha256": made_with["video"]},
        made_with=made_with,
        warnings=info.warnings,
        video_seconds=round(float(info.duration), 6),
        levels=None if report is None else _levels(report),
    )


def _levels(report: MixReport) -> dict[str, Any]:
    """Round a mix report for `run.json`."""

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 2)

    def read(meter: StemReport | BusReport) -> dict[str, float | None]:
        return {
            "loudness_lufs": rounded(meter.loudness_lufs),
            "true_peak_dbtp": rounded(meter.true_peak_dbtp),
        }

    fields = ("gain_db", "limiter_db", "stems_trim_db")
    without = report.music_and_effects
    return {
        **read(report.mix),
        **{name: rounded(getattr(report, name)) for name in fields},
        "stems": {
            stem.name: {"peak_dbfs": rounded(stem.peak_dbfs), **read(stem)} for stem in report.stems
        },
        "buses": {bus.name: read(bus) for bus in report.buses},
        **({} if without is None else {"music_and_effects": read(without)}),
        "speech_s": [list(span) for span in report.speech_s],
    }


def _keep_old_list(folder: Path, staging: Path) -> None:
    """Keep the list that stands in a folder beside the new one, if there is any."""
    old, new = folder / "cues.json", staging / "cues.json"
    if not old.is_file():
        return
    # A run that is repeated, maybe because it seemed to have been cut short, would otherwise put
    # its own list in the place of the one that a person had worked on.
    is_repeated = old.read_bytes() == new.read_bytes() and (folder / BEFORE_FILE).is_file()
    shutil.copyfile(folder / BEFORE_FILE if is_repeated else old, staging / BEFORE_FILE)


def _write_tables(tags: Tags, folder: Path) -> None:
    seen = tags.seen
    write_scores(folder / "scores.tsv", seen.probabilities, seen.grid, seen.vocabulary.names)
    write_events(folder / "events.tsv", {tags.info.path.name: tags.events})
