"""Download the audio network's weights to the user's cache folder and print their path."""

import sys

from temporal_foley.errors import FoleyError
from temporal_foley.models.audio.release import download_weights

try:
    print(download_weights())
except FoleyError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
