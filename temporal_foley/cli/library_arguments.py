"""The words of the `library` command, as frozen dataclasses that `tyro` reads."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

Shelf = Annotated[Path, tyro.conf.arg(metavar="LIBRARY")]
Given = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="LIBRARY")]
Names = Annotated[str, tyro.conf.arg(metavar="A,B")]
Text = Annotated[str, tyro.conf.arg(metavar="TEXT")]
DEFAULT_LIBRARY = Path("foley-library")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryAdd:
    """Take the sounds of a folder or archive into a library.

    Each is recognised by its name, its folders, its metadata or by listening, measured once, and
    listed in LIBRARY/library.tsv: a table to look through and correct.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR|ZIP")]
    """A folder, or a ZIP or TAR file. A folder that is the library itself is catalogued where it
    is; otherwise sounds are copied."""
    to: Shelf = DEFAULT_LIBRARY
    """The library; it is made if it is not there."""
    vocabulary: Annotated[str, tyro.conf.arg(metavar="NAME|FILE")] = "foley20"
    """The effects to sort by: a vocabulary that ships with the package, or a TOML file of yours."""
    table: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """What you say of files: a corrected copy of library.tsv, or any TSV or CSV with `file` and
    other columns of it."""
    allow: Names = ""
    """Only sounds under these licences, such as cc0,cc-by."""
    licence: Text = ""
    """The licence of sounds of which nothing tells it."""
    credit: Text = ""
    """Who is to be named for sounds of which nothing tells it."""
    no_listen: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Go by names and metadata only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryList:
    """Tell what a library holds: takes by effect, what to look through, licences."""

    library: Given = DEFAULT_LIBRARY
    """The library."""
    effect: Annotated[str, tyro.conf.arg(metavar="NAME")] = ""
    """All takes of this effect, one a line."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryCheck:
    """Check a library: files that are gone or changed, takes without licence, faults."""

    library: Given = DEFAULT_LIBRARY
    """The library."""
    allow: Names = ""
    """Takes in use under other licences than these are told, too."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryAudition:
    """Write a sound file with takes in turn, as they are laid up, and labels for Audacity."""

    library: Given = DEFAULT_LIBRARY
    """The library."""
    effect: Annotated[str, tyro.conf.arg(metavar="NAME")] = ""
    """The takes of this effect only."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")] = Path("audition.wav")
    """The sound file."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Replace a file that is there already."""


LibraryDo = (
    Annotated[LibraryAdd, tyro.conf.subcommand("add", prefix_name=False)]
    | Annotated[LibraryList, tyro.conf.subcommand("list", prefix_name=False)]
    | Annotated[LibraryCheck, tyro.conf.subcommand("check", prefix_name=False)]
    | Annotated[LibraryAudition, tyro.conf.subcommand("audition", prefix_name=False)]
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryWork:
    """Make and look after a sound library of your own: add, list, check, audition."""

    do: LibraryDo
    """What to do."""
