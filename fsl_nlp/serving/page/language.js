/** The words of the page, in the language of the reader. */

import { h } from "./dom.js";
import en from "./strings/en.js";
import zh from "./strings/zh.js";

const TABLES = { en, zh };
const LOCALES = { en: "en", zh: "zh-CN" };
const STORED = "fsl-nlp-language";
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

let current = firstChoice();

/** "en" or "zh". */
export const language = () => current;

/** @param {"en" | "zh"} name */
export function setLanguage(name) {
  current = name;
  remember(STORED, name);
  document.documentElement.lang = LOCALES[name];
}

function firstChoice() {
  const stored = recall(STORED);
  if (stored in TABLES) return stored;
  const wanted = navigator.languages ?? [navigator.language];
  return wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TABLES) ?? "en";
}

/** A note of this browser; some browsers refuse to keep any. @param {string} name */
export function recall(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It holds until the page is closed.
  }
}

/** The string of a key, in the form that its count asks for. */
function template(key, parameters) {
  const entry = TABLES[current][key];
  if (typeof entry === "string") return entry;
  if (entry === undefined) return key;
  return parameters?.count === 1 ? entry.one : entry.other;
}

/**
 * A string with its {parameters}, for attributes and titles.
 * @param {string} key @param {Record<string, any>} [parameters]
 */
export function t(key, parameters) {
  return template(key, parameters).replace(/\{(\w+)\}/g, (_, name) => isolated(shown(parameters?.[name])));
}

/**
 * The same as nodes: texts of users keep their own direction, and nodes stay nodes.
 * @param {string} key @param {Record<string, any>} [parameters]
 */
export function phrase(key, parameters) {
  const parts = template(key, parameters).split(/\{(\w+)\}/);
  return parts.map((part, i) => {
    if (i % 2 === 0) return part;
    const value = parameters?.[part];
    if (value instanceof Node || Array.isArray(value)) return value;
    return typeof value === "number" ? number(value) : h("bdi", null, String(value));
  });
}

const shown = (value) => (typeof value === "number" ? number(value) : String(value));

/** A text of the other direction between marks that keep it apart from the words around it. */
const isolated = (text) => (RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text);

/** 1,234 @param {number} value */
export const number = (value) => new Intl.NumberFormat(LOCALES[current]).format(value);

/** 0.934 -> 93% @param {number} share @param {number} [digits] after the point */
export const percent = (share, digits = 0) =>
  new Intl.NumberFormat(LOCALES[current], { style: "percent", maximumFractionDigits: digits, minimumFractionDigits: digits }).format(share);

/** Several sentences as one text; Chinese has no space between them. @param {string[]} items */
export const together = (...items) => items.filter(Boolean).join(current === "zh" ? "" : " ");

/** A list in words: a, b and c. @param {any[]} items */
export const listed = (items) => new Intl.ListFormat(LOCALES[current]).format(items.map((item) => isolated(String(item))));

/** The day and the minute of an ISO time; "" if it is none. @param {string | null} iso */
export function moment(iso) {
  const date = new Date(iso ?? "");
  if (Number.isNaN(date.getTime())) return "";
  return new Intl.DateTimeFormat(LOCALES[current], { dateStyle: "medium", timeStyle: "short" }).format(date);
}
