"""Leave to the original what it already contains, so that no effect sounds twice."""

import dataclasses
from collections.abc import Sequence

from temporal_foley.timeline import Track


def leave_to_original(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """Silence the cues whose effect the video's own sound contains; they stay in the list.

    Such a cue has the status `already_heard`. A cue that somebody decided on is left as it is.
    """
    return tuple(
        dataclasses.replace(
            track,
            cues=tuple(
                dataclasses.replace(
                    cue,
                    status="already_heard",
                    reason=f"{cue.reason}; already in the original, not added again",
                )
                if cue.evidence.original is not None and cue.status == "proposed"
                else cue
                for cue in track.cues
            ),
        )
        for track in tracks
    )
