// Keeping what was decided: into a file, or through the server of the desk where there is one.

/** The page from disk: the list goes into a file that the person chooses, or to the downloads. */
function createDiskKeeping() {
  let handle = null;

  const uniqueName = () => {
    const stem = page.cues.source.name.replace(/\.[^.]*$/, "");
    const when = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
    return `${stem}.cues.${when}.json`;
  };

  /** A file in the folder of this page, as one would type its path. */
  function hereFile(name) {
    const folder = decodeURIComponent(location.pathname).replace(/[^/]*$/, "");
    return `${folder.replace(/^\/(?=[A-Za-z]:)/, "")}${name}`;
  }

  const next = () => `Then render it: temporal-foley render "${hereFile("cues.json")}" --overwrite`;

  /** Write into the file that was chosen, without asking again; false if that cannot be done. */
  async function toChosenFile(text) {
    if (!window.showSaveFilePicker) return false;
    try {
      const types = [{ description: "Cue list", accept: { "application/json": [".json"] } }];
      handle ??= await showSaveFilePicker({ suggestedName: "cues.json", types, id: "cues" });
      const stream = await handle.createWritable();
      await stream.write(text);
      await stream.close();
    } catch (error) {
      handle = null;
      if (error.name === "AbortError") return null;
      return false;
    }
    note(`Saved as ${handle.name}. If that is not ${hereFile("cues.json")}, replace that file with it. ${next()}`);
    return true;
  }

  function download(text) {
    const link = make("a", { download: uniqueName() });
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    note(`Saved as ${link.download} among the downloads. ` +
      `Replace ${hereFile("cues.json")} with it. ${next()}`);
  }

  return {
    async save() {
      const [saving, text] = [doc(), savedText(doc())];
      const done = await toChosenFile(text);
      if (done === null) return note("Not saved.");
      if (!done) download(text);
      state.saved = saving;
    },
    async render() {
      note("A page from disk cannot render. Save, then: temporal-foley render; " +
        "or open the folder with temporal-foley review.");
    },
    begin() {},
    changed() {},
    viewed() {},
    async need() {},
    offers: async () => null,
  };
}

const keeping = page.desk ? createDeskKeeping(page.desk, createDiskKeeping()) : createDiskKeeping();
