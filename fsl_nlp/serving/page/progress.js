/** How far a job is, as a bar and in words. */

import { announce } from "./card.js";
import { fill, h } from "./dom.js";
import { percent, t } from "./language.js";

/** @param {string} title what runs */
export function progress(title) {
  const line = h("progress", { "aria-label": title, max: "1" });
  const words = h("p", { class: "hint" });
  const element = h("div", { class: "stack narrow" }, h("p", null, h("strong", null, title)), line, words);
  let said = "";
  /** @param {any} job */
  const show = (job) => {
    if (job.progress > 0) line.value = job.progress;
    const step = stepIn(job);
    fill(words, job.progress > 0 ? `${step} · ${percent(job.progress)}` : step);
    if (step !== said) announce(step);
    said = step;
  };
  return { element, show };
}

/** The stages that the page knows, in the reader's words; others stay as the server writes them. */
function stepIn(job) {
  const key = `step.${job.state === "waiting" ? "waiting" : job.stage}`;
  const words = t(key);
  return words === key ? String(job.step ?? "") : words;
}
