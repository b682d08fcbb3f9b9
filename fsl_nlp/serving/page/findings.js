/** What the check found, in words, with what can be done about it. */

import { button, h } from "./dom.js";
import { edit, move } from "./edits.js";
import { nameOf, pickIntent, sure } from "./intents.js";
import { listed, number, percent, phrase, t } from "./language.js";
import { link } from "./router.js";
import { botNamed } from "./state.js";

const SHOWN = 5; // sentences of a finding; the rest is folded

/** The order of the kinds on the page is that of their worst finding. */
export const KINDS = ["mislabel", "merge", "confusable", "duplicates", "thin", "unbalanced", "two topics", "too long"];

/** The part of a key for a kind: "two topics" -> "twoTopics". @param {string} kind */
export const keyOf = (kind) => kind.replace(/ (\w)/, (_, letter) => letter.toUpperCase());

/** One finding. `done` is called when its mend was applied. */
export function finding(name, item, done) {
  const show = SHOW[item.kind] ?? plain;
  const { title, sentences, actions } = show(name, item, done);
  return h("li", { class: "finding stack" }, h("p", null, title), sentences, actions && h("div", { class: "buttons" }, actions));
}

const plain = (_, item) => ({ title: h("span", { lang: "en" }, item.summary), sentences: lines(item.sentences) });

const SHOW = {
  mislabel: (name, item, done) => {
    const [first] = item.sentences;
    const other = first.predicted !== null && first.predicted !== first.label ? first.predicted : null;
    return {
      title: phrase("found.mislabel", { label: nameOf(first.label), share: percent(item.probability) }),
      sentences: h("p", { class: "quote", dir: "auto" }, first.text),
      actions: [
        other !== null && button(phrase("move.to", { label: nameOf(other) }), () => moveAll(name, [first], other, done)),
        button(t("move.title"), () => choose(name, [first], first.label, done)),
        removal(name, [first], done),
        button(t("found.fine"), done, { class: "quiet" }),
      ],
    };
  },
  confusable: (name, item) => sideBySide(name, item, phrase("found.confusable", { ...two(item), count: item.sentences.length, share: percent(item.rate) })),
  merge: (name, item) => sideBySide(name, item, phrase("found.merge", { ...two(item), share: percent(item.preferred) })),
  duplicates: (name, item, done) => {
    const [first, ...rest] = item.sentences;
    const several = item.labels.length > 1;
    const repeats = rest.filter((other) => other.text !== first.text);
    return {
      title: several
        ? phrase("found.duplicatesAcross", { count: item.sentences.length, labels: listed(item.labels) })
        : phrase("found.duplicates", { count: item.sentences.length, label: nameOf(item.labels[0]) }),
      sentences: lines(item.sentences, several),
      actions: [
        ...(several ? item.labels.map((label) => button(phrase("move.all", { label: nameOf(label) }), () => moveAll(name, strays(item, label), label, done))) : []),
        !several && repeats.length > 0 && removal(name, repeats, done, t("found.keepFirst")),
        button(t("found.fine"), done, { class: "quiet" }),
      ],
    };
  },
  thin: (name, item) => ({
    title: phrase("found.thin", { label: nameOf(item.labels[0]), count: item.count }),
    actions: h("a", { class: "button", href: link(name, "sentences", { intent: item.labels[0] }) }, t("add.title")),
  }),
  unbalanced: (name, item) => ({
    title: phrase("found.unbalanced", { label: nameOf(item.labels[0]), count: item.count, median: number(item.median) }),
    actions: h("a", { class: "button", href: link(name, "sentences", { intent: item.labels[0] }) }, t("found.look")),
  }),
  "two topics": (name, item, done) => {
    const groups = [item.sentences.slice(0, item.first_size), item.sentences.slice(item.first_size)];
    const split = (group) => choose(name, group, item.labels[0], done);
    return {
      title: phrase("found.twoTopics", { label: nameOf(item.labels[0]) }),
      sentences: h(
        "div",
        { class: "columns" },
        groups.map((group, i) => h("div", { class: "stack" }, h("h3", null, t("found.group", { number: i + 1, count: group.length })), lines(group), h("div", { class: "buttons" }, button(t("found.split"), () => split(group))))),
      ),
      actions: button(t("found.fine"), done, { class: "quiet" }),
    };
  },
  "too long": (name, item, done) => ({
    title: phrase("found.tooLong", { label: nameOf(item.labels[0]) }),
    sentences: lines(item.sentences),
    actions: [removal(name, item.sentences, done), button(t("found.fine"), done, { class: "quiet" })],
  }),
};

const two = (item) => ({ first: nameOf(item.labels[0]), second: nameOf(item.labels[1]) });

const strays = (item, label) => item.sentences.filter((row) => row.label !== label);

function sideBySide(name, item, title) {
  const [a, b] = item.labels;
  return {
    title,
    sentences: lines(item.sentences, true),
    actions: h("a", { class: "button", href: link(name, "pair", { a, b }) }, t("found.pair")),
  };
}

/** Sentences in a list; many of them are folded. @param {any[]} sentences @param {boolean} [withIntent] */
function lines(sentences, withIntent = false) {
  const line = (row) => h("li", null, h("span", { dir: "auto" }, row.text), withIntent && h("small", null, nameOf(row.label)));
  const rest = sentences.slice(SHOWN);
  return [
    h("ul", { class: "plain quoted" }, sentences.slice(0, SHOWN).map(line)),
    rest.length > 0 && h("details", null, h("summary", null, t("more", { count: rest.length })), h("ul", { class: "plain quoted" }, rest.map(line))),
  ];
}

async function moveAll(name, rows, label, done) {
  if (await move(name, rows, { label, isNew: false, extra: false })) done();
}

async function choose(name, rows, from, done) {
  const choice = await pickIntent({
    title: t("move.question", { count: rows.length }),
    body: rows.length === 1 && h("p", { class: "quote", dir: "auto" }, rows[0].text),
    confirm: t("move.confirm"),
    intents: botNamed(name).labels.filter((intent) => intent.label !== from),
    fresh: true,
  });
  if (choice && (await move(name, rows, choice))) done();
}

function removal(name, rows, done, text = t("remove")) {
  const texts = [...new Set(rows.map((row) => row.text))];
  return button(text, async () => {
    if (texts.length > 1 && !(await sure("remove.some", { count: texts.length }, t("remove")))) return;
    if (await edit(name, "examples/remove", { texts })) done();
  });
}
