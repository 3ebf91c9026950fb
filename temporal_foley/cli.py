"""The command line: words in, one call into `foley`, an exit code out.

Only parsing happens here. Everything heavy is imported inside the command that needs it, so that
`--help` answers at once and `render`, `info` and wrong words never wait for jax.
"""

import contextlib
import dataclasses
import io
import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from temporal_foley import __version__
from temporal_foley.errors import FoleyError, UsageError

EXIT_USAGE = 2
EXIT_BAD_INPUT = 3
EXIT_INTERRUPTED = 130

Videos = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO...")]
Names = Annotated[str, tyro.conf.arg(metavar="A,B")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]
Overwrite = Annotated[bool, tyro.conf.FlagCreatePairsOff]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detect:
    """What is looked for, and how closely."""

    effects: Names = ""
    """Only these effects, separated by commas."""
    exclude: Names = ""
    """All effects but these, separated by commas."""
    vocabulary: Annotated[str, tyro.conf.arg(metavar="NAME|FILE")] = "foley20"
    """A vocabulary that ships with the package, or a TOML file of your own."""
    backbone: Annotated[str, tyro.conf.arg(metavar="NAME")] = "efficientnet_lite0"
    """The image backbone that looks at the pictures."""
    frame_rate: Annotated[str, tyro.conf.arg(metavar="HZ")] = "4"
    """How many pictures a second are looked at."""
    smoothing: Literal["none", "mode", "median", "gaussian"] = "median"
    """How probabilities are smoothed over time before they become events."""
    smoothing_window: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 0.75
    """How many seconds the smoothing looks at."""


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
    """A sound library of your own (a folder with a library.toml); what it lacks is built in."""
    original: Literal["keep", "duck", "mute"] = "keep"
    """What happens to the sound that the video has."""
    loudness: Annotated[str, tyro.conf.arg(metavar="PRESET|LUFS")] = "r128"
    """Loudness of the mix: r128 (-23 LUFS), atsc (-24), netflix (-27), podcast (-16), streaming
    (-14), or a number."""
    seed: int = 0
    """Another seed, other takes."""
    overwrite: Overwrite = False
    """Replace an output that is there already."""


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
    overwrite: Overwrite = False
    """Replace stems, mix and video that are there already."""


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

    vocabulary: Annotated[str, tyro.conf.arg(metavar="NAME|FILE")] = "foley20"
    """A vocabulary that ships with the package, or a TOML file of your own."""
    backbone: Annotated[str, tyro.conf.arg(metavar="NAME")] = "efficientnet_lite0"
    """The image backbone that looks at the pictures."""
    library: Folder = None
    """A sound library of your own."""


COMMANDS = {
    "generate": Generate,
    "tag": Tag,
    "render": Render,
    "demo": Demo,
    "info": Info,
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv == ["--version"]:
        print(f"temporal-foley {__version__}")
        return 0
    try:
        command = parse(argv)
        from temporal_foley import commands

        return commands.run(command)
    except FoleyError as error:
        print(f"temporal-foley: {one_line(error)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("temporal-foley: interrupted; nothing half-written is left", file=sys.stderr)
        return EXIT_INTERRUPTED


def parse(argv: list[str]) -> Generate | Tag | Render | Demo | Info:
    """Read the words of the command line.

    Raises:
        UsageError: The words are off; the text is one line.
    """
    if not argv:
        argv = ["--help"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.extras.subcommand_cli_from_dict(
                COMMANDS,
                prog="temporal-foley",
                description="Watches a video, decides what should be heard and when, "
                "and lays up effect tracks for it.",
                args=argv,
                config=(tyro.conf.OmitSubcommandPrefixes,),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UsageError(_usage_text(said.getvalue(), argv)) from None


def one_line(text: object) -> str:
    """Return a text without line breaks and control characters, whatever is in a name."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", str(text)).strip()


def _usage_text(said: str, argv: list[str]) -> str:
    """Make one line of the box that tyro draws."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    rows = (re.sub(r"[╭╮╰╯│─]+", " ", row).strip() for row in plain.splitlines())
    text = re.sub(r"\s+", " ", " ".join(row for row in rows if row))
    text = re.sub(
        r"^(Parsing error|Unrecognized options|Value error|Invalid choice|Required options) ",
        "",
        text,
    )
    text = re.sub(r" Perhaps you meant: (\S+).*", r"; perhaps you meant \1", text)
    text = re.split(r" Argument helptext| For full helptext", text)[0].rstrip(". ")
    command = f" {argv[0]}" if argv[0] in COMMANDS else ""
    return f"{text}; see temporal-foley{command} --help"


def entry() -> None:
    """Leave the process with the exit code of `main`."""
    sys.exit(main())


if __name__ == "__main__":
    entry()
