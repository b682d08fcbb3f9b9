/** A part of a view that comes from the server: its waiting, its failure with a retry, its content. */

import { inWords } from "./card.js";
import { button, fill, h } from "./dom.js";
import { setKey } from "./http.js";
import { t } from "./language.js";

/** The event that says that the server answers again. */
export const BACK = "fsl-nlp-back";

/**
 * Fill `place` with what `load` brings; while it does, what stands there stays.
 * @param {Element} place @param {() => Promise<any>} load children to show, or null to leave all as it is
 */
export async function loadInto(place, load) {
  const waiting = !place.childNodes.length && setTimeout(() => fill(place, h("p", { class: "waiting" }, t("loading"))), 200);
  place.setAttribute("aria-busy", "true");
  try {
    const content = await load();
    clearTimeout(waiting);
    if (content !== null) fill(place, content);
  } catch (error) {
    clearTimeout(waiting);
    if (error.type === "left") return;
    if (error.type === undefined) console.error(error);
    fill(place, failure(error, () => loadInto(place, load)));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

/** What could not be loaded, and why. @param {any} error @param {() => any} retry */
export function failure(error, retry) {
  const { title, detail } = inWords(error);
  const keys = ["forbidden", "unauthorized"];
  if (error.type === "gone") addEventListener(BACK, () => element.isConnected && retry(), { once: true });
  const element = h(
    "div",
    { class: "failure stack", role: "alert" },
    h("p", null, h("strong", null, title)),
    detail && h("p", detail.fromServer && { lang: "en" }, detail.text),
    h(
      "div",
      { class: "buttons" },
      keys.includes(error.type) ? button(t("key.other"), () => (setKey(""), retry())) : button(t("retry"), retry),
    ),
  );
  return element;
}
