/** Questions of real people that the bot could not answer, grouped; one click makes an intent of a group. */

import { announce, complain } from "../card.js";
import { button, checkbox, fill, h, labelled } from "../dom.js";
import { carefulBox, teach } from "../edits.js";
import { request } from "../http.js";
import { nameOf, pickIntent } from "../intents.js";
import { percent, phrase, t } from "../language.js";
import { worked } from "../jobs.js";
import { loadInto } from "../loading.js";
import { botNamed, path } from "../state.js";

const SINGLES = 20; // questions outside of groups
const TICK_ALL = 6; // questions of a group; more can be ticked at once
const COMMAND = "fsl-nlp serve my-bot --log sqlite:///bot.db";

export function inbox({ name, bot, signal }) {
  const place = h("div", { class: "stack wide-gap" });
  const load = () => loadInto(place, async () => {
    try {
      const found = await worked(path(name, `inbox?n=${SINGLES}`), t("inbox.busy"), place, signal);
      // Others were asked since these were grouped.
      const newer = found.job && h("div", { class: "banner", role: "status" }, h("p", null, t("inbox.newer")), button(t("reload"), load));
      return [newer, content(name, bot, found)];
    } catch (error) {
      if (error.status === 404) return withoutLog(error);
      throw error;
    }
  });
  load();
  return {
    title: t("inbox.title"),
    lead: t("inbox.lead"),
    actions: button(t("reload"), load, { class: "quiet" }),
    element: h("div", { class: "stack" }, bot.can_be_edited && carefulBox(), place),
  };
}

const withoutLog = () => [
  h("h2", null, t("inbox.noLog")),
  h("p", null, t("inbox.start")),
  h("pre", { tabindex: "0", "aria-label": t("inbox.command") }, COMMAND),
  h("p", { class: "hint" }, t("inbox.private")),
];

function content(name, bot, { texts, new_labels: groups, to_label: singles }) {
  const grouped = new Set(groups.flatMap((group) => group.texts));
  const alone = singles.filter((item) => !grouped.has(item.text));
  if (!groups.length && !alone.length) return h("p", null, t("inbox.empty"));
  return [
    h("p", null, t("inbox.count", { count: texts })),
    groups.length > 0 && h("section", { class: "stack" }, h("h2", { tabindex: "-1" }, t("inbox.groups")), h("p", { class: "hint" }, t("inbox.groupsHint")), h("div", { class: "groups" }, groups.map((group) => groupCard(name, bot, group)))),
    alone.length > 0 &&
      h("section", { class: "stack" }, h("h2", { tabindex: "-1" }, t("inbox.singles")), h("p", { class: "hint" }, t("inbox.singlesHint")), h("ul", { class: "plain lines" }, alone.map((item) => single(name, bot, item)))),
  ];
}

/** A group of questions that are alike, with a name that can be changed. */
function groupCard(name, bot, group) {
  const label = h("input", { type: "text", dir: "auto", value: group.name, maxlength: "200" });
  const rows = group.texts.map((text) => ({ text, ...checkbox(h("span", { dir: "auto" }, text), { checked: true }) }));
  const problem = h("p", { class: "error", role: "alert" });
  const element = h("article", { class: "panel stack", "aria-label": group.name });
  const chosen = () => rows.filter((row) => row.box.checked).map((row) => row.text);
  const withChosen = (action) => async () => {
    const texts = chosen();
    fill(problem, texts.length ? null : t("inbox.noneChosen"));
    if (texts.length && (await action(texts))) settle(texts);
  };
  // Questions that were left out stay, as they may be asked for something else.
  const settle = (texts) => {
    const left = group.texts.filter((text) => !texts.includes(text));
    const heading = element.closest("section").querySelector("h2");
    if (left.length) element.replaceWith(groupCard(name, bot, { ...group, texts: left }));
    else element.remove();
    heading.focus({ preventScroll: true });
  };
  const make = withChosen(async (texts) => {
    const wanted = label.value.trim();
    if (!wanted) return void fill(problem, t("pick.nameMissing"));
    const existing = botNamed(name).labels.find((intent) => String(intent.label) === wanted);
    return teach(name, texts, { label: existing?.label ?? wanted, isNew: !existing, extra: false });
  });
  fill(
    element,
    h("div", { class: "title" }, h("h3", null, t("inbox.group", { count: group.texts.length })), h("span", { class: "hint" }, t("inbox.asked", { count: group.count }))),
    rows.length > TICK_ALL && tickAll(rows),
    h("div", { class: "scroll" }, rows.map((row) => row.element)),
    bot.can_be_edited && labelled(t("pick.newName"), label),
    problem,
    h(
      "div",
      { class: "buttons" },
      bot.can_be_edited && button(t("inbox.make"), make, { class: "main" }),
      bot.can_be_edited && button(t("inbox.add"), withChosen((texts) => addTo(name, texts))),
      button(t("inbox.dismiss"), withChosen((texts) => dismiss(name, texts)), { class: "quiet" }),
    ),
  );
  return element;
}

/** One checkbox for all of a long group. */
function tickAll(rows) {
  const all = checkbox(t("inbox.tickAll"), { checked: true });
  all.box.addEventListener("change", () => rows.forEach((row) => (row.box.checked = all.box.checked)));
  return all.element;
}

function single(name, bot, item) {
  const element = h("li", { class: "line-block" });
  const settle = (isDone) => {
    if (!isDone) return;
    const heading = element.closest("section").querySelector("h2");
    element.remove();
    heading.focus({ preventScroll: true });
  };
  const guess = { label: item.label, isNew: false, extra: false };
  fill(
    element,
    h(
      "div",
      null,
      h("p", { class: "sentence", dir: "auto" }, item.text),
      h("p", { class: "hint" }, phrase("inbox.guess", { label: nameOf(item.label), share: percent(item.confidence) }), " ", t("inbox.asked", { count: item.count })),
    ),
    h(
      "div",
      { class: "buttons" },
      bot.can_be_edited && button(phrase("inbox.addTo", { label: nameOf(item.label) }), async () => settle(await teach(name, [item.text], guess))),
      bot.can_be_edited && button(t("inbox.other"), async () => settle(await addTo(name, [item.text], item.label))),
      button(t("inbox.dismiss"), async () => settle(await dismiss(name, [item.text])), { class: "quiet" }),
    ),
  );
  return element;
}

async function addTo(name, texts, but) {
  const choice = await pickIntent({
    title: t("inbox.addQuestion", { count: texts.length }),
    body: texts.length === 1 && h("p", { class: "quote", dir: "auto" }, texts[0]),
    confirm: t("inbox.addConfirm"),
    intents: botNamed(name).labels.filter((intent) => intent.label !== but),
    fresh: true,
  });
  return choice && teach(name, texts, choice);
}

async function dismiss(name, texts) {
  try {
    await request(path(name, "inbox/dismiss"), { method: "POST", json: { texts } });
  } catch (error) {
    complain(error);
    return false;
  }
  announce(t("inbox.dismissed"));
  return true;
}
