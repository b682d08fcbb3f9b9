/** The versions of a bot: what changed, going back, taking it away. */

import { complain } from "../card.js";
import { button, h } from "../dom.js";
import { undo } from "../edits.js";
import { download, request } from "../http.js";
import { nameOf } from "../intents.js";
import { moment, percent, phrase, t, together } from "../language.js";
import { loadInto } from "../loading.js";
import { botNamed, path, whenChanged } from "../state.js";
import { describe } from "../summaries.js";

const SHOWN = 50; // sentences of a kind in a difference

export function versions({ name, bot, signal }) {
  const place = h("div", { class: "stack" });
  const load = () => loadInto(place, async () => list(name, await request(path(name, "versions"), { signal }), signal));
  whenChanged(name, load, signal);
  load();
  const saved = moment(bot.saved);
  return {
    title: t("tab.versions"),
    lead: saved ? t("versions.saved", { when: saved }) : t("versions.lead"),
    element: h("div", { class: "stack wide-gap" }, place, downloads(name)),
  };
}

function list(name, { now, versions: changes }, signal) {
  const start = now - changes.length;
  const rows = changes.map((change, i) => {
    const isNow = i === 0;
    return h(
      "li",
      { class: "version stack", "aria-current": isNow && "true" },
      h("p", null, h("strong", null, t("versions.number", { number: now - i })), isNow && h("span", { class: "tag" }, t("versions.now"))),
      h("p", null, describe(change.summary)),
      h("p", { class: "hint" }, figures(change)),
      isNow && current(name, change, signal),
    );
  });
  const first = h(
    "li",
    { class: "version stack", "aria-current": !changes.length && "true" },
    h("p", null, h("strong", null, t("versions.number", { number: start })), !changes.length && h("span", { class: "tag" }, t("versions.now"))),
    h("p", null, t(start > 1 ? "versions.earlier" : "versions.first")),
  );
  return h("ol", { class: "plain versions" }, rows, first);
}

function figures({ examples, labels, accuracy }) {
  const size = t("bot.size", { count: labels, sentences: examples });
  return together(size, accuracy !== null && t("versions.accuracy", { share: percent(accuracy, 1) }));
}

/** What can be done with the version of now. */
function current(name, change, signal) {
  const place = h("div", { class: "stack" });
  const details = h("details", { class: "fold" }, h("summary", null, t("versions.diff")), place);
  details.addEventListener("toggle", () => {
    if (details.open && !place.childNodes.length) loadInto(place, async () => difference(await request(path(name, "diff"), { signal })));
  });
  const back = botNamed(name).can_be_edited && change.can_be_undone;
  return [change.can_be_undone && details, back && h("div", { class: "buttons" }, button(t("versions.undo"), () => undo(name)))];
}

function difference({ added, removed, relabelled, moved }) {
  const parts = [
    part("diff.added", added, (row) => nameOf(row.label)),
    part("diff.removed", removed, (row) => nameOf(row.label)),
    part("diff.relabelled", relabelled, (row) => phrase("diff.from", { before: nameOf(row.before), after: nameOf(row.after) })),
    part("diff.moved", moved, (row) => phrase("diff.from", { before: nameOf(row.before), after: nameOf(row.after) })),
  ].filter(Boolean);
  return parts.length ? parts : h("p", null, t("diff.nothing"));
}

function part(key, rows, note) {
  if (!rows.length) return null;
  return h(
    "section",
    null,
    h("h3", null, t(key, { count: rows.length })),
    h("ul", { class: "plain lines" }, rows.slice(0, SHOWN).map((row) => h("li", { class: "line" }, h("span", { dir: "auto" }, row.text), h("small", null, note(row))))),
    rows.length > SHOWN && h("p", { class: "hint" }, t("more", { count: rows.length - SHOWN })),
  );
}

function downloads(name) {
  const save = (part, file) => () => download(path(name, part), file).catch((error) => complain(error));
  return h(
    "section",
    { class: "stack" },
    h("h2", null, t("download.title")),
    h("p", { class: "hint" }, t("download.hint")),
    h("div", { class: "buttons" }, button(t("download.csv"), save("examples.csv", `${name}.csv`)), button(t("download.zip"), save("download", `${name}.zip`))),
  );
}
