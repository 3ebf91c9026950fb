// Performing: keys and pads played while the picture runs become cues, less one's own delay.

const PAD_COUNT = 6;
const STRONG_DB = 4; // with shift, and at the lower end of a pad
const SOFT_DB = -8; // at the upper end of a pad
const CLICKS = 12; // the first two are to get in time
const CLICK_MS = 600;
const NEEDED_TAPS = 8;
const SHORTEST_HOLD = SAMPLE_RATE / 10;

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** One's own delay in milliseconds: the median of taps after the clicks that they answer. */
function delayOf(clicks, taps) {
  const delays = clicks.slice(2).flatMap((click) => {
    const near = taps.map((tap) => tap - click).filter((delay) => Math.abs(delay) < CLICK_MS / 2);
    return near.length ? [near.reduce((a, b) => (Math.abs(a) < Math.abs(b) ? a : b))] : [];
  });
  return delays.length >= NEEDED_TAPS ? clamp(median(delays), -100, 400) : null;
}

function createPerforming() {
  const pads = []; // { effect, node, next }
  const held = new Map(); // key or pointer -> strike
  let strikes = [];
  let latency = page.desk?.view?.latency_ms ?? 0;
  let tapping = null; // { clicks, taps } while one's own delay is measured
  let isOpen = false;

  const effectsOffered = () => effects.filter((one) => takesFor(one.name).length);

  function build() {
    const offered = effectsOffered();
    const first = [effectNamed(state.chosenLane), ...offered].filter((one) => one && takesFor(one.name).length);
    const chosen = [...new Set(first)].slice(0, PAD_COUNT);
    byId("pads").replaceChildren();
    pads.length = 0;
    for (let number = 0; number < PAD_COUNT; number += 1) {
      const pad = { effect: chosen[number]?.name ?? offered[0]?.name ?? null, next: 0 };
      const button = make("button", { type: "button", textContent: String(number + 1), tabIndex: -1 });
      button.title = "Lower on the pad is stronger; by key, shift is stronger";
      const select = make("select", { title: "Effect of this pad" });
      select.setAttribute("aria-label", `Effect of pad ${number + 1}`);
      setOptions(select, [...offered.map((one) => [one.name, wordsOf(one.name)]), ["", "other…"]], pad.effect ?? "");
      select.addEventListener("change", () => {
        if (select.value) pad.effect = select.value;
        else palette.open();
        select.value = pad.effect ?? "";
      });
      button.addEventListener("pointerdown", (event) => {
        const box = button.getBoundingClientRect();
        const part = clamp((event.clientY - box.top) / box.height, 0, 1);
        button.setPointerCapture(event.pointerId);
        press(`pointer ${event.pointerId}`, pad, event, SOFT_DB + part * (STRONG_DB - SOFT_DB));
      });
      button.addEventListener("pointerup", (event) => release(`pointer ${event.pointerId}`, event));
      pad.node = make("div", { className: "pad" }, button, select);
      byId("pads").append(pad.node);
      pads.push(pad);
    }
  }

  /** The sample of the picture at the moment of an event, less one's own delay. */
  function sampleOf(event) {
    const ago = performance.now() - event.timeStamp + latency;
    return transport.seconds() * SAMPLE_RATE - (ago / 1000) * SAMPLE_RATE;
  }

  function press(key, pad, event, strength) {
    if (tapping) return tapping.taps.push(event.timeStamp);
    const own = pad.effect ? takesFor(pad.effect) : [];
    if (own.length === 0) return;
    const take = own[pad.next % own.length];
    pad.next += 1;
    pad.node.dataset.on = "true";
    const effect = effectNamed(pad.effect);
    const at = clamp(sampleOf(event), 0, duration - 1);
    const gain = clamp(take.gain_db + strength, -60, 24);
    const added = addCue(doc(), effect, at, [{ ...plainTake(take), gain_db: gain }], null, effects);
    const playing = sound.strike(findCue(added.doc, added.id));
    held.set(key, { pad, playing, strike: null });
    if (transport.speed() !== 1) return;
    const others = own.filter((one) => one !== take).map(plainTake);
    const strike = { effect, at, gain: Number(gain.toFixed(2)), takes: [plainTake(take), ...others], end: null };
    held.get(key).strike = strike;
    strikes.push(strike);
    byId("performed").textContent = `${many(strikes.length, "cue")} so far; pause to keep them`;
  }

  function release(key, event) {
    const one = held.get(key);
    if (!one) return;
    held.delete(key);
    delete one.pad.node.dataset.on;
    if (isSustained(effectNamed(one.pad.effect).kind)) {
      one.playing?.stop();
      if (one.strike) one.strike.end = sampleOf(event);
    }
  }

  /** Put what was played into the list, as one step that can be undone. */
  function keep() {
    if (strikes.length === 0) return;
    const played = strikes;
    strikes = [];
    let next = doc();
    for (const { effect, at, gain, takes: own, end } of played) {
      const added = addCue(next, effect, at, own, probabilityAt(effect.name, Math.round(at)), effects);
      next = changeCue(added.doc, added.id, (cue, track) => {
        const louder = { ...cue, gain_db: gain, reason: "performed by hand" };
        if (!isSustained(track.kind)) return louder;
        const until = Math.max(end ?? transport.head(), cue.onset_sample + SHORTEST_HOLD);
        return trimEnd(louder, until, track.kind, takeOf.get(assetKey(cue.asset)), duration);
      });
    }
    commit(next, `performing ${many(played.length, "cue")}`);
    byId("performed").textContent = `${many(played.length, "cue")} added; Undo takes them back.`;
  }

  function calibrate() {
    const start = performance.now() + 500;
    const clicks = Array.from({ length: CLICKS }, (_, at) => start + at * CLICK_MS);
    tapping = { clicks, taps: [] };
    for (const click of clicks) sound.click((click - performance.now()) / 1000);
    const delay = sound.outputDelay();
    clicks.forEach((click, at) => {
      setTimeout(() => {
        byId("calibrate").dataset.due = click + delay;
        byId("calibrate").dataset.on = "true";
        byId("latency").textContent = `tap along: ${Math.max(0, at - 1)} of ${CLICKS - 2}`;
        setTimeout(() => delete byId("calibrate").dataset.on, 120);
      }, Math.max(0, click + delay - performance.now()));
    });
    setTimeout(() => {
      const found = delayOf(clicks.map((click) => click + delay), tapping.taps);
      tapping = null;
      if (found === null) note("That were too few taps: press any key on each click.");
      else latency = found;
      keeping.viewed();
      showLatency();
    }, clicks.at(-1) + CLICK_MS - performance.now());
  }

  const showLatency = () => (byId("latency").textContent = `My delay: ${Math.round(latency)} ms`);

  byId("calibrate").addEventListener("click", calibrate);
  byId("perform-close").addEventListener("click", () => toggle());

  function toggle() {
    isOpen = !isOpen;
    if (!isOpen) keep();
    byId("perform").hidden = !isOpen;
    byId("perform-button").setAttribute("aria-pressed", String(isOpen));
    if (isOpen) {
      build();
      if (pads.every((pad) => !pad.effect)) note("Add a sound first (F): then it can be performed.");
      // Decoded ahead, so that the first stroke is heard at once.
      for (const { effect } of pads) for (const take of effect ? takesFor(effect) : []) keeping.need({ effect, asset: take.asset });
    }
    showLatency();
  }

  return {
    toggle,
    latency: () => latency,
    /** Whether a key is a stroke; then it is played. */
    takesKey(event) {
      if (!isOpen) return false;
      const digit = /^(?:Digit|Numpad)([1-6])$/.exec(event.code);
      if (tapping) {
        event.preventDefault();
        if (!event.repeat) tapping.taps.push(event.timeStamp);
        return true;
      }
      if (!digit || event.ctrlKey || event.metaKey) return false;
      if (event.target.matches?.('input[type="number"], select')) return false;
      event.preventDefault();
      const pad = pads[Number(digit[1]) - 1];
      if (!event.repeat && pad) press(event.code, pad, event, event.shiftKey ? STRONG_DB : 0);
      return true;
    },
    letsGo: (event) => release(event.code, event),
    /** Called when the picture starts or stops. */
    turned: (plays) => plays || keep(),
  };
}

const performing = createPerforming();
