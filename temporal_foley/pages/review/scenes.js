// Scenes: runs of shots of one place. Splitting and joining them: a document in, a new one out.
// Steady sounds go on, off screen, until their scene ends: they follow when the list is rendered.

const SCENES_HEIGHT = 16; // of the strip at the bottom of the ruler
const NEAR_SHOT = SAMPLE_RATE; // a split this near to the beginning of a shot is meant to be there

const withSeconds = ({ onset_sample, offset_sample, shots }) => ({
  ...{ onset_sample, offset_sample, shots },
  onset: Number((onset_sample / SAMPLE_RATE).toFixed(6)),
  offset: Number((offset_sample / SAMPLE_RATE).toFixed(6)),
});

/** The scenes of a list; one that names none is a single scene. */
function scenesOf(doc) {
  if (doc.scenes?.length) return doc.scenes;
  return [withSeconds({ onset_sample: 0, offset_sample: doc.source.duration_samples, shots: [0] })];
}

const sceneAt = (doc, at) =>
  scenesOf(doc).find((one) => one.onset_sample <= at && at < one.offset_sample);

/** Where a scene is split that shall be split at a sample: at a shot nearby, or on the frame. */
function splitPlace(doc, at, rate) {
  const scene = sceneAt(doc, at);
  if (!scene) return null;
  const inside = (one) => scene.onset_sample < one && one < scene.offset_sample;
  const away = (one) => Math.abs(one - at);
  const shots = scene.shots.filter((one) => inside(one) && away(one) <= NEAR_SHOT);
  const nearest = shots.sort((a, b) => away(a) - away(b))[0];
  const place = nearest ?? frameStart(frameAt(at, rate), rate);
  return inside(place) ? place : null;
}

/** Split the scene at a sample in two; null if there is nothing to split. */
function splitScene(doc, at, rate) {
  const place = splitPlace(doc, at, rate);
  if (place === null) return null;
  const scenes = scenesOf(doc).flatMap((scene) => {
    const { onset_sample, offset_sample, shots } = scene;
    if (!(onset_sample < place && place < offset_sample)) return [scene];
    const before = shots.filter((one) => one < place);
    const after = shots.filter((one) => one > place);
    return [
      withSeconds({ onset_sample, offset_sample: place, shots: before }),
      withSeconds({ onset_sample: place, offset_sample, shots: [place, ...after] }),
    ];
  });
  return { doc: { ...doc, scenes }, place };
}

/** Join the two scenes whose boundary is nearest to a sample; null if there are not two. */
function joinScenes(doc, at) {
  const scenes = scenesOf(doc);
  const away = (number) => Math.abs(scenes[number].onset_sample - at);
  const later = scenes.map((_, number) => number).slice(1).sort((a, b) => away(a) - away(b))[0];
  if (later === undefined) return null;
  const [one, other] = [scenes[later - 1], scenes[later]];
  const joined = withSeconds({
    onset_sample: one.onset_sample,
    offset_sample: other.offset_sample,
    shots: [...one.shots, ...other.shots],
  });
  const next = [...scenes.slice(0, later - 1), joined, ...scenes.slice(later + 1)];
  return { doc: { ...doc, scenes: next }, place: other.onset_sample };
}

function sceneText(doc, scene) {
  const scenes = scenesOf(doc);
  const span = `${clockText(scene.onset_sample, 1)} to ${clockText(scene.offset_sample, 1)}`;
  const shots = scene.shots.length === 1 ? "1 shot" : `${scene.shots.length} shots`;
  return `scene ${scenes.indexOf(scene) + 1} of ${scenes.length}: ${span}, ${shots}`;
}

/** Draw the scenes as a strip below the clock, their shots as ticks, their ends over the lanes. */
function drawScenes(pen, view, scenes, colours) {
  const top = RULER_HEIGHT - SCENES_HEIGHT;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  scenes.forEach((scene, number) => {
    const [left, right] = [xOf(scene.onset_sample, view), xOf(scene.offset_sample, view)];
    if (right < 0 || left > view.width) return;
    fill(pen, colours.accent, number % 2 ? 0.1 : 0.22, left, top, right - left, SCENES_HEIGHT - 1);
    for (const shot of scene.shots) {
      const x = Math.round(xOf(shot, view)) + 0.5;
      stroke(pen, colours.faint, 1, [[x, RULER_HEIGHT - 5], [x, RULER_HEIGHT - 1]]);
    }
    const words = `scene ${number + 1}`;
    const x = Math.max(left, 0) + 4;
    pen.fillStyle = colours.ink;
    if (pen.measureText(words).width < right - x - 2) pen.fillText(words, x, top + SCENES_HEIGHT / 2);
    if (number === 0) return;
    const edge = Math.round(left) + 0.5;
    pen.setLineDash([2, 4]);
    stroke(pen, colours.accent, 1, [[edge, top], [edge, view.height]]);
    pen.setLineDash([]);
  });
}
