// The lanes as a picture: cues, curves and a view of time in, strokes on a canvas out.
// Only what is in view is drawn, so that half an hour costs no more than a minute.

const RULER_HEIGHT = 42; // the clock, and the scenes below it
const LANE_HEIGHT = 64;
const BLOCK_TOP = 9;
const BLOCK_BOTTOM = 5;
const HANDLE_PX = 6;
const PEAK_COLUMN = 480; // samples that one byte of a take's waveform stands for

const ROLES = [
  ...["paper", "raised", "ink", "faint", "line", "accent", "marker", "hard_effects", "foley"],
  ...["backgrounds", "quiet"],
];

/** Read the colours of the style sheet; again whenever light turns dark. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    ROLES.map((role) => [role, style.getPropertyValue(`--${role.replace("_", "-")}`).trim()]),
  );
}

const xOf = (sample, view) => (sample - view.left) / view.samplesPerPixel;
const sampleAt = (x, view) => Math.round(view.left + x * view.samplesPerPixel);
const laneTop = (index, view) => RULER_HEIGHT + index * LANE_HEIGHT - view.top;

/** Draw all that stands still; the cue that is being dragged is left out. */
function drawLanes(pen, view, page, colours) {
  pen.clearRect(0, 0, view.width, view.height);
  page.lanes.forEach((lane, index) => {
    const top = laneTop(index, view);
    if (top > view.height || top + LANE_HEIGHT < RULER_HEIGHT) return;
    drawLane(pen, view, page, colours, lane, top);
  });
  drawRuler(pen, view, page, colours);
  drawScenes(pen, view, page.scenes, colours);
}

/** Draw what moves, over a copy of the lanes: the dragged cue, and the playhead. */
function drawMoving(pen, view, page, colours, playhead, dragged) {
  const index = page.lanes.findIndex((lane) => lane.effect === dragged?.effect);
  if (index >= 0) {
    pen.save();
    pen.beginPath();
    pen.rect(0, RULER_HEIGHT, view.width, view.height);
    pen.clip();
    const colour = colours[page.lanes[index].bus] ?? colours.ink;
    drawCue(pen, view, page, colours, dragged, laneTop(index, view), colour);
    pen.restore();
  }
  const x = Math.round(xOf(playhead, view)) + 0.5;
  stroke(pen, colours.marker, 1.5, [[x, 0], [x, view.height]]);
}

function drawLane(pen, view, page, colours, lane, top) {
  const colour = lane.isHeard ? (colours[lane.bus] ?? colours.ink) : colours.quiet;
  if (lane.effect === page.chosenLane) fill(pen, colours.raised, 1, 0, top, view.width, LANE_HEIGHT);
  drawCurve(pen, view, lane, top, colour);
  const inView = laneSpan(lane.entries, view);
  for (const { cue } of inView) {
    if (cue.id !== page.chosen) drawCue(pen, view, page, colours, cue, top, colour);
  }
  const chosen = inView.find(({ cue }) => cue.id === page.chosen);
  if (chosen && !page.isDragging) drawCue(pen, view, page, colours, chosen.cue, top, colour);
  if (lane.peaks) drawColumns(pen, view, lane.peaks, top, colour, page.duration);
  stroke(pen, colours.line, 1, [[0, top + LANE_HEIGHT - 0.5], [view.width, top + LANE_HEIGHT - 0.5]]);
}

function laneSpan(entries, view) {
  const right = view.left + view.width * view.samplesPerPixel;
  return entries.filter(({ cue }) => cue.onset_sample < right && cue.offset_sample > view.left);
}

/** The probability behind the cues: a step for each frame, and the threshold as a dashed line. */
function drawCurve(pen, view, lane, top, colour) {
  const { curve } = lane;
  if (!curve) return;
  const height = LANE_HEIGHT - 4;
  const y = (value) => top + LANE_HEIGHT - 1 - value * height;
  const first = Math.max(0, Math.floor(view.left / curve.step));
  const end = view.left + view.width * view.samplesPerPixel;
  const last = Math.min(curve.values.length, Math.ceil(end / curve.step));
  if (last <= first) return;
  pen.beginPath();
  pen.moveTo(xOf(first * curve.step, view), y(0));
  // Where many frames fall on one pixel, the highest of them is shown.
  const stride = Math.max(1, Math.floor(view.samplesPerPixel / curve.step));
  for (let frame = first; frame < last; frame += stride) {
    let value = 0;
    for (let one = frame; one < Math.min(last, frame + stride); one += 1) {
      value = Math.max(value, curve.values[one]);
    }
    pen.lineTo(xOf(frame * curve.step, view), y(value / 255));
    pen.lineTo(xOf(Math.min(last, frame + stride) * curve.step, view), y(value / 255));
  }
  pen.lineTo(xOf(last * curve.step, view), y(0));
  pen.globalAlpha = 0.12;
  pen.fillStyle = colour;
  pen.fill();
  pen.globalAlpha = 0.45;
  pen.lineWidth = 1;
  pen.strokeStyle = colour;
  pen.stroke();
  pen.setLineDash([3, 4]);
  stroke(pen, colour, 1, [[0, y(curve.threshold)], [view.width, y(curve.threshold)]]);
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  drawNotes(pen, view, curve.notes, y(0.5), colour);
}

/** Why a probability above the line has no cue, as far as one text does not cover the next. */
function drawNotes(pen, view, notes, y, colour) {
  pen.fillStyle = colour;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  let free = -Infinity;
  for (const note of notes) {
    const x = Math.max(xOf(note.start * SAMPLE_RATE, view), 4);
    if (x < free || x > view.width || xOf(note.end * SAMPLE_RATE, view) < 0) continue;
    pen.fillText(note.reason, x, y);
    free = x + pen.measureText(note.reason).width + 8;
  }
}

function drawCue(pen, view, page, colours, cue, top, colour) {
  const x = xOf(cue.onset_sample, view);
  const width = Math.max(2, xOf(cue.offset_sample, view) - x);
  const y = top + BLOCK_TOP;
  const height = LANE_HEIGHT - BLOCK_TOP - BLOCK_BOTTOM;
  const isChosen = cue.id === page.chosen;
  const isRejected = cue.status === "rejected";
  const isSilent = SILENT_STATUSES.has(cue.status);
  fill(pen, colours.paper, isChosen ? 0.75 : 0.35, x, y, width, height);
  fill(pen, colour, cue.status === "accepted" ? 0.3 : isSilent ? 0.04 : 0.15, x, y, width, height);
  const take = page.takes.get(assetKey(cue.asset));
  pen.globalAlpha = isSilent ? 0.3 : 1;
  if (take) drawWaveform(pen, view, cue, take.peaks, y + height / 2, height / 2 - 3, colour);
  pen.globalAlpha = 1;
  if (isChosen && cue.level.length > 1) drawLevel(pen, view, cue, y, height, colours.ink);
  pen.strokeStyle = isChosen ? colours.accent : colour;
  pen.lineWidth = isChosen ? 2 : 1;
  pen.setLineDash(isSilent ? [2, 3] : []);
  pen.strokeRect(Math.round(x) + 0.5, y + 0.5, Math.round(width) - 1, height - 1);
  pen.setLineDash([]);
  if (isRejected) stroke(pen, colour, 1, [[x, y + height], [x + width, y]]);
  const meets = xOf(pictureSample(cue), view);
  if (width > 10 && meets >= x - 1 && meets <= x + width) {
    // Where the sound meets the picture: a notch above the block.
    pen.fillStyle = isChosen ? colours.accent : colour;
    pen.beginPath();
    pen.moveTo(meets - 4, y - 5);
    pen.lineTo(meets + 4, y - 5);
    pen.lineTo(meets, y + 1);
    pen.fill();
  }
  if (width > 26) drawMark(pen, cue, x + width, y, isChosen ? colours.ink : colour);
}

/** A tick for accepted, in the corner of the block, so that colour alone says nothing. */
function drawMark(pen, cue, right, y, colour) {
  if (cue.status === "accepted") {
    stroke(pen, colour, 1.8, [[right - 14, y + 9], [right - 10.5, y + 12.5], [right - 5, y + 5.5]]);
  }
}

/** The course of a cue's level as a line: at the top 12 dB, at the bottom -24 dB. */
function drawLevel(pen, view, cue, y, height, colour) {
  const length = cue.offset_sample - cue.onset_sample;
  const inside = cue.level.map(([place]) => place).filter((place) => place > 0 && place < length);
  const points = [0, ...inside, length].map((place) => {
    const level = 20 * Math.log10(Math.max(levelAt(cue, place / SAMPLE_RATE), 1e-6));
    return [xOf(cue.onset_sample + place, view), y + ((12 - clamp(level, -24, 12)) / 36) * height];
  });
  pen.globalAlpha = 0.85;
  stroke(pen, colour, 1.5, points);
  pen.globalAlpha = 1;
}

function drawWaveform(pen, view, cue, peaks, middle, half, colour) {
  const scale = (ratioOf(clamp(cue.gain_db, -24, 12)) * half) / 255;
  const left = Math.max(0, Math.floor(xOf(cue.onset_sample, view)));
  const right = Math.min(view.width, Math.ceil(xOf(cue.offset_sample, view)));
  pen.fillStyle = colour;
  pen.beginPath();
  for (let x = left; x < right; x += 1) {
    const from = Math.max(0, sampleAt(x, view) - cue.onset_sample);
    const to = Math.min(from + view.samplesPerPixel, cue.offset_sample - cue.onset_sample);
    if (to <= from) continue;
    const seconds = (from + to) / (2 * SAMPLE_RATE);
    const gain = scale * fadeAt(cue, seconds) * levelAt(cue, seconds);
    const high = peakBetween(peaks, cue, from, to) * gain;
    const tall = Math.min(half, Math.max(0.4, high));
    pen.rect(x, middle - tall, 1, 2 * tall);
  }
  pen.fill();
}

/** The highest byte of a take's waveform between two samples after the cue's onset. */
function peakBetween(peaks, cue, from, to) {
  let first = cue.source_start + from;
  if (cue.loop && first >= cue.loop.end) {
    first = cue.loop.start + ((first - cue.loop.end) % (cue.loop.end - cue.loop.start));
  }
  const begin = Math.floor(first / PEAK_COLUMN);
  const end = Math.max(begin + 1, Math.ceil((first + to - from) / PEAK_COLUMN));
  let most = 0;
  const stride = Math.max(1, Math.floor((end - begin) / 16));
  for (let column = begin; column < Math.min(end, peaks.length); column += stride) {
    most = Math.max(most, peaks[column]);
  }
  return most;
}

/** A whole stem's waveform: bytes spread evenly over the picture's length. */
function drawColumns(pen, view, peaks, top, colour, duration) {
  const middle = top + LANE_HEIGHT / 2;
  pen.fillStyle = colour;
  pen.beginPath();
  for (let x = 0; x < view.width; x += 1) {
    const column = Math.floor((sampleAt(x, view) / duration) * peaks.length);
    if (column < 0 || column >= peaks.length) continue;
    const tall = Math.max(0.4, (peaks[column] / 255) * (LANE_HEIGHT / 2 - 6));
    pen.rect(x, middle - tall, 1, 2 * tall);
  }
  pen.fill();
}

const CLOCK_HEIGHT = RULER_HEIGHT - SCENES_HEIGHT;
const TICKS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

function drawRuler(pen, view, page, colours) {
  fill(pen, colours.paper, 1, 0, 0, view.width, RULER_HEIGHT);
  const least = (90 * view.samplesPerPixel) / SAMPLE_RATE;
  const step = (TICKS_S.find((one) => one >= least) ?? 1200) * SAMPLE_RATE;
  const digits = step >= SAMPLE_RATE ? 0 : step >= SAMPLE_RATE / 10 ? 1 : 2;
  pen.fillStyle = colours.faint;
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (let at = Math.floor(view.left / step) * step; at <= page.duration; at += step) {
    const x = Math.round(xOf(at, view)) + 0.5;
    if (x > view.width) break;
    stroke(pen, colours.line, 1, [[x, CLOCK_HEIGHT - 8], [x, CLOCK_HEIGHT]]);
    pen.fillText(clockText(at, digits), x + 4, CLOCK_HEIGHT / 2);
  }
  stroke(pen, colours.line, 1, [[0, RULER_HEIGHT - 0.5], [view.width, RULER_HEIGHT - 0.5]]);
}

/** What lies under a point: a lane, and in it the cue and the part of it that is held. */
function hitTest(x, y, view, page) {
  if (y < RULER_HEIGHT) {
    const at = sampleAt(x, view);
    const inside = (one) => one.onset_sample <= at && at < one.offset_sample;
    return { part: "ruler", scene: y < CLOCK_HEIGHT ? undefined : page.scenes.find(inside) };
  }
  const lane = page.lanes[Math.floor((y - RULER_HEIGHT + view.top) / LANE_HEIGHT)];
  if (!lane) return { part: "nothing" };
  const under = laneSpan(lane.entries, view).filter(({ cue }) => {
    const [left, right] = [xOf(cue.onset_sample, view), xOf(cue.offset_sample, view)];
    return x >= left - 3 && x <= Math.max(right, left + HANDLE_PX) + 3;
  });
  // The chosen cue first, then the one that lies on top.
  const entry = under.find(({ cue }) => cue.id === page.chosen) ?? under.at(-1);
  if (!entry) return { part: "lane", lane };
  const [left, right] = [xOf(entry.cue.onset_sample, view), xOf(entry.cue.offset_sample, view)];
  const handle = right - left < 4 * HANDLE_PX ? 3 : HANDLE_PX;
  const part = x <= left + handle ? "start" : x >= right - handle ? "end" : "body";
  return { part: right - left < 8 ? "body" : part, lane, entry };
}

function stroke(pen, colour, width, points) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

function fill(pen, colour, alpha, x, y, width, height) {
  pen.globalAlpha = alpha;
  pen.fillStyle = colour;
  pen.fillRect(x, y, width, height);
  pen.globalAlpha = 1;
}
