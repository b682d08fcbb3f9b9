/** A new bot from a table: upload, watch it learn, go to it. */

import { inform, inWords } from "../card.js";
import { button, fill, h, labelled, once } from "../dom.js";
import { request, saveAs } from "../http.js";
import { cancel, follow } from "../jobs.js";
import { t } from "../language.js";
import { canSkip, mistakes } from "../mistakes.js";
import { progress } from "../progress.js";
import { go, link } from "../router.js";
import { allBots, loadBots } from "../state.js";

const TYPES = ".csv,.tsv,.xlsx,.jsonl,.ndjson,.json,.parquet,.yml,.yaml,.zip,.txt";
const UPLOAD = 600; // seconds that sending a file may take
const NAME = /^[\p{L}\p{N}\p{M}_](?:[\p{L}\p{N}\p{M}_ .-]{0,62}[\p{L}\p{N}\p{M}_-])?$/u; // as the server checks it
const OTHER = /[^\p{L}\p{N}\p{M}_ .-]+/gu;

export function newBot({ signal }) {
  const file = h("input", { type: "file", accept: TYPES });
  const name = h("input", { type: "text", dir: "auto", maxlength: "64", autocomplete: "off", spellcheck: "false" });
  const textColumn = h("input", { type: "text", dir: "auto", autocomplete: "off" });
  const labelColumn = h("input", { type: "text", dir: "auto", autocomplete: "off" });
  const problem = h("div", { class: "error", role: "alert" });
  const place = h("div");
  const submit = h("button", { type: "submit", class: "main" }, t("new.submit"));
  file.addEventListener("change", () => {
    if (!name.value && file.files[0]) name.value = file.files[0].name.replace(/\.[^.]*$/, "").replace(OTHER, "-").slice(0, 64);
  });

  const form = h(
    "form",
    { class: "stack narrow", novalidate: true, onsubmit: (event) => (event.preventDefault(), once(submit, run)) },
    dropZone(file),
    labelled(t("new.name"), name, t("new.nameHint")),
    h("details", { class: "fold", id: "columns" }, h("summary", null, t("new.columns")), h("div", { class: "stack" }, h("p", { class: "hint" }, t("new.columnsHint")), labelled(t("new.textColumn"), textColumn), labelled(t("new.labelColumn"), labelColumn))),
    problem,
    h("div", { class: "buttons" }, submit),
  );

  async function run({ skip = false } = {}) {
    const wrong = mistake(file.files[0], name.value.trim());
    fill(problem, wrong && h("p", null, wrong));
    if (wrong) return;
    const parameters = new URLSearchParams({ bot: name.value.trim() });
    if (textColumn.value.trim()) parameters.set("text_column", textColumn.value.trim());
    if (labelColumn.value.trim()) parameters.set("label_column", labelColumn.value.trim());
    if (skip) parameters.set("on_error", "skip");
    form.inert = true;
    try {
      await train(parameters);
    } catch (error) {
      if (error.type !== "left") complain(error);
    } finally {
      form.inert = false;
      fill(place);
    }
  }

  function complain(error) {
    const { message } = error;
    if (/column/.test(message)) form.querySelector("#columns").open = true;
    const skip = canSkip(message) && h("div", { class: "buttons" }, button(t("new.skip"), () => run({ skip: true })));
    fill(problem, inWordsOf(error), skip);
  }

  async function train(parameters) {
    const bar = progress(t("new.busy", { name: parameters.get("bot") }));
    fill(place, h("section", { class: "panel stack", "aria-label": t("new.progress") }, bar.element));
    bar.show({ state: "running", progress: 0, stage: "upload" });
    const headers = { "X-File-Name": encodeURIComponent(file.files[0].name), "Content-Type": "application/octet-stream" };
    const { job } = await request(`v1/train?${parameters}`, { method: "POST", body: file.files[0], headers, signal, patience: UPLOAD });
    place.firstChild.append(h("div", { class: "buttons" }, button(t("cancel"), () => cancel(job))));
    place.scrollIntoView({ block: "nearest" });
    const result = await follow(job, bar.show, signal);
    await loadBots();
    const ready = () => inform(t("new.done", { name: result.bot.name }), [
      t("bot.size", { count: result.labels, sentences: result.examples }),
      result.findings > 0 && h("a", { href: link(result.bot.name, "check") }, t("new.findings", { count: result.findings })),
    ]);
    addEventListener("hashchange", ready, { once: true }); // after the view, which closes what stands on the card
    go(link(result.bot.name, "ask"));
  }

  return {
    title: t("new.title"),
    lead: t(allBots().length ? "new.lead" : "new.welcome"),
    element: h("div", { class: "columns new" }, h("div", { class: "stack" }, form, place), example()),
  };
}

function mistake(file, name) {
  if (!file) return t("new.noFile");
  if (!file.size) return t("new.emptyFile", { name: file.name });
  if (!name) return t("new.noName");
  if (!NAME.test(name)) return t("new.badName");
  return allBots().some((bot) => bot.name === name) ? t("new.taken", { name }) : null;
}

function inWordsOf(error) {
  const { title, detail } = inWords(error);
  const isOfFile = error.type === "failed" || error.type === "validation";
  return [
    h("p", null, h("strong", null, isOfFile ? t("new.failed") : title)),
    isOfFile ? mistakes(error.message) : detail && h("p", detail.fromServer && { lang: "en" }, detail.text),
  ];
}

/** The file field, into which a file can be dropped too. */
function dropZone(file) {
  const zone = h("div", { class: "drop" }, labelled(t("new.file"), file, t("new.fileHint")));
  zone.addEventListener("dragover", (event) => (event.preventDefault(), zone.classList.add("over")));
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    file.dispatchEvent(new Event("change"));
  });
  return zone;
}

/** What such a table looks like, and one to begin with. */
function example() {
  const rows = [1, 2, 3, 4].map((i) => [t(`new.example.text${i}`), t(`new.example.label${i > 2 ? 2 : 1}`)]);
  const csv = () => saveAs(new Blob(["\ufeff", "text,label\n", ...rows.map(([text, label]) => `"${text}",${label}\n`)], { type: "text/csv" }), "example.csv");
  const cells = (tag, values) => h("tr", null, values.map((value) => h(tag, tag === "th" ? { scope: "col" } : null, value)));
  return h(
    "section",
    { class: "stack" },
    h("h2", null, t("new.example")),
    h("p", { class: "hint" }, t("new.exampleHint")),
    h("table", null, h("thead", null, cells("th", ["text", "label"])), h("tbody", null, rows.map((row) => cells("td", row)))),
    h("div", { class: "buttons" }, button(t("new.exampleSave"), csv)),
  );
}
