"""State what the XML formats require of what we write: children in order, attributes, references.

In our own words, after Apple's DTD of FCPXML, the `Project.xsd` of DAWproject, and what is commonly
known of `xmeml` and of DAWproject's `MetaData.xsd`: with the published files in a folder, the tests
validate against those as well (`FOLEY_SCHEMAS`). Only elements that we write are listed: any other
one is a fault.
"""

import dataclasses
import re
from collections.abc import Mapping
from xml.etree import ElementTree

TIME = r"-?\d+(/\d+)?s"
NUMBER = r"-?\d+(\.\d+)?([eE]-?\d+)?"
WHOLE = r"-?\d+"
FLAG = r"[01]"
BOOL = r"true|false"
NAME = r"[A-Za-z_][\w.-]*"
ANY = r"[\s\S]*"
SOME = r"[\s\S]+"


@dataclasses.dataclass(frozen=True)
class Rule:
    """What an element may hold; `children` is a regular expression over their tags and commas."""

    children: str = ""
    required: Mapping[str, str] = dataclasses.field(default_factory=dict)
    optional: Mapping[str, str] = dataclasses.field(default_factory=dict)
    text: str = r"\s*"


ANCHORED = {"lane": WHOLE, "offset": TIME, "name": ANY, "start": TIME, "enabled": FLAG}
FCPXML = {
    "fcpxml": Rule("(resources,)?library,", {"version": r"1\.9"}),
    "resources": Rule("((asset|format),)*"),
    "format": Rule(
        "", {"id": NAME}, {"name": ANY, "frameDuration": TIME, "width": WHOLE, "height": WHOLE}
    ),
    "asset": Rule(
        "(media-rep,)+",
        {"id": NAME},
        {
            **{"name": ANY, "start": TIME, "duration": TIME, "hasVideo": FLAG, "hasAudio": FLAG},
            **{"format": NAME, "videoSources": WHOLE, "audioSources": WHOLE},
            **{"audioChannels": WHOLE, "audioRate": WHOLE},
        },
    ),
    "media-rep": Rule("", {"src": SOME}, {"kind": "original-media|proxy-media"}),
    "library": Rule("(event,)*"),
    "event": Rule("(project,)*", {}, {"name": ANY}),
    "project": Rule("sequence,", {}, {"name": ANY}),
    "sequence": Rule(
        "spine,",
        {"format": NAME},
        {
            **{"duration": TIME, "tcStart": TIME, "tcFormat": "DF|NDF"},
            **{"audioLayout": "mono|stereo|surround", "audioRate": "48k"},
        },
    ),
    "spine": Rule("((gap|asset-clip),)*"),
    "gap": Rule(
        "(note,)?(asset-clip,)*(marker,)*",
        {"duration": TIME},
        {"name": ANY, "offset": TIME, "start": TIME},
    ),
    "asset-clip": Rule(
        "(note,)?(adjust-volume,)?(adjust-panner,)?(asset-clip,)*(marker,)*",
        {"ref": NAME},
        {**ANCHORED, "duration": TIME, "srcEnable": "all|audio|video", "audioRole": SOME},
    ),
    "adjust-volume": Rule("(param,)*", {}, {"amount": rf"{NUMBER}dB"}),
    "adjust-panner": Rule("(param,)*", {}, {"mode": WHOLE, "amount": NUMBER}),
    "param": Rule(
        "(fadeIn,)?(fadeOut,)?(keyframeAnimation,)?(param,)*", {"name": SOME}, {"value": ANY}
    ),
    "fadeIn": Rule("", {"duration": TIME}, {"type": "linear|easeIn|easeOut|easeInOut"}),
    "fadeOut": Rule("", {"duration": TIME}, {"type": "linear|easeIn|easeOut|easeInOut"}),
    "keyframeAnimation": Rule("(keyframe,)*"),
    "keyframe": Rule("", {"time": TIME, "value": SOME}),
    "marker": Rule("", {"start": TIME, "value": ANY}, {"duration": TIME}),
    "note": Rule(text=ANY),
}

NAMED = {"name": ANY, "color": ANY, "comment": ANY}
KNOWN = {**NAMED, "id": NAME}
TIMELINE = {**KNOWN, "timeUnit": "beats|seconds", "track": NAME}
PARAMETER = {**KNOWN, "parameterID": WHOLE}
REAL = Rule(
    "",
    {"unit": "linear|normalized|percent|decibel|hertz|semitones|seconds|beats|bpm"},
    {**PARAMETER, "min": NUMBER, "max": NUMBER, "value": NUMBER},
)
DAWPROJECT = {
    "Project": Rule(
        "Application,(Transport,)?(Structure,)?(Arrangement,)?(Scenes,)?", {"version": r"1\.0"}
    ),
    "Application": Rule("", {"name": SOME, "version": SOME}),
    "Transport": Rule("(Tempo,)?(TimeSignature,)?"),
    "Tempo": REAL,
    "Volume": REAL,
    "Pan": REAL,
    "Mute": Rule("", {}, {**PARAMETER, "value": BOOL}),
    "TimeSignature": Rule("", {"numerator": WHOLE, "denominator": WHOLE}, PARAMETER),
    "Structure": Rule("((Track|Channel),)*"),
    "Track": Rule(
        "(Channel,)?(Track,)*",
        {},
        {**KNOWN, "contentType": "audio|automation|notes|video|markers|tracks", "loaded": BOOL},
    ),
    "Channel": Rule(
        "(Devices,)?(Mute,)?(Pan,)?(Sends,)?(Volume,)?",
        {},
        {
            **{**KNOWN, "audioChannels": WHOLE, "destination": NAME, "solo": BOOL},
            **{"role": "regular|master|effect|submix|vca"},
        },
    ),
    "Arrangement": Rule("(Lanes,)?(Markers,)?", {}, KNOWN),
    "Lanes": Rule("((Lanes|Clips|Audio|Points),)*", {}, TIMELINE),
    "Clips": Rule("(Clip,)*", {}, TIMELINE),
    "Clip": Rule(
        "((Lanes|Clips|Audio|Points),)?",
        {"time": NUMBER},
        {
            **{**NAMED, "duration": NUMBER, "playStart": NUMBER, "playStop": NUMBER},
            **{"contentTimeUnit": "beats|seconds", "fadeTimeUnit": "beats|seconds"},
            **{"fadeInTime": NUMBER, "fadeOutTime": NUMBER, "enable": BOOL, "reference": NAME},
        },
    ),
    "Audio": Rule(
        "File,",
        {"channels": WHOLE, "sampleRate": WHOLE, "duration": NUMBER},
        {**TIMELINE, "algorithm": ANY},
    ),
    "File": Rule("", {"path": SOME}, {"external": BOOL}),
    "Points": Rule("Target,(RealPoint,)*", {}, {**TIMELINE, "unit": REAL.required["unit"]}),
    "Target": Rule("", {}, {"parameter": NAME, "expression": "gain|pan"}),
    "RealPoint": Rule("", {"time": NUMBER, "value": NUMBER}, {"interpolation": "hold|linear"}),
    "Markers": Rule("(Marker,)+", {}, TIMELINE),
    "Marker": Rule("", {"time": NUMBER}, NAMED),
}
_FACTS = ("Title", "Artist", "Album", "OriginalArtist", "Composer", "Songwriter", "Producer")
_FACTS += ("Arranger", "Year", "Genre", "Copyright", "Website", "Comment")
DAWPROJECT_METADATA = {
    "MetaData": Rule("".join(f"({name},)?" for name in _FACTS)),
    **{name: Rule(text=ANY) for name in _FACTS},
}


def _set(*names: str) -> str:
    return f"(({'|'.join(names)}),)*"


def _leaf(text: str) -> Rule:
    return Rule(text=text)


CAPITAL = "TRUE|FALSE"
XMEML = {
    "xmeml": Rule("(sequence,)+", {"version": "5"}),
    "sequence": Rule(
        _set("uuid", "name", "duration", "rate", "timecode", "media", "marker"), {"id": SOME}
    ),
    "uuid": _leaf(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    "rate": Rule("timebase,ntsc,"),
    "timebase": _leaf(r"[1-9]\d*"),
    "ntsc": _leaf(CAPITAL),
    "timecode": Rule(_set("rate", "string", "frame", "displayformat")),
    "string": _leaf(r"\d\d:\d\d:\d\d[:;]\d\d"),
    "frame": _leaf(r"\d+"),
    "displayformat": _leaf("DF|NDF"),
    "media": Rule("(video,)?(audio,)?"),
    "video": Rule(_set("format", "track", "samplecharacteristics", "duration")),
    "audio": Rule(
        _set("numOutputChannels", "format", "track", "samplecharacteristics", "channelcount")
    ),
    "numOutputChannels": _leaf(r"\d+"),
    "channelcount": _leaf(r"\d+"),
    "format": Rule("samplecharacteristics,"),
    "samplecharacteristics": Rule(
        _set(
            *("rate", "width", "height", "anamorphic", "pixelaspectratio", "fielddominance"),
            *("depth", "samplerate"),
        )
    ),
    **{name: _leaf(r"\d+") for name in ("width", "height", "depth", "samplerate")},
    "anamorphic": _leaf(CAPITAL),
    "pixelaspectratio": _leaf("square"),
    "fielddominance": _leaf("none|upper|lower"),
    "track": Rule(_set("clipitem", "enabled", "locked", "outputchannelindex")),
    "outputchannelindex": _leaf("[12]"),
    "clipitem": Rule(
        _set(
            *("name", "enabled", "duration", "start", "end", "in", "out", "rate", "file"),
            *("sourcetrack", "link", "filter", "comments", "marker", "pproTicksIn"),
            "pproTicksOut",
        ),
        {"id": SOME},
    ),
    "name": _leaf(ANY),
    "enabled": _leaf(CAPITAL),
    **{name: _leaf(WHOLE) for name in ("duration", "start", "end", "in", "out", "when")},
    **{name: _leaf(WHOLE) for name in ("pproTicksIn", "pproTicksOut")},
    "file": Rule(_set("name", "pathurl", "rate", "duration", "timecode", "media"), {"id": SOME}),
    "pathurl": _leaf(r"file://\S+"),
    "sourcetrack": Rule("mediatype,trackindex,"),
    "mediatype": _leaf("audio|video"),
    **{name: _leaf(r"[1-9]\d*") for name in ("trackindex", "clipindex", "groupindex")},
    "link": Rule("linkclipref,mediatype,trackindex,clipindex,(groupindex,)?"),
    "linkclipref": _leaf(SOME),
    "filter": Rule("effect,"),
    "effect": Rule("name,effectid,effectcategory,effecttype,mediatype,(parameter,)*"),
    **{name: _leaf(SOME) for name in ("effectid", "effectcategory", "effecttype")},
    "parameter": Rule("parameterid,name,valuemin,valuemax,value,(keyframe,)*"),
    "parameterid": _leaf(SOME),
    **{name: _leaf(NUMBER) for name in ("valuemin", "valuemax", "value")},
    "keyframe": Rule("when,value,"),
    "comments": Rule("mastercomment1,"),
    "mastercomment1": _leaf(ANY),
    "marker": Rule("name,in,out,"),
}


def faults(root: ElementTree.Element, rules: Mapping[str, Rule]) -> list[str]:
    """Return every place where a document breaks the rules of its format."""
    found: list[str] = []
    for element in root.iter():
        rule = rules.get(element.tag)
        if rule is None:
            found.append(f"{element.tag}: no such element")
            continue
        children = "".join(f"{child.tag}," for child in element)
        if not re.fullmatch(rule.children, children):
            found.append(f"{element.tag}: children {children}")
        if not len(element) and not re.fullmatch(rule.text, element.text or ""):
            found.append(f"{element.tag}: text {element.text!r}")
        found += [
            f"{element.tag}: lacks {name}" for name in rule.required if name not in element.attrib
        ]
        allowed = {**rule.optional, **rule.required}
        for name, value in element.attrib.items():
            if name not in allowed:
                found.append(f"{element.tag}: no such attribute {name}")
            elif not re.fullmatch(allowed[name], value):
                found.append(f"{element.tag}: {name}={value!r}")
    return found
