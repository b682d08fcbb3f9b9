/** Ask the bot something, see why it answers so, and say if that is wrong. */

import { confidences, inShort, neighbours, reasons, verdict } from "../answer.js";
import { announce, complain, inform } from "../card.js";
import { button, fill, h, once } from "../dom.js";
import { move, teach } from "../edits.js";
import { request } from "../http.js";
import { pickIntent } from "../intents.js";
import { percent, t, together } from "../language.js";
import { failure } from "../loading.js";
import { botNamed } from "../state.js";

const TOP = 4;
const NEAREST = 5;

/** What was asked last of each bot; it is still there when the reader comes back, until the page is closed. */
const last = new Map();

export function ask({ name, bot, signal }) {
  const field = h("textarea", { rows: "2", dir: "auto", id: "question", autocomplete: "off" });
  field.value = last.get(name)?.text ?? "";
  const place = h("div", { class: "result" });
  const submit = h("button", { type: "submit", class: "main" }, t("ask.submit"));
  const form = h(
    "form",
    { class: "stack narrow", onsubmit: (event) => (event.preventDefault(), once(submit, run)) },
    h("div", { class: "field" }, h("label", { for: "question" }, t("ask.label")), field),
    h("div", { class: "buttons" }, submit),
  );
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });

  async function run() {
    const text = field.value;
    if (!text.trim()) return field.focus();
    fill(submit, t("ask.busy"));
    place.setAttribute("aria-busy", "true");
    try {
      const json = { text, bot: name, top_k: TOP, nearest: NEAREST, why: true };
      const answer = await request("v1/classify", { method: "POST", json, signal });
      last.set(name, { text, answer });
      fill(place, shown(name, text, answer));
      announce(inShort(answer));
    } catch (error) {
      if (error.type !== "left") fill(place, failure(error, () => form.requestSubmit()));
    } finally {
      fill(submit, t("ask.submit"));
      place.removeAttribute("aria-busy");
    }
  }

  if (last.get(name)?.answer) fill(place, shown(name, last.get(name).text, last.get(name).answer));
  return { title: t("ask.title"), lead: known(bot), element: h("div", { class: "stack wide-gap" }, form, place) };
}

/** What the bot has learned, in a line. */
function known(bot) {
  const { accuracy, answered } = bot.expected ?? {};
  const isKnown = typeof accuracy === "number" && typeof answered === "number";
  return together(
    t("bot.size", { count: bot.labels.length, sentences: bot.examples }),
    isKnown && t("bot.expected", { answered: percent(answered), accuracy: percent(accuracy) }),
  );
}

function shown(name, text, answer) {
  return [
    h(
      "section",
      { class: "answer", "aria-label": t("ask.answer") },
      verdict(answer),
      answer.reason !== "empty" && judgement(name, text, answer),
    ),
    h("div", { class: "columns" }, h("div", { class: "stack evidence" }, confidences(answer), reasons(text, answer)), neighbours(answer.nearest)),
  ];
}

/** "Right" and "wrong" under the answer. */
function judgement(name, text, answer) {
  const row = h("div", { class: "buttons" });
  const right = answer.id && button(t("ask.right"), async () => (await noted(answer.id, answer.label)) && fill(row, thanks()));
  const wrong = button(t("ask.wrong"), async () => (await correct(name, text, answer)) && fill(row, thanks()));
  fill(row, right, wrong);
  return row;
}

const thanks = () => h("p", { class: "hint" }, t("ask.thanks"));

async function correct(name, text, answer) {
  const bot = botNamed(name);
  const teaches = bot.can_be_edited;
  const choice = await pickIntent({
    title: t("ask.whatIsRight"),
    body: h("p", { class: "quote", dir: "auto" }, text),
    confirm: t("ask.save"),
    intents: bot.labels.filter((intent) => intent.label !== answer.label),
    likely: [...answer.alternatives, ...answer.nearest].map((item) => item.label),
    none: answer.label === null ? undefined : t("ask.none"),
    fresh: teaches,
    extra: answer.id && teaches ? t("ask.teach") : undefined,
  });
  if (!choice) return false;
  // A new intent is no label of the bot until it is taught.
  const saved = answer.id && !choice.isNew ? await noted(answer.id, choice.label) : false;
  if (choice.label === null) {
    if (!answer.id) inform(t("ask.nothingSaved"), [t("ask.noLog")]);
    return saved;
  }
  if (!teaches) {
    if (!answer.id) inform(t("ask.nothingSaved"), [bot.why_not ?? "", t("ask.noLog")]);
    return saved;
  }
  if (!choice.extra && answer.id && !choice.isNew) return saved;
  const stored = answer.nearest.find((item) => item.text === text);
  return Boolean(await (stored ? move(name, [stored], choice) : teach(name, [text], choice))) || saved;
}

async function noted(id, label) {
  try {
    await request("v1/feedback", { method: "POST", json: { id, label } });
    announce(t("ask.noted"));
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}
