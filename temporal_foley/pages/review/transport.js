// Moving through the picture: a video element (or, where it cannot play, a clock of its own) in;
// play, pause, shuttle, seek and the present sample out.

const SHUTTLE = [-4, -2, -1, 0, 1, 2, 4];
const SHUTTLE_TICK_MS = 80;

/**
 * @param video the element
 * @param duration samples
 * @param rate the picture's frame rate
 * @param told { moved(), turned(playing at normal speed) } are called when time or speed changes
 */
function createTransport(video, duration, rate, told) {
  let speed = 0;
  let position = 0; // where it stands, or where the clock of its own was started
  let began = 0;
  let backwards = null;
  let isPlayable = Boolean(video.getAttribute("src"));

  const runsByItself = () => !isPlayable && speed > 0;

  function now() {
    if (speed === 0) return position;
    if (runsByItself()) return position + ((performance.now() - began) / 1000) * speed * SAMPLE_RATE;
    return speed < 0 ? position : video.currentTime * SAMPLE_RATE;
  }

  const head = () => clamp(Math.round(now()), 0, duration);

  function show() {
    if (!isPlayable || video.seeking) return;
    // A little past the frame's first moment, so that rounding does not show the one before.
    const wanted = frameStart(frameAt(position, rate), rate) / SAMPLE_RATE + 0.002;
    const seconds = Math.max(position / SAMPLE_RATE, wanted);
    if (Math.abs(video.currentTime - seconds) > 0.0005) video.currentTime = seconds;
  }

  function seek(sample) {
    position = clamp(Math.round(sample), 0, duration);
    began = performance.now();
    if (isPlayable && speed > 0) video.currentTime = position / SAMPLE_RATE;
    else show();
    told.moved();
  }

  async function run(next) {
    const [at, before] = [head(), speed];
    clearInterval(backwards);
    speed = next;
    position = at;
    began = performance.now();
    if (next <= 0 && isPlayable) video.pause();
    if (next < 0) {
      backwards = setInterval(() => {
        const step = (-speed * SHUTTLE_TICK_MS * SAMPLE_RATE) / 1000;
        if (position - step <= 0) run(0);
        seek(position - step);
      }, SHUTTLE_TICK_MS);
    }
    if (next > 0) {
      if (position >= duration) seek(0);
      if (isPlayable) {
        if (before <= 0) video.currentTime = position / SAMPLE_RATE;
        video.playbackRate = next;
        try {
          await video.play();
        } catch {
          if (speed === next && !video.error) speed = 0;
        }
      }
    }
    if (next === 0) show();
    told.turned(speed === 1);
  }

  video.addEventListener("seeked", () => speed <= 0 && show());
  video.addEventListener("ended", () => run(0));
  video.addEventListener("error", () => {
    const wasAt = speed;
    isPlayable = false;
    run(0).then(() => wasAt > 0 && run(wasAt));
    told.moved();
  });

  return {
    head,
    seek,
    seconds: () => now() / SAMPLE_RATE,
    speed: () => speed,
    isPlayable: () => isPlayable,
    toggle: () => run(speed === 0 ? 1 : 0),
    pause: () => run(0),
    /** Take another file of the same picture, at the same place. */
    renew(url) {
      isPlayable = true;
      video.src = url;
      video.addEventListener("loadedmetadata", show, { once: true });
    },
    /** J and L: one step slower or faster, through standing still. */
    shuttle: (by) => run(SHUTTLE[clamp(SHUTTLE.indexOf(speed) + by, 0, SHUTTLE.length - 1)]),
    /** Go to the first sample of a frame so many frames away. */
    async step(frames) {
      if (speed !== 0) await run(0);
      seek(frameStart(Math.max(0, frameAt(head(), rate) + frames), rate));
    },
    /** Called for each picture of the screen; tells whether it moves. */
    turn() {
      if (speed !== 0 && head() >= duration && speed > 0) run(0);
      return speed !== 0;
    },
  };
}
