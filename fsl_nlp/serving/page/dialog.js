/** Questions in front of the page: the browser's own dialog keeps the focus inside, and Escape closes it. */

import { button, fill, h, newId } from "./dom.js";
import { t } from "./language.js";

/**
 * Ask, and wait for the answer: null if it was closed.
 * @param {object} question
 * @param {any} question.title
 * @param {any} [question.body]
 * @param {any} question.confirm the text of the button that answers
 * @param {boolean} [question.danger] whether something is lost by it
 * @param {(complain: (text: any) => void) => any} [question.read] the answer, or undefined after a complaint
 */
export function ask({ title, body, confirm, danger = false, read = () => true }) {
  return new Promise((resolve) => {
    let answer = null;
    // A finger would be met by the keyboard of the screen if a field had the focus.
    const touched = matchMedia("(pointer: coarse)").matches;
    const heading = h("h2", { id: newId("dialog"), tabindex: "-1", autofocus: touched }, title);
    const complaint = h("p", { class: "error", role: "alert" });
    const form = h(
      "form",
      { class: "stack", novalidate: true },
      heading,
      body,
      complaint,
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "submit", class: danger ? "danger" : "main" }, confirm),
        button(t("cancel"), () => dialog.close()),
      ),
    );
    const dialog = h("dialog", { "aria-labelledby": heading.id }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      fill(complaint);
      const value = read((text) => fill(complaint, text));
      if (value === undefined) return;
      answer = value;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Ask for the key that the server wants; it is kept until the tab is closed. @param {boolean} refused */
export function askForKey(refused) {
  const field = h("input", { type: "password", id: newId("key"), autocomplete: "current-password", spellcheck: "false" });
  return ask({
    title: t("key.title"),
    body: [
      h("p", null, t(refused ? "key.refused" : "key.why")),
      h("div", { class: "field" }, h("label", { for: field.id }, t("key.label")), field),
      h("p", { class: "hint" }, t("key.kept")),
    ],
    confirm: t("key.use"),
    read: (complain) => field.value.trim() || complain(t("key.empty")),
  });
}
