/** The page: its frame, and which view is in it. */

import { announce, cardElements, closeCard, leaveCard } from "./card.js";
import { askForKey } from "./dialog.js";
import { button, fill, h, newId } from "./dom.js";
import { handlers, request, sleep } from "./http.js";
import { language, setLanguage, t } from "./language.js";
import { BACK, failure } from "./loading.js";
import { go, link, NEW_BOT, route } from "./router.js";
import { allBots, botNamed, loadBots } from "./state.js";
import { ask } from "./views/ask.js";
import { check } from "./views/check.js";
import { inbox } from "./views/inbox.js";
import { newBot } from "./views/new_bot.js";
import { pair } from "./views/pair.js";
import { sentences } from "./views/sentences.js";
import { versions } from "./views/versions.js";

const TABS = { ask, sentences, check, inbox, versions };
const VIEWS = { ...TABS, pair };
const PARENT = { pair: "check" };
const LOOK_AGAIN = 3; // seconds between two looks for a server that is gone

const header = h("header");
const main = h("main", { id: "content", tabindex: "-1" });
const lost = h("div", { class: "lost", role: "alert" });
let leave = new AbortController();
let shown = { key: "", update: null };

handlers.askForKey = askForKey;
handlers.lost = watchForServer;

/** Show the view of the address. With `moveFocus`, readers hear its heading next. */
async function show({ moveFocus = true } = {}) {
  const { bot: name, view, query } = route();
  const key = `${name}/${view}`;
  if (shown.key === key && shown.update) {
    shown.update(query);
    return;
  }
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  shown = { key, update: null };
  leaveCard(name);
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close()); // they belong to the view that is left
  try {
    if (!allBots().length) {
      fill(main, h("p", { class: "waiting" }, t("loading")));
      await loadBots();
    }
    if (signal.aborted) return;
    open(name, view, query, signal, moveFocus);
  } catch (error) {
    if (signal.aborted) return;
    frame(name, view);
    place({ title: t("notLoaded"), element: failure(error, () => show()) }, moveFocus);
  }
}

function open(name, view, query, signal, moveFocus) {
  if (view === "") return go(allBots().length ? link(allBots()[0].name, "ask") : NEW_BOT, { replace: true });
  const bot = botNamed(name);
  const make = view === "new" ? newBot : VIEWS[view];
  frame(name, view);
  if (!make || (view !== "new" && !bot)) return place(missing(name), moveFocus);
  const made = make({ name, bot, query, signal });
  shown.update = made.update ?? null;
  place(made, moveFocus);
}

/** Put a view into the page. */
function place({ title, element, lead, actions }, moveFocus) {
  const heading = h("h1", { tabindex: "-1" }, title);
  const bot = botNamed(route().bot);
  const problem = bot?.error && h("p", { class: "banner" }, t("bot.broken"), " ", h("span", { lang: "en" }, bot.error));
  const top = h("div", { class: "title" }, heading, actions);
  fill(main, problem, top, lead && h("p", { class: "lead" }, lead), element);
  document.title = [heading.textContent, bot?.name, "fsl-nlp"].filter(Boolean).join(" · ");
  if (moveFocus) heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}

const missing = (name) => ({
  title: t("missing.title"),
  element: h(
    "div",
    { class: "stack" },
    h("p", null, t("missing.body", { name: name ?? "" })),
    h("ul", null, allBots().map((bot) => h("li", null, h("a", { href: link(bot.name, "ask"), dir: "auto" }, bot.name)))),
    h("p", null, h("a", { href: NEW_BOT }, t("new.title"))),
  ),
});

/** The header: which bot, its views, the language. */
function frame(name, view) {
  const bots = allBots();
  const bot = botNamed(name) ?? null;
  const tab = PARENT[view] ?? view;
  const other = language() === "en" ? "zh" : "en";
  const items = Object.keys(TABS).map((key) =>
    h("li", null, h("a", { href: link(name, key), "aria-current": key === tab && "page" }, t(`tab.${key}`))),
  );
  fill(
    header,
    h(
      "div",
      { class: "bar-top" },
      bots.length ? switcher(bots, bot) : h("strong", null, "fsl-nlp"),
      h("span", { class: "space" }),
      h("a", { href: NEW_BOT, class: "quiet", "aria-current": view === "new" && "page" }, t("tab.new")),
      h("button", { type: "button", class: "quiet", lang: other === "zh" ? "zh-CN" : "en", onclick: () => switchLanguage(other) }, other === "zh" ? "中文" : "English"),
    ),
    bot && h("nav", { "aria-label": t("views") }, h("ul", null, items)),
  );
}

function switcher(bots, current) {
  if (bots.length === 1 && current) return h("strong", { dir: "auto", class: "name" }, current.name);
  const id = newId("bot");
  const options = bots.map((bot) => h("option", { value: bot.name, selected: bot === current }, bot.name));
  const choose = h("select", { id, onchange: (event) => go(link(event.target.value, "ask")) });
  append(choose, current ? options : [h("option", { value: "", selected: true, disabled: true }, t("bot.choose")), ...options]);
  return h("div", { class: "switcher" }, h("label", { for: id }, t("bot")), choose);
}

const append = (element, children) => element.append(...children);

function switchLanguage(name) {
  setLanguage(name);
  shown.key = "";
  show({ moveFocus: false });
  fill(skip, t("skip"));
  header.querySelector("button").focus();
}

let watching = false;

/** Say that the server is gone until it answers again; what could not be loaded is then loaded. */
async function watchForServer() {
  if (watching) return;
  watching = true;
  const look = button(t("retry"), () => request("health", { patience: 5 }).catch(() => {}));
  fill(lost, h("p", null, t("lost")), look);
  let back = false;
  handlers.reached = () => (back = true);
  while (!back) {
    await sleep(LOOK_AGAIN);
    if (!back) await request("health", { patience: 5 }).catch(() => {});
  }
  handlers.reached = () => {};
  watching = false;
  fill(lost);
  announce(t("found"));
  dispatchEvent(new Event(BACK));
}

const skip = h("a", { class: "skip", href: "#content", onclick: (event) => (event.preventDefault(), main.focus()) }, "");

setLanguage(language());
fill(skip, t("skip"));
document.body.append(skip, header, lost, main, ...cardElements());
addEventListener("hashchange", () => show());
addEventListener("keydown", (event) => event.key === "Escape" && !document.querySelector("dialog") && closeCard());
show({ moveFocus: false });
