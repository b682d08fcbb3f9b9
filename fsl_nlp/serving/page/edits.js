/** Edits of a bot: sent once, shown with what they change, undone with one button. */

import { complain, showEdit, working } from "./card.js";
import { button, checkbox } from "./dom.js";
import { request } from "./http.js";
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
    const json = { ...body, refuse_if_worse: careful, expected_version: version };
    const result = await request(path(bot, part), { method: "POST", json });
    showEdit(result, { undo: () => undo(bot), insist });
    replaceBot(result.bot);
    return result.applied ? result : null;
  } catch (error) {
    const cannotCompare = careful && error.status === 422 && error.message.includes("refuse_if_worse");
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

/** Give sentences another intent, an existing or a new one. @param {import("./intents.js").Choice} choice */
export const relabel = (bot, texts, choice) => edit(bot, "relabel", { texts, label: choice.label });

/** Teach sentences that are not stored. @param {import("./intents.js").Choice} choice */
export const teach = (bot, texts, choice) =>
  choice.isNew
    ? edit(bot, "labels", { label: choice.label, texts })
    : edit(bot, "examples", { examples: texts.map((text) => ({ text, label: choice.label })) });
