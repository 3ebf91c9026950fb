// The page: what is shown and what a person does, strung together.

const page = JSON.parse(byId("data").textContent);
const rate = readRate(page.cues.source.video_rate);
const duration = page.cues.source.duration_samples;
const ORIGINAL = "original";

const effects = page.effects;
const takes = page.takes.map((one) => ({ ...one, peaks: bytesOf(one.peaks) }));
const takeOf = new Map(takes.map((one) => [assetKey(one.take.asset), { ...one.take, peaks: one.peaks }]));
const curves = new Map(
  Object.entries(page.probabilities.values).map(([effect, text]) => {
    const step = SAMPLE_RATE / page.probabilities.rate;
    const threshold = effects.find((one) => one.name === effect)?.threshold_on ?? 0.5;
    const notes = page.missing.filter((one) => one.effect === effect);
    return [effect, { values: bytesOf(text), step, threshold, notes }];
  }),
);

const state = {
  history: newHistory(page.cues),
  saved: page.cues,
  chosen: null,
  chosenLane: null,
  solo: new Set(),
  mute: new Set(),
  drag: null,
  lanes: [],
  view: { left: 0, top: 0, width: 1, height: 1, samplesPerPixel: Infinity },
};
const doc = () => state.history.present.doc;
const chosenEntry = () => (state.chosen === null ? undefined : findCue(doc(), state.chosen));
/** Take a take that came after the page, with its effect. */
function addTake({ facts, ...one }) {
  const key = assetKey(one.take.asset);
  sound.carry(one);
  const known = takes.find((other) => other.effect === one.effect && assetKey(other.take.asset) === key);
  const entry = { ...one, peaks: bytesOf(one.peaks) };
  if (known) Object.assign(known, entry);
  else takes.push(entry);
  takeOf.set(key, { ...one.take, peaks: entry.peaks });
  if (facts && !effects.some((effect) => effect.name === facts.name)) effects.push(facts);
}
const takesFor = (effect) => takes.filter((one) => one.effect === effect).map((one) => one.take);
const effectNamed = (name) => effects.find((one) => one.name === name);
const kindOf = ({ cue, track }) => track.kind || effectNamed(cue.effect).kind;

const say = (text) => (byId("said").textContent = text);
const note = (text) => say((byId("note").textContent = text));

// ---- picture and sound

const video = byId("video");
if (page.video) video.src = page.video;
const transport = createTransport(video, duration, rate, {
  moved: () => {
    requestDraw();
    if (transport?.speed() === 1) sound.play(audibleCues);
  },
  turned: (plays) => {
    const as = byId("rendered").checked;
    video.muted = !as;
    if (plays && !as) sound.play(audibleCues);
    else sound.stop();
    byId("play").textContent = transport.speed() === 0 ? "Play" : "Pause";
    performing.turned(plays);
    requestDraw();
  },
});
const sound = createSound(page.takes, page.mix_gain_db, { now: () => transport.seconds() });
const original = page.original ? new Audio(page.original.url) : null;

const isHeard = (effect) =>
  state.solo.size ? state.solo.has(effect) : !state.mute.has(effect);
const audibleCues = () =>
  cuesOf(doc()).filter(({ cue }) => !SILENT_STATUSES.has(cue.status) && isHeard(cue.effect));

/** Keep the video's own sound, which is a file beside the page, with the picture. */
function followOriginal() {
  if (!original) return;
  const plays = transport.speed() === 1 && isHeard(ORIGINAL) && !byId("rendered").checked;
  if (!plays) {
    if (!original.paused) original.pause();
    return;
  }
  if (Math.abs(original.currentTime - transport.seconds()) > 0.08) {
    original.currentTime = transport.seconds();
  }
  if (original.paused) original.play().catch(() => {});
}

function showStill() {
  byId("no-video").hidden = transport.isPlayable();
  const image = byId("still");
  const pictures = page.thumbnails;
  image.hidden = transport.isPlayable() || pictures.length === 0;
  video.hidden = !transport.isPlayable();
  if (image.hidden) return;
  const seconds = transport.head() / SAMPLE_RATE;
  const nearest = pictures.reduce((best, one) =>
    Math.abs(one.time - seconds) < Math.abs(best.time - seconds) ? one : best,
  );
  const source = `data:image/jpeg;base64,${nearest.jpeg}`;
  if (image.src !== source) image.src = source;
}

/** Frame the part of the picture that the chosen cue was made for. */
function showRegion() {
  const box = byId("region");
  const region = chosenEntry()?.cue.evidence?.region;
  box.hidden = !region;
  if (!region) return;
  const { width, height } = page.cues.source;
  const screen = byId("screen");
  const scale = Math.min(screen.clientWidth / width, screen.clientHeight / height);
  const [left, top] = [screen.clientWidth - width * scale, screen.clientHeight - height * scale];
  box.style.left = `${left / 2 + region[0] * width * scale}px`;
  box.style.top = `${top / 2 + region[1] * height * scale}px`;
  box.style.width = `${(region[2] - region[0]) * width * scale}px`;
  box.style.height = `${(region[3] - region[1]) * height * scale}px`;
}

// ---- showing

const list = createList(byId("list"), byId("rows"), (id) => choose(id));
const showForm = createForm({
  effect: (name) => actions.changeEffect(name),
  take: (key) => actions.takeNamed(key),
  meets: typed("moved", (at) => (cue) => moveCue(cue, at * SAMPLE_RATE - pictureSample(cue), duration)),
  onset: typed("trimmed", (at) => (cue, track) => trimStart(cue, at * SAMPLE_RATE, track.kind)),
  offset: typed("trimmed", (at) => trimmedTo(at * SAMPLE_RATE)),
  gain: typed("gain", (level) => (cue) => ({ ...cue, gain_db: clamp(level, -60, 24) })),
  locked: (locked) => change("lock", (cue) => ({ ...cue, locked }), false),
  accept: () => actions.decide("accepted"),
  reject: () => actions.decide("rejected"),
  hear: () => actions.hear(),
});
const showHeads = createHeads(byId("heads"), {
  solo: (effect) => actions.toggleLane(state.solo, effect),
  mute: (effect) => actions.toggleLane(state.mute, effect),
  choose: (effect) => chooseLane(effect),
  gain: (effect, gain) => commit(setTrackGain(doc(), effect, gain), `gain of ${wordsOf(effect)}`),
});
let colours = readColours();
const backdrop = document.createElement("canvas"); // the lanes as they are while nothing but time moves
let isStale = true;
let drawing = 0;

function lanesOf(document) {
  const tracks = new Map(document.tracks.map((track) => [track.effect, track]));
  const shown = effects.filter((one) => tracks.has(one.name) || takesFor(one.name).length);
  const lanes = shown.map((effect) => {
    const track = tracks.get(effect.name);
    const entries = (track?.cues ?? []).map((cue) => ({ cue, track }));
    return { effect: effect.name, bus: effect.bus, track, entries, curve: curves.get(effect.name) };
  });
  if (page.original) {
    const peaks = (lanesOf.peaks ??= bytesOf(page.original.peaks));
    lanes.push({ effect: ORIGINAL, bus: "quiet", entries: [], peaks });
  }
  return lanes;
}

/** Show everything anew after the cue list or the choice has changed. */
function refresh() {
  const cues = cuesOf(doc());
  state.lanes = lanesOf(doc());
  const wanted = byId("filter").value;
  list.show(cues.filter(({ cue }) => !wanted || cue.status === wanted), state.chosen);
  const entry = chosenEntry();
  const offered = entry ? takeChoices(entry.cue) : [];
  showForm(entry, offered, effects.filter((one) => takesFor(one.name).length || one.name === entry?.cue.effect), sound.carries);
  showRegion();
  const count = (status) => cues.filter(({ cue }) => cue.status === status).length;
  const already = count("already_heard") ? `, ${count("already_heard")} already in the original` : "";
  const decided = `${count("accepted")} accepted, ${count("rejected")} rejected${already}`;
  byId("summary").textContent = `${many(cues.length, "cue")}: ${count("proposed")} to review, ${decided}`;
  byId("undo").disabled = state.history.past.length === 0;
  byId("redo").disabled = state.history.future.length === 0;
  keeping.changed();
  const lanes = state.lanes.filter((lane) => takesFor(lane.effect).length);
  setOptions(byId("lane"), lanes.map((lane) => [lane.effect, wordsOf(lane.effect)]), state.chosenLane);
  byId("add").disabled = !lanes.some((lane) => lane.effect === state.chosenLane);
  document.documentElement.style.setProperty("--lanes", state.lanes.length);
  measure();
}

/** Fit the canvas to its room, and the room to scroll in to the length of the picture. */
function measure() {
  const [scroller, canvas, { view }] = [byId("scroller"), byId("canvas"), state];
  const tall = RULER_HEIGHT + state.lanes.length * LANE_HEIGHT;
  byId("space").style.height = `${tall}px`;
  const showsAll = view.samplesPerPixel >= furthest();
  view.width = scroller.clientWidth;
  view.height = scroller.clientHeight;
  view.samplesPerPixel = showsAll ? furthest() : clamp(view.samplesPerPixel, closest(), furthest());
  byId("space").style.width = `${Math.ceil(duration / view.samplesPerPixel)}px`;
  const sharp = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(view.width * sharp), Math.round(view.height * sharp)];
  if (canvas.width !== width || canvas.height !== height) {
    Object.assign(canvas, { width, height });
    canvas.style.width = `${view.width}px`;
    canvas.style.height = `${view.height}px`;
  }
  scrolled();
}

function scrolled() {
  state.view.left = byId("scroller").scrollLeft * state.view.samplesPerPixel;
  state.view.top = byId("scroller").scrollTop;
  showHeads(state.lanes, state.chosenLane, state.solo, state.mute, state.view.top);
  redrawLanes();
}

function redrawLanes() {
  isStale = true;
  requestDraw();
}

function requestDraw() {
  if (!drawing) drawing = requestAnimationFrame(draw);
}

function draw() {
  drawing = 0;
  const { view, drag } = state;
  const canvas = byId("canvas");
  const sharp = window.devicePixelRatio || 1;
  const lanes = state.lanes.map((lane) => ({ ...lane, isHeard: isHeard(lane.effect) }));
  const { chosen, chosenLane } = state;
  const scenes = scenesOf(doc());
  const shown = { lanes, takes: takeOf, duration, chosen, chosenLane, scenes, isDragging: Boolean(drag) };
  if (isStale) {
    Object.assign(backdrop, { width: canvas.width, height: canvas.height });
    const pen = backdrop.getContext("2d");
    pen.scale(sharp, sharp);
    drawLanes(pen, view, shown, colours);
    isStale = false;
  }
  const head = transport.head();
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(backdrop, 0, 0);
  pen.scale(sharp, sharp);
  drawMoving(pen, view, shown, colours, head, drag?.cue);
  byId("time").textContent = `${clockText(head)}  frame ${frameAt(head, rate)}`;
  if (!transport.isPlayable()) showStill();
  followOriginal();
  if (transport.turn()) {
    const x = xOf(head, view);
    if (!drag && (x < 0 || x > view.width * 0.95)) reveal(head, 0.1);
    requestDraw();
  }
}

const closest = () => 48; // samples a pixel: a millisecond
const furthest = () => Math.max(closest(), duration / Math.max(1, state.view.width - 1));

/** Scroll so that a sample stands at a part of the view's width. */
function reveal(sample, part) {
  const x = sample / state.view.samplesPerPixel - part * state.view.width;
  byId("scroller").scrollLeft = Math.max(0, x);
}

/** Zoom so that a sample stays where it is on the screen. */
function zoomTo(samplesPerPixel, around) {
  const x = xOf(around, state.view);
  const part = x >= 0 && x <= state.view.width ? x / state.view.width : 0.5;
  state.view.samplesPerPixel = samplesPerPixel;
  measure();
  reveal(around, part);
  const reach = Math.log(furthest() / closest()) || 1;
  byId("zoom").value = String(100 * (1 - Math.log(state.view.samplesPerPixel / closest()) / reach));
  scrolled();
}
