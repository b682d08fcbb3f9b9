/** The card at the lower edge: what the last edit did, with Undo; or what went wrong. */

import { button, fill, h } from "./dom.js";
import { handlers, setKey } from "./http.js";
import { percent, phrase, t } from "./language.js";
import { describe } from "./summaries.js";

const MOVED_SHOWN = 100; // sentences in the list
const READ = 15_000; // milliseconds in which a message is read aloud

const live = h("div", { class: "hidden", role: "status", "aria-live": "polite" });
const card = h("section", { class: "card", hidden: true });

/** Both live as long as the page, so that what they say is read aloud. */
export const cardElements = () => [live, card];

/** Say something to screen readers alone. @param {string} text */
export function announce(text) {
  clearTimeout(announced);
  live.textContent = "";
  announced = setTimeout(() => {
    live.textContent = text; // after a moment, so that the same words twice are two messages
    announced = setTimeout(() => (live.textContent = ""), READ); // nobody finds it again while reading the page
  }, 50);
}

let announced = 0;

export function closeCard() {
  card.hidden = true;
  document.body.classList.remove("with-card");
}

let cardOf = "";

/** Another view is opened. What was done to a bot can still be undone while its views are read. @param {string} bot */
export function leaveCard(bot) {
  if (bot !== cardOf || card.classList.contains("failed")) closeCard();
  cardOf = bot;
}

function open(kind, title, children, buttons) {
  const heading = h("h2", null, title);
  card.className = `card ${kind}`;
  card.setAttribute("aria-label", t("card.label"));
  fill(card, heading, children, h("div", { class: "buttons" }, buttons, button(t("close"), closeCard)));
  card.hidden = false;
  document.body.classList.add("with-card");
  announce([...card.querySelectorAll("h2, p")].map((line) => line.textContent).join(" "));
}

/** A short word that something is done. @param {any} title @param {any[]} [lines] @param {any} [buttons] */
export const inform = (title, lines = [], buttons = null) =>
  open("done", title, lines.filter(Boolean).map((line) => h("p", null, line)), buttons);

/** Something runs. @param {string} title */
export function working(title) {
  card.className = "card busy";
  card.setAttribute("aria-label", t("card.label"));
  fill(card, h("h2", null, title), h("progress", { "aria-label": title }));
  card.hidden = false;
  document.body.classList.add("with-card");
  announce(title);
}

/** Something went wrong. @param {Error} error @param {any} [buttons] */
export function complain(error, buttons = null) {
  if (error.type === "left") return;
  const { title, detail } = inWords(error);
  const needsKey = ["forbidden", "unauthorized"].includes(error.type);
  open("failed", title, detail && h("p", detail.fromServer && { lang: "en" }, detail.text), buttons ?? (needsKey && button(t("key.other"), otherKey)));
}

/** Ask for another key, for what is done next. */
async function otherKey() {
  const value = await handlers.askForKey(false);
  if (value === null) return;
  setKey(value);
  closeCard();
}

/** An error in words: a title of the page, and what the server says. @param {any} error */
export function inWords(error) {
  const key = keyOf(error);
  if (key in EXPLAINED) return { title: t(key), detail: { text: t(EXPLAINED[key]), fromServer: false } };
  return { title: t(key), detail: error.message && { text: error.message, fromServer: error.type !== undefined } };
}

/** Titles that the page can explain itself; after the others stands what the server says. */
const EXPLAINED = {
  "error.gone": "error.gone.do",
  "error.slow": "error.slow.do",
  "error.key": "error.key.do",
  "error.role": "error.role.do",
  "error.busy": "error.busy.do",
  "error.conflict": "error.conflict.do",
};

/** The key of the title. One type of the server may mean two things, which its words tell. */
function keyOf({ type, message }) {
  if (type === "forbidden") return message.includes("the role") ? "error.role" : "error.forbidden";
  if (type === "conflict") return message.includes("changed meanwhile") ? "error.conflict" : "error.refused";
  const keys = { gone: "gone", slow: "slow", timeout: "slow", unauthorized: "key", overloaded: "busy", unavailable: "unavailable", internal: "internal" };
  return `error.${keys[type] ?? "refused"}`;
}

/**
 * What an edit did. `undo` and `insist` are what the buttons do.
 * @param {any} result of the server @param {{undo: () => any, insist: () => any}} actions
 */
export function showEdit(result, { undo, insist }) {
  const what = describe(result.summary);
  const buttons = result.applied
    ? result.action !== "undo" && button(t("undo"), undo)
    : button(t("edit.insist"), insist);
  open(
    result.applied ? "done" : "refused",
    result.applied ? what : phrase("edit.refused", { what }),
    [
      expectation("edit.accuracy", result.expected_before.accuracy, result.expected_after.accuracy),
      expectation("edit.answered", result.expected_before.answered, result.expected_after.answered),
      result.expected_after.accuracy === null && h("p", { class: "hint" }, t("edit.unknown")),
      movedSentences(result.moved),
      result.note && h("p", { class: "hint" }, note(result.note)),
    ],
    buttons,
  );
}

function expectation(key, before, after) {
  if (after === null) return null;
  const points = before === null ? 0 : Math.round(1000 * (after - before)) / 10;
  const trend = before === null ? "new" : points > 0 ? "better" : points < 0 ? "worse" : "same";
  const parameters = { after: h("strong", null, percent(after, 1)), before: before === null ? "" : percent(before, 1) };
  return h("p", { class: `trend ${trend}` }, phrase(`${key}.${trend}`, parameters));
}

function movedSentences(moved) {
  if (!moved.length) return h("p", { class: "hint" }, t("edit.none"));
  return h(
    "details",
    null,
    h("summary", null, t("edit.moved", { count: moved.length })),
    h(
      "ul",
      { class: "plain scroll", tabindex: "0", "aria-label": t("edit.moved", { count: moved.length }) },
      moved.slice(0, MOVED_SHOWN).map((item) =>
        h(
          "li",
          null,
          h("q", { dir: "auto" }, item.text),
          " ",
          h("small", null, phrase(item.after === item.label ? "edit.right" : "edit.wrong", item)),
        ),
      ),
      moved.length > MOVED_SHOWN && h("li", { class: "hint" }, t("more", { count: moved.length - MOVED_SHOWN })),
    ),
  );
}

/** The note of an edit in the reader's words, where the page has them. */
function note(text) {
  const skipped = /^left out (\d+) texts?: stored already/.exec(text);
  return skipped ? t("edit.skipped", { count: Number(skipped[1]) }) : h("span", { lang: "en" }, text);
}
