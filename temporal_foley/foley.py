"""Detect events in videos and add effects to them.

    foley = Foley.load()
    tags = foley.tag("clip.mp4")            # probabilities and events, in memory
    result = foley.generate("clip.mp4")     # result.timeline, .stems, .mix, .video, .report

The stages are in `stages.py` and `render.py`, and each can be called alone. Seconds count from the
first picture of the video; terms are defined in `docs/explanation/architecture.md`.
"""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from temporal_foley import __version__
from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.documents.signing import Credentials
from temporal_foley.edits.keep import (
    BEFORE_FILE,
    PROPOSED_FILE,
    holds_edits,
    keep_edits,
    read_decided,
)
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import OutputExistsError
from temporal_foley.files.cache import Cache, Memory
from temporal_foley.files.digest import code_sha256, file_sha256
from temporal_foley.files.output import check_output, output_folder, staged, write_run
from temporal_foley.files.run_record import Progress, RunRecord
from temporal_foley.files.versions import versions
from temporal_foley.media.check import FilmCheck, check_film
from temporal_foley.media.containers.accept import video_name
from temporal_foley.media.video import probe_video
from temporal_foley.models.by_name import load_detector
from temporal_foley.models.detector import Detector
from temporal_foley.models.programs.machine import machine_key
from temporal_foley.render import (
    CUES_FILE,
    RunResult,
    check_signing,
    render_cue_list,
    render_timeline,
    rendered,
    run_document,
)
from temporal_foley.session.camera_timecode import file_timecode, timecode_warning
from temporal_foley.sound.ambience import carry_through_scenes
from temporal_foley.sound.takes.library import Library, load_library
from temporal_foley.spotting.close_look import Glimpses
from temporal_foley.spotting.tables import write_events, write_scores
from temporal_foley.stages import (
    DetectionSettings,
    Tags,
    align_events,
    align_with_original,
    analyse_original,
    cast_timeline,
    grid_rate,
    select_events,
    tag_video,
)
from temporal_foley.timeline import MixSettings

MOST_KEPT_BYTES = 1 << 30
_ANALYSIS = ("media", "models", "spotting", "stages.py", "timegrid.py")


class Foley:
    """A detector and a sound library, loaded once for many videos.

    Examples:
        >>> foley = Foley.load()  # doctest: +SKIP
        >>> result = foley.generate("clip.mp4")  # doctest: +SKIP
        >>> result.stems["dog_barking"]  # doctest: +SKIP
        PosixPath('clip.foley/stems/dog_barking.wav')
    """

    def __init__(self, detector: Detector, library: Library, *, cache: Cache | None = None):
        """Take a detector, a sound library, and where the analysis of videos is kept, if at all."""
        self.detector = detector
        self.library = library
        self.cache = cache

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
        cache: bool = True,
    ) -> "Foley":
        """Load a model and a sound library. The networks are read when they are first needed.

        Args:
            model: A bundle that ships with the package, by name; the folder of your own; or
                `imagenet`, the map from ImageNet classes to effects, which needs no training. By
                default the best that ships.
            vocabulary: For `imagenet`: name or path of a vocabulary; a bundle has its own.
            backbone: For `imagenet`: the image network; a bundle has its own.
            weights: A weights file for a backbone that comes without one.
            library: The folder of your own sound library.
            allowed: Families of licences (`cc0`, `cc-by`); takes under others are left out.
            cache: Keep the analysis of videos in the user's cache folder, and use what is kept.
        """
        detector = load_detector(
            str(model),
            vocabulary=vocabulary,
            backbone=backbone,
            weights=None if weights is None else Path(weights),
        )
        own = None if library is None else Path(library)
        kept = Cache("analyses", MOST_KEPT_BYTES) if cache else None
        return cls(detector, load_library(own, allowed=allowed), cache=kept)

    @property
    def vocabulary(self) -> Vocabulary:
        """The effects that are detected."""
        return self.detector.vocabulary

    def tag(
        self,
        video: str | Path,
        settings: DetectionSettings | None = None,
        *,
        audio_track: str = "",
        progress: Progress | None = None,
    ) -> Tags:
        """Detect which effects a video needs, and when."""
        record = RunRecord("tag", progress)
        info = probe_video(Path(video), audio_track)
        with record.stage("detect") as done:
            tags = tag_video(info, self.detector, settings or DetectionSettings(), done)
        return select_events(tags)[0]

    def write_tags(
        self,
        video: str | Path,
        out: str | Path | None = None,
        settings: DetectionSettings | None = None,
        *,
        audio_track: str = "",
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> RunResult:
        """Write the result of `tag` into `VIDEO.foley`, in `out` or beside the video.

        Raises:
            MediaError: The video cannot be read.
            OutputExistsError: The folder exists, and `overwrite` is not given, or it has edits.
        """
        settings = settings or DetectionSettings()
        record = RunRecord("tag", progress)
        with record.stage("probe"):
            info = probe_video(Path(video), audio_track)
            made_with = self._made_with(file_sha256(info.path), settings, audio_track)
        folder = output_folder(Path(video), None if out is None else Path(out))
        if check_output(folder, "tag", made_with, overwrite=overwrite) == "unchanged":
            return RunResult(folder=folder, status="unchanged")
        if holds_edits(folder / CUES_FILE):
            raise OutputExistsError(
                f"{folder}: has a cue list with edits, which tag would remove; use --out DIR"
            )
        with staged(folder) as staging:
            memory = self._memory(made_with["video"], audio_track)
            with record.stage("detect") as done:
                tags = tag_video(info, self.detector, settings, done, memory=memory)
            tags, _ = select_events(tags)
            _write_tables(tags, staging)
            write_run(staging, run_document(record, info, made_with))
        return RunResult(folder=folder, status="made", events=tags.events, warnings=info.warnings)

    def generate(
        self,
        video: str | Path,
        out: str | Path | None = None,
        settings: DetectionSettings | None = None,
        mix: MixSettings | None = None,
        *,
        seed: int = 0,
        audio_track: str = "",
        start_timecode: str = "",
        same_name: bool = False,
        checked: Callable[[FilmCheck], None] | None = None,
        sign: Credentials | None = None,
        overwrite: bool = False,
        discard_edits: bool = False,
        progress: Progress | None = None,
    ) -> RunResult:
        """Add effects to a video, in the folder `VIDEO.foley` in `out` or beside the video.

        With `overwrite`, edits in an existing `cues.json` are kept, unless `discard_edits` is given
        too; either way the old list is kept as `cues.before.json`.

        Args:
            video: The video.
            out: Where the folder goes.
            settings: How effects are detected.
            mix: How they are mixed.
            seed: Another one chooses other takes.
            audio_track: The number of a sound track, from 1, or `all`; by default the usual one.
            start_timecode: The timecode of the first picture; by default the camera's.
            same_name: Name the new video as the source, not `VIDEO.foley.mp4`.
            checked: Called before the work with what the new video will keep, and what not.
            sign: With what video and mix are signed by C2PA; None leaves them unsigned.
            overwrite: Replace an earlier output.
            discard_edits: Do not keep edits.
            progress: Called with each stage and the part of it that is done.

        Raises:
            MediaError: The video cannot be read.
            OutputExistsError: The folder exists with another content, and `overwrite` is not given.
            CueListError: The existing cue list cannot be read, or is of another video.
        """
        settings, mix = settings or DetectionSettings(), mix or MixSettings()
        record = RunRecord("generate", progress)
        with record.stage("probe"):
            info = probe_video(Path(video), audio_track)
            sha256 = file_sha256(info.path)
            # Wrong timecode is told before the work.
            file_timecode(info, start_timecode)
            made_with = self._made_with(sha256, settings, audio_track) | {
                "library": self.library.sha256,
                "seed": str(seed),
                **{f.name: str(getattr(mix, f.name)) for f in dataclasses.fields(mix)},
            }
            if start_timecode:
                made_with["start_timecode"] = start_timecode
            if sign is not None:
                made_with["signed_by"] = sign.name
            if same_name:
                made_with["same_name"] = "True"
            check_signing(info, sign)
        folder = output_folder(Path(video), None if out is None else Path(out))
        if check_output(folder, "generate", made_with, overwrite=overwrite) == "unchanged":
            return rendered(folder, info, read_timeline(folder / CUES_FILE), status="unchanged")
        if checked is not None:
            checked(check_film(info, start_timecode))
        decided = None if discard_edits else read_decided(folder / CUES_FILE, sha256)
        changes = None
        with staged(folder) as staging:
            glimpses, memory = Glimpses(), self._memory(sha256, audio_track)
            with record.stage("detect") as done:
                tags = tag_video(
                    info, self.detector, settings, done, glimpses=glimpses, memory=memory
                )
            tags, soundless = select_events(tags, self.library)
            with record.stage("align") as done:
                aligned = align_events(tags, glimpses, done, memory)
                aligned = align_with_original(aligned, analyse_original(aligned), settings)
                aligned, _ = select_events(aligned, self.library)
            with record.stage("cast"):
                timeline = cast_timeline(
                    aligned,
                    self.detector,
                    self.library,
                    source_sha256=sha256,
                    mix=mix,
                    seed=seed,
                    start_timecode=start_timecode,
                )
            start = timeline.start_timecode
            proposed = timeline
            if decided is not None:
                kept = keep_edits(decided, timeline, self.vocabulary.names)
                changes = str(kept.changes)
                timeline, proposed = map(carry_through_scenes, (kept.timeline, kept.proposed))
                if start_timecode:
                    timeline = dataclasses.replace(timeline, start_timecode=start)
            _write_tables(tags, staging)
            write_timeline(timeline, staging / CUES_FILE)
            if decided is not None or discard_edits:
                _keep_old_list(folder, staging)
            write_timeline(proposed, staging / PROPOSED_FILE)
            name = video_name(info, same_name=same_name)
            report, lines = render_timeline(
                timeline, self.library, info, staging, record, tags.seen, name, sign
            )
            lines = (*timecode_warning(info), *soundless, *lines)
            made = made_with | {"cues": file_sha256(staging / CUES_FILE)}
            write_run(staging, run_document(record, info, made, report, lines))
        return rendered(
            folder,
            info,
            timeline,
            status="made",
            events=tags.events,
            report=report.moved(staging, folder),
            changes=changes,
        )

    def render(self, cues: str | Path, out: str | Path | None = None, **options: Any) -> RunResult:
        """Render a cue list with this library; options are those of `render_cue_list`."""
        return render_cue_list(cues, out, library=self.library, **options)

    def _memory(self, source_sha256: str, audio_track: str) -> Memory:
        """Return what is kept of a video; its name is all that its analysis depends on."""
        detector = self.detector
        parts = [source_sha256, audio_track, detector.name, detector.sha256]
        parts += [self.vocabulary.sha256, machine_key(), code_sha256(*_ANALYSIS)]
        return Memory(self.cache, f"{parts} {sorted(versions().items())}")

    def _made_with(
        self, source_sha256: str, settings: DetectionSettings, audio_track: str
    ) -> dict[str, str]:
        """Return everything that the tags of a video depend on, for `run.json`."""
        chosen = {"audio_track": audio_track} if audio_track else {}
        return chosen | {
            "version": __version__,
            "video": source_sha256,
            "detector": self.detector.sha256,
            "vocabulary": self.vocabulary.sha256,
            "effects": ",".join(self.vocabulary.select(settings.only, settings.exclude)),
            "frame_rate": str(grid_rate(self.detector, settings)),
            "decoding": str(settings.decoding),
            "listen": str(settings.listen),
        }


def _keep_old_list(folder: Path, staging: Path) -> None:
    """Keep an existing cue list beside the new one."""
    old, new = folder / CUES_FILE, staging / CUES_FILE
    if not old.is_file():
        return
    # A run that is repeated, maybe because it seemed to have been cut short, would otherwise
    # replace the list that a person had worked on by its own.
    is_repeated = old.read_bytes() == new.read_bytes() and (folder / BEFORE_FILE).is_file()
    shutil.copyfile(folder / BEFORE_FILE if is_repeated else old, staging / BEFORE_FILE)


def _write_tables(tags: Tags, folder: Path) -> None:
    seen = tags.seen
    write_scores(folder / "scores.tsv", seen.probabilities, seen.grid, seen.vocabulary.names)
    write_events(folder / "events.tsv", {tags.info.path.name: tags.events})
