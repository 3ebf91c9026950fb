"""The command line of temporal-foley: its commands, in groups.

Importing this module is quick: every command imports what it works with when it runs.
"""

import sys
from collections.abc import Sequence

from temporal_foley.cli.commands.check import Check
from temporal_foley.cli.commands.deliverables import Deliverables
from temporal_foley.cli.commands.demo import Demo
from temporal_foley.cli.commands.deploy import Deploy
from temporal_foley.cli.commands.export import Export
from temporal_foley.cli.commands.generate import Generate
from temporal_foley.cli.commands.import_edits import Import
from temporal_foley.cli.commands.info import Info
from temporal_foley.cli.commands.learn import Learn
from temporal_foley.cli.commands.reconform import Reconform
from temporal_foley.cli.commands.render import Render
from temporal_foley.cli.commands.review import Review
from temporal_foley.cli.commands.tag import Tag
from temporal_foley.cli.commands.teach import Teach
from temporal_foley.cli.commands.train import Train
from temporal_foley.cli.library.add import LibraryAdd
from temporal_foley.cli.library.audition import LibraryAudition
from temporal_foley.cli.library.check import LibraryCheck
from temporal_foley.cli.library.list import LibraryList
from temporal_foley.cli.runner import Program, run
from temporal_foley.files.allocator import return_freed_memory
from temporal_foley.files.cores import keep_linear_algebra_to_one_thread

LIBRARY = Program(
    about="Make and check a sound library of your own: add, list, check, audition.",
    groups={
        "commands": {
            "add": LibraryAdd,
            "list": LibraryList,
            "check": LibraryCheck,
            "audition": LibraryAudition,
        }
    },
)

PROGRAM = Program(
    about="Watch a video, decide which sound effects it needs and when, and add them.",
    has_version=True,
    groups={
        "make": {
            "demo": Demo,
            "check": Check,
            "generate": Generate,
            "tag": Tag,
            "render": Render,
            "deliverables": Deliverables,
        },
        "edit": {"review": Review, "export": Export, "import": Import, "reconform": Reconform},
        "sounds": {"library": LIBRARY},
        "models": {
            "info": Info,
            "train": Train,
            "teach": Teach,
            "learn": Learn,
            "deploy": Deploy,
        },
    },
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run("temporal-foley", PROGRAM, argv)


def entry() -> None:
    """Leave the process with the exit code of `main`."""
    keep_linear_algebra_to_one_thread()
    return_freed_memory()
    sys.exit(main())
