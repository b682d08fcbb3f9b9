/** Choosing an intent: a dialog with a search field and a list. */

import { ask } from "./dialog.js";
import { checkbox, fill, h, labelled, newId } from "./dom.js";
import { phrase, t } from "./language.js";

const SEARCH_FROM = 8; // intents; fewer are seen at a glance

/**
 * @typedef {import("./state.js").Intent} Intent
 * @typedef {import("./state.js").Label} Label
 * @typedef {{label: Label | null, isNew: boolean, extra: boolean}} Choice `label` is null for "none of these"
 */

/** How an intent is called on the page. @param {Label | null | undefined} label */
export const nameOf = (label) => h("bdi", { class: "intent" }, String(label));

/**
 * @param {object} question
 * @param {any} question.title
 * @param {any} [question.body]
 * @param {any} question.confirm
 * @param {Intent[]} question.intents
 * @param {Label[]} [question.likely] these come first
 * @param {string} [question.none] the text of the choice that is no intent
 * @param {boolean} [question.fresh] whether a new intent can be named
 * @param {string} [question.extra] the text of a checkbox
 * @returns {Promise<Choice | null>}
 */
export function pickIntent({ title, body, confirm, intents, likely = [], none, fresh = false, extra }) {
  const group = newId("intent");
  const first = intents.filter((intent) => likely.includes(intent.label));
  const ordered = [...first, ...intents.filter((intent) => !first.includes(intent))];
  const rows = ordered.map((intent) => ({ intent, element: radio(group, nameOf(intent.label), intent.description) }));
  const noneRow = none && radio(group, none);
  const newName = h("input", { type: "text", dir: "auto", maxlength: "200", "aria-label": t("pick.newName") });
  const newRow = fresh && radio(group, t("pick.new"));
  newName.addEventListener("input", () => (newRow.querySelector("input").checked = true));
  const list = h("div", { class: "choices", role: "group", "aria-label": t("intents") });
  const search = h("input", { type: "search", autocomplete: "off" });
  const show = () => {
    const words = search.value.trim().toLowerCase();
    const shown = rows.filter(({ intent }) => `${intent.label} ${intent.name ?? ""}`.toLowerCase().includes(words));
    fill(list, shown.length ? shown.map((row) => row.element) : h("p", { class: "hint" }, t("nothing")));
  };
  search.addEventListener("input", show);
  show();
  const more = extra ? checkbox(extra, { checked: true }) : null;
  return ask({
    title,
    body: [
      body,
      intents.length >= SEARCH_FROM && labelled(t("pick.search"), search),
      list,
      newRow && h("div", { class: "fresh" }, newRow, newName),
      noneRow,
      more?.element,
    ],
    confirm,
    read: (complain) => {
      const extraIsOn = Boolean(more?.box.checked);
      const answer = (label, isNew = false) => ({ label, isNew, extra: extraIsOn });
      const chosen = rows.find((row) => isChecked(row.element));
      if (newRow && isChecked(newRow)) return newIntent(newName, intents, answer, complain);
      if (noneRow && isChecked(noneRow)) return answer(null);
      return chosen ? answer(chosen.intent.label) : complain(t("pick.missing"));
    },
  });
}

function newIntent(field, intents, answer, complain) {
  const name = field.value.trim();
  if (!name) return complain(t("pick.nameMissing"));
  const existing = intents.find((intent) => String(intent.label) === name);
  return existing ? answer(existing.label) : answer(name, true);
}

const isChecked = (row) => row.querySelector("input").checked;

function radio(group, text, description) {
  return h(
    "label",
    { class: "check" },
    h("input", { type: "radio", name: group }),
    h("span", null, text, description && h("small", { dir: "auto" }, description)),
  );
}

/** Ask for the name of an intent. @returns {Promise<string | null>} */
export function askForName({ title, body, confirm, value = "", label = t("pick.newName") }) {
  const field = h("input", { type: "text", dir: "auto", value, maxlength: "200" });
  return ask({
    title,
    body: [body, labelled(label, field)],
    confirm,
    read: (complain) => field.value.trim() || complain(t("pick.nameMissing")),
  });
}

/** Whether something may be lost is asked before. */
export const sure = (key, parameters, confirm) =>
  ask({ title: phrase(`${key}.title`, parameters), body: h("p", null, phrase(`${key}.body`, parameters)), confirm, danger: true });
