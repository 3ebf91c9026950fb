"""Define the errors that a user can cause: each prints as one line with its subject and remedy."""

import os
import re
import sys
from collections.abc import Iterable
from typing import NoReturn


class FoleyError(Exception):
    """Base of every error that the command line prints as one line, without a traceback.

    Args:
        what: What is wrong.
        path: The file or folder that is wrong.
        option: The command-line option that is wrong, such as `--seed`.
        field: The field of a file or record that is wrong.
        remedy: What the user can do about it.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        path: object = None,
        option: str | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ):
        super().__init__(what)
        self.what, self.remedy = what, remedy
        self.path, self.option, self.field = path, option, field

    def __str__(self) -> str:
        subject = [str(part) for part in (self.option, self.path, self.field) if part is not None]
        text = ": ".join((*subject, self.what))
        return text if self.remedy is None else f"{text}; {self.remedy}"

    @classmethod
    def unknown(
        cls, kind: str, name: str, known: Iterable[str], *, option: str | None = None
    ) -> "FoleyError":
        """Return an error for a name that is not known; its remedy is the name that was meant."""
        known = tuple(known)
        near = nearest(name, known)
        remedy = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
        return cls(f"unknown {kind} {name!r}", option=option, remedy=remedy)


class MediaError(FoleyError):
    """A media file cannot be opened, read or written."""


class OutputExistsError(FoleyError):
    """An output already exists and would be overwritten."""


class VocabularyError(FoleyError):
    """A vocabulary file is wrong, or does not have an effect."""


class LibraryError(FoleyError):
    """A sound library cannot be read."""


class CueListError(FoleyError):
    """A cue list (`cues.json`) is wrong."""


class WeightsError(FoleyError):
    """A weights file is missing, altered or of another shape."""


class UsageError(FoleyError):
    """An option or argument is wrong."""

    exit_code = 2


def one_line(text: object) -> str:
    """Return a text without line breaks and control characters, whatever is in a name."""
    # Bytes of a name that are not UTF-8 cannot be printed.
    plain = str(text).encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", plain).strip()


def plain_name(text: str) -> str:
    """Return a name as it is spelt in the package: `Dog barking` becomes `dog_barking`."""
    return re.sub(r"[\s_-]+", "_", text.strip().lower())


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a misspelt one; None if none is alike."""
    import difflib

    wanted = plain_name(name).strip("_")
    spelt = {plain_name(other).strip("_"): other for other in known}
    found = [other for other in spelt if len(wanted) > 2 and other.startswith(wanted)]
    found = found or difflib.get_close_matches(wanted, spelt, n=1)
    if not found and len(wanted) > 2:
        longer = (other for other in spelt if len(other) > 2)
        found = sorted((other for other in longer if wanted in other or other in wanted), key=len)
    if not found:
        ordered = {"_".join(sorted(other.split("_"))): other for other in spelt}
        turned = "_".join(sorted(wanted.split("_")))
        found = [ordered[key] for key in difflib.get_close_matches(turned, ordered, n=1)]
    return spelt[found[0]] if found else None


def meant_file(path: object) -> str:
    """Return what to do about a missing file: try one of that folder with nearly the same name."""
    folder, name = os.path.split(str(path).rstrip("/\\"))
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".")]
    except (OSError, ValueError):
        return "check the name"
    near = nearest(name, names)
    return f"did you mean {one_line(os.path.join(folder, near))}?" if near else "check the name"


def leave(code: int) -> NoReturn:
    """End the process with an exit code; after a FoleyError without waiting for threads."""
    if code == FoleyError.exit_code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
