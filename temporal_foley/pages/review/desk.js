// The page and the server that sent it: saving, rendering, exporting, and noticing what others do.

const POLL_MS = 1000;
const DRAFT_MS = 700;
const STAGES = {
  ...{ probe: "reading", render: "rendering", mux: "writing the video" },
  ...{ draw: "drawing the overview", review: "writing the review page", "write sound": "writing sound" },
};

/**
 * @param facts what the server knows of the list: { digest, levels, draft, view, formats, folder }
 * @param disk how a page from disk saves: for when the server is gone
 */
function createDeskKeeping(facts, disk) {
  const tab = Array.from(crypto.getRandomValues(new Uint8Array(8)), (one) => one.toString(16).padStart(2, "0")).join("");
  let { digest } = facts;
  let elsewhere = null; // the digest of a list that somebody else saved
  let drafted = null; // what the server has of this tab's unsaved edits
  let drafting = Promise.resolve();
  let draftTimer = null;
  let viewTimer = null;
  let isThere = true;
  let isSaving = null;
  let watched = null; // { id, done } of the job that this page waits for
  const asked = new Map(); // takes that are on their way

  async function ask(path, body) {
    const options = body === undefined ? {} : {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    };
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      lost();
      throw new Error("The desk does not answer.");
    }
    isThere = true;
    const read = await answer.json();
    if (!answer.ok && answer.status !== 409) throw new Error(read.error ?? answer.statusText);
    return { ...read, isConflict: answer.status === 409 };
  }

  function lost() {
    if (!isThere) return;
    isThere = false;
    byId("progress").hidden = true;
    note(`The desk has stopped. Nothing is lost: edits are in this page, and all but the last second also in ` +
      `${facts.folder}. Start it again with temporal-foley review, or press Save to save a file.`);
  }

  // ---- saving

  async function save(force = false) {
    await isSaving;
    if (doc() === state.saved && elsewhere === null) {
      note("Saved already.");
      return true;
    }
    const saving = doc();
    isSaving = ask("cues", { base: force ? null : digest, cues: saving });
    try {
      const answer = await isSaving;
      if (answer.isConflict) return conflict(answer.digest);
      digest = answer.digest;
      elsewhere = null;
      state.saved = saving;
      settle();
      await keepDraft();
      note(`Saved in ${facts.folder}; the list before is cues.before.json.`);
      return true;
    } catch (error) {
      if (isThere) note(`Not saved: ${error.message}`);
      else await disk.save();
      return false;
    } finally {
      isSaving = null;
    }
  }

  /** Somebody else saved the list: say so, and leave the choice. */
  function conflict(theirs) {
    elsewhere = theirs;
    byId("theirs").hidden = byId("ours").hidden = false;
    note("The list on disk was changed by another tab or program, and this page has unsaved edits.");
    return false;
  }

  function settle() {
    byId("theirs").hidden = byId("ours").hidden = true;
  }

  async function takeTheirs() {
    const answer = await ask("cues");
    digest = answer.digest;
    elsewhere = null;
    settle();
    commit(answer.cues, "reading the list on disk");
    state.saved = doc();
    await keepDraft();
    needAll();
    note("The list was changed on disk and was read again; Undo brings back the one before.");
  }

  /** Keep unsaved edits on the server, one message after the other: the last one counts. */
  function keepDraft() {
    clearTimeout(draftTimer);
    drafting = drafting.then(async () => {
      const draft = doc() === state.saved ? null : doc();
      if (draft === drafted) return;
      drafted = draft;
      await ask("draft", { tab, base: digest, cues: draft }).catch(() => {});
    });
    return drafting;
  }

  // ---- work of the server

  async function render() {
    if (doc() !== state.saved && !(await save())) return;
    try {
      const job = await ask("render", {});
      watched = { id: job.id, done: rendered };
      note("Rendering …");
      poll();
    } catch (error) {
      note(error.message);
    }
  }

  async function rendered(job) {
    const { result } = job;
    page.mix_gain_db = result.mix_gain_db;
    sound.setMixGain(result.mix_gain_db);
    const text = mixing.measured(result);
    const warned = result.warnings.length ? ` ${result.warnings.join("; ")}.` : "";
    const muted = [...state.mute].filter((name) => doc().tracks.some((track) => track.effect === name));
    const also = muted.length ? ` Muted lanes are in it: ${muted.map(wordsOf).join(", ")}.` : "";
    note(`The new mix: ${text ?? "silent"} (${job.seconds.toFixed(1)} s).${warned}${also}`);
    await follow();
    const again = (url) => `${url.replace(/[?].*/, "")}?v=${job.id}-${Date.now()}`;
    await transport.pause();
    if (page.original && original) original.src = again(page.original.url);
    byId("rendered").checked = true;
    if (page.video) {
      const ready = new Promise((go) => ["canplay", "error"].forEach((name) => video.addEventListener(name, go, { once: true })));
      transport.renew(again(page.video));
      await ready;
    }
    transport.toggle();
  }

  /** Show the list as it was rendered: sounds that go on off screen follow the scenes in it. */
  async function follow() {
    const answer = await ask("cues");
    if (answer.digest === digest) return;
    digest = answer.digest;
    if (doc() !== state.saved || savedText(answer.cues) === savedText(doc())) return;
    commit(answer.cues, "what follows the scenes");
    state.saved = doc();
    needAll();
  }

  function showExport() {
    if (!byId("formats").children.length) {
      for (const format of facts.formats) {
        const button = make("button", { type: "button", textContent: format });
        button.addEventListener("click", () => exportTo([format]));
        byId("formats").append(button);
      }
      const all = make("button", { type: "button", className: "first", textContent: "all" });
      all.addEventListener("click", () => exportTo(facts.formats));
      byId("formats").append(all);
    }
    byId("export").showModal();
  }

  async function exportTo(formats) {
    byId("exported").textContent = "Exporting …";
    try {
      if (doc() !== state.saved && !(await save())) throw new Error(byId("note").textContent);
      const job = await ask("export", { formats });
      watched = { id: job.id, done: exported };
      poll();
    } catch (error) {
      byId("exported").textContent = error.message;
    }
  }

  function exported({ result }) {
    const links = result.files.flatMap((name) => [
      " ",
      !name.includes(".") ? `${name}/` : make("a", { href: `export/${encodeURIComponent(name)}`, download: name, textContent: name }),
    ]);
    const warnings = result.warnings.map((text) => make("small", { textContent: ` ${text}.` }));
    byId("exported").replaceChildren(`In ${result.folder}:`, ...links, ...warnings);
  }

  // ---- what happens meanwhile

  async function poll() {
    let answer;
    try {
      answer = await ask(`state?tab=${tab}`);
    } catch {
      return;
    }
    const { job } = answer;
    const isOn = job && (job.state === "running" || job.state === "waiting");
    byId("progress").hidden = !isOn;
    if (isOn) {
      byId("progress").value = job.part;
      const stage = job.state === "waiting" ? "waiting for other work" : STAGES[job.stage] ?? job.stage;
      if (watched?.id === job.id) note(`${stage}, ${job.seconds.toFixed(0)} s`);
    }
    if (watched && job?.id === watched.id && !isOn) {
      const { done } = watched;
      watched = null;
      if (job.state === "done") await done(job);
      else {
        note(`It failed: ${job.error}`);
        byId("exported").textContent = job.error;
      }
      return;
    }
    if (isSaving || watched || isOn) return;
    if (answer.digest && answer.digest !== digest && answer.digest !== elsewhere) {
      if (doc() === state.saved) await takeTheirs().catch((error) => note(error.message));
      else conflict(answer.digest);
    }
  }

  /** Have the sound of a cue's take in the page. */
  async function need({ effect, asset }) {
    if (sound.carries({ asset })) {
      if (takes.some((one) => one.effect === effect && assetKey(one.take.asset) === assetKey(asset))) return;
    }
    const key = `${effect}\n${assetKey(asset)}`;
    if (!asked.has(key)) {
      asked.set(key, ask("take", { effect, asset }).then((one) => {
        addTake(one);
        refresh();
      }));
    }
    try {
      await asked.get(key);
    } catch (error) {
      asked.delete(key);
      note(error.message);
    }
  }

  async function needAll() {
    const missing = cuesOf(doc()).filter(({ cue }) => !sound.carries(cue));
    for (const { cue } of missing) await need(cue);
  }

  return {
    save: () => save(),
    render,
    need,
    offers: () => ask("palette").then(({ offers }) => offers),
    changed() {
      clearTimeout(draftTimer);
      draftTimer = setTimeout(keepDraft, DRAFT_MS);
    },
    viewed() {
      clearTimeout(viewTimer);
      viewTimer = setTimeout(() => {
        const view = { mute: [...state.mute], solo: [...state.solo], latency_ms: performing.latency() };
        ask("view", view).catch(() => {});
      }, 200);
    },
    begin() {
      byId("save").textContent = "Save";
      for (const name of ["render", "export-button", "home"]) byId(name).hidden = false;
      byId("export-button").addEventListener("click", showExport);
      byId("theirs").addEventListener("click", () => takeTheirs().catch((error) => note(error.message)));
      byId("ours").addEventListener("click", () => save(true));
      for (const name of facts.view?.mute ?? []) state.mute.add(name);
      for (const name of facts.view?.solo ?? []) state.solo.add(name);
      mixing.measured(facts.levels);
      if (facts.draft) {
        commit(facts.draft.cues, "restoring unsaved edits");
        note("Unsaved edits of the last time are back; Save keeps them, Undo drops them.");
        // Kept under this tab's name before it is dropped under that of the closed one.
        const former = { tab: facts.draft.tab, base: digest, cues: null };
        keepDraft().then(() => ask("draft", former)).catch(() => {});
      }
      needAll();
      poll();
      setInterval(poll, POLL_MS);
    },
  };
}
