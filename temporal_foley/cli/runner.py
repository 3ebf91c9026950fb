"""Run the commands of a program: parse, run, print errors as one line, return an exit code.

A command is a frozen dataclass of its options with a method `run(console)`. Every program of the
project is run by this module.
"""

import dataclasses
import os
import runpy
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from temporal_foley.cli.console import Console
from temporal_foley.errors import FoleyError, UsageError, nearest

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


@runtime_checkable
class Command(Protocol):
    """A dataclass whose fields are options."""

    def run(self, console: Console) -> int | None:
        """Do the work; returns an exit code, or None for 0."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """A program with several commands, or a command that has commands itself."""

    about: str
    """What it does, in a sentence."""
    groups: Mapping[str, Mapping[str, "type[Command] | Program"]]
    """Commands by name, in groups."""
    has_version: bool = False

    @property
    def commands(self) -> "dict[str, type[Command] | Program]":
        """All commands by name."""
        return {name: command for group in self.groups.values() for name, command in group.items()}


def run(
    prog: str,
    program: "type[Command] | Program",
    argv: Sequence[str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> int:
    """Run a program; returns its exit code.

    Args:
        prog: How the program is called, for help and errors.
        program: A command, or a program with several.
        argv: The arguments; by default those of the process.
        defaults: Values that replace the defaults of a command's fields.
    """
    console = Console()
    try:
        command = _read(prog, program, list(sys.argv[1:] if argv is None else argv), defaults or {})
        return 0 if command is None else command.run(console) or 0
    except FoleyError as error:
        console.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.error("interrupted; no half-written file is left")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more, at exit, about the reader that is gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except OSError as error:
        console.error(FoleyError(error.strerror or str(error), path=error.filename))
        return FoleyError.exit_code


def run_old_spelling(old: str, module: str, *words: str) -> None:
    """Run a module for `python -m OLD`, and print how it is called now.

    Args:
        old: The module's old name.
        module: The module to run.
        words: Arguments to put before those that are given.
    """
    new = " ".join(("python -m", module, *words))
    Console().note(f"`python -m {old}` is now `{new}`")
    sys.argv[1:1] = words
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _read(
    prog: str, program: "type[Command] | Program", argv: list[str], defaults: Mapping[str, Any]
) -> Command | None:
    """Return the command of a command line; None if help was asked for and printed."""
    if isinstance(program, Program):
        if program.has_version and argv == ["--version"]:
            from temporal_foley import __version__

            print(f"{prog} {__version__}")
            return None
        if argv[:1] == ["help"]:
            argv = [*argv[1:], "--help"]
        if not argv or argv[0] in ("-h", "--help", "--help-all"):
            _print_program(prog, program)
            return None
        if argv[0] not in program.commands:
            raise _unknown_command(prog, argv[0], program)
        return _read(f"{prog} {argv[0]}", program.commands[argv[0]], argv[1:], defaults)
    options = argv[: argv.index("--")] if "--" in argv else argv
    if {"-h", "--help", "--help-all"}.intersection(options):
        # Imported here: only help needs it.
        from temporal_foley.cli.help import command_help

        lines = command_help(prog, program, defaults, show_all="--help-all" in options)
        print("\n".join(lines))
        return None
    # Imported here: the help of a program needs no options.
    from temporal_foley.cli.options import parse

    try:
        return parse(program, argv, defaults)
    except UsageError as error:
        error.remedy = error.remedy or f"see {prog} --help"
        raise


def _unknown_command(prog: str, word: str, program: Program) -> FoleyError:
    if word.startswith("-"):
        flags = ["--help", "--help-all", *(["--version"] if program.has_version else [])]
        near = nearest(word, flags) or (
            "--version" if word.lower() == "-v" and program.has_version else None
        )
        remedy = f"did you mean {near}?" if near else f"see {prog} --help"
        return UsageError(f"unknown option {word!r}", remedy=remedy)
    if program.has_version and os.path.exists(word):
        # A file or folder where a command belongs.
        return UsageError(
            f"{word!r} is no command", remedy=f"did you mean {prog} generate {shlex.quote(word)}?"
        )
    return UsageError.unknown("command", word, program.commands)


def _print_program(prog: str, program: Program) -> None:
    from temporal_foley.cli.help import program_help, summary

    def about(command: "type[Command] | Program") -> str:
        return summary(command.about if isinstance(command, Program) else command.__doc__)

    groups = {
        title: {name: about(command) for name, command in group.items()}
        for title, group in program.groups.items()
    }
    print("\n".join(program_help(prog, program.about, groups, has_version=program.has_version)))
