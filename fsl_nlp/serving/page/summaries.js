/** What an edit did, in the reader's language: the server writes it in English, with labels as Python writes them. */

import { listed, phrase } from "./language.js";

const LABEL = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d+/g;
const ONE = `(?:'(?:[^'\\\\]|\\\\.)*'|"(?:[^"\\\\]|\\\\.)*"|-?\\d+)`;
const TEXTS = "(\\d+) texts?";
const LIST = `(${ONE}(?:, ${ONE})*)(?: and (\\d+) more)?`;

/** [pattern, key, names of its groups]; "list" takes two groups. */
const PATTERNS = [
  [`added ${TEXTS} of ${LIST}`, "did.add", ["count", "list"]],
  [`adapted to ${TEXTS} of ${LIST}`, "did.adapt", ["count", "list"]],
  [`removed ${TEXTS} of ${LIST}`, "did.remove", ["count", "list"]],
  [`added the label (${ONE}) with ${TEXTS}`, "did.addIntent", ["label", "count"]],
  [`removed the label (${ONE}) with ${TEXTS}`, "did.removeIntent", ["label", "count"]],
  [`renamed (${ONE}) to (${ONE})`, "did.rename", ["label", "into"]],
  [`merged ${LIST} into (${ONE})`, "did.merge", ["list", "into"]],
  [`relabelled ${TEXTS} of ${LIST} as (${ONE})`, "did.relabel", ["count", "list", "into"]],
].map(([pattern, key, names]) => ({ pattern: new RegExp(`^${pattern}$`, "s"), key, names }));

/** Nodes that say it; the English words of the server if they are new to the page. @param {string} summary */
export function describe(summary) {
  if (summary.startsWith("undone: ")) return phrase("did.undo", { what: describe(summary.slice("undone: ".length)) });
  for (const { pattern, key, names } of PATTERNS) {
    const match = pattern.exec(summary);
    if (match) return phrase(key, parametersOf(names, match.slice(1)));
  }
  return [summary];
}

function parametersOf(names, groups) {
  const parameters = {};
  for (const name of names) {
    const value = groups.shift();
    if (name === "count") parameters.count = Number(value);
    else if (name === "list") parameters.list = listOf(value, groups.shift());
    else parameters[name] = unquoted(value);
  }
  return parameters;
}

function listOf(labels, more) {
  const names = (labels?.match(LABEL) ?? []).map(unquoted);
  return listed(names) + (more ? ` +${more}` : "");
}

/** 'it\'s' -> it's @param {string} text */
export function unquoted(text) {
  if (!/^['"]/.test(text)) return text;
  const escapes = { n: "\n", t: "\t", r: "\r" };
  return text
    .slice(1, -1)
    .replace(/\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(.))/gs, (_, x, u, long, other) =>
      other ? (escapes[other] ?? other) : String.fromCodePoint(Number.parseInt(x ?? u ?? long, 16)),
    );
}
