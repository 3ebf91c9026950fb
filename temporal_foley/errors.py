"""The errors a user can cause: each is one line that names the thing and the remedy."""

import os
import re
import sys
from typing import NoReturn


class FoleyError(Exception):
    """Base of every error that the command line prints as one line, without a traceback."""

    exit_code = 3


class MediaError(FoleyError):
    """A media file that cannot be opened, read or written; carries the path in its text."""


class OutputExistsError(FoleyError):
    """Something is already there and would be overwritten."""


class VocabularyError(FoleyError):
    """A vocabulary file that does not hold what it must; names the file and line."""


class LibraryError(FoleyError):
    """A sound library that cannot be read; names the manifest and the entry."""


class CueListError(FoleyError):
    """A cue list (`cues.json`) that does not hold what it must; names the field."""


class WeightsError(FoleyError):
    """A weights file that is missing, altered or of another shape; names the file."""


class UsageError(FoleyError):
    """A request that makes no sense; names the option and what it may be."""

    exit_code = 2


def one_line(text: object) -> str:
    """Return a text without line breaks and control characters, whatever is in a name."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", str(text)).strip()


def leave(code: int) -> NoReturn:
    """End the process with an exit code; after a FoleyError without waiting for threads."""
    if code == FoleyError.exit_code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
