"""Write AAF for Pro Tools and Media Composer, linked or with embedded sound.

The Advanced Authoring Format's edit protocol, by pyaaf2. Every cue is a clip with its own name,
gain, level curve and fades; sound tracks count in samples, so no place is rounded.
"""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

from temporal_foley.session.curves import amplitude_of, ratios
from temporal_foley.session.session_model import Clip, Media, Session, exact_place, lanes
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_GAIN_OPERATION = "9d2ea894-0968-11d3-8a38-0050040ef7d2"
_AMPLITUDE = "e4962321-2267-11d3-8a4c-0050040ef7d2"
_LINEAR = "LinearInterp"
_LINEAR_INTERPOLATION = "5b6c85a4-0ede-11d3-80a9-006008143e6f"
_GAIN_STEPS = 1 << 16


def write_aaf(path: Path, session: Session, media: Path, address: str, *, embed: bool) -> None:
    """Write the composition.

    Args:
        path: The file to write.
        session: The session.
        media: The folder that has the sound files now.
        address: The `file://` address that this folder will have.
        embed: Embed the 24-bit PCM of the sound files instead of linking them.
    """
    # Its dictionaries take a tenth of a second to load.
    import aaf2

    with aaf2.open(str(path), "w") as file:
        composition: Any = file.create.CompositionMob(session.name)
        composition.usage = "Usage_TopLevel"
        file.content.mobs.append(composition)
        _timecode(file, composition, session)
        gain = _gain_operation(file)
        sources = {
            sound.name: _source(file, sound, media / sound.name, address, embed=embed)
            for sound in session.media
        }
        number = 1
        for track in session.tracks:
            gain_db = track.gain_db + (session.mix_gain_db if track.effect else 0.0)
            audible = [clip for clip in track.clips if not clip.is_muted]
            for lane, row in enumerate(lanes(audible, exact_place), 1):
                sequence: Any = file.create.Sequence(media_kind="sound")
                place = 0
                for clip in row:
                    if clip.place > place:
                        sequence.components.append(file.create.Filler("sound", clip.place - place))
                    sequence.components.append(
                        _clip(file, clip, sources[clip.media.name], gain, gain_db)
                    )
                    place = clip.end
                # Readers take the length of a sequence from here, and not from its parts.
                sequence.length = place
                slot = composition.create_timeline_slot(SAMPLE_RATE_HZ)
                slot.name = track.name if lane == 1 else f"{track.name} {lane}"
                slot["PhysicalTrackNumber"].value = number
                slot.segment = sequence
                number += 1


def _timecode(file: Any, composition: Any, session: Session) -> None:
    edit = session.edit
    slot = composition.create_timeline_slot(edit.rate)
    code = file.create.Timecode(edit.nominal, drop=edit.drop, length=max(session.frames, 1))
    code.start = session.start_frame
    slot.segment = code
    slot["PhysicalTrackNumber"].value = 1


def _source(file: Any, sound: Media, path: Path, address: str, *, embed: bool) -> Any:
    """Make the mob of a sound file: its samples, or a link to them."""
    mob = file.create.SourceMob(sound.name)
    file.content.mobs.append(mob)
    if embed:
        mob.import_audio_essence(str(path))
        return mob
    descriptor = file.create.WAVEDescriptor()
    descriptor["Summary"].value = _summary(sound)
    descriptor["SampleRate"].value = SAMPLE_RATE_HZ
    descriptor["Length"].value = sound.samples
    locator = file.create.NetworkLocator()
    locator["URLString"].value = f"{address}/{quote(sound.name)}"
    descriptor["Locator"].append(locator)
    mob.descriptor = descriptor
    slot = mob.create_empty_slot(edit_rate=SAMPLE_RATE_HZ, media_kind="sound", slot_id=1)
    slot.segment.length = sound.samples
    return mob


def _summary(sound: Media) -> bytearray:
    """Return the head of a WAVE file up to its format, which the descriptor stores."""
    block = 3 * sound.channels
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + block * sound.samples, b"WAVE", b"fmt ", 16)
    form = (1, sound.channels, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * block, block, 24)
    return bytearray(head + struct.pack("<HHIIHH", *form))


def _clip(file: Any, clip: Clip, source: Any, operation: Any, track_db: float) -> Any:
    """Make a clip: a master mob with the cue's name, fades and level."""
    master = file.create.MasterMob(clip.name)
    file.content.mobs.append(master)
    if clip.note:
        master.comments["Comment"] = clip.note
    slot = master.create_timeline_slot(SAMPLE_RATE_HZ)
    slot.segment = source.create_source_clip(1, length=clip.media.samples, media_kind="sound")
    used = master.create_source_clip(slot.slot_id, start=clip.source_in, length=clip.length)
    for side, length in (("In", clip.fade_in), ("Out", clip.fade_out)):
        if length:
            used[f"Fade{side}Length"].value = length
            used[f"Fade{side}Type"].value = "FadeLinearAmp"
    group = file.create.OperationGroup(operation, length=clip.length, media_kind="sound")
    group.segments.append(used)
    gain = amplitude_of(clip.gain_db + track_db)
    if len(clip.level) == 1:
        parameter = file.create.ConstantValue()
        parameter.parameterdef = file.dictionary.lookup_parameterdef("Amplitude")
        parameter.value = _steps(gain)
    else:
        parameter = file.create.VaryingValue()
        parameter.parameterdef = file.dictionary.lookup_parameterdef("Amplitude")
        parameter.interpolation = file.dictionary.lookup_interperlationdef(_LINEAR)
        for place, ratio in ratios(clip.level):
            # Time counts from 0 at the clip's start to 1 at its end.
            parameter.add_keyframe(Fraction(place, clip.length), _steps(gain * ratio))
    group.parameters.append(parameter)
    return group


def _steps(ratio: float) -> Fraction:
    return Fraction(round(ratio * _GAIN_STEPS), _GAIN_STEPS)


def _gain_operation(file: Any) -> Any:
    from aaf2.auid import AUID

    amplitude = file.create.ParameterDef(AUID(_AMPLITUDE), "Amplitude", "", "Rational")
    file.dictionary.register_def(amplitude)
    linear = file.create.InterpolationDef(AUID(_LINEAR_INTERPOLATION), _LINEAR, "")
    file.dictionary.register_def(linear)
    operation = file.create.OperationDef(AUID(_GAIN_OPERATION), "Mono Audio Gain", "")
    operation.media_kind = "sound"
    operation["NumberInputs"].value = 1
    operation.parameters.append(amplitude)
    file.dictionary.register_def(operation)
    return operation
