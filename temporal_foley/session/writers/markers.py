"""Write the cues as markers: for Resolve, and as the text that Pro Tools writes."""

from collections.abc import Iterator

from temporal_foley.session.names import clean_name, clean_text, title_of
from temporal_foley.session.session_model import Clip, Session
from temporal_foley.session.timecode import frames_a_day, timecode
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_seconds

_COLOURS = {"hard_effects": "ResolveColorRed", "foley": "ResolveColorBlue"}
_OTHER = "ResolveColorGreen"


def resolve_markers_text(session: Session) -> str:
    """Return an edit decision list of markers, as Resolve imports them to a timeline."""
    edit = session.edit
    colours = {
        clip.name: _COLOURS.get(track.bus, _OTHER)
        for track in session.tracks
        for clip in track.clips
    }

    def lines() -> Iterator[str]:
        yield f"TITLE: {session.name} markers"
        yield f"FCM: {'DROP FRAME' if edit.drop else 'NON-DROP FRAME'}"
        for number, clip in enumerate(session.cues, 1):
            begin = _frame(session, clip.place + clip.meets)
            code, after = _code(session, begin), _code(session, begin + 1)
            length = max(1, _frame(session, clip.end) - begin)
            yield ""
            # More than a CMX list may have: Resolve counts on.
            yield f"{number:03d}  001      V     C        {code} {after} {code} {after}"
            text = _plain(clip)
            yield f" |C:{colours[clip.name]} |M:{text} |D:{length}"

    return "\n".join(lines()) + "\n"


def pro_tools_text(session: Session) -> str:
    """Return the cues as the markers listing of a session's text export."""
    edit = session.edit
    counted = f"{edit} Frame".replace(" drop-frame Frame", " Drop Frame")

    def lines() -> Iterator[str]:
        yield f"SESSION NAME:\t{session.name}"
        yield f"SAMPLE RATE:\t{SAMPLE_RATE_HZ:.6f}"
        yield "BIT DEPTH:\t24-bit"
        yield f"SESSION START TIMECODE:\t{session.start_timecode}"
        yield f"TIMECODE FORMAT:\t{counted}"
        yield from ("# OF AUDIO TRACKS:\t0", "# OF AUDIO CLIPS:\t0", "# OF AUDIO FILES:\t0")
        yield from ("", "", "M A R K E R S  L I S T I N G")
        heads = (
            "#   ",
            f"{'LOCATION':<13}",
            f"{'TIME REFERENCE':<18}",
            "UNITS    ",
            f"{'NAME':<33}",
        )
        yield "\t".join((*heads, "COMMENTS"))
        for number, clip in enumerate(session.cues, 1):
            at = clip.place + clip.meets
            code = _code(session, _frame(session, at))
            name = clean_name(clip.name)
            note = clean_text(clip.note)
            yield f"{number:<4}\t{code:<13}\t{at:<18}\tSamples  \t{name:<33}\t{note}"

    return "\n".join(lines()) + "\n"


def _plain(clip: Clip) -> str:
    """Return what a marker is called; a bar would end its name."""
    return clean_name(f"{title_of(clip.effect)} {clip.name}").replace("|", "/")


def _frame(session: Session, place: int) -> int:
    return session.edit.grid.frame_at(to_seconds(place))


def _code(session: Session, frame: int) -> str:
    return timecode((session.start_frame + frame) % frames_a_day(session.edit), session.edit)
