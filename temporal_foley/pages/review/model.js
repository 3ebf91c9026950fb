// The cue list and its edits: a document in, a new document out. Nothing here knows of the page.
// Places are whole samples at 48 kHz, as in cues.json; documents are never changed in place.

const SAMPLE_RATE = 48000;
const SHORTEST_CUE = 480; // 10 ms
const HAND_ADDED_LENGTH = 2 * SAMPLE_RATE;
const MOST_ALTERNATES = 3;
const SEEDS_A_FILM = 24;
const SUSTAINED_KINDS = ["loop", "ambience"];

const clamp = (value, least, most) => Math.max(least, Math.min(value, most));
const modulo = (value, period) => ((value % period) + period) % period;
const isSustained = (kind) => SUSTAINED_KINDS.includes(kind);
const pictureSample = (cue) => cue.onset_sample + cue.anchor - cue.source_start;
const assetKey = (asset) => `${asset.kind}\n${asset.name}\n${asset.seed ?? ""}\n${asset.cents ?? 0}`;

// ---- time

function readRate(text) {
  const [frames, seconds] = text.split("/").map(Number);
  return { frames, seconds: seconds || 1 };
}

function frameAt(sample, rate) {
  // Half a sample of grace: a frame's own first sample, rounded down, still belongs to it.
  return Math.floor(((sample + 0.5) * rate.frames) / (rate.seconds * SAMPLE_RATE));
}

function frameStart(frame, rate) {
  return Math.round((frame * rate.seconds * SAMPLE_RATE) / rate.frames);
}

function clockText(sample, digits = 3) {
  const unit = 10 ** digits;
  const whole = Math.round((sample / SAMPLE_RATE) * unit);
  const minutes = Math.floor(whole / (60 * unit));
  const rest = ((whole % (60 * unit)) / unit).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

// ---- reading

const sortedCues = new WeakMap();

/** All cues with their tracks, in order of onset; made once for each document. */
function cuesOf(doc) {
  if (!sortedCues.has(doc)) {
    const all = doc.tracks.flatMap((track) => track.cues.map((cue) => ({ cue, track })));
    all.sort((a, b) => a.cue.onset_sample - b.cue.onset_sample || (a.cue.id < b.cue.id ? -1 : 1));
    sortedCues.set(doc, all);
  }
  return sortedCues.get(doc);
}

const findCue = (doc, id) => cuesOf(doc).find((entry) => entry.cue.id === id);

// ---- one cue: fields in, a cue that holds together out

function withFields(cue, fields) {
  const next = { ...cue, ...fields };
  const length = next.offset_sample - next.onset_sample;
  next.fade_in = Math.min(next.fade_in, Math.floor(length / 2));
  next.fade_out = Math.min(next.fade_out, length - next.fade_in);
  // The seconds beside the samples are for readers; they follow.
  next.onset = Number((next.onset_sample / SAMPLE_RATE).toFixed(6));
  next.offset = Number((next.offset_sample / SAMPLE_RATE).toFixed(6));
  return next;
}

const shiftCurve = (curve, by) =>
  curve.length > 1 ? curve.map(([place, value]) => [place - by, value]) : curve;

function moveCue(cue, shift, duration) {
  const most = Math.max(-cue.onset_sample, duration - cue.offset_sample);
  const moved = clamp(Math.round(shift), -cue.onset_sample, most);
  return withFields(cue, {
    onset_sample: cue.onset_sample + moved,
    offset_sample: cue.offset_sample + moved,
  });
}

/** Cut or lengthen a cue at its start; what is heard after it stays where it was. */
function trimStart(cue, at, kind) {
  const earliest = cue.loop ? 0 : Math.max(0, cue.onset_sample - cue.source_start);
  const latest = Math.max(cue.onset_sample, cue.offset_sample - SHORTEST_CUE);
  const onset = clamp(Math.round(at), earliest, latest);
  const shift = onset - cue.onset_sample;
  let source = cue.source_start + shift;
  if (cue.loop && (source < 0 || source >= cue.loop.end)) {
    source = cue.loop.start + modulo(source - cue.loop.start, cue.loop.end - cue.loop.start);
  }
  return withFields(cue, {
    onset_sample: onset,
    source_start: source,
    anchor: isSustained(kind) ? source : cue.anchor,
    pan: shiftCurve(cue.pan, shift),
    level: shiftCurve(cue.level, shift),
  });
}

/** Cut or lengthen a cue at its end, as far as its take reaches; a sustained one goes round. */
function trimEnd(cue, at, kind, take, duration) {
  const reach = cue.onset_sample + (take ? take.samples : cue.source_end) - cue.source_start;
  const mayLoop = cue.loop || (isSustained(kind) && take?.loop && cue.source_start < take.loop.end);
  const latest = Math.min(duration, mayLoop ? duration : reach);
  const earliest = Math.min(cue.offset_sample, cue.onset_sample + SHORTEST_CUE);
  const offset = clamp(Math.round(at), earliest, Math.max(earliest, latest));
  if (cue.loop) return withFields(cue, { offset_sample: offset });
  const source_end = cue.source_start + offset - cue.onset_sample;
  if (mayLoop && source_end > take.loop.end) {
    return withFields(cue, { offset_sample: offset, loop: take.loop, source_end: take.loop.end });
  }
  return withFields(cue, { offset_sample: offset, source_end });
}

/** Where a take lies when it is a cue: a hit meets the picture, a sustained sound fills its time. */
function placeTake(take, kind, meets, onset, offset, duration) {
  const named = { asset: take.asset, licence: take.licence, credit: take.credit };
  if (isSustained(kind)) {
    const start = take.anchor;
    const loop = take.loop && start < take.loop.end ? take.loop : null;
    const left = (loop ? loop.end : take.samples) - start;
    const looped = loop !== null && offset - onset > left;
    const end = looped ? offset : Math.min(offset, onset + left);
    const source_end = looped ? loop.end : start + end - onset;
    const placed = { onset_sample: onset, offset_sample: end, source_start: start, source_end };
    return { ...named, ...placed, loop: looped ? loop : null, anchor: start };
  }
  const begin = clamp(meets - take.anchor, 0, duration - 1);
  const source_start = clamp(begin - (meets - take.anchor), 0, take.samples - 1);
  const end = Math.min(duration, begin + take.samples - source_start);
  const source_end = source_start + end - begin;
  const placed = { onset_sample: begin, offset_sample: end, source_start, source_end };
  return { ...named, ...placed, loop: null, anchor: take.anchor };
}

/** Give a cue another take; the one it had becomes an alternate in its stead. */
function swapTake(cue, take, kind, former, duration) {
  const key = assetKey(take.asset);
  const others = cue.alternates.filter((other) => assetKey(other.asset) !== key);
  const alternates = former && former !== take ? [former, ...others] : others;
  const gain = cue.gain_db + take.gain_db - (former ? former.gain_db : cue.gain_db);
  return withFields(cue, {
    ...placeTake(take, kind, pictureSample(cue), cue.onset_sample, cue.offset_sample, duration),
    gain_db: Number(clamp(gain, -120, 40).toFixed(2)),
    alternates: alternates.slice(0, MOST_ALTERNATES),
    reason: cue.reason.replace(/; take \d+ of \d+/, "; take chosen by hand"),
  });
}

// ---- documents

const MADE = new WeakSet(); // tracks that this page added, and may drop again

function mapTracks(doc, change) {
  const tracks = doc.tracks.map(change).filter((track) => track.cues.length || !MADE.has(track));
  return { ...doc, tracks };
}

function withTrack(track, fields) {
  const next = { ...track, ...fields };
  if (MADE.has(track)) MADE.add(next);
  return next;
}

/** Replace one cue; what a person did is locked, so that it outlives another run. */
function changeCue(doc, id, change, locks = true) {
  return mapTracks(doc, (track) => {
    if (!track.cues.some((cue) => cue.id === id)) return track;
    const cues = track.cues.map((cue) => {
      if (cue.id !== id) return cue;
      const next = change(cue, track);
      return locks ? { ...next, locked: true } : next;
    });
    return withTrack(track, { cues: cues.sort((a, b) => a.onset_sample - b.onset_sample) });
  });
}

/** Statuses of cues that are in the list and do not play. */
const SILENT_STATUSES = new Set(["rejected", "already_heard"]);

/** Decide on a cue. To accept locks it; to take that back unlocks what was not edited besides. */
function setStatus(doc, id, status, first) {
  const bare = (cue) => JSON.stringify({ ...cue, status: "", locked: false });
  const decide = (cue) => {
    const untouched = status === first?.status && first && bare(cue) === bare(first);
    const locked = status === "accepted" || (untouched ? first.locked : cue.locked);
    return { ...cue, status, locked };
  };
  return changeCue(doc, id, decide, false);
}

const setTrackGain = (doc, effect, gain_db) =>
  mapTracks(doc, (track) => (track.effect === effect ? withTrack(track, { gain_db }) : track));

const removeCue = (doc, id) =>
  mapTracks(doc, (track) =>
    track.cues.some((cue) => cue.id === id)
      ? withTrack(track, { cues: track.cues.filter((cue) => cue.id !== id) })
      : track,
  );

/** Put a cue on the track of its effect; a track that is missing is made, in the order of effects. */
function insertCue(doc, cue, effects) {
  let tracks = doc.tracks;
  if (!tracks.some((track) => track.effect === cue.effect)) {
    const effect = effects.find((one) => one.name === cue.effect);
    const track = { effect: effect.name, kind: effect.kind, bus: effect.bus };
    const made = { ...track, gain_db: effect.level_db, cues: [] };
    MADE.add(made);
    const rank = (name) => effects.findIndex((one) => one.name === name);
    const after = tracks.filter((one) => rank(one.effect) < rank(cue.effect)).length;
    tracks = [...tracks.slice(0, after), made, ...tracks.slice(after)];
  }
  return {
    ...doc,
    tracks: tracks.map((track) => {
      if (track.effect !== cue.effect) return track;
      const cues = [...track.cues, cue].sort((a, b) => a.onset_sample - b.onset_sample);
      return withTrack(track, { cues });
    }),
  };
}

/** Make a cue sound as another effect, with a take of that. */
function changeEffect(doc, id, effect, takes, effects) {
  const { cue } = findCue(doc, id);
  const duration = doc.source.duration_samples;
  const meets = clamp(pictureSample(cue), 0, duration - 1);
  const onset = isSustained(effect.kind) ? Math.min(meets, cue.offset_sample - 1) : 0;
  const placed = placeTake(takes[0], effect.kind, meets, onset, cue.offset_sample, duration);
  const next = withFields(cue, {
    ...placed,
    effect: effect.name,
    gain_db: takes[0].gain_db,
    alternates: takes.slice(1, 1 + MOST_ALTERNATES),
    reason: `${cue.reason}; effect was ${cue.effect}`.replace(/^; /, ""),
    locked: true,
  });
  return insertCue(removeCue(doc, id), next, effects);
}

/** Add a cue by hand at a sample of the picture; returns the document and the cue's id. */
function addCue(doc, effect, at, takes, probability, effects) {
  const duration = doc.source.duration_samples;
  const taken = new Set(cuesOf(doc).map((entry) => entry.cue.id));
  let number = 1;
  const name = () => `${effect.name}-hand-${String(number).padStart(4, "0")}`;
  while (taken.has(name())) number += 1;
  const meets = clamp(Math.round(at), 0, duration - 1);
  const offset = Math.min(duration, meets + HAND_ADDED_LENGTH);
  const placed = placeTake(takes[0], effect.kind, meets, meets, offset, duration);
  const { onset_sample, offset_sample, asset, licence, credit, ...source } = placed;
  const sure = Number(clamp(probability ?? 0, 0, 1).toFixed(4));
  const cue = {
    ...{ id: name(), effect: effect.name, onset_sample, offset_sample, confidence: sure },
    ...{ asset, licence, credit, ...source },
    ...{ gain_db: takes[0].gain_db, level: [[0, 0]], pan: [[0, 0]], lowpass_hz: null },
    ...{ fade_in: isSustained(effect.kind) ? 2400 : 0, fade_out: 240 },
    reason: "added by hand",
    evidence: { probability: probability == null ? null : sure, peak_s: null, motion: null, region: null },
    ...{ status: "accepted", locked: true },
    alternates: takes.slice(1, 1 + MOST_ALTERNATES),
  };
  return { doc: insertCue(doc, withFields(cue, {}), effects), id: cue.id };
}

// ---- history, and what is saved

const newHistory = (doc) => ({ past: [], present: { doc, what: "" }, future: [] });

const recorded = (history, doc, what) => ({
  past: [...history.past, history.present],
  present: { doc, what },
  future: [],
});

function undone({ past, present, future }) {
  return { past: past.slice(0, -1), present: past.at(-1), future: [present, ...future] };
}

function redone({ past, present, future }) {
  return { past: [...past, present], present: future[0], future: future.slice(1) };
}

const savedText = (doc) => `${JSON.stringify(doc, null, 1)}\n`;

/** Read the text of a cues.json saved earlier, for the same video; throws what is wrong with it. */
function readSaved(text, doc) {
  let read;
  try {
    read = JSON.parse(text);
  } catch {
    throw new Error("not a cue list: it is not JSON");
  }
  if (read?.schema !== doc.schema || !Array.isArray(read.tracks)) throw new Error("not a cue list");
  if (read.version !== doc.version) throw new Error(`a cue list of version ${read.version}`);
  if (read.source?.sha256 !== doc.source.sha256) throw new Error("made for another video");
  for (const cue of read.tracks.flatMap((track) => track.cues)) cue.level ??= [[0, 0]];
  return read;
}
