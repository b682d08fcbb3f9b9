/** Edits of a bot: sent once, shown with what they change, undone with one button. */

import { complain, showEdit, working } from "./card.js";
import { button, checkbox } from "./dom.js";
import { request } from "./http.js";
import { nameOf, sure } from "./intents.js";
import { recall, remember, t } from "./language.js";
import { botNamed, path, reloadBot, replaceBot } from "./state.js";

const CAREFUL = "fsl-nlp-careful";

/** The checkbox "do not apply if it gets worse"; every edit asks what it says. */
export function carefulBox() {
  const onchange = (event) => remember(CAREFUL, event.target.checked ? "yes" : "");
  return checkbox(t("edit.careful"), { checked: recall(CAREFUL) === "yes", onchange }).element;
}

let running = false;

/**
 * Send an edit, show what it did, and tell the views of the bot.
 * @param {string} bot @param {string} part such as "examples" @param {any} body
 * @param {{careful?: boolean}} [options] without `careful`, the checkbox says it
 * @returns {Promise<any>} the edit if it was applied, otherwise null
 */
export async function edit(bot, part, body, { careful = recall(CAREFUL) === "yes" } = {}) {
  if (running) return null; // one at a time: two would be edits of the same version
  running = true;
  const insist = () => edit(bot, part, body, { careful: false });
  try {
    working(t("edit.working"));
    const version = botNamed(bot)?.model_version;
    const json = { ...body, ...(part !== "undo" && { refuse_if_worse: careful }), expected_version: version };
    const result = await request(path(bot, part), { method: "POST", json });
    showEdit(result, { undo: () => undo(bot), insist });
    replaceBot(result.bot);
    return result.applied ? result : null;
  } catch (error) {
    const cannotCompare = careful && error.message.includes("refuse_if_worse");
    if (cannotCompare) complain(new Error(t("edit.cannotCompare")), button(t("edit.insist"), insist));
    else complain(error);
    // What the server did before it was lost, or what somebody else did, is seen in its state.
    if (["conflict", "slow", "gone"].includes(error.type)) await reloadBot(bot).catch(() => {});
    return null;
  } finally {
    running = false;
  }
}

/** Go back to the version before the last edit. @param {string} bot */
export const undo = (bot) => edit(bot, "undo", {}, { careful: false });

/**
 * Give stored sentences another intent, an existing or a new one. An intent cannot be left empty: one whose sentences
 * all go is merged into the other, or renamed, if the reader agrees.
 * @param {string} bot @param {{text: string, label: any}[]} rows @param {import("./intents.js").Choice} choice
 */
export async function move(bot, rows, choice) {
  const left = emptied(bot, rows);
  if (!left) return edit(bot, "relabel", { texts: rows.map((row) => row.text), label: choice.label, ...(choice.isNew && { create: true }) });
  const parameters = { label: nameOf(left.label), into: nameOf(choice.label) };
  if (!(await sure("move.whole", parameters, t(choice.isNew ? "intent.rename" : "merge.confirm")))) return null;
  return choice.isNew
    ? edit(bot, "labels/rename", { old: left.label, new: choice.label })
    : edit(bot, "labels/merge", { labels: [left.label], into: choice.label });
}

/** The intent that would have no sentence without these. */
export function emptied(bot, rows) {
  const counts = new Map();
  for (const { label } of rows) counts.set(label, (counts.get(label) ?? 0) + 1);
  return botNamed(bot).labels.find((intent) => intent.examples > 0 && counts.get(intent.label) >= intent.examples);
}

/** Teach sentences that are not stored. @param {import("./intents.js").Choice} choice */
export const teach = (bot, texts, choice) =>
  choice.isNew
    ? edit(bot, "labels", { label: choice.label, texts })
    : edit(bot, "examples", { examples: texts.map((text) => ({ text, label: choice.label })) });
