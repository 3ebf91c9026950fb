// The settings of the mix, which are part of the cue list, and the levels of the last render.

const PRESETS = { r128: -23, atsc: -24, netflix: -27, podcast: -16, streaming: -14, "as it is": null };
const ORIGINALS = {
  fill: "keep, add what it lacks",
  replace: "lower where effects replace it",
  keep: "keep under all effects",
  duck: "lower under all effects",
  mute: "leave out",
};
const MIX_FIELDS = [
  ["loudness_lufs", "Loudness (LUFS)", { least: -69, most: 0, step: 0.5, list: PRESETS }],
  ["true_peak_dbtp", "True peak at most (dBTP)", { least: -20, most: 0, step: 0.1 }],
  ["original", "Original sound", { options: ORIGINALS }],
  ["duck_db", "… lowered by (dB)", { least: -60, most: 0, step: 1 }],
  ["match", "Match effects to the original", { isSwitch: true }],
  ["space", "Reverb", { options: { none: "none", indoor: "a furnished room", outdoor: "outdoors" } }],
  ["speech_db", "Effects under speech (dB)", { least: -60, most: 0, step: 1 }],
  ["room_tone", "Room tone under foley", { isSwitch: true }],
  ["tails", "Tails at cuts", { options: { auto: "by kind", cut: "end at the cut", ring: "ring on" } }],
  ["music_and_effects", "Also without speech (M&E)", { isSwitch: true }],
];

function createMixing() {
  const fields = new Map();

  function set(name, value) {
    if (value === doc().mix[name] || Number.isNaN(value)) return show();
    commit({ ...doc(), mix: { ...doc().mix, [name]: value } }, "change of the mix");
    show();
  }

  function field(name, label, { options, isSwitch, list, least, most, step }) {
    const id = `mix-${name}`;
    let node;
    if (options) {
      node = make("select", { id });
      setOptions(node, Object.entries(options), doc().mix[name]);
      node.addEventListener("change", () => set(name, node.value));
    } else if (isSwitch) {
      node = make("input", { id, type: "checkbox" });
      node.addEventListener("change", () => set(name, node.checked));
    } else {
      node = make("input", { id, type: "number", min: least, max: most, step });
      node.addEventListener("change", () => set(name, clamp(node.valueAsNumber, least, most)));
      if (list) node.placeholder = "as it is";
    }
    fields.set(name, node);
    const value = make("span", {}, node);
    if (list) {
      const choice = make("select", { title: "A usual target" });
      const named = Object.entries(list).map(([word, level]) => [
        String(level),
        level === null ? word : `${word} (${level})`,
      ]);
      setOptions(choice, [["", "usual targets"], ...named], "");
      choice.addEventListener("change", () => {
        if (choice.value) set(name, JSON.parse(choice.value));
        choice.value = "";
      });
      value.append(" ", choice);
    }
    return [make("label", { htmlFor: id, textContent: label }), value];
  }

  function show() {
    for (const [name, node] of fields) {
      const value = doc().mix[name];
      if (node.type === "checkbox") node.checked = value;
      else node.value = String(value ?? "");
    }
  }

  return {
    open() {
      if (fields.size === 0) byId("mix-fields").append(...MIX_FIELDS.flatMap((one) => field(...one)));
      show();
      byId("mix").showModal();
    },
    /** Show what the last render measured. */
    measured({ loudness_lufs: lufs, true_peak_dbtp: peak, limiter_db: limiter }) {
      if (lufs == null) return (byId("levels").textContent = "The last mix is silent.");
      const limited = limiter ? `, limited by up to ${Math.abs(limiter).toFixed(1)} dB` : "";
      const text = `${lufs.toFixed(1)} LUFS, true peak ${peak?.toFixed(1) ?? "none"} dBTP${limited}`;
      byId("levels").textContent = `The last mix: ${text}.`;
      return text;
    },
  };
}

const mixing = createMixing();
