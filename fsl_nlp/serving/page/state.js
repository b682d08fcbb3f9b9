/** The bots of the server, as far as the page has seen them. */

import { request } from "./http.js";

/**
 * @typedef {string | number} Label
 * @typedef {{label: Label, name: string | null, description: string | null, examples: number}} Intent
 * @typedef {{name: string, model_version: string, version: number, labels: Intent[], examples: number,
 *   can_be_edited: boolean, why_not: string | null, error: string | null, languages: string[], saved: string | null,
 *   expected: {accuracy: number | null, answered: number | null} | null}} BotInfo
 */

/** @type {BotInfo[]} */
let bots = [];
const changes = new EventTarget();

export const allBots = () => bots;

/** @param {string | null} name @returns {BotInfo | undefined} */
export const botNamed = (name) => bots.find((bot) => bot.name === name);

export async function loadBots() {
  bots = (await request("v1/bots")).bots;
}

/** Take what the server says of a bot; views of it show the new state. @param {BotInfo} info */
export function replaceBot(info) {
  const others = bots.some((bot) => bot.name === info.name);
  bots = others ? bots.map((bot) => (bot.name === info.name ? info : bot)) : [...bots, info];
  changes.dispatchEvent(new CustomEvent("change", { detail: info.name }));
}

/** Ask the server again. @param {string} name */
export async function reloadBot(name) {
  replaceBot(await request(path(name)));
}

/** Call when a bot changes, until the view is left. */
export function whenChanged(name, action, signal) {
  changes.addEventListener("change", (event) => event.detail === name && action(), { signal });
}

/** The address of a part of a bot. @param {string} bot @param {string} [part] */
export const path = (bot, part = "") => `v1/bots/${encodeURIComponent(bot)}${part && `/${part}`}`;
