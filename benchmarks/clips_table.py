"""Real clips with known content in, a table of what the first spotter finds in them out.

    python benchmarks/clips_table.py CLIPS_DIR [--aspect ASPECT] [--quick] [--json FILE]

CLIPS_DIR holds `clips.tsv` (columns part, file, class, what) and a folder for each part. A class of
`dog_seen` or `cat_seen`, the animal without its sound, counts as the effect here: single pictures
cannot tell the two apart. Every other class that is no effect of the vocabulary means that nothing
is to be heard. An effect counts as heard if it is spotted anywhere in a clip that has it, and a
false cue is an event of an effect that the clip does not have.
"""

import argparse
import csv
import dataclasses
import json
import time
from pathlib import Path

import numpy as np

from temporal_foley.effects import load_vocabulary
from temporal_foley.media.read_ahead import read_ahead
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.models.image.backbone import DEFAULT_ASPECT
from temporal_foley.models.image.preparation import ASPECTS
from temporal_foley.models.imagenet_spotter import load_imagenet_spotter
from temporal_foley.models.spotter import Spotter
from temporal_foley.spotting.events import SMOOTHINGS, DecodingConfig, decode_events
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

FRAME_RATE_HZ = 4
SEEN_ONLY = {"dog_seen": "dog_barking", "cat_seen": "cat_meowing"}
QUICK_CLIPS = 8
READ_AHEAD_FRAMES = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """A clip, what is in it, and what was found."""

    file: str
    said: str
    seconds: float
    present: frozenset[str]
    events: list[Event]
    took_s: float

    @property
    def heard(self) -> set[str]:
        return {event.effect for event in self.events} & self.present

    @property
    def missed(self) -> set[str]:
        return set(self.present) - self.heard

    @property
    def false_cues(self) -> list[Event]:
        return [event for event in self.events if event.effect not in self.present]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--aspect", choices=ASPECTS, default=DEFAULT_ASPECT)
    parser.add_argument("--smoothing", choices=SMOOTHINGS, default=DecodingConfig().smoothing)
    parser.add_argument("--quick", action="store_true", help=f"the first {QUICK_CLIPS} clips only")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with (args.clips / "clips.tsv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text, delimiter="\t"))
    rows = rows[:QUICK_CLIPS] if args.quick else rows

    spotter = load_imagenet_spotter(load_vocabulary(), aspect=args.aspect)
    config = DecodingConfig(smoothing=args.smoothing)
    judged: list[Judged] = []
    print("clip | seconds | what is in it | spotted (false cues: !) | missed | took")
    for row in sorted(rows, key=lambda row: row["class"]):
        clip = judge(args.clips / row["part"] / row["file"], row, spotter, config)
        judged.append(clip)
        print(
            f"{clip.file[:32]} | {clip.seconds:.1f} | {clip.said}: {row['what'][:40]} | "
            f"{', '.join(map(_say, *_marked(clip))) or '-'} | "
            f"{', '.join(sorted(clip.missed)) or '-'} | {clip.took_s:.1f} s",
            flush=True,
        )
    summary = summarise(judged, spotter)
    print()
    for name, value in summary.items():
        print(f"{name}: {value}")
    print(f"ratio spotting_time_of_clip_time {summary['time as a share of clip time']}")
    if args.json:
        clips = [dataclasses.asdict(clip) | {"present": sorted(clip.present)} for clip in judged]
        args.json.write_text(json.dumps({"summary": summary, "clips": clips}, indent=1) + "\n")


def judge(path: Path, row: dict[str, str], spotter: Spotter, config: DecodingConfig) -> Judged:
    """Run the spotter over one clip."""
    began = time.perf_counter()
    info = probe_video(path)
    grid = TimeGrid.covering(info.duration, FRAME_RATE_HZ)
    frames = read_ahead(sample_frames(info, grid, spotter.prepare), READ_AHEAD_FRAMES)
    blocks = list(spotter.probabilities(frame.image for frame in frames))
    events = decode_events(
        np.concatenate(blocks), grid, spotter.vocabulary, config=config, duration=info.duration
    )
    classes = {SEEN_ONLY.get(name, name) for name in row["class"].split("|")}
    return Judged(
        file=row["file"],
        said=row["class"],
        seconds=float(info.duration),
        present=frozenset(classes & set(spotter.vocabulary.names)),
        events=events,
        took_s=time.perf_counter() - began,
    )


def summarise(judged: list[Judged], spotter: Spotter) -> dict[str, float | str]:
    """Count what was heard, missed and made up."""
    wanted = [(clip, effect) for clip in judged for effect in clip.present]
    visible = [(clip, effect) for clip, effect in wanted if effect in spotter.seen_effects()]
    quiet = [clip for clip in judged if not clip.present]
    minutes = sum(clip.seconds for clip in quiet) / 60
    false_quiet = sum(len(clip.false_cues) for clip in quiet)
    seconds = sum(clip.seconds for clip in judged)
    # The first clip also pays for compilation.
    share = sum(clip.took_s for clip in judged[1:]) / max(sum(c.seconds for c in judged[1:]), 1e-9)
    return {
        "spotter": spotter.name,
        "clips": len(judged),
        "seconds": round(seconds, 1),
        "effects to be heard": len(wanted),
        "heard": sum(effect in clip.heard for clip, effect in wanted),
        "to be heard and within the spotter's sight": len(visible),
        "false cues in clips with an effect": sum(len(c.false_cues) for c in judged if c.present),
        "clips with nothing to be heard": len(quiet),
        "of these left silent": sum(not clip.events for clip in quiet),
        "false cues in them": false_quiet,
        "false cues a minute in them": round(false_quiet / minutes, 2) if minutes else 0.0,
        "time as a share of clip time": round(share, 3),
    }


def _marked(clip: Judged) -> tuple[list[Event], list[bool]]:
    return clip.events, [event.effect not in clip.present for event in clip.events]


def _say(event: Event, is_false: bool) -> str:
    mark = "!" if is_false else ""
    return f"{mark}{event.effect} {event.onset:.2f}-{event.offset:.2f} ({event.confidence:.2f})"


if __name__ == "__main__":
    main()
