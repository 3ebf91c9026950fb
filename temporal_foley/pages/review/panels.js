// The words beside the drawing: the list of cues, the form of the chosen one, the heads of lanes.
// All text is set as text, never as markup: names come from anywhere.

const ROW_HEIGHT = 28;
const STATUS_WORDS = {
  ...{ proposed: "to review", accepted: "accepted", rejected: "rejected" },
  already_heard: "already in the original",
};
const STATUS_MARKS = { proposed: "○", accepted: "✓", rejected: "✕", already_heard: "≈" };

const byId = (id) => document.getElementById(id);
const wordsOf = (name) => name.replaceAll("_", " ");
const many = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

function make(tag, fields = {}, ...children) {
  const node = Object.assign(document.createElement(tag), fields);
  node.append(...children);
  return node;
}

function takeText(asset) {
  const { kind, name, seed, cents } = asset;
  // Counted as reasons count them, within the seeds of a film.
  const film = seed >= SEEDS_A_FILM ? " of this film" : "";
  const take = `${wordsOf(name)} take ${(seed % SEEDS_A_FILM) + 1}${film}`;
  const text = kind === "file" ? name.split("/").at(-1) : take;
  return cents ? `${text}, ${cents > 0 ? "+" : "−"}${Math.abs(cents)} cents` : text;
}

function describe(cue) {
  const times = `${clockText(cue.onset_sample)} to ${clockText(cue.offset_sample)}`;
  const sure = `probability ${cue.confidence.toFixed(2)}`;
  const kept = cue.locked ? ", locked" : "";
  return `${wordsOf(cue.effect)}, ${times}, ${sure}, ${STATUS_WORDS[cue.status]}${kept}`;
}

/** Why a cue is there: its reason, and what was measured beyond it. */
function whyText(cue) {
  const { probability, motion } = cue.evidence ?? {};
  const parts = [cue.reason || "no reason given"];
  if (cue.status === "already_heard") parts.unshift("the original already has it: press O to add it too");
  if (probability != null && !cue.reason.includes("probability")) {
    parts.push(`probability ${probability.toFixed(2)}`);
  }
  if (motion != null) parts.push(`motion ${motion.toFixed(2)}`);
  parts.push([takeText(cue.asset), cue.licence, cue.credit].filter(Boolean).join(", "));
  parts.push(...farText(cue));
  return parts.join("; ");
}

/** What distance and the picture do to a cue's sound. */
function farText(cue) {
  const levels = cue.level.map(([, value]) => value);
  const [least, most] = [Math.min(...levels), Math.max(...levels)].map((level) => level.toFixed(1));
  const parts = [];
  if (least !== most) parts.push(`level from ${least} to ${most} dB`);
  else if (Number(most) !== 0) parts.push(`level ${most} dB`);
  if (cue.lowpass_hz) parts.push(`treble up to ${(cue.lowpass_hz / 1000).toFixed(1)} kHz`);
  return parts;
}

/** The list: only rows in view are in the page, however many cues there are. */
function createList(list, rows, onChoose) {
  let entries = [];
  let chosen = null;

  function draw() {
    rows.style.height = `${entries.length * ROW_HEIGHT}px`;
    const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - 2);
    const last = Math.min(entries.length, first + Math.ceil(list.clientHeight / ROW_HEIGHT) + 4);
    rows.replaceChildren(...entries.slice(first, last).map((entry, at) => row(entry, first + at)));
    const shown = rows.querySelector('[aria-selected="true"]');
    if (shown) list.setAttribute("aria-activedescendant", shown.id);
    else list.removeAttribute("aria-activedescendant");
  }

  function row({ cue }, index) {
    const mark = make("span", { textContent: STATUS_MARKS[cue.status] });
    mark.setAttribute("aria-label", STATUS_WORDS[cue.status]);
    const node = make(
      "div",
      { className: "row", id: `row-${index}`, title: whyText(cue) },
      mark,
      make("span", { textContent: clockText(cue.onset_sample, 2) }),
      make("span", { textContent: wordsOf(cue.effect) }),
      make("span", { textContent: cue.confidence.toFixed(2) }),
    );
    Object.assign(node.dataset, { status: cue.status, cue: cue.id });
    node.style.top = `${index * ROW_HEIGHT}px`;
    node.setAttribute("role", "option");
    node.setAttribute("aria-selected", String(cue.id === chosen));
    node.setAttribute("aria-setsize", String(entries.length));
    node.setAttribute("aria-posinset", String(index + 1));
    return node;
  }

  list.addEventListener("scroll", draw);
  rows.addEventListener("click", (event) => {
    const node = event.target.closest(".row");
    if (node) onChoose(node.dataset.cue);
  });
  return {
    show(newEntries, newChosen) {
      const turned = newChosen !== chosen;
      [entries, chosen] = [newEntries, newChosen];
      const at = entries.findIndex(({ cue }) => cue.id === chosen);
      if (turned && at >= 0) {
        const [top, room] = [at * ROW_HEIGHT, list.clientHeight - ROW_HEIGHT];
        rows.style.height = `${entries.length * ROW_HEIGHT}px`;
        list.scrollTop = clamp(list.scrollTop, top - room, top);
      }
      draw();
    },
  };
}

/** The form of the chosen cue; `does` maps a field's name to what its new value does. */
function createForm(does) {
  for (const name of ["effect", "take"]) {
    byId(name).addEventListener("change", () => does[name](byId(name).value));
  }
  for (const name of ["meets", "onset", "offset", "gain"]) {
    // An empty field is not a zero: what was there comes back.
    byId(name).addEventListener("change", () => does[name](byId(name).valueAsNumber));
  }
  byId("locked").addEventListener("change", () => does.locked(byId("locked").checked));
  for (const name of ["accept", "reject", "hear"]) byId(name).addEventListener("click", does[name]);
  byId("form").addEventListener("submit", (event) => event.preventDefault());

  return function show(entry, takes, effects, carries) {
    byId("form").hidden = !entry;
    byId("none").hidden = Boolean(entry);
    if (!entry) return;
    const { cue } = entry;
    byId("cue-name").textContent = `${wordsOf(cue.effect)}, ${STATUS_WORDS[cue.status]}`;
    byId("why").textContent = whyText(cue);
    byId("accept").setAttribute("aria-pressed", String(cue.status === "accepted"));
    byId("reject").setAttribute("aria-pressed", String(cue.status === "rejected"));
    byId("locked").checked = cue.locked;
    setOptions(byId("effect"), effects.map((one) => [one.name, wordsOf(one.name)]), cue.effect);
    const options = takes.map((take) => {
      const sound = carries({ asset: take.asset }) ? "" : " (no sound in this page)";
      return [assetKey(take.asset), takeText(take.asset) + sound];
    });
    setOptions(byId("take"), options, assetKey(cue.asset));
    const seconds = (sample) => (sample / SAMPLE_RATE).toFixed(3);
    byId("meets").value = seconds(pictureSample(cue));
    byId("onset").value = seconds(cue.onset_sample);
    byId("offset").value = seconds(cue.offset_sample);
    byId("gain").value = String(Number(cue.gain_db.toFixed(2)));
  };
}

function setOptions(select, options, value) {
  select.replaceChildren(...options.map(([key, text]) => make("option", { value: key, textContent: text })));
  select.value = value;
}

/** The heads of the lanes: name, solo, mute, gain; made anew only when there are other lanes. */
function createHeads(heads, does) {
  let shown = "";
  const nodes = new Map();

  function head(lane) {
    const name = wordsOf(lane.effect);
    const button = (letter, word, act) => {
      const node = make("button", { type: "button", textContent: letter, title: `${word} ${name}` });
      node.setAttribute("aria-label", `${word} ${name}`);
      node.addEventListener("click", () => act(lane.effect));
      return node;
    };
    const solo = button("S", "Solo", does.solo);
    const mute = button("M", "Mute", does.mute);
    const title = make("b", { textContent: name, title: name });
    title.addEventListener("click", () => does.choose(lane.effect));
    const node = make("div", { className: "head" }, title, solo, mute);
    node.setAttribute("role", "group");
    node.setAttribute("aria-label", `Lane ${name}`);
    const gain = make("input", { type: "range", min: "-36", max: "12", step: "0.5" });
    const said = make("span");
    gain.setAttribute("aria-label", `Gain of ${name} in dB`);
    gain.addEventListener("input", () => (said.textContent = `${Number(gain.value).toFixed(1)} dB`));
    gain.addEventListener("change", () => does.gain(lane.effect, Number(gain.value)));
    if (lane.track) node.append(make("label", {}, gain, said));
    else node.append(make("small", { textContent: lane.peaks ? "as it is in the mix" : "no cue" }));
    return { node, solo, mute, gain, said };
  }

  return function show(lanes, chosenLane, solo, mute, top) {
    const names = lanes.map((lane) => `${lane.effect} ${Boolean(lane.track)}`).join("\n");
    if (names !== shown) {
      shown = names;
      nodes.clear();
      for (const lane of lanes) nodes.set(lane.effect, head(lane));
      heads.replaceChildren(...[...nodes.values()].map(({ node }) => node));
    }
    lanes.forEach((lane, index) => {
      const parts = nodes.get(lane.effect);
      parts.node.style.top = `${RULER_HEIGHT + index * LANE_HEIGHT - top}px`;
      parts.node.style.setProperty("--colour", `var(--${lane.bus.replace("_", "-")})`);
      parts.node.dataset.chosen = String(lane.effect === chosenLane);
      parts.solo.setAttribute("aria-pressed", String(solo.has(lane.effect)));
      parts.mute.setAttribute("aria-pressed", String(mute.has(lane.effect)));
      if (!lane.track) return;
      parts.gain.value = String(lane.track.gain_db);
      parts.said.textContent = `${lane.track.gain_db.toFixed(1)} dB`;
    });
  };
}
