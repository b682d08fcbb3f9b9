/** What can be done with an intent: add sentences, a new one, rename, merge, remove. */

import { ask } from "../dialog.js";
import { button, fill, h, labelled, once } from "../dom.js";
import { edit, teach } from "../edits.js";
import { askForName, nameOf, pickIntent, sure } from "../intents.js";
import { phrase, t } from "../language.js";
import { go, link } from "../router.js";
import { botNamed } from "../state.js";

/** The sentences of a text, one a line. @param {string} text */
export const linesOf = (text) => [...new Set(text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean))];

/** A folded form under the heading of an intent. */
export function addForm(name, intent) {
  const field = h("textarea", { rows: "5", dir: "auto" });
  const submit = h("button", { type: "submit", class: "main" }, t("add.none"));
  const count = () => {
    const lines = linesOf(field.value).length;
    fill(submit, lines ? t("add.submit", { count: lines }) : t("add.none"));
  };
  field.addEventListener("input", count);
  const choose = intent ? null : intentField(name);
  const problem = h("p", { class: "error", role: "alert" });
  async function run() {
    const texts = linesOf(field.value);
    const label = intent ? intent.label : choose.intent();
    fill(problem);
    if (!texts.length) return fill(problem, t("add.missing"));
    if (label === undefined) return fill(problem, t("pick.missing"));
    if (!(await teach(name, texts, { label, isNew: false, extra: false }))) return;
    field.value = "";
    count();
  }
  const form = h(
    "form",
    { class: "stack", onsubmit: (event) => (event.preventDefault(), once(submit, run)) },
    labelled(t("add.label"), field, t("add.hint")),
    choose?.element,
    problem,
    h("div", { class: "buttons" }, submit),
  );
  return h("details", { class: "fold" }, h("summary", null, t("add.title")), form);
}

function intentField(name) {
  const intents = botNamed(name).labels;
  const choose = h("select", null, h("option", { value: "" }, t("add.choose")));
  intents.forEach((intent, i) => choose.append(new Option(String(intent.label), String(i))));
  return { element: labelled(t("intent"), choose), intent: () => intents[choose.value === "" ? -1 : Number(choose.value)]?.label };
}

/** @param {string} name @param {import("../state.js").Intent} intent */
export function intentActions(name, intent) {
  return h(
    "div",
    { class: "buttons" },
    button(t("intent.rename"), () => rename(name, intent)),
    button(t("intent.merge"), () => merge(name, intent)),
    button(t("intent.remove"), () => remove(name, intent)),
  );
}

/** Make an intent, from sentences or from a description. @param {string} name @param {string[]} [texts] @param {string} [suggestion] */
export async function newIntent(name, texts = [], suggestion = "") {
  const label = h("input", { type: "text", dir: "auto", maxlength: "200", value: suggestion });
  const field = h("textarea", { rows: "5", dir: "auto", value: texts.join("\n") });
  const description = h("input", { type: "text", dir: "auto" });
  const body = await ask({
    title: t("intent.new"),
    body: [
      h("p", { class: "hint" }, t("intent.explained")),
      labelled(t("pick.newName"), label, t("intent.nameHint")),
      labelled(t("add.label"), field, t("add.hint")),
      labelled(t("intent.description"), description, t("intent.descriptionHint")),
    ],
    confirm: t("intent.make"),
    read: (complain) => {
      const lines = linesOf(field.value);
      if (!label.value.trim()) return complain(t("pick.nameMissing"));
      if (!lines.length && !description.value.trim()) return complain(t("intent.empty"));
      return { label: label.value.trim(), texts: lines, description: description.value.trim() || null };
    },
  });
  const made = body && (await edit(name, "labels", body));
  if (made) go(link(name, "sentences", { intent: body.label }));
  return made;
}

async function rename(name, intent) {
  const label = await askForName({
    title: phrase("rename.title", { label: nameOf(intent.label) }),
    body: h("p", { class: "hint" }, t("rename.hint")),
    confirm: t("intent.rename"),
    value: String(intent.label),
  });
  if (label === null || label === String(intent.label)) return;
  if (await edit(name, "labels/rename", { old: intent.label, new: label })) follow(name, label);
}

async function merge(name, intent) {
  const choice = await pickIntent({
    title: phrase("merge.title", { label: nameOf(intent.label) }),
    body: h("p", { class: "hint" }, t("merge.hint")),
    confirm: t("merge.confirm"),
    intents: botNamed(name).labels.filter((other) => other.label !== intent.label),
  });
  if (choice && (await edit(name, "labels/merge", { labels: [intent.label], into: choice.label }))) follow(name, choice.label);
}

async function remove(name, intent) {
  const parameters = { label: nameOf(intent.label), count: intent.examples };
  if (!(await sure("remove.intent", parameters, t("intent.remove")))) return;
  if (await edit(name, "labels/remove", { label: intent.label })) follow(name, null);
}

/** The old name is gone from the address bar, too. */
const follow = (name, label) => go(link(name, "sentences", { intent: label }), { replace: true });
