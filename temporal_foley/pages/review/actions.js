// What a person may do: keys, buttons and the pointer in, edits of the cue list out.

function commit(next, what) {
  state.history = recorded(state.history, next, what);
  refresh();
}

function choose(id, { seeks = true } = {}) {
  state.chosen = id;
  const entry = chosenEntry();
  if (entry) {
    state.chosenLane = entry.cue.effect;
    const at = clamp(pictureSample(entry.cue), entry.cue.onset_sample, entry.cue.offset_sample);
    if (seeks && transport.speed() === 0) transport.seek(at);
    showInView(entry.cue);
    const cues = cuesOf(doc());
    const place = cues.findIndex(({ cue }) => cue.id === id) + 1;
    say(`${place} of ${cues.length}: ${describe(entry.cue)}`);
  }
  refresh();
}

function showInView(cue) {
  const { view } = state;
  const [left, right] = [xOf(cue.onset_sample, view), xOf(cue.offset_sample, view)];
  if (right < 20 || left > view.width - 20) reveal(cue.onset_sample, 0.3);
  const index = state.lanes.findIndex((lane) => lane.effect === cue.effect);
  const top = index * LANE_HEIGHT;
  const most = view.height - RULER_HEIGHT - LANE_HEIGHT;
  if (index >= 0) byId("scroller").scrollTop = clamp(byId("scroller").scrollTop, top - most, top);
}

function chooseLane(effect) {
  state.chosenLane = effect;
  refresh();
}

/** Do something to the chosen cue and remember it; what did not change it is not remembered. */
function change(what, edit, locks = true) {
  const entry = chosenEntry();
  if (!entry) return say("no cue is chosen");
  const next = edit(entry.cue, entry.track);
  if (JSON.stringify(next) === JSON.stringify(entry.cue)) return refresh();
  commit(changeCue(doc(), entry.cue.id, () => next, locks), `${what} ${wordsOf(entry.cue.effect)}`);
  say(`${what}: ${describe(chosenEntry().cue)}`);
}

/** What a number typed into a field does; what is no number leaves all as it is. */
function typed(what, editTo) {
  return (value) => (Number.isFinite(value) ? change(what, editTo(value)) : refresh());
}

const takeNow = (cue) => takeOf.get(assetKey(cue.asset));
const trimmedTo = (at) => (cue, track) => trimEnd(cue, at, track.kind, takeNow(cue), duration);
const shiftBy = (frames) => {
  const length = Math.round((rate.seconds * SAMPLE_RATE) / rate.frames);
  change("moved", (cue) => moveCue(cue, frames * length, duration));
};

/** The takes that a cue could have: its own, those of its effect, and its alternates. */
function takeChoices(cue) {
  const own = takeNow(cue) ?? { asset: cue.asset, isUnknown: true };
  const all = [...takesFor(cue.effect), ...cue.alternates, own];
  return [...new Map(all.reverse().map((take) => [assetKey(take.asset), take])).values()].reverse();
}

const FOLLOWS = "Sounds that go on off screen follow with the next render.";

const actions = {
  neighbour(by) {
    const wanted = byId("filter").value;
    const cues = cuesOf(doc()).filter(({ cue }) => !wanted || cue.status === wanted);
    if (cues.length === 0) return say("there is no cue");
    const at = cues.findIndex(({ cue }) => cue.id === state.chosen);
    // With none chosen, begin at the playhead.
    const first = cues.findIndex(({ cue }) => cue.offset_sample > transport.head());
    const next = at < 0 ? Math.max(0, first) : clamp(at + by, 0, cues.length - 1);
    choose(cues[next].cue.id);
  },
  decide(status) {
    const entry = chosenEntry();
    if (!entry) return say("no cue is chosen");
    const first = findCue(page.cues, entry.cue.id)?.cue;
    // Taking a decision back leaves an effect that the original already has silent.
    const undecided = first?.status === "already_heard" ? first.status : "proposed";
    const next = entry.cue.status === status ? undecided : status;
    commit(setStatus(doc(), entry.cue.id, next, first), STATUS_WORDS[next]);
    say(describe(chosenEntry().cue));
  },
  async hear() {
    const entry = chosenEntry();
    if (!entry) return say("no cue is chosen");
    if (transport.speed() !== 0) await transport.pause();
    await keeping.need(entry.cue);
    if (!(await sound.audition(entry))) note("This page does not carry the sound of this take.");
  },
  nextTake(by) {
    const entry = chosenEntry();
    if (!entry) return say("no cue is chosen");
    const offered = takeChoices(entry.cue);
    const at = offered.findIndex((one) => assetKey(one.asset) === assetKey(entry.cue.asset));
    const next = offered[modulo(at + by, offered.length)];
    if (offered.length < 2) return note(`There is no other take for ${wordsOf(entry.cue.effect)}.`);
    actions.takeNamed(assetKey(next.asset));
  },
  takeNamed(key) {
    const take = takeChoices(chosenEntry().cue).find((one) => assetKey(one.asset) === key);
    if (!take || take.isUnknown) return refresh();
    const { peaks, ...former } = takeNow(chosenEntry().cue) ?? {};
    change("other take for", (cue, track) =>
      swapTake(cue, plainTake(take), track.kind, former.asset ? former : null, duration),
    );
    if (transport.speed() === 0) actions.hear();
  },
  changeEffect(name) {
    const { cue } = chosenEntry();
    const own = takesFor(name);
    if (name === cue.effect || own.length === 0) return refresh();
    state.chosenLane = name;
    commit(changeEffect(doc(), cue.id, effectNamed(name), own, effects), "change of effect");
    say(describe(chosenEntry().cue));
  },
  add() {
    const own = takesFor(state.chosenLane);
    if (own.length === 0) return palette.open();
    actions.addTakes(state.chosenLane, own);
  },
  /** Add a cue of an effect at the playhead, with the first of some takes. */
  addTakes(name, own) {
    const at = transport.head();
    const effect = effectNamed(name);
    const added = addCue(doc(), effect, at, own, probabilityAt(name, at), effects);
    commit(added.doc, `adding ${wordsOf(effect.name)}`);
    choose(added.id, { seeks: false });
  },
  /** Make the effects audible that the original already has: of the chosen cue, or of all. */
  hearAlready(all) {
    const chosen = chosenEntry();
    const silent = cuesOf(doc()).filter(({ cue }) => cue.status === "already_heard");
    const wanted = all ? silent : silent.filter(({ cue }) => cue.id === chosen?.cue.id);
    if (wanted.length === 0) return note("No cue of the choice is already in the original.");
    let next = doc();
    for (const { cue } of wanted) next = setStatus(next, cue.id, "accepted", cue);
    commit(next, `making ${many(wanted.length, "cue")} audible`);
    note(`${many(wanted.length, "cue")} of the original will also be added; Undo takes that back.`);
  },
  remove() {
    const entry = chosenEntry();
    if (!entry) return say("no cue is chosen");
    // What was proposed is rejected and stays in the list, so that it is not proposed again.
    if (entry.cue.reason !== "added by hand") return actions.decide("rejected");
    commit(removeCue(doc(), entry.cue.id), `removing ${wordsOf(entry.cue.effect)}`);
    choose(null);
    say("removed");
  },
  splitScene() {
    const done = splitScene(doc(), transport.head(), rate);
    if (!done) return note("There is nothing to split: a scene begins or ends here.");
    commit(done.doc, "splitting a scene");
    note(`Split at ${clockText(done.place)}. ${FOLLOWS}`);
  },
  joinScenes() {
    const done = joinScenes(doc(), transport.head());
    if (!done) return note("There is only one scene.");
    commit(done.doc, "joining scenes");
    note(`Joined at ${clockText(done.place)}. ${FOLLOWS}`);
  },
  meet: () => change("moved", (cue) => moveCue(cue, transport.head() - pictureSample(cue), duration)),
  startHere: () => change("trimmed", (cue, track) => trimStart(cue, transport.head(), track.kind)),
  endHere: () => change("trimmed", (cue, track) => trimmedTo(transport.head())(cue, track)),
  toggleLane(set, effect) {
    if (!effect) return;
    if (!set.delete(effect)) set.add(effect);
    keeping.viewed();
    say(`${wordsOf(effect)} ${isHeard(effect) ? "is heard" : "is not heard"}`);
    refresh();
  },
  undo() {
    const { past, present } = state.history;
    if (past.length === 0) return say("nothing to undo");
    state.history = undone(state.history);
    refresh();
    say(`undone: ${present.what}`);
  },
  redo() {
    if (state.history.future.length === 0) return say("nothing to redo");
    state.history = redone(state.history);
    refresh();
    say(`done again: ${state.history.present.what}`);
  },
  zoom: (by) => zoomTo(clamp(state.view.samplesPerPixel * by, closest(), furthest()), transport.head()),
  fit: () => zoomTo(furthest(), 0),
  save: () => keeping.save(),
  render: () => keeping.render(),
  help: () => byId("help").showModal(),
};

function probabilityAt(effect, sample) {
  const curve = curves.get(effect);
  return curve ? (curve.values[Math.floor(sample / curve.step)] ?? 0) / 255 : null;
}

const plainTake = ({ asset, licence, credit, samples, loop, anchor, gain_db }) => ({
  ...{ asset, licence, credit, samples, loop, anchor, gain_db },
});

async function openSaved(file) {
  try {
    commit(readSaved(await file.text(), doc()), "opening a saved list");
    state.saved = doc();
    note(`Opened ${file.name}.`);
  } catch (error) {
    note(`${file.name}: ${error.message}`);
  }
}
