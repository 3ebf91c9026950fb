// Hearing the cue list as it is: cues and the picture's time in, sound out (Web Audio).
// A page from disk may not read the stems' samples: browsers hand it silence. So the takes come
// inside the page, and cues are laid up here as `render` does it; an edit is heard at once.

const LOOK_AHEAD_S = 0.4;
const TICK_MS = 60;
const MOST_DRIFT_S = 0.04;
const MOST_DECODED_BYTES = 300 * 2 ** 20;
const FADE_STEPS = 8;
const FILTER_REACH = 16; // samples on either side that the distance filter looks at
const BUS_LEVELS_DB = { hard_effects: 0, foley: -6, backgrounds: -4 };

const ratioOf = (decibels) => 10 ** (decibels / 20);
const smoothStep = (ratio) => ratio * ratio * (3 - 2 * ratio);

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** The gain of a cue's fades at a number of seconds after its onset. */
function fadeAt(cue, seconds) {
  const place = seconds * SAMPLE_RATE;
  const length = cue.offset_sample - cue.onset_sample;
  const rise = cue.fade_in ? smoothStep(clamp(place / cue.fade_in, 0, 1)) : 1;
  const fall = cue.fade_out ? smoothStep(clamp((length - place) / cue.fade_out, 0, 1)) : 1;
  return rise * fall;
}

/** The gain of a cue's level at a number of seconds after its onset: straight between points. */
function levelAt(cue, seconds) {
  const place = seconds * SAMPLE_RATE;
  const next = cue.level.findIndex(([at]) => at > place);
  if (next === 0) return ratioOf(cue.level[0][1]);
  if (next < 0) return ratioOf(cue.level.at(-1)[1]);
  const [[begin, before], [end, after]] = [cue.level[next - 1], cue.level[next]];
  const part = (place - begin) / (end - begin);
  return ratioOf(before) * (1 - part) + ratioOf(after) * part;
}

/** The seconds after the onset at which a cue's gain must be given, so that ramps follow it. */
function gainTimes(cue) {
  const length = (cue.offset_sample - cue.onset_sample) / SAMPLE_RATE;
  const [rise, fall] = [cue.fade_in / SAMPLE_RATE, cue.fade_out / SAMPLE_RATE];
  const steps = Array.from({ length: FADE_STEPS + 1 }, (_, step) => step / FADE_STEPS);
  const rises = rise ? steps.map((part) => part * rise) : [];
  const falls = fall ? steps.map((part) => length - fall + part * fall) : [];
  const points = cue.level.map(([place]) => place / SAMPLE_RATE);
  const inside = points.filter((time) => time > 0 && time < length);
  return [...rises, ...falls, ...inside].sort((a, b) => a - b);
}

/** A sound as it is heard from farther away: the filter of `render`, and round a loop as well. */
function distant(context, buffer, cutoff, loop) {
  const taps = Array.from({ length: FILTER_REACH + 1 }, (_, place) => {
    const turns = (2 * Math.PI * cutoff * place) / SAMPLE_RATE;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * place) / (FILTER_REACH + 1));
    return (place ? Math.sin(turns) / turns : 1) * window;
  });
  const whole = 2 * taps.reduce((sum, tap) => sum + tap, 0) - taps[0];
  const copy = context.createBuffer(buffer.numberOfChannels, buffer.length, buffer.sampleRate);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const from = new Float32Array(buffer.length + 2 * FILTER_REACH);
    from.set(buffer.getChannelData(channel), FILTER_REACH);
    const to = copy.getChannelData(channel);
    for (let step = 0; loop && step < FILTER_REACH; step += 1) {
      from[FILTER_REACH + loop.end + step] = from[FILTER_REACH + loop.start + step];
    }
    for (let at = 0; at < to.length; at += 1) {
      const middle = at + FILTER_REACH;
      let sum = from[middle] * taps[0];
      for (let k = 1; k <= FILTER_REACH; k += 1) sum += (from[middle - k] + from[middle + k]) * taps[k];
      to[at] = sum / whole;
    }
  }
  return copy;
}

/** Mix a loop's end with what comes before its start, as `render` joins them. */
function joinedLoop(context, buffer, loop) {
  const copy = context.createBuffer(buffer.numberOfChannels, buffer.length, buffer.sampleRate);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const from = buffer.getChannelData(channel);
    const to = copy.getChannelData(channel);
    to.set(from);
    for (let step = 0; step < loop.crossfade; step += 1) {
      const ratio = smoothStep((step + 0.5) / loop.crossfade);
      const [rise, fall] = [Math.sqrt(ratio), Math.sqrt(1 - ratio)];
      const power = Math.sqrt(1 + 2 * (loop.alike ?? 0) * rise * fall);
      const [before, ahead] = [loop.end - loop.crossfade + step, loop.start - loop.crossfade + step];
      to[before] = (from[before] * fall + from[ahead] * rise) / power;
    }
  }
  return copy;
}

/**
 * @param takes what the page carries: [{ take, sound }], sound being Ogg Opus in base64 or null
 * @param mixGain the gain, in dB, that the rendered mix was given
 * @param clock { now() -> seconds of picture time }
 */
function createSound(takes, mixGain, clock) {
  const carried = new Map(takes.map((one) => [assetKey(one.take.asset), one]));
  const decoded = new Map(); // asset key -> promise of a buffer; the oldest first
  const sounding = new Map(); // cue id -> { cue, stop }
  const lanes = new Map(); // effect -> GainNode
  let context = null;
  let master = null;
  let timer = null;
  let base = null; // { context, media }: two clocks at the same moment
  let score = () => [];

  function open() {
    if (context) return;
    context = new AudioContext({ sampleRate: SAMPLE_RATE });
    const guard = context.createDynamicsCompressor();
    Object.entries({ threshold: -2, knee: 0, ratio: 20, attack: 0.002, release: 0.1 }).forEach(
      ([name, value]) => (guard[name].value = value),
    );
    master = context.createGain();
    master.gain.value = ratioOf(mixGain);
    master.connect(guard).connect(context.destination);
  }

  function laneOf(effect) {
    if (!lanes.has(effect)) {
      lanes.set(effect, context.createGain());
      lanes.get(effect).connect(master);
    }
    return lanes.get(effect);
  }

  function bufferOf(cue) {
    const asset = assetKey(cue.asset);
    const { loop, lowpass_hz: cutoff } = cue;
    const key = [asset, loop && JSON.stringify(loop), cutoff].filter(Boolean).join("\n");
    if (!decoded.has(key)) {
      const sound = carried.get(asset)?.sound;
      const entry = { buffer: null };
      decoded.set(key, entry);
      if (!sound) return null;
      const read = context.decodeAudioData(bytesOf(sound).buffer);
      read.then((buffer) => {
        const goesRound = loop && loop.end <= buffer.length;
        const joined = goesRound ? joinedLoop(context, buffer, loop) : buffer;
        entry.buffer = cutoff ? distant(context, joined, cutoff, goesRound && loop) : joined;
        forgetOldest();
      }, () => console.error(`a take cannot be decoded: ${cue.asset.name}`));
    }
    return decoded.get(key).buffer;
  }

  function forgetOldest() {
    const size = ({ buffer }) => (buffer ? buffer.length * buffer.numberOfChannels * 4 : 0);
    let held = [...decoded.values()].reduce((sum, entry) => sum + size(entry), 0);
    for (const [key, entry] of decoded) {
      if (held <= MOST_DECODED_BYTES) return;
      held -= size(entry);
      if (entry.buffer) decoded.delete(key);
    }
  }

  /** Start a cue `into` seconds after its onset, at a time of the context. */
  function start(cue, track, buffer, when, into) {
    const source = context.createBufferSource();
    const gain = context.createGain();
    const panner = context.createStereoPanner();
    const level = ratioOf(cue.gain_db + track.gain_db + (BUS_LEVELS_DB[track.bus] ?? 0));
    const length = (cue.offset_sample - cue.onset_sample) / SAMPLE_RATE;
    const gainAt = (time) => level * levelAt(cue, time) * fadeAt(cue, time);
    gain.gain.setValueAtTime(gainAt(into), when);
    for (const time of gainTimes(cue).filter((time) => time > into)) {
      gain.gain.linearRampToValueAtTime(gainAt(time), when + time - into);
    }
    panner.pan.setValueAtTime(cue.pan[0][1], when);
    for (const [place, value] of cue.pan.slice(1)) {
      const time = place / SAMPLE_RATE - into;
      if (time > 0) panner.pan.linearRampToValueAtTime(value, when + time);
      else panner.pan.setValueAtTime(value, when);
    }
    source.buffer = buffer;
    let from = cue.source_start / SAMPLE_RATE + into;
    if (cue.loop) {
      const [first, last] = [cue.loop.start / SAMPLE_RATE, cue.loop.end / SAMPLE_RATE];
      Object.assign(source, { loop: true, loopStart: first, loopEnd: last });
      if (from >= last) from = first + ((from - last) % (last - first));
    }
    source.connect(gain).connect(panner).connect(laneOf(cue.effect));
    source.start(when, from);
    source.stop(when + length - into);
    return { cue, gain: track.gain_db, stop: () => source.stop() };
  }

  function tick() {
    // A browser may hold sound back until it is clicked, or have no device to play it on.
    if (context.state !== "running") return;
    const media = clock.now();
    const expected = base.media + context.currentTime - base.context;
    if (Math.abs(media - expected) > MOST_DRIFT_S) {
      silence();
      base = { context: context.currentTime, media };
    }
    const wanted = new Map();
    for (const { cue, track } of score()) {
      const [onset, offset] = [cue.onset_sample / SAMPLE_RATE, cue.offset_sample / SAMPLE_RATE];
      if (onset < media + LOOK_AHEAD_S && offset > media) wanted.set(cue.id, { cue, track, onset });
    }
    for (const [id, one] of sounding) {
      const still = wanted.get(id);
      // An edit made a new cue of the same name: stop the old one, and start this one below.
      if (still && still.cue === one.cue && still.track.gain_db === one.gain) continue;
      one.stop();
      sounding.delete(id);
    }
    for (const [id, { cue, track, onset }] of wanted) {
      const buffer = sounding.has(id) ? null : bufferOf(cue);
      if (!buffer) continue;
      const due = base.context + onset - base.media;
      const when = Math.max(due, context.currentTime + 0.005);
      sounding.set(id, start(cue, track, buffer, when, when - due));
    }
  }

  function silence() {
    for (const one of sounding.values()) one.stop();
    sounding.clear();
  }

  return {
    /** Play along with the picture; `cues()` tells what is to be heard now. */
    play(cues) {
      open();
      score = cues;
      context.resume();
      base = { context: context.currentTime, media: clock.now() };
      clearInterval(timer);
      timer = setInterval(tick, TICK_MS);
      tick();
    },
    stop() {
      clearInterval(timer);
      silence();
    },
    /** Let one cue be heard by itself, from its start. */
    async audition({ cue, track }) {
      open();
      context.resume();
      this.stop();
      for (let tries = 0; tries < 100 && !bufferOf(cue) && this.carries(cue); tries += 1) {
        await new Promise((done) => setTimeout(done, 20));
      }
      const buffer = bufferOf(cue);
      if (buffer) sounding.set(cue.id, start(cue, track, buffer, context.currentTime + 0.02, 0));
      return buffer !== null;
    },
    /** Let a cue be heard at once, over what plays. */
    strike({ cue, track }) {
      open();
      context.resume();
      const buffer = bufferOf(cue);
      return buffer ? start(cue, track, buffer, context.currentTime + 0.003, 0) : null;
    },
    /** A short click, `seconds` from now. */
    click(seconds) {
      open();
      context.resume();
      const [tone, gain] = [context.createOscillator(), context.createGain()];
      const at = context.currentTime + seconds;
      tone.frequency.value = 1000;
      gain.gain.setValueAtTime(0.3, at);
      gain.gain.exponentialRampToValueAtTime(0.001, at + 0.05);
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.06);
    },
    /** Milliseconds from when a sound is due until it leaves the device. */
    outputDelay: () => 1000 * ((context?.outputLatency || 0) + (context?.baseLatency || 0)),
    /** Take a sound that came after the page. */
    carry: (one) => {
      carried.set(assetKey(one.take.asset), one);
      for (const key of [...decoded.keys()]) {
        if (key.startsWith(assetKey(one.take.asset)) && !decoded.get(key).buffer) decoded.delete(key);
      }
    },
    setMixGain(gain) {
      mixGain = gain;
      if (master) master.gain.value = ratioOf(gain);
    },
    carries: (cue) => Boolean(carried.get(assetKey(cue.asset))?.sound),
  };
}
