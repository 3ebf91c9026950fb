"""The words of the command line, as frozen dataclasses that `tyro` reads."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from temporal_foley.cli.library_arguments import LibraryWork

Videos = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO...")]
Names = Annotated[str, tyro.conf.arg(metavar="A,B")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]
Formats = Annotated[str, tyro.conf.arg(metavar="A,B")]
Switch = Annotated[bool, tyro.conf.FlagCreatePairsOff]
Overwrite = Annotated[bool, tyro.conf.FlagCreatePairsOff]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detect:
    """What is looked for, and how closely."""

    effects: Names = ""
    """Only these effects, separated by commas."""
    exclude: Names = ""
    """All effects but these, separated by commas."""
    model: Annotated[str, tyro.conf.arg(metavar="NAME|DIR")] = ""
    """What looks and listens: a bundle that ships with the package, the folder of one of your own,
    or imagenet, a map from ImageNet classes to effects. The default is the shipped bundle."""
    no_listen: Switch = False
    """Do not listen to the video's own sound: look only."""
    vocabulary: Annotated[str, tyro.conf.arg(metavar="NAME|FILE")] = ""
    """Of imagenet: a vocabulary that ships with the package (foley20), or a TOML file of yours."""
    backbone: Annotated[str, tyro.conf.arg(metavar="NAME")] = ""
    """Of imagenet: the image backbone that looks at the pictures (efficientnet_lite0)."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The backbone's weights, where none come with it: the Keras file of a ResNet."""
    frame_rate: Annotated[str, tyro.conf.arg(metavar="HZ")] = ""
    """Of imagenet: how many pictures a second are looked at (4)."""
    smoothing: Literal["", "none", "mode", "median", "gaussian", "mean"] = ""
    """How probabilities are smoothed over time before they become events; without it, and the next,
    as the model decides."""
    smoothing_window: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 0.0
    """How many seconds the smoothing looks at (1.5)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generate(Detect):
    """Lay up effect tracks for videos: layers, a mix, and the video with its new sound.

    Each video gets a folder VIDEO.foley with cues.json, stems, mix.wav, the video, and
    overview.png: one look that tells what was found.
    """

    videos: Videos
    """Video files, or folders of them."""
    out: Folder = None
    """Where the VIDEO.foley folders go; beside each video, if not given."""
    library: Folder = None
    """A sound library of your own, as `library add` makes it; what it lacks is built in."""
    allow: Names = ""
    """Only takes of it under these licences, such as cc0,cc-by."""
    original: Literal["keep", "duck", "mute"] = "keep"
    """What happens to the sound that the video has."""
    loudness: Annotated[str, tyro.conf.arg(metavar="PRESET|LUFS")] = "r128"
    """Loudness of the mix: r128 (-23 LUFS), atsc (-24), netflix (-27), podcast (-16), streaming
    (-14), or a number."""
    speech_db: Annotated[float, tyro.conf.arg(metavar="DB")] = -6.0
    """How far effects step back where somebody speaks in the video's own sound; 0: not at all."""
    room_tone: Switch = False
    """Lay a quiet room tone under steps and hands where nothing else is heard."""
    music_and_effects: Switch = False
    """Also write music_and_effects.wav: the mix without the speech of the video's own sound."""
    space: Literal["none", "indoor", "outdoor"] = "none"
    """What steps, doors and other effects are heard in: a furnished room, the open, or nothing."""
    seed: int = 0
    """Another seed, other takes."""
    export: Formats = ""
    """Sessions and lists for editors, too, into the folder `export`; formats as of `export`."""
    overwrite: Overwrite = False
    """Look again and replace an output that is there already. What a person decided in its
    cues.json is kept: locked cues stay as they are, rejected ones rejected, added ones there."""
    discard_edits: Switch = False
    """With --overwrite: do not keep what a person decided. The old list stays as
    cues.before.json."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tag(Detect):
    """Tell what should be heard and when: scores.tsv and events.tsv, no sound."""

    videos: Videos
    """Video files, or folders of them."""
    out: Folder = None
    """Where the VIDEO.foley folders go; beside each video, if not given."""
    overwrite: Overwrite = False
    """Replace an output that is there already."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Render:
    """Make stems, mix and video from a cue list, without any model."""

    cues: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CUES.json")]
    """The cue list, as `generate` wrote it or as you edited it."""
    out: Folder = None
    """Where stems, mix and video go; the folder of the cue list, if not given."""
    video: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The video, if it no longer lies where it was."""
    library: Folder = None
    """The sound library that the cues were cast from, if it was not the built-in one."""
    allow: Names = ""
    """Refuse takes under other licences than these, such as cc0,cc-by."""
    space: Literal["", "none", "indoor", "outdoor"] = ""
    """What effects are heard in, as of generate; as it was when they were last laid up, if not
    given."""
    overwrite: Overwrite = False
    """Replace stems, mix and video that are there already."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
    """Write sessions and lists for editors from a cue list.

    Every cue becomes a clip over the file of its take, to be moved and trimmed. `stems` are
    broadcast WAV files, `csv`, `html` and `pdf` are spotting lists, `vtt` are captions.
    """

    cues: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CUES.json")]
    """The cue list, as `generate` wrote it or as you edited it."""
    to: Formats
    """What to write, separated by commas: stems, otio, otioz, reaper, aaf, dawproject, fcp7,
    audacity, csv, vtt, html, pdf; or all."""
    out: Folder = None
    """Where it goes; the folder `export` beside the cue list, if not given."""
    video: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The video, if it no longer lies where it was."""
    library: Folder = None
    """The sound library that the cues were cast from, if it was not the built-in one."""
    rate: Annotated[str, tyro.conf.arg(metavar="HZ")] = ""
    """Picture rate of the edit, such as 23.976; the usual one nearest to the video's, if not
    given."""
    timecode: Annotated[str, tyro.conf.arg(metavar="HH:MM:SS:FF")] = ""
    """Timecode of the first picture, with a semicolon before the frames for drop-frame; what the
    cue list says (01:00:00:00), if not given."""
    handles: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 1.0
    """How much of a take its file holds before and after what is heard, where there is more."""
    two_pop: Switch = False
    """Begin ten seconds before the picture, with a tone of one frame two seconds before it."""
    slate: Annotated[str, tyro.conf.arg(metavar="TEXT")] = ""
    """Put a marker with this text at the start."""
    embed: Switch = False
    """Put the sound into the AAF instead of linking it."""
    overwrite: Overwrite = False
    """Replace sessions and lists that are there already."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Import:
    """Bring what was edited in a session back into the cue list.

    Reads a REAPER project (.rpp) or an OpenTimelineIO file (.otio, .otioz) that `export` wrote
    and you changed: cues that were moved, trimmed, faded, panned, deleted or added.
    """

    edited: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SESSION")]
    """The session, as your editor saved it."""
    cues: Annotated[Path, tyro.conf.arg(metavar="CUES.json")]
    """The cue list that it was exported from."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Where the new cue list goes; CUES.edited.json beside the old one, if not given."""
    overwrite: Overwrite = False
    """Replace the cue list that is there already."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconform:
    """Bring a cue list over to a new cut of its picture.

    Shots are known again by what they show, in whatever order, trimmed or repeated; their cues go
    with them. The new list is VIDEO.foley/cues.json, ready for `render`; cues whose picture is gone
    are listed in orphans.tsv beside it.
    """

    cues: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CUES.json")]
    """The cue list of the old cut."""
    video: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The new cut; its picture rate and size may be others."""
    out: Folder = None
    """Where the VIDEO.foley folder goes; beside the new cut, if not given."""
    old_video: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The old cut, if it no longer lies where it was."""
    overwrite: Overwrite = False
    """Replace the cue list that is there already."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learn:
    """Learn from edited cue lists: what was accepted, moved, added or rejected.

    Fits the last layer of a bundle, its calibration and its thresholds. Some videos are held out in
    turn; the bundle is written if it does no worse on their edits than the old one.
    """

    edited: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CUES.json...")]
    """Cue lists that were worked on, of two videos or more, each with its video where it was."""
    out: Annotated[Path, tyro.conf.arg(metavar="BUNDLE")]
    """Folder of the new bundle."""
    model: Annotated[str, tyro.conf.arg(metavar="NAME|DIR")] = ""
    """The bundle that learns. The default is the shipped one."""
    even_if_worse: Switch = False
    """Write the bundle even if it does worse on what was held out."""
    overwrite: Overwrite = False
    """Replace a bundle that is there already."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo:
    """Have a first look without a video: makes a short clip and runs `generate` on it."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("foley-demo")
    """Where the clip and its layers go."""
    overwrite: Overwrite = False
    """Replace an earlier demo."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Info:
    """Show versions, devices, the model, the effects it can and cannot see, and the licences."""

    model: Annotated[str, tyro.conf.arg(metavar="NAME|DIR")] = ""
    """What looks and listens: a bundle that ships with the package, the folder of one of your own,
    or imagenet, a map from ImageNet classes to effects. The default is the shipped bundle."""
    vocabulary: Annotated[str, tyro.conf.arg(metavar="NAME|FILE")] = ""
    """Of imagenet: a vocabulary that ships with the package (foley20), or a TOML file of yours."""
    backbone: Annotated[str, tyro.conf.arg(metavar="NAME")] = ""
    """Of imagenet: the image backbone that looks at the pictures (efficientnet_lite0)."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The backbone's weights, where none come with it."""
    library: Folder = None
    """A sound library of your own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teach:
    """Teach a new effect from a handful of pictures or clips.

    Writes a bundle that knows all that the old one knew, and the new effect by its looks; give it
    to `generate`, `tag` and `info` as --model.
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Name of the effect, in lower case, such as guitar_strumming."""
    examples: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """A folder of pictures and clips that show it; four of different places are a good start."""
    out: Annotated[Path, tyro.conf.arg(metavar="BUNDLE")]
    """Folder of the new bundle."""
    model: Annotated[str, tyro.conf.arg(metavar="NAME|DIR")] = ""
    """The bundle that is extended. The default is the shipped one."""
    negatives: Folder = None
    """A folder of pictures and clips that look like it and are not."""
    kind: Literal["one_shot", "repeated", "loop", "ambience"] = "loop"
    """How it sounds: once, again and again, going on, or as a background."""
    bus: Literal["hard_effects", "foley", "backgrounds"] = "hard_effects"
    """Where it is mixed."""
    description: Annotated[str, tyro.conf.arg(metavar="TEXT")] = ""
    """What it is, in a few words."""
    interval: Annotated[tuple[float, float] | None, tyro.conf.arg(metavar="S S")] = None
    """Of repeated: shortest and longest time from one hit to the next (0.3 0.6)."""
    take: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE...")] = ()
    """Sounds of it; they are copied into the library BUNDLE.sounds, for `generate --library`."""
    licence: Annotated[str, tyro.conf.arg(metavar="TEXT")] = "not stated"
    """The licence of these sounds."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The backbone's weights, where none come with it."""
    overwrite: Overwrite = False
    """Replace a bundle, and a library, that are there already."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deploy:
    """Write a bundle's networks as programs that run without this package (StableHLO).

    looker.stablehlo turns pictures into features, tagger.stablehlo features into logits, and
    clip.stablehlo does it all for ten seconds of pictures and sound. deployment.json tells shapes,
    platforms, SHA-256, and how logits become probabilities.
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Where the programs go."""
    model: Annotated[str, tyro.conf.arg(metavar="NAME|DIR")] = ""
    """The bundle. The default is the shipped one."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The backbone's weights, where none come with it."""
    overwrite: Overwrite = False
    """Replace programs that are there already."""


COMMANDS = {
    "generate": Generate,
    "tag": Tag,
    "render": Render,
    "export": Export,
    "import": Import,
    "reconform": Reconform,
    "learn": Learn,
    "library": LibraryWork,
    "demo": Demo,
    "info": Info,
    "teach": Teach,
    "deploy": Deploy,
}

Command = (
    Generate
    | Tag
    | Render
    | Export
    | Import
    | Reconform
    | Learn
    | LibraryWork
    | Demo
    | Info
    | Teach
    | Deploy
)
