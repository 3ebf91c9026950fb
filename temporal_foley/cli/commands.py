"""What each command does: its words in, work done and told, an exit code out."""

import dataclasses
import sys
import time
from fractions import Fraction
from pathlib import Path

from temporal_foley.cli.arguments import (
    Command,
    Demo,
    Deploy,
    Detect,
    Export,
    Generate,
    Import,
    Info,
    Learn,
    Reconform,
    Render,
    Tag,
    Teach,
)
from temporal_foley.cli.batch import SHOWN_MOST, each, find_videos, tell
from temporal_foley.cli.library_arguments import LibraryWork
from temporal_foley.cli.progress import show_progress
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import (
    FoleyError,
    OutputExistsError,
    UsageError,
    VocabularyError,
    one_line,
)
from temporal_foley.files.output import output_folder
from temporal_foley.files.run_record import Progress
from temporal_foley.foley import DetectionSettings, Foley, Outcome
from temporal_foley.sound.signal.loudness import LOUDNESS_PRESETS
from temporal_foley.sound.takes.licences import parse_allowed
from temporal_foley.spotting.events import DecodingConfig
from temporal_foley.timegrid import as_fraction
from temporal_foley.timeline import MixSettings


def run(command: Command) -> int:
    """Do what a command says; returns the exit code.

    Raises:
        FoleyError: What it says cannot be done, and nothing was.
    """
    match command:
        case Generate():
            return _generate(command)
        case Tag():
            return _tag(command)
        case Render():
            return _render(command)
        case Export():
            return _export(command)
        case Import():
            return _import(command)
        case Reconform():
            return _reconform(command)
        case Learn():
            return _learn(command)
        case LibraryWork():
            from temporal_foley.cli.library_commands import run_library

            return run_library(command)
        case Demo():
            return _demo(command)
        case Info():
            return _info(command)
        case Teach():
            return _teach(command)
        case Deploy():
            return _deploy(command)


def _generate(words: Generate) -> int:
    from temporal_foley.session.export import (
        check_sessions,
        export_cues,
        missing_formats,
        parse_formats,
    )

    if words.discard_edits and not words.overwrite:
        raise UsageError("--discard-edits: goes with --overwrite")
    mix = _mix(words)
    formats = parse_formats(words.export)
    videos = find_videos(words.videos, "generate")
    foley = _load(words)
    settings = _settings(words, foley.vocabulary)

    def one(video: Path, progress: Progress) -> Outcome:
        if formats and words.overwrite:
            # Before the list is new, for it and the session belong together.
            check_sessions(output_folder(video, words.out), video, formats)
        outcome = foley.generate(
            video,
            words.out,
            settings,
            mix,
            seed=words.seed,
            overwrite=words.overwrite,
            discard_edits=words.discard_edits,
            progress=progress,
        )
        cues = outcome.folder / "cues.json"
        # What an editor may have worked on since is not replaced unasked.
        wanted = formats if words.overwrite or not formats else missing_formats(cues, formats)
        if wanted:
            exported = export_cues(
                cues,
                wanted,
                video=video,
                library=words.library,
                overwrite=words.overwrite,
                progress=progress,
            )
            told = (*outcome.warnings, *exported.warnings)
            outcome = dataclasses.replace(outcome, warnings=told)
        return outcome

    return each(videos, words.out, one)


def _tag(words: Tag) -> int:
    videos = find_videos(words.videos, "tag")
    foley = _load(words)
    settings = _settings(words, foley.vocabulary)

    def one(video: Path, progress: Progress) -> Outcome:
        return foley.write_tags(
            video, words.out, settings, overwrite=words.overwrite, progress=progress
        )

    return each(videos, words.out, one)


def _render(words: Render) -> int:
    from temporal_foley.from_cues import render_cues

    began = time.perf_counter()
    with show_progress(words.cues.name) as progress:
        outcome = render_cues(
            words.cues,
            words.out,
            video=words.video,
            library=words.library,
            allowed=parse_allowed(words.allow),
            space=words.space or None,
            overwrite=words.overwrite,
            progress=progress,
        )
    tell(words.cues, outcome, time.perf_counter() - began)
    return 0


def _export(words: Export) -> int:
    from temporal_foley.session.export import ExportSettings, export_cues, parse_formats
    from temporal_foley.session.timecode import parse_rate

    began = time.perf_counter()
    settings = ExportSettings(
        rate=parse_rate(words.rate) if words.rate else None,
        timecode=words.timecode or None,
        handles_s=words.handles,
        has_pop=words.two_pop,
        slate=words.slate,
        embed=words.embed,
    )
    with show_progress(words.cues.name) as progress:
        outcome = export_cues(
            words.cues,
            parse_formats(words.to),
            words.out,
            settings,
            video=words.video,
            library=words.library,
            overwrite=words.overwrite,
            progress=progress,
        )
    name = one_line(words.cues.name)
    for warning in outcome.warnings:
        print(f"temporal-foley: {name}: {one_line(warning)}", file=sys.stderr)
    files = one_line(", ".join(outcome.files))
    seconds = time.perf_counter() - began
    print(f"{name}: {files} -> {one_line(outcome.folder)} ({seconds:.1f} s)")
    return 0


def _import(words: Import) -> int:
    from temporal_foley.edits.import_session import import_edits

    outcome = import_edits(words.edited, words.cues, words.out, overwrite=words.overwrite)
    name = one_line(words.edited.name)
    for warning in outcome.warnings:
        print(f"temporal-foley: {name}: {one_line(warning)}", file=sys.stderr)
    print(f"{name}: {outcome.summary} -> {one_line(outcome.path)}")
    return 0


def _reconform(words: Reconform) -> int:
    from temporal_foley.edits.reconform import reconform_cues

    began = time.perf_counter()
    outcome = reconform_cues(
        words.cues, words.video, words.out, old_video=words.old_video, overwrite=words.overwrite
    )
    name, seconds = one_line(words.video.name), time.perf_counter() - began
    print(f"{name}: {outcome.summary} -> {one_line(outcome.path)} ({seconds:.1f} s)")
    if outcome.result.orphans:
        first = ", ".join(one_line(cue.id) for cue in outcome.result.orphans[:SHOWN_MOST])
        more = ", ..." if len(outcome.result.orphans) > SHOWN_MOST else ""
        print(f"{name}: orphans: {first}{more}; see {one_line(outcome.orphans_path)}")
    return 0


def _learn(words: Learn) -> int:
    from temporal_foley.teaching.learn import learn_from_edits

    if not words.edited:
        raise UsageError("learn needs edited cue lists; see temporal-foley learn --help")
    began = time.perf_counter()
    with show_progress("learn") as progress:
        outcome = learn_from_edits(
            words.edited,
            words.out,
            model=words.model,
            even_if_worse=words.even_if_worse,
            overwrite=words.overwrite,
            done=lambda part: progress("look", part),
        )
    for warning in outcome.warnings:
        print(f"temporal-foley: {one_line(warning)}", file=sys.stderr)
    print(f"{outcome.edits} edits in {outcome.videos} videos; on videos held out in turn:")
    print(f"  before: {outcome.before}")
    print(f"  after:  {outcome.after}")
    if outcome.sha256 is None:
        raise FoleyError(
            f"{words.out}: not written, for it does worse on what was held out; "
            "give more edits, or --even-if-worse"
        )
    print(f"-> {one_line(words.out)} ({time.perf_counter() - began:.1f} s)")
    return 0


def _demo(words: Demo) -> int:
    from temporal_foley.cli.demo import make_demo_clip

    folder = words.out
    clip = folder / "demo.mp4"
    if clip.exists() and not words.overwrite:
        print(f"{clip}: made by an earlier demo; --overwrite makes it anew")
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            make_demo_clip(clip)
        except OSError as error:
            raise FoleyError(f"{clip}: cannot be written ({error.strerror})") from None
    print(
        f"{clip}: 12 s made of two photographs that scikit-image ships (a cat, a cup of coffee, "
        "the cat again) with camera moves, not a real video; its second shot has nothing to hear"
    )
    return _generate(Generate(videos=(clip,), overwrite=words.overwrite))


def _info(words: Info) -> int:
    from temporal_foley.cli.info import info_lines

    for line in info_lines(_load(words)):
        print(line)
    return 0


def _teach(words: Teach) -> int:
    from temporal_foley.teaching.sounds import write_sounds
    from temporal_foley.teaching.teach import new_effect, teach

    began = time.perf_counter()
    effect = new_effect(
        words.name,
        kind=words.kind,
        bus=words.bus,
        description=words.description,
        interval_s=words.interval,
    )
    if words.out.exists() and not words.overwrite:
        raise OutputExistsError(f"{words.out}: is there already; give another --out or --overwrite")
    taught = teach(
        effect,
        words.examples,
        model=words.model,
        negatives=words.negatives,
        weights=words.weights,
    )
    from temporal_foley.models.bundle.bundle import save_bundle

    sounds = None
    if words.take:
        sounds = words.out.with_name(f"{words.out.name}.sounds")
        write_sounds(
            sounds, words.name, words.take, licence=words.licence, overwrite=words.overwrite
        )
    save_bundle(words.out, taught.bundle, overwrite=words.overwrite)
    for reason in taught.skipped:
        print(f"temporal-foley: left out: {one_line(reason)}", file=sys.stderr)
    if taught.recognised < 0.5 or taught.mistaken > 0.05:
        print(
            f"temporal-foley: {words.name}: found in {taught.recognised:.0%} of its own examples "
            f"and in {taught.mistaken:.0%} of other pictures; give more examples of different "
            "places, or --negatives of what it is taken for",
            file=sys.stderr,
        )
    against = f", {taught.negatives} against" if taught.negatives else ""
    print(
        f"{words.name}: taught from {taught.examples} examples{against} -> {one_line(words.out)} "
        f"({time.perf_counter() - began:.1f} s)"
    )
    library = f" --library {one_line(sounds)}" if sounds else ""
    print(f"try it: temporal-foley generate VIDEO --model {one_line(words.out)}{library}")
    if not sounds:
        print("it has no sound yet: name some by --take, or give generate a --library with some")
    return 0


def _deploy(words: Deploy) -> int:
    from temporal_foley.models.bundle.deploy import deploy

    began = time.perf_counter()
    for name, size in deploy(
        words.model, words.out, weights=words.weights, overwrite=words.overwrite
    ).items():
        print(f"{name}: {size / 1e6:.1f} MB")
    print(f"-> {one_line(words.out)} ({time.perf_counter() - began:.1f} s)")
    return 0


def _load(words: Generate | Tag | Info) -> Foley:
    return Foley.load(
        model=words.model,
        vocabulary=words.vocabulary or None,
        backbone=words.backbone or None,
        weights=words.weights,
        library=None if isinstance(words, Tag) else words.library,
        allowed=parse_allowed(words.allow) if isinstance(words, Generate) else frozenset(),
    )


def _settings(words: Detect, vocabulary: Vocabulary) -> DetectionSettings:
    try:
        return DetectionSettings(
            only=_names(words.effects, vocabulary),
            exclude=_names(words.exclude, vocabulary),
            frame_rate=_rate(words.frame_rate) if words.frame_rate else None,
            decoding=_decoding(words),
            listen=not words.no_listen,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _decoding(words: Detect) -> DecodingConfig | None:
    """Return how the words say that events are made, or None: as the model decides."""
    usual = DecodingConfig()
    if not words.smoothing and not words.smoothing_window:
        return None
    return DecodingConfig(
        smoothing=words.smoothing or usual.smoothing,
        window_s=words.smoothing_window or usual.window_s,
    )


def _names(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    try:
        return vocabulary.select(only=names) if names else ()
    except VocabularyError as error:
        raise UsageError(str(error)) from None


def _rate(text: str) -> Fraction:
    try:
        return as_fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"--frame-rate must be a number or a ratio, got {text!r}") from None


def _mix(words: Generate) -> MixSettings:
    lufs = LOUDNESS_PRESETS.get(words.loudness)
    if lufs is None:
        try:
            lufs = float(words.loudness)
        except ValueError:
            known = ", ".join(LOUDNESS_PRESETS)
            raise UsageError(
                f"--loudness must be one of {known}, or a number of LUFS, got {words.loudness!r}"
            ) from None
    try:
        return MixSettings(
            original=words.original,
            loudness_lufs=lufs,
            speech_db=words.speech_db,
            room_tone=words.room_tone,
            music_and_effects=words.music_and_effects,
            space=words.space,
        )
    except ValueError as error:
        # The field that is wrong is named as its option is, but for the loudness.
        name = "speech-db" if "speech_db" in str(error) else "loudness"
        raise UsageError(f"--{name}: {error}") from None
