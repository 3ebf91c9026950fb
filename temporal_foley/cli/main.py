"""The command line: words in, one call into `foley`, an exit code out.

Only parsing happens here. Everything heavy is imported inside the command that needs it, so that
`--help` answers at once and `render`, `info` and wrong words never wait for jax.
"""

import contextlib
import io
import os
import re
import sys

import tyro

from temporal_foley import __version__
from temporal_foley.cli.arguments import COMMANDS, Command
from temporal_foley.errors import FoleyError, UsageError, one_line

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv == ["--version"]:
        print(f"temporal-foley {__version__}")
        return 0
    try:
        command = parse(argv)
        from temporal_foley.cli import commands

        return commands.run(command)
    except FoleyError as error:
        print(f"temporal-foley: {one_line(error)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("temporal-foley: interrupted; nothing half-written is left", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


def parse(argv: list[str]) -> Command:
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
