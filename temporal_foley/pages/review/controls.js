// Hands on the page: keys, pointer and buttons, and which action each of them is.

const KEYS = [
  [["space"], "play, pause", () => transport.toggle()],
  [["j"], "slower, and backwards", () => transport.shuttle(-1)],
  [["k"], "stand still", () => transport.pause()],
  [["l"], "play, and faster", () => transport.shuttle(1)],
  [["ArrowLeft"], "one frame back", () => transport.step(-1)],
  [["ArrowRight"], "one frame ahead", () => transport.step(1)],
  [["shift+ArrowLeft"], "one second back", () => transport.seek(transport.head() - SAMPLE_RATE)],
  [["shift+ArrowRight"], "one second ahead", () => transport.seek(transport.head() + SAMPLE_RATE)],
  [["Home"], "to the beginning", () => transport.seek(0)],
  [["End"], "to the end", () => transport.seek(duration)],
  [["ArrowDown", "n"], "next cue", () => actions.neighbour(1)],
  [["ArrowUp", "p"], "cue before", () => actions.neighbour(-1)],
  [["a"], "accept the cue (play it), or take that back", () => actions.decide("accepted")],
  [["r"], "reject the cue, or take that back", () => actions.decide("rejected")],
  [["Enter"], "hear the cue", () => actions.hear()],
  [["t"], "next take, and hear it", () => actions.nextTake(1)],
  [["shift+t"], "take before", () => actions.nextTake(-1)],
  [[","], "cue one frame earlier", () => shiftBy(-1)],
  [["."], "cue one frame later", () => shiftBy(1)],
  [["m"], "cue meets the picture at the playhead", () => actions.meet()],
  [["["], "cue starts at the playhead", () => actions.startHere()],
  [["]"], "cue ends at the playhead", () => actions.endHere()],
  [["c"], "add a cue on the chosen lane", () => actions.add()],
  [["f"], "find a sound to add", () => palette.open()],
  [["y"], "perform: play effects with the picture", () => performing.toggle()],
  [["o"], "make a cue audible that the original has", () => actions.hearAlready(false)],
  [["shift+o"], "make all of these audible", () => actions.hearAlready(true)],
  [["Delete"], "remove an added cue, reject another", () => actions.remove()],
  [["x"], "split the scene at the playhead", () => actions.splitScene()],
  [["shift+x"], "join the scenes at the boundary nearest to it", () => actions.joinScenes()],
  [["s"], "solo the chosen lane", () => actions.toggleLane(state.solo, state.chosenLane)],
  [["u"], "mute the chosen lane", () => actions.toggleLane(state.mute, state.chosenLane)],
  [["+", "="], "closer", () => actions.zoom(1 / 1.5)],
  [["-"], "further", () => actions.zoom(1.5)],
  [["z"], "show all", () => actions.fit()],
  [["ctrl+z"], "undo", () => actions.undo()],
  [["ctrl+shift+z", "ctrl+y"], "redo", () => actions.redo()],
  [["ctrl+s"], "save cues.json", () => actions.save()],
  [["ctrl+Enter"], "save, render and play (on the desk)", () => actions.render()],
  [["Escape"], "leave a drag, let go of the cue", () => leave()],
  [["?"], "this help", () => actions.help()],
];
const KEY_WORDS = {
  ...{ ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" },
  ...{ space: "Space", shift: "Shift", ctrl: "Ctrl" },
};
const WITHOUT_SHIFT = new Set(["?", "+", "[", "]", "="]); // on some keyboards these need it

function keyName(event) {
  const key = event.key === " " ? "space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shift = event.shiftKey && !WITHOUT_SHIFT.has(key) ? "shift+" : "";
  return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${shift}${key}`;
}

/** Whether the thing with the focus needs the key itself. */
function needsKey(target, name) {
  if (name.startsWith("ctrl+s") || name === "ctrl+Enter") return false;
  if (target.matches?.('input[type="number"]')) return true;
  if (target.matches?.("select")) return !name.startsWith("ctrl+");
  if (target.matches?.('input[type="range"]')) return /Arrow|Home|End/.test(name);
  if (target.matches?.("button, input")) return name === "space" || name === "Enter";
  return false;
}

function onKey(event) {
  if (event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (performing.takesKey(event)) return;
  const name = keyName(event);
  const found = KEYS.find(([keys]) => keys.includes(name));
  if (!found || needsKey(event.target, name)) return;
  if (name.length === 1 && name !== "?" && !byId("single").checked) return;
  event.preventDefault();
  found[2]();
}

function leave() {
  if (state.drag) {
    state.drag = null;
    redrawLanes();
  } else choose(null);
}

// ---- the pointer on the lanes

function pointAt(event) {
  const box = byId("canvas").getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  return { x, y, sample: sampleAt(x, state.view) };
}

const hitAt = ({ x, y }) =>
  hitTest(x, y, state.view, { lanes: state.lanes, chosen: state.chosen, scenes: scenesOf(doc()) });

let scrubbing = false;

function onPointerDown(event) {
  if (event.button !== 0) return;
  const point = pointAt(event);
  const hit = hitAt(point);
  byId("tip").hidden = true;
  byId("canvas").setPointerCapture(event.pointerId);
  if (hit.entry) {
    choose(hit.entry.cue.id, { seeks: false });
    state.drag = { ...hit.entry, part: hit.part, from: point.sample, before: hit.entry.cue };
    redrawLanes();
    return;
  }
  if (hit.lane) chooseLane(hit.lane.effect);
  if (hit.part === "ruler" || hit.part === "lane") {
    scrubbing = true;
    transport.seek(point.sample);
  }
}

function onPointerMove(event) {
  const point = pointAt(event);
  if (scrubbing) return transport.seek(point.sample);
  if (!state.drag) return hover(event, hitAt(point));
  const { before, track, part, from } = state.drag;
  const shift = point.sample - from;
  if (part === "start") state.drag.cue = trimStart(before, before.onset_sample + shift, track.kind);
  else if (part === "end") state.drag.cue = trimmedTo(before.offset_sample + shift)(before, track);
  else state.drag.cue = moveCue(before, shift, duration);
  // The picture goes along: one sees where the sound will land.
  const { cue } = state.drag;
  const sees = { start: cue.onset_sample, end: cue.offset_sample }[part] ?? pictureSample(cue);
  if (transport.speed() === 0 && shift !== 0) transport.seek(sees);
  requestDraw();
}

function onPointerUp() {
  const drag = state.drag;
  scrubbing = false;
  state.drag = null;
  if (drag) change(drag.part === "body" ? "moved" : "trimmed", () => drag.cue);
}

const CURSORS = { start: "ew-resize", end: "ew-resize", body: "grab", ruler: "text" };

function hover(event, hit) {
  const tip = byId("tip");
  byId("canvas").style.cursor = CURSORS[hit.part] ?? "default";
  tip.hidden = !hit.entry && !hit.scene;
  if (tip.hidden) return;
  tip.textContent = hit.scene
    ? sceneText(doc(), hit.scene)
    : `${describe(hit.entry.cue)}. ${whyText(hit.entry.cue)}`;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${clamp(event.clientX + 12, 4, innerWidth - width - 4)}px`;
  tip.style.top = `${Math.max(4, event.clientY - height - 14)}px`;
}

function onWheel(event) {
  if (!event.ctrlKey) return;
  event.preventDefault();
  const by = Math.exp(clamp(event.deltaY, -100, 100) / 200);
  zoomTo(clamp(state.view.samplesPerPixel * by, closest(), furthest()), pointAt(event).sample);
}

// ---- begin

function begin() {
  byId("name").textContent = page.cues.source.name;
  document.title = `${page.cues.source.name}: review`;
  const words = (key) => key.split("+").map((one) => KEY_WORDS[one] ?? (one.length === 1 ? one.toUpperCase() : one)).join("+");
  const named = (keys) => keys.map((key) => (key === "+" ? "+" : words(key))).join(" or ");
  byId("keys").tBodies[0].append(
    ...KEYS.map(([keys, what]) => {
      const key = make("th", { scope: "row", textContent: named(keys) });
      return make("tr", {}, key, make("td", { textContent: what }));
    }),
  );
  const clicks = {
    ...{ undo: actions.undo, redo: actions.redo, save: actions.save, add: actions.add },
    ...{ "mix-button": () => mixing.open(), "palette-button": () => palette.open() },
    ...{ "perform-button": () => performing.toggle(), render: actions.render },
    ...{ "split-scene": () => actions.splitScene(), "join-scenes": () => actions.joinScenes() },
    ...{ fit: actions.fit, "help-button": actions.help, play: () => transport.toggle() },
    ...{ back: () => transport.step(-1), ahead: () => transport.step(1) },
    open: () => byId("file").click(),
  };
  for (const [id, does] of Object.entries(clicks)) byId(id).addEventListener("click", () => does());
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) openSaved(file);
    event.target.value = "";
  });
  byId("filter").addEventListener("change", refresh);
  byId("lane").addEventListener("change", () => chooseLane(byId("lane").value));
  byId("rendered").addEventListener("change", () => {
    video.muted = !byId("rendered").checked;
    if (video.muted && transport.speed() === 1) sound.play(audibleCues);
    else sound.stop();
  });
  byId("zoom").addEventListener("input", () => {
    const part = 1 - Number(byId("zoom").value) / 100;
    zoomTo(closest() * (furthest() / closest()) ** part, transport.head());
  });
  const canvas = byId("canvas");
  canvas.addEventListener("pointerdown", onPointerDown);
  canvas.addEventListener("pointermove", onPointerMove);
  canvas.addEventListener("pointerup", onPointerUp);
  canvas.addEventListener("pointercancel", leave);
  canvas.addEventListener("pointerleave", () => (byId("tip").hidden = true));
  canvas.addEventListener("dblclick", (event) => hitAt(pointAt(event)).part === "lane" && actions.add());
  canvas.addEventListener("wheel", onWheel, { passive: false });
  byId("scroller").addEventListener("scroll", scrolled);
  document.addEventListener("keydown", onKey);
  let byPointer = false;
  document.addEventListener("pointerdown", () => (byPointer = true), true);
  document.addEventListener("keydown", () => (byPointer = false), true);
  // After the pointer, space plays again; who came by the keyboard stays where they are.
  const letGo = ({ target }) => byPointer && target.closest("button, select, [type=checkbox]")?.blur();
  document.addEventListener("click", (event) => event.target.matches("select") || letGo(event));
  document.addEventListener("change", letGo);
  document.addEventListener("keyup", (event) => performing.letsGo(event));
  const fit = () => (measure(), showRegion());
  const room = new ResizeObserver(() => requestAnimationFrame(fit));
  for (const id of ["scroller", "screen"]) room.observe(byId(id));
  addEventListener("beforeunload", (event) => doc() !== state.saved && event.preventDefault());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    colours = readColours();
    redrawLanes();
  });
  video.muted = true;
  showStill();
  keeping.begin();
  state.chosenLane = effects.find((one) => takesFor(one.name).length)?.name ?? null;
  refresh();
  actions.fit();
}

begin();
