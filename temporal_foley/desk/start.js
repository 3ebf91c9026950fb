// The first page of the desk: projects, videos, and how far the work on them is.

const byId = (id) => document.getElementById(id);
const STAGES = {
  ...{ load: "loading the model", probe: "reading", detect: "detecting", align: "aligning" },
  ...{ cast: "choosing sounds", render: "rendering", mux: "writing the video" },
  ...{ draw: "drawing the overview", review: "writing the review page" },
};
const STATES = { waiting: "waits", done: "done", failed: "failed" };
const asked = new Set(); // numbers of the jobs that this page began: the last of them opens
let wasAlive = true;

function make(tag, fields = {}, ...children) {
  const node = Object.assign(document.createElement(tag), fields);
  node.append(...children);
  return node;
}

const note = (text) => (byId("note").textContent = text);

async function ask(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

function post(path, body) {
  return ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function began(promise) {
  try {
    const job = await promise;
    asked.add(job.id);
    await show();
  } catch (error) {
    note(error.message);
  }
}

const analyse = (video) => began(post("analyse", { video }));

async function upload(files) {
  for (const file of files) {
    note(`Copying ${file.name} …`);
    await began(
      ask(`videos?name=${encodeURIComponent(file.name)}`, {
        method: "POST",
        headers: { "Content-Type": "application/octet-stream" },
        body: file,
      }).then((job) => (note(`${file.name} is here; it is being analysed.`), job)),
    );
  }
}

function jobRow(job) {
  const stage = job.state === "running" ? STAGES[job.stage] ?? job.stage : STATES[job.state];
  const bar = make("progress", { max: 1, value: job.state === "done" ? 1 : job.part });
  const text = job.error || `${stage}, ${job.seconds.toFixed(0)} s`;
  const row = make("li", { className: "job" }, make("span", { textContent: job.name }), bar, make("span", { textContent: text }));
  row.dataset.state = job.state;
  if (job.result?.project) row.append(make("a", { href: `p/${job.result.project}/`, textContent: "Open" }));
  for (const warning of job.result?.warnings ?? []) row.append(make("small", { textContent: warning }));
  return row;
}

async function show() {
  let all;
  try {
    all = await ask("state");
  } catch {
    if (wasAlive) note("The desk has stopped. Start it again with temporal-foley review.");
    wasAlive = false;
    return;
  }
  wasAlive = true;
  byId("summary").textContent = all.root;
  const { jobs } = all;
  byId("jobs").replaceChildren(...jobs.map(jobRow));
  const over = jobs.filter((job) => job.state === "done" || job.state === "failed").length;
  const running = jobs.find((job) => job.state === "running");
  const total = jobs.length ? `${over} of ${jobs.length} done` : "Nothing is being made.";
  byId("total").textContent = running ? `${total}; now ${running.name}` : total;
  byId("projects").replaceChildren(
    ...all.projects.map(({ id, name }) => make("li", {}, make("a", { href: `p/${id}/`, textContent: name }))),
  );
  if (!all.projects.length) byId("projects").append(make("li", { className: "quiet", textContent: "none yet" }));
  const pending = new Set(jobs.filter((job) => STATES[job.state] !== "failed" && job.kind === "generate").map((job) => job.name));
  const left = all.videos.filter((video) => !pending.has(video));
  byId("found").hidden = left.length === 0;
  byId("without").replaceChildren(
    ...left.map((video) => {
      const button = make("button", { type: "button", textContent: "Analyse" });
      button.addEventListener("click", () => analyse(video));
      return make("li", {}, make("span", { textContent: video }), button);
    }),
  );
  byId("all").onclick = () => left.forEach(analyse);
  // What this page began opens by itself, if it was one video.
  const mine = jobs.filter((job) => asked.has(job.id));
  if (mine.length === 1 && mine[0].state === "done") location.href = `p/${mine[0].result.project}/`;
}

const drop = byId("drop");
drop.addEventListener("click", () => byId("videos").click());
drop.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && byId("videos").click());
byId("videos").addEventListener("change", (event) => upload([...event.target.files]));
for (const name of ["dragover", "dragenter"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    drop.dataset.over = "true";
  });
}
addEventListener("dragleave", () => delete drop.dataset.over);
addEventListener("drop", (event) => {
  event.preventDefault();
  delete drop.dataset.over;
  upload([...event.dataTransfer.files]);
});
// A video that was named when the desk was started is analysed already: it opens too.
ask("state").then(({ jobs }) => {
  if (location.search) return; // the list of all was asked for
  for (const job of jobs) if (job.kind === "generate" && job.state !== "failed") asked.add(job.id);
});
show();
setInterval(show, 1000);
