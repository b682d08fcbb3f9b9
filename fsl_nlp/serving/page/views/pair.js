/** Two intents side by side: move sentences between them, or make them one. */

import { button, fill, h } from "../dom.js";
import { carefulBox, edit, move } from "../edits.js";
import { request } from "../http.js";
import { askForName, nameOf, pickIntent } from "../intents.js";
import { phrase, t } from "../language.js";
import { loadInto } from "../loading.js";
import { go, link } from "../router.js";
import { botNamed, path, whenChanged } from "../state.js";
import { crossingTexts } from "./check.js";
import { addForm } from "./intent_actions.js";

const MOST = 500; // sentences of an intent that are shown

export function pair({ name, bot, query, signal }) {
  const intents = ["a", "b"].map((side) => bot.labels.find((intent) => String(intent.label) === query.get(side)));
  if (intents.some((intent) => !intent)) return chooseTwo(name, bot, query);
  const place = h("div", { class: "columns pair" });
  const load = () => loadInto(place, async () => {
    const now = intents.map(({ label }) => botNamed(name).labels.find((intent) => intent.label === label));
    if (now.some((intent) => !intent)) return [h("p", null, t("pair.gone"))];
    const lists = await Promise.all(now.map((intent) => sentencesOf(name, intent.label, signal)));
    return now.map((intent, i) => column(name, bot, intent, now[1 - i], lists[i]));
  });
  whenChanged(name, load, signal);
  load();
  const [first, second] = intents.map((intent) => nameOf(intent.label));
  return {
    title: phrase("pair.title", { first, second }),
    lead: t("pair.lead"),
    actions: h("a", { href: link(name, "check") }, t("pair.back")),
    element: h(
      "div",
      { class: "stack" },
      bot.can_be_edited && h("div", { class: "buttons" }, button(t("pair.merge"), () => merge(name, intents))),
      bot.can_be_edited && carefulBox(),
      place,
    ),
  };
}

async function sentencesOf(name, label, signal) {
  const parameters = new URLSearchParams({ label: String(label), offset: "0", limit: String(MOST) });
  return (await request(path(name, `examples?${parameters}`), { signal })).examples;
}

function column(name, bot, intent, other, examples) {
  const crossing = crossingTexts(name, intent.label, other.label);
  const ordered = [...examples].sort((a, b) => crossing.has(b.text) - crossing.has(a.text));
  const row = ({ text }) =>
    h(
      "li",
      { class: "line" },
      h("div", null, h("p", { dir: "auto" }, text), crossing.has(text) && h("p", { class: "hint" }, t("pair.crosses"))),
      bot.can_be_edited &&
        button(t("pair.move"), () => move(name, [{ text, label: intent.label }], { label: other.label, isNew: false, extra: false }), {
          class: "chip",
          "aria-label": t("pair.moveOne", { label: String(other.label), text }),
        }),
    );
  return h(
    "section",
    { class: "stack" },
    h("h2", null, nameOf(intent.label), " ", h("span", { class: "count" }, String(intent.examples))),
    intent.description && h("p", { class: "hint", dir: "auto" }, intent.description),
    bot.can_be_edited && addForm(name, intent),
    h("ul", { class: "plain lines" }, ordered.map(row)),
    intent.examples > MOST && h("p", null, h("a", { href: link(name, "sentences", { intent: intent.label }) }, t("pair.all"))),
  );
}

async function merge(name, intents) {
  const label = await askForName({
    title: t("pair.mergeTitle"),
    body: h("p", { class: "hint" }, t("pair.mergeHint")),
    confirm: t("merge.confirm"),
    value: String(intents[0].label),
  });
  if (label === null) return;
  const into = intents.find((intent) => String(intent.label) === label)?.label ?? label;
  if (await edit(name, "labels/merge", { labels: intents.map((intent) => intent.label), into })) go(link(name, "sentences", { intent: into }));
}

/** The address names no two intents: let the reader choose them. */
function chooseTwo(name, bot, query) {
  const place = h("div", { class: "stack" });
  const chosen = ["a", "b"].map((side) => bot.labels.find((intent) => String(intent.label) === query.get(side)) ?? null);
  const pick = async (i) => {
    const intents = bot.labels.filter((intent) => intent !== chosen[1 - i]);
    const choice = await pickIntent({ title: t("pair.choose"), confirm: t("pair.take"), intents });
    if (!choice) return;
    chosen[i] = bot.labels.find((intent) => intent.label === choice.label);
    if (chosen[0] && chosen[1]) go(link(name, "pair", { a: chosen[0].label, b: chosen[1].label }), { replace: true });
    else show();
  };
  const show = () => fill(place, h("div", { class: "buttons" }, chosen.map((intent, i) => button(intent ? nameOf(intent.label) : t("pair.choose"), () => pick(i)))));
  show();
  return { title: t("pair.chooseTitle"), lead: t("pair.lead"), element: place };
}
