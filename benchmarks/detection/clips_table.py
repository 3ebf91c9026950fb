"""Count what the ImageNet map and a model find in real clips with known content.

    python benchmarks/detection/clips_table.py CLIPS_DIR [--model BUNDLE[:FEATURES] ...] [--json
        FILE]

CLIPS_DIR holds `clips.tsv` (columns part, file, class, what) and a folder for each part. A bundle
with FEATURES judges the clips that are in them: so each clip can be judged by the one of two
bundles that was not trained on it. Without `--model` there is the map alone. A class of `dog_seen`
or `cat_seen`, the animal without its sound, counts as the effect here: a silent picture cannot
distinguish the two. Every other class that is no effect of the vocabulary means that the clip has
none. An effect counts as found if it is detected anywhere in a clip that has it, and a false cue is
an event of an effect that the clip does not have.
"""

import argparse
import csv
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

from data_pipeline.features.store import FeatureStore
from temporal_foley.effects import load_vocabulary
from temporal_foley.media.video import probe_video
from temporal_foley.models.by_name import load_detector
from temporal_foley.models.detector import Detector
from temporal_foley.models.image.backbone import DEFAULT_ASPECT
from temporal_foley.models.image.preparation import ASPECTS
from temporal_foley.models.imagenet_detector import load_imagenet_detector
from temporal_foley.spotting.events import SMOOTHINGS, DecodingConfig
from temporal_foley.stages import DetectionSettings, tag_video
from temporal_foley.timeline import Event

SEEN_ONLY = {"dog_seen": "dog_barking", "cat_seen": "cat_meowing"}
QUICK_CLIPS = 8

Choose = Callable[[str], Detector | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """A clip, what is in it, and what was found."""

    file: str
    said: str
    what: str
    seconds: float
    present: frozenset[str]
    events: list[Event]
    took_s: float

    @property
    def heard(self) -> set[str]:
        return {event.effect for event in self.events} & self.present

    @property
    def false_cues(self) -> list[Event]:
        return [event for event in self.events if event.effect not in self.present]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--model", action="append", default=[], metavar="BUNDLE[:FEATURES]")
    parser.add_argument("--no-listen", action="store_true")
    parser.add_argument("--aspect", choices=ASPECTS, default=DEFAULT_ASPECT, help="of the map")
    parser.add_argument("--smoothing", choices=SMOOTHINGS, default=DecodingConfig().smoothing)
    parser.add_argument("--quick", action="store_true", help=f"the first {QUICK_CLIPS} clips only")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with (args.clips / "clips.tsv").open(encoding="utf-8", newline="") as text:
        rows = sorted(csv.DictReader(text, delimiter="\t"), key=lambda row: row["class"])
    rows = rows[:QUICK_CLIPS] if args.quick else rows
    of_map = load_imagenet_detector(load_vocabulary(), aspect=args.aspect)
    decoding = DecodingConfig(smoothing=args.smoothing)
    ways: dict[str, tuple[Choose, DetectionSettings]] = {
        "map": (lambda file: of_map, DetectionSettings(decoding=decoding))
    }
    if args.model:
        ways["model"] = (out_of_fold(args.model), DetectionSettings(listen=not args.no_listen))
    found: dict[str, list[Judged]] = {way: [] for way in ways}
    print("| clip | s | what is in it |", " | ".join(ways), "|")
    print("|---|---|---|" + "---|" * len(ways))
    for row in rows:
        for way, (choose, settings) in ways.items():
            detector = choose(row["file"])
            if detector is not None:
                path = args.clips / row["part"] / row["file"]
                found[way].append(judge(path, row, detector, settings))
        last = found["map"][-1]
        told = " | ".join(
            _say(clips[-1]) if clips and clips[-1].file == last.file else "not judged"
            for clips in found.values()
        )
        line = f"| {last.file[:28]} | {last.seconds:.0f} | {_what(last)} | {told} |"
        print(line, flush=True)
    summaries = {way: summarise(clips) for way, clips in found.items()}
    print()
    for name in summaries["map"]:
        print(f"{name}: " + ", ".join(f"{way} {told[name]}" for way, told in summaries.items()))
    if args.json:
        clips = {
            way: [dataclasses.asdict(clip) | {"present": sorted(clip.present)} for clip in judged]
            for way, judged in found.items()
        }
        args.json.write_text(json.dumps({"summaries": summaries, "clips": clips}, indent=1) + "\n")


def out_of_fold(models: list[str]) -> Choose:
    """Return what chooses the detector of a clip, by its file's name; None: nobody judges it."""
    everything: list[Detector] = []
    by_clip: dict[str, Detector] = {}
    for words in models:
        bundle, _, features = words.partition(":")
        detector = load_detector(bundle)
        if not features:
            everything.append(detector)
            continue
        store = FeatureStore(Path(features))
        by_clip |= {Path(store[i].id).stem: detector for i in range(len(store))}
    return lambda file: by_clip.get(Path(file).stem, everything[0] if everything else None)


def judge(
    path: Path, row: dict[str, str], detector: Detector, settings: DetectionSettings
) -> Judged:
    """Run a detector over one clip."""
    began = time.perf_counter()
    info = probe_video(path)
    tags = tag_video(info, detector, settings)
    classes = {SEEN_ONLY.get(name, name) for name in row["class"].split("|")}
    return Judged(
        file=row["file"],
        said=row["class"],
        what=row["what"],
        seconds=float(info.duration),
        present=frozenset(classes & set(detector.vocabulary.names)),
        events=list(tags.events),
        took_s=time.perf_counter() - began,
    )


def summarise(judged: list[Judged]) -> dict[str, float]:
    """Count effects that were found, missed and made up."""
    wanted = [(clip, effect) for clip in judged for effect in clip.present]
    with_effect = [clip for clip in judged if clip.present]
    quiet = [clip for clip in judged if not clip.present]
    minutes = sum(clip.seconds for clip in quiet) / 60
    false_quiet = sum(len(clip.false_cues) for clip in quiet)
    of_one = [
        sum(event.effect == effect for event in clip.events)
        for clip, effect in wanted
        if effect in clip.heard
    ]
    # The first clip also pays for compilation.
    share = sum(clip.took_s for clip in judged[1:]) / max(sum(c.seconds for c in judged[1:]), 1e-9)
    return {
        "clips": len(judged),
        "effects to be heard": len(wanted),
        "heard": sum(effect in clip.heard for clip, effect in wanted),
        "clips with an effect": len(with_effect),
        "of these with one heard": sum(bool(clip.heard) for clip in with_effect),
        "false cues in clips with an effect": sum(len(c.false_cues) for c in with_effect),
        "events of an effect that is there": round(sum(of_one) / max(len(of_one), 1), 2),
        "clips with nothing to be heard": len(quiet),
        "of these left silent": sum(not clip.events for clip in quiet),
        "false cues in them": false_quiet,
        "false cues a minute in them": round(false_quiet / minutes, 2) if minutes else 0.0,
        "time as a share of clip time": round(share, 3),
    }


def _what(clip: Judged) -> str:
    return f"{clip.said.replace('|', ', ')}: {clip.what[:40]}"


def _say(clip: Judged) -> str:
    told = [
        f"{'' if event.effect in clip.present else '!'}{event.effect} "
        f"{event.onset:.1f}-{event.offset:.1f} ({event.confidence:.2f})"
        for event in clip.events
    ]
    told += [f"missed: {effect}" for effect in sorted(clip.present - clip.heard)]
    return ", ".join(told) or "-"


if __name__ == "__main__":
    main()
