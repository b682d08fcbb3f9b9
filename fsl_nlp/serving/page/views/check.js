/** What is wrong with the sentences, and where more would help. */

import { button, fill, h } from "../dom.js";
import { carefulBox } from "../edits.js";
import { finding, keyOf, KINDS } from "../findings.js";
import { nameOf } from "../intents.js";
import { worked } from "../jobs.js";
import { percent, phrase, t, together } from "../language.js";
import { loadInto } from "../loading.js";
import { sentenceMap } from "../map.js";
import { botNamed, path, whenChanged } from "../state.js";

const SHOWN = 5; // findings of a kind before "more"
const GAINS = 10;

/** The last report of each bot, and the version that it is of; the check of many sentences takes a while. */
const reports = new Map();

/** The report of the version that the bot is at; it shows how far it is in `place`. */
async function report(name, place, signal) {
  const version = botNamed(name).model_version;
  const kept = reports.get(name);
  if (kept?.version === version) return kept.content;
  const content = await worked(path(name, "lint"), t("check.busy"), place, signal);
  reports.set(name, { version, content });
  return content;
}

/** The sentences of two intents that are taken for the other's, by the last report. */
export function crossingTexts(name, first, second) {
  const pairs = reports.get(name)?.content.findings.filter((item) => ["confusable", "merge"].includes(item.kind)) ?? [];
  const meant = pairs.filter(({ labels }) => labels.includes(first) && labels.includes(second));
  return new Set(meant.flatMap((item) => item.sentences.map((row) => row.text)));
}

export function check({ name, bot, signal }) {
  const place = h("div", { class: "stack wide-gap" });
  const stale = h("div", { class: "banner", role: "status", hidden: true });
  fill(stale, h("p", null, t("check.stale")), button(t("check.again"), () => ((stale.hidden = true), load())));
  const load = () => (fill(place), loadInto(place, async () => content(name, await report(name, place, signal), signal)));
  whenChanged(name, () => (stale.hidden = false), signal);
  load();
  return { title: t("tab.check"), lead: t("check.lead"), element: h("div", { class: "stack" }, bot.can_be_edited && carefulBox(), stale, place) };
}

function content(name, result, signal) {
  const byKind = grouped(result.findings);
  const kinds = [...byKind.keys()].sort((a, b) => worst(byKind.get(b)) - worst(byKind.get(a)));
  return [
    h("p", { class: "summary" }, summary(result)),
    h(
      "div",
      { class: "check-columns" },
      h("div", { class: "stack wide-gap" }, kinds.map((kind) => section(name, kind, byKind.get(kind))), !kinds.length && h("p", null, t("check.nothing")), gains(result)),
      sentenceMap(result, signal),
    ),
  ];
}

const worst = (items) => Math.max(...items.map((item) => item.harm));

function grouped(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.kind, [...(groups.get(item.kind) ?? []), item]);
  return groups;
}

function summary(result) {
  const { texts, labels, findings, accuracy } = result;
  const size = t("check.size", { count: findings.length, sentences: texts, intents: labels.length });
  const shares = accuracy && { share: percent(accuracy.value), low: percent(accuracy.low), high: percent(accuracy.high) };
  return together(size, accuracy ? t("check.accuracy", shares) : t("check.noAccuracy"));
}

/** All findings of one kind; a finding that was dealt with leaves the list. */
function section(name, kind, items) {
  const key = KINDS.includes(kind) ? `kind.${keyOf(kind)}` : "";
  const count = h("span", { class: "count" });
  const list = h("ol", { class: "plain findings" });
  const more = h("div", { class: "buttons" });
  const heading = h("h2", { tabindex: "-1" }, key ? t(key) : kind, " ", count);
  let remaining = [...items];
  let shown = SHOWN;
  const show = () => {
    fill(count, String(remaining.length));
    fill(list, remaining.slice(0, shown).map((item) => finding(name, item, () => done(item))));
    if (!remaining.length) fill(list, h("li", { class: "hint" }, t("check.allDone")));
    const rest = remaining.length - shown;
    fill(more, rest > 0 && button(t("more", { count: rest }), () => ((shown += 4 * SHOWN), show())));
  };
  const done = (item) => {
    remaining = remaining.filter((other) => other !== item);
    show();
    heading.focus({ preventScroll: true }); // the button that had it is gone
  };
  show();
  return h("section", { class: "stack" }, heading, key && h("p", { class: "hint" }, t(`${key}.hint`)), list, more);
}

/** Where ten more sentences would help. */
function gains(result) {
  const useful = result.gains_of_ten_more.filter((gain) => gain.low > 0 && gain.value >= 0.0005).slice(0, GAINS);
  const all = result.gain_of_ten_more;
  if (!all) return null;
  const points = (gain) => percent(gain.value, 1);
  return h(
    "section",
    { class: "stack" },
    h("h2", null, t("gain.title")),
    h("p", null, all.low > 0 ? t("gain.all", { points: points(all), low: percent(all.low, 1), high: percent(all.high, 1) }) : t("gain.unclear")),
    useful.length > 0 && h("p", null, t("gain.each")),
    useful.length > 0 && h("ul", { class: "plain lines" }, useful.map((gain) => h("li", null, phrase("gain.one", { label: nameOf(gain.label), points: points(gain) })))),
  );
}
