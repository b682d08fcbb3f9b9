/** An answer of a bot in words: what it says, how sure it is, and why. */

import { bar, h } from "./dom.js";
import { nameOf } from "./intents.js";
import { listed, percent, phrase, t } from "./language.js";

const CLEAR = 0.2; // of log-odds; words that change less say nothing
const STRONG = 1.5; // 4.5 times the odds

/** @typedef {{text: string, start: number, end: number, change: number}} Influence */

/** The first line: the intent, or "I don't know" with the reason. @param {any} answer */
export function verdict(answer) {
  const { label, reason } = answer;
  const known = label !== null;
  const head = known ? h("p", { class: "verdict" }, nameOf(label)) : h("p", { class: "verdict unknown" }, t("answer.unknown"));
  return [head, h("p", { class: "reason" }, reasonIn(reason, known, answer)), answer.truncated && h("p", { class: "hint" }, t("answer.truncated"))];
}

function reasonIn(reason, known, { alternatives, confidence }) {
  const [first, second] = alternatives.map((item) => nameOf(item.label));
  const share = percent(confidence);
  if (known) return reason === "ambiguous" && first ? phrase("answer.perhaps", { first, share }) : t("answer.ok", { share });
  if (reason === "ambiguous") return second ? phrase("answer.between", { first, second }) : t("answer.unsure");
  return t(reason === "empty" ? "answer.empty" : reason === "out_of_scope" ? "answer.outOfScope" : "answer.unsure");
}

/** The same in one line, to be read aloud. */
export const inShort = (answer) =>
  answer.label === null ? t("answer.unknown") : t("answer.short", { label: String(answer.label), share: percent(answer.confidence) });

/** How sure it is of each intent. @param {any} answer */
export function confidences(answer) {
  const best = answer.label === null ? [] : [{ label: answer.label, confidence: answer.confidence }];
  const rows = [...best, ...answer.alternatives];
  if (!rows.length) return null;
  return h(
    "section",
    null,
    h("h2", null, t("answer.confidence")),
    h(
      "ul",
      { class: "plain bars" },
      rows.map((row, i) =>
        h("li", { class: i === 0 && "best" }, nameOf(row.label), bar(row.confidence), h("span", { class: "value" }, percent(row.confidence))),
      ),
    ),
    answer.in_scope !== null && h("p", { class: "hint" }, t("answer.inScope", { share: percent(answer.in_scope) })),
  );
}

/** The question with its words marked, and the same in words. @param {string} text @param {any} answer */
export function reasons(text, answer) {
  const label = answer.label ?? answer.alternatives[0]?.label;
  if (!answer.why.length || label === undefined) return null;
  const clear = answer.why.filter((word) => Math.abs(word.change) >= CLEAR);
  const side = (sign) => clear.filter((word) => word.change * sign > 0).sort((a, b) => sign * (b.change - a.change));
  const line = (key, words) =>
    words.length > 0 && h("p", { class: "hint" }, phrase(key, { words: listed(words.map((word) => word.text)), label: nameOf(label) }));
  return h(
    "section",
    null,
    h("h2", null, t("answer.why")),
    h("p", { class: "marked", dir: "auto" }, marked(text, answer.why)),
    line("answer.for", side(1)),
    line("answer.against", side(-1)),
    !clear.length && h("p", { class: "hint" }, t("answer.noWord")),
  );
}

/** The text in pieces, each marked by what it does. The server counts characters, not UTF-16 units. */
function marked(text, why) {
  const characters = Array.from(text);
  const pieces = [];
  let end = 0;
  for (const word of why) {
    pieces.push(characters.slice(end, word.start).join(""));
    const strength = Math.abs(word.change) < CLEAR ? "" : Math.abs(word.change) >= STRONG ? "strong" : "weak";
    const piece = characters.slice(word.start, word.end).join("");
    pieces.push(strength ? h("mark", { class: `${word.change > 0 ? "for" : "against"} ${strength}` }, piece) : piece);
    end = word.end;
  }
  return [...pieces, characters.slice(end).join("")];
}

/** Stored sentences that are most like the question. @param {any[]} nearest */
export function neighbours(nearest) {
  if (!nearest.length) return null;
  return h(
    "section",
    null,
    h("h2", null, t("answer.nearest")),
    h(
      "ul",
      { class: "plain lines" },
      nearest.map((item) =>
        h(
          "li",
          null,
          h("p", { class: "sentence", dir: "auto" }, item.text),
          h("p", { class: "hint" }, phrase("answer.similar", { label: nameOf(item.label), share: percent(Math.max(0, item.similarity)) })),
        ),
      ),
    ),
  );
}
