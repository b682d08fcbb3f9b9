/** What is wrong with an uploaded table: line by line in the reader's words, as far as the page has them. */

import { h } from "./dom.js";
import { phrase, t } from "./language.js";

const REASONS = { "the label is missing": "mistake.label", "the text is missing": "mistake.text", "Cancelled.": "mistake.cancelled" };

/** [pattern of a line, what to show of it]; null leaves the line out. */
const LINES = [
  [/: (\d+) (?:row|instance|example)s? cannot be used\.$/, (count) => t("mistake.rows", { count: Number(count) })],
  [/^ {2}.*:(\d+): (.+)$/, (line, reason) => phrase("mistake.line", { line, reason: reasonOf(reason) })],
  [/^ {2}and (\d+) more$/, (count) => t("more", { count: Number(count) })],
  [/^Fix them, or leave them out with on_error/, () => null],
];

/** Whether the rows that are wrong may be left out. @param {string} message of the server */
export const canSkip = (message) => message.includes('on_error="skip"');

/** @param {string} message of the server */
export function mistakes(message) {
  return message.split("\n").flatMap((line) => {
    for (const [pattern, show] of LINES) {
      const match = pattern.exec(line);
      const shown = match && show(...match.slice(1));
      if (match) return shown === null ? [] : [h("p", null, shown)];
    }
    return [h("p", { class: "words" }, reasonOf(line))];
  });
}

const reasonOf = (text) => (REASONS[text] ? h("span", null, t(REASONS[text])) : h("span", { lang: "en" }, text));
