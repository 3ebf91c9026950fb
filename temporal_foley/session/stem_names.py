"""Name and describe the files of stems and mix, the same in an output folder and in an export."""

from pathlib import Path

from temporal_foley.effects import load_vocabulary, shipped_vocabularies
from temporal_foley.errors import UsageError
from temporal_foley.session.broadcast_wav import SoundNotes, broadcast_chunks
from temporal_foley.session.names import clean_name, title_of, ucs_name
from temporal_foley.session.timecode import EditRate, nearest_rate, parse_timecode, time_reference
from temporal_foley.sound.stem_file import WavName
from temporal_foley.timeline import DEFAULT_START_TIMECODE, Timeline


class StemNames:
    """The names of a timeline's sound files: called with a stem's name, it returns its file's."""

    def __init__(self, timeline: Timeline, edit: EditRate, first_frame: int):
        self._source = Path(timeline.source.name).stem
        self._categories = categories_of(timeline)
        self._edit = edit
        self._reference = time_reference(first_frame, edit)

    @classmethod
    def of(cls, timeline: Timeline) -> "StemNames":
        """Name the files for the usual edit: the rate and timecode of the picture."""
        return cls(timeline, *usual_edit(timeline))

    def __call__(self, stem: str) -> WavName:
        """Return the name of a stem's file, and the chunks that describe it."""
        project = clean_name(self._source)
        notes = SoundNotes(
            description=f"{project}: {title_of(stem)}",
            project=project,
            track_name=title_of(stem),
            time_reference=self._reference,
            edit=self._edit,
        )
        category = self._categories.get(stem, "")
        name = ucs_name(category, stem, "", self._source)
        return WavName(f"{name}.wav", broadcast_chunks(notes))


def usual_edit(timeline: Timeline) -> tuple[EditRate, int]:
    """Return how an edit at the picture's rate counts, and the number of its first frame."""
    rate, text = nearest_rate(timeline.source.video_rate), timeline.start_timecode
    for timecode in (text, text.replace(";", ":")):
        try:
            return parse_timecode(timecode, rate)
        except UsageError:  # Of an edited list: a frame that this rate does not have.
            continue
    return parse_timecode(DEFAULT_START_TIMECODE, rate)


def categories_of(timeline: Timeline) -> dict[str, str]:
    """Return the UCS CatID of each effect from the shipped vocabularies, or an empty text."""
    known: dict[str, str] = {}
    for name in shipped_vocabularies():
        known = {effect.name: effect.ucs for effect in load_vocabulary(name).effects} | known
    return {track.effect: known.get(track.effect, "") for track in timeline.tracks}
