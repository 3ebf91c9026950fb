"""Write a script for After Effects: a composition with a layer for each cue, and markers.

Run it by File > Scripts > Run Script File. Layers have the cue's level and fades as keyframes; pan
is lost, since layers have none.
"""

import json
from typing import Any

from temporal_foley.session.curves import SILENCE_DB, decibels_of, ratios, value_at
from temporal_foley.session.session_model import Clip, Session, SessionTrack
from temporal_foley.timegrid import SAMPLE_RATE_HZ

FADE_STEPS = 8
LEAST_DB = -48.0
"""After Effects' lowest audio level."""

_SCRIPT = """\
// %NAME%: a composition with sound effects, made by temporal-foley.
// Run it in After Effects by File > Scripts > Run Script File.
(function () {
  var data = %DATA%;
  var here = new File($.fileName).parent;
  var known = {};
  function footage(path, isAbsolute) {
    if (known[path]) return known[path];
    var file = isAbsolute ? new File(path) : new File(here.fsName + "/" + path);
    if (!file.exists) {
      alert("Missing: " + file.fsName);
      return null;
    }
    known[path] = app.project.importFile(new ImportOptions(file));
    return known[path];
  }
  app.beginUndoGroup("Import " + data.name);
  var comp = app.project.items.addComp(
    data.name, data.width, data.height, 1, data.seconds, data.rate
  );
  comp.displayStartTime = data.start;
  var i, k, item, layer, one;
  if (data.picture) {
    item = footage(data.picture, true);
    if (item) {
      layer = comp.layers.add(item);
      layer.startTime = data.leader;
      if (layer.hasAudio) layer.audioEnabled = false;
    }
  }
  for (i = 0; i < data.clips.length; i += 1) {
    one = data.clips[i];
    item = footage(one.file, false);
    if (!item) continue;
    layer = comp.layers.add(item);
    layer.name = one.name;
    layer.comment = one.note;
    layer.startTime = one.start;
    layer.inPoint = one.begin;
    layer.outPoint = one.end;
    layer.audioEnabled = one.plays;
    var levels = layer.property("ADBE Audio Group").property("ADBE Audio Levels");
    for (k = 0; k < one.levels.length; k += 1) {
      levels.setValueAtTime(one.levels[k][0], [one.levels[k][1], one.levels[k][1]]);
    }
  }
  for (i = 0; i < data.markers.length; i += 1) {
    comp.markerProperty.setValueAtTime(data.markers[i][0], new MarkerValue(data.markers[i][1]));
  }
  app.endUndoGroup();
})();
"""


def after_effects_text(session: Session, picture: str | None) -> str:
    """Return the script; `picture` is the absolute path of the video."""
    shown = session.picture
    data: dict[str, Any] = {
        "name": session.name,
        "width": 1920 if shown is None else max(4, shown.width),
        "height": 1080 if shown is None else max(4, shown.height),
        "seconds": session.length / SAMPLE_RATE_HZ,
        "rate": float(session.edit.rate),
        "start": float(session.edit.grid.time(session.start_frame)),
        "leader": session.leader / SAMPLE_RATE_HZ,
        "picture": picture,
        "clips": [_clip(clip, track, session) for track in session.tracks for clip in track.clips],
        "markers": [[one.place / SAMPLE_RATE_HZ, one.name] for one in session.markers]
        + [[(one.place + one.meets) / SAMPLE_RATE_HZ, one.name] for one in session.cues],
    }
    # ASCII only: ExtendScript reads a file without a mark as the system's own encoding.
    text = json.dumps(data, ensure_ascii=True, allow_nan=False)
    name = session.name.encode("ascii", "replace").decode("ascii")
    return _SCRIPT.replace("%NAME%", name, 1).replace("%DATA%", text, 1)


def _clip(clip: Clip, track: SessionTrack, session: Session) -> dict[str, Any]:
    gain_db = track.gain_db + (session.mix_gain_db if track.effect else 0.0)
    return {
        "name": clip.name,
        "note": clip.note,
        "file": clip.media.path,
        "start": (clip.place - clip.source_in) / SAMPLE_RATE_HZ,
        "begin": clip.place / SAMPLE_RATE_HZ,
        "end": clip.end / SAMPLE_RATE_HZ,
        "plays": not clip.is_muted,
        "levels": [
            [round((clip.place + at) / SAMPLE_RATE_HZ, 6), round(level, 3)]
            for at, level in _levels(clip, clip.gain_db + gain_db)
        ],
    }


def _levels(clip: Clip, gain_db: float) -> list[tuple[int, float]]:
    """Return level and fades of a clip in decibels, at samples after its start."""
    steps = range(FADE_STEPS + 1)
    places = {0, *(place for place, _ in clip.level if 0 <= place <= clip.length)}
    if clip.fade_in:
        places |= {clip.fade_in * step // FADE_STEPS for step in steps}
    if clip.fade_out:
        places |= {clip.length - clip.fade_out * step // FADE_STEPS for step in steps}
    curve = ratios(clip.level)
    found: list[tuple[int, float]] = []
    for place in sorted(places):
        rise = place / clip.fade_in if clip.fade_in else 1.0
        fall = (clip.length - place) / clip.fade_out if clip.fade_out else 1.0
        faded = _smooth(min(rise, 1.0)) * _smooth(min(fall, 1.0))
        level = decibels_of(value_at(curve, place) * faded)
        found.append((place, LEAST_DB if level <= SILENCE_DB else max(LEAST_DB, level + gain_db)))
    return found


def _smooth(ratio: float) -> float:
    return ratio * ratio * (3.0 - 2.0 * ratio)
