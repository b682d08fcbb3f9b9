/** Elements. Texts become text nodes, so a text of a user is never read as markup. */

let serial = 0;

/** A new id, to tie a label or a hint to its field. @param {string} word */
export const newId = (word) => `${word}-${++serial}`;

/**
 * An element with attributes, listeners (`onclick`) and children.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] without those that are null, undefined or false
 * @param {...any} children nodes and strings, in lists too; null and false are left out
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** @param {Element} element @param {any[]} children */
export function append(element, children) {
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Put other children into an element. @param {Element} element @param {...any} children */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** A text of a user, in its own direction. @param {any} text */
export const written = (text) => h("bdi", null, String(text));

/** A line of text as a user wrote it. @param {any} text @param {string} [className] */
export const sentence = (text, className = "sentence") => h("p", { class: className, dir: "auto" }, String(text));

/** A field under its label, with a hint. @param {string} label @param {any} field @param {any} [hint] */
export function labelled(label, field, hint) {
  field.id ||= newId("field");
  const note = hint && h("p", { class: "hint", id: newId("hint") }, hint);
  if (note) field.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: field.id }, label), note, field);
}

/** A checkbox with its text. @param {any} text @param {Record<string, any>} attributes */
export function checkbox(text, attributes) {
  const box = h("input", { type: "checkbox", ...attributes });
  return { box, element: h("label", { class: "check" }, box, h("span", null, text)) };
}

/** A bar of a share from 0 to 1; the number stands beside it, so it is hidden from readers. */
export function bar(share, className = "") {
  const inner = h("span", { class: "bar-share" });
  inner.style.setProperty("inline-size", `${Math.max(0, Math.min(1, share)) * 100}%`);
  return h("span", { class: `bar ${className}`, "aria-hidden": "true" }, inner);
}

/**
 * A button that does one thing at a time: a second click waits for the first.
 * @param {any} text @param {() => any} action @param {Record<string, any>} [attributes]
 */
export function button(text, action, attributes) {
  const element = h("button", { type: "button", ...attributes }, text);
  element.addEventListener("click", () => once(element, action));
  return element;
}

/** Run an action unless the element's last one still runs. @param {Element} element @param {() => any} action */
export async function once(element, action) {
  if (element.getAttribute("aria-busy") === "true") return;
  // Not `disabled`: that would take the focus away.
  element.setAttribute("aria-busy", "true");
  try {
    await action();
  } finally {
    element.removeAttribute("aria-busy");
  }
}
