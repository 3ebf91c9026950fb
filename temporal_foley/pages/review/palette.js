// Everything that can be added: found by words, listened to, put at the playhead.

const MOST_OFFERS = 150;

function createPalette() {
  let offers = null;

  /** What this page itself carries, where there is no server to ask for more. */
  function carried() {
    return effects.filter((one) => takesFor(one.name).length).map((one) => ({
      effect: one.name,
      title: one.name,
      where: "in this page",
      licence: "",
      text: wordsOf(one.name),
      takes: takesFor(one.name).map((take) => take.asset),
    }));
  }

  async function open() {
    byId("palette").showModal();
    byId("wanted").select();
    offers ??= (await keeping.offers()) ?? carried();
    show();
  }

  /** All words must be in the text: `dog` finds dog barking, `wood step` the steps on wood. */
  function found() {
    const words = byId("wanted").value.toLowerCase().split(/[\s_]+/).filter(Boolean);
    const fits = ({ text }) => words.every((word) => text.includes(word));
    const starts = ({ effect }) => words.length > 0 && effect.startsWith(words[0]);
    return offers.filter(fits).sort((a, b) => starts(b) - starts(a));
  }

  function show() {
    const all = found();
    const more = all.length > MOST_OFFERS ? `; the first ${MOST_OFFERS} are shown` : "";
    byId("hits").textContent = `${many(all.length, "sound")}${more}. They are added at ${clockText(transport.head())}.`;
    byId("offers").replaceChildren(...all.slice(0, MOST_OFFERS).map(row));
  }

  function row(offer) {
    const chosen = make("select", { title: "Take" });
    setOptions(chosen, offer.takes.map((asset, at) => [String(at), offer.takes.length > 1 ? `take ${at + 1}` : "1 take"]), "0");
    const asset = () => offer.takes[Number(chosen.value)];
    const hear = make("button", { type: "button", textContent: "Listen" });
    const add = make("button", { type: "button", textContent: "Add" });
    hear.setAttribute("aria-label", `Listen to ${offer.title}`);
    add.setAttribute("aria-label", `Add ${offer.title}`);
    hear.addEventListener("click", () => listen(offer, asset()));
    add.addEventListener("click", async () => {
      if (!(await have(offer, asset()))) return;
      byId("palette").close();
      const others = takesFor(offer.effect).filter((take) => assetKey(take.asset) !== assetKey(asset()));
      actions.addTakes(offer.effect, [plainTake(takeOf.get(assetKey(asset()))), ...others.map(plainTake)]);
    });
    const where = make("small", { textContent: [offer.where, offer.licence].filter(Boolean).join(", ") });
    const node = make("div", { className: "offer" }, make("span", { textContent: wordsOf(offer.title) }), where, chosen, hear, add);
    node.setAttribute("role", "listitem");
    node.dataset.effect = offer.effect;
    return node;
  }

  /** Have the sound of a take in the page. */
  async function have(offer, asset) {
    const here = takesFor(offer.effect).find((take) => assetKey(take.asset) === assetKey(asset));
    if (here && sound.carries({ asset })) return true;
    await keeping.need({ effect: offer.effect, asset });
    return takesFor(offer.effect).some((take) => assetKey(take.asset) === assetKey(asset));
  }

  async function listen(offer, asset) {
    if (!(await have(offer, asset))) return;
    const take = takesFor(offer.effect).find((one) => assetKey(one.asset) === assetKey(asset));
    const added = addCue(doc(), effectNamed(offer.effect), 0, [plainTake(take)], null, effects);
    sound.audition(findCue(added.doc, added.id));
  }

  byId("wanted").addEventListener("input", show);
  byId("wanted").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    byId("offers").querySelector("button:last-child")?.click();
  });
  byId("palette").addEventListener("close", () => sound.stop());
  return { open };
}

const palette = createPalette();
