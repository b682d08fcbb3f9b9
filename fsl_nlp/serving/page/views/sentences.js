/** All intents with their sentences: search, move, add, remove; and the intents themselves. */

import { announce } from "../card.js";
import { button, fill, h, labelled, newId } from "../dom.js";
import { carefulBox, edit, emptied, move } from "../edits.js";
import { request } from "../http.js";
import { nameOf, pickIntent, sure } from "../intents.js";
import { number, t } from "../language.js";
import { loadInto } from "../loading.js";
import { PAGE, pager } from "../pager.js";
import { go, link } from "../router.js";
import { botNamed, path, whenChanged } from "../state.js";
import { addForm, intentActions, newIntent } from "./intent_actions.js";

const TYPING = 250; // milliseconds without a key before a search starts
const FILTER_FROM = 12; // intents; fewer are seen at a glance

export function sentences({ name, bot, query, signal }) {
  const chosen = new Map(); // text -> its intent, over all pages
  let current = query;
  const side = h("div", { class: "side" });
  const narrow = h("div", { class: "narrow-only" });
  const head = h("div", { class: "stack" });
  const list = h("div", { class: "list" });
  const selection = h("div", { class: "selection", hidden: true, role: "group", "aria-label": t("select.label") });
  const search = h("input", { type: "search", autocomplete: "off", dir: "auto", value: query.get("search") ?? "" });

  const info = () => botNamed(name);
  const wanted = () => intentOf(info(), current.get("intent"));
  const address = (values) => link(name, "sentences", { intent: current.get("intent"), search: current.get("search"), ...values });

  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => go(address({ search: search.value.trim() }), { replace: true }), TYPING);
  });

  function showIntents() {
    const open = wanted()?.label;
    fill(side, intentList(info(), name, open));
    fill(narrow, intentSelect(info(), name, open));
    fill(head, intentHead(name, info(), wanted()));
  }

  const showSentences = () => loadInto(list, async () => {
    const intent = wanted();
    const from = Number(current.get("from")) || 0;
    const parameters = new URLSearchParams({ offset: String(from), limit: String(PAGE), search: current.get("search") ?? "" });
    if (intent) parameters.set("label", String(intent.label));
    const asked = current;
    const page = await request(path(name, `examples?${parameters}`), { signal });
    if (asked !== current) return null; // something else is wanted by now
    if (!page.examples.length && from) go(address({ from: null }), { replace: true });
    announce(t("n.sentences", { count: page.total }));
    return rows(page, from);
  });

  function rows(page, from) {
    if (!page.examples.length) return h("p", { class: "hint" }, t(current.get("search") ? "sentences.noHit" : "sentences.none"));
    const items = page.examples.map((example) => row(example));
    const all = h("input", { type: "checkbox", id: newId("all") });
    all.checked = page.examples.every((example) => chosen.has(example.text));
    all.addEventListener("change", () => {
      page.examples.forEach(({ text, label }) => (all.checked ? chosen.set(text, label) : chosen.delete(text)));
      for (const box of list.querySelectorAll("li input")) box.checked = all.checked;
      showSelection();
    });
    return [
      h("div", { class: "list-head" }, info().can_be_edited && h("label", { class: "check" }, all, h("span", null, t("select.page"))), h("span", { class: "hint" }, t("n.sentences", { count: page.total }))),
      h("ul", { class: "plain lines" }, items),
      pager(from, page.total, (start) => address({ from: start || null })),
    ];
  }

  function row({ text, label }) {
    const id = newId("sentence");
    const words = h("span", { id, dir: "auto" }, text);
    if (!info().can_be_edited) return h("li", { class: "line" }, h("span", { class: "check" }, words), nameOf(label));
    const box = h("input", { type: "checkbox", checked: chosen.has(text) });
    box.addEventListener("change", () => {
      if (box.checked) chosen.set(text, label);
      else chosen.delete(text);
      showSelection();
    });
    const mover = button(current.get("intent") === null ? nameOf(label) : t("move.title"), () => moveTo([{ text, label }], label), {
      class: "chip",
      "aria-label": t("move.one", { label: String(label) }),
      "aria-describedby": id,
    });
    return h("li", { class: "line" }, h("label", { class: "check" }, box, words), mover);
  }

  function showSelection() {
    selection.hidden = !chosen.size;
    fill(
      selection,
      h("strong", null, t("select.count", { count: chosen.size })),
      button(t("move.title"), () => moveTo(chosenRows())),
      button(t("remove"), () => removeChosen()),
      button(t("select.clear"), () => (chosen.clear(), showSelection(), showSentences()), { class: "quiet" }),
    );
  }

  const chosenRows = () => [...chosen].map(([text, label]) => ({ text, label }));

  async function moveTo(rows, from) {
    const choice = await pickIntent({
      title: t("move.question", { count: rows.length }),
      body: rows.length === 1 && h("p", { class: "quote", dir: "auto" }, rows[0].text),
      confirm: t("move.confirm"),
      intents: info().labels.filter((intent) => intent.label !== from),
      fresh: true,
    });
    if (choice && (await move(name, rows, choice))) forget(rows);
  }

  async function removeChosen() {
    const rows = chosenRows();
    const left = emptied(name, rows);
    if (left) {
      const isSure = await sure("remove.whole", { label: nameOf(left.label) }, t("intent.remove"));
      if (isSure && (await edit(name, "labels/remove", { label: left.label }))) forget(rows);
      return;
    }
    if (!(await sure("remove.some", { count: rows.length }, t("remove")))) return;
    if (await edit(name, "examples/remove", { texts: rows.map((row) => row.text) })) forget(rows);
  }

  function forget(rows) {
    rows.forEach((row) => chosen.delete(row.text));
    showSelection();
  }

  function update(next) {
    const sameIntent = next.get("intent") === current.get("intent");
    current = next;
    if (document.activeElement !== search) search.value = next.get("search") ?? "";
    if (!sameIntent) showIntents();
    showSentences();
  }

  whenChanged(name, () => (showIntents(), showSentences()), signal);
  showIntents();
  showSentences();
  const element = h(
    "div",
    { class: "split" },
    side,
    h(
      "div",
      { class: "stack" },
      narrow,
      bot.can_be_edited ? carefulBox() : h("p", { class: "banner" }, t("bot.fixed"), " ", h("span", { lang: "en" }, bot.why_not ?? "")),
      head,
      h("div", { class: "field narrow" }, searchField(search)),
      selection,
      list,
    ),
  );
  return { title: t("tab.sentences"), lead: t("sentences.lead"), element, update };
}

const searchField = (search) => labelled(t("sentences.search"), search);

const intentOf = (bot, text) => (text === null ? undefined : bot.labels.find((intent) => String(intent.label) === text));

/** The heading above the sentences: which intent, and what can be done with it. */
function intentHead(name, bot, intent) {
  const edits = bot.can_be_edited;
  const title = intent ? nameOf(intent.label) : t("sentences.all");
  return [
    h("div", { class: "title" }, h("h2", null, title), intent && edits && intentActions(name, intent)),
    intent?.description && h("p", { class: "hint", dir: "auto" }, intent.description),
    edits && addForm(name, intent),
  ];
}

/** On a wide screen: the intents with their counts, as links. */
function intentList(bot, name, open) {
  const items = bot.labels.map((intent) => {
    const address = link(name, "sentences", { intent: intent.label });
    const count = h("span", { class: "count" }, number(intent.examples));
    return h("li", { "data-name": String(intent.label).toLowerCase() }, h("a", { href: address, "aria-current": intent.label === open && "true" }, nameOf(intent.label), count));
  });
  const everything = h("li", null, h("a", { href: link(name, "sentences"), "aria-current": open === undefined && "true" }, t("sentences.all"), h("span", { class: "count" }, number(bot.examples))));
  const filter = h("input", { type: "search", autocomplete: "off" });
  filter.addEventListener("input", () => {
    for (const item of items) item.hidden = !item.dataset.name.includes(filter.value.trim().toLowerCase());
  });
  return h(
    "nav",
    { class: "stack", "aria-label": t("intents") },
    bot.can_be_edited && button(t("intent.new"), () => newIntent(name)),
    bot.labels.length >= FILTER_FROM && labelled(t("intents.filter"), filter),
    h("ul", { class: "plain intents" }, everything, items),
  );
}

/** On a narrow screen: the same as one field. */
function intentSelect(bot, name, open) {
  const choose = h("select", { onchange: (event) => go(link(name, "sentences", { intent: event.target.value || null })) });
  choose.append(new Option(`${t("sentences.all")} (${number(bot.examples)})`, ""));
  for (const intent of bot.labels) choose.append(new Option(`${intent.label} (${number(intent.examples)})`, String(intent.label)));
  choose.value = open === undefined ? "" : String(open);
  return h("div", { class: "row" }, labelled(t("intent"), choose), bot.can_be_edited && button(t("intent.new"), () => newIntent(name)));
}
