/** The map of the sentences: those that are alike lie near each other. A list says the same in words. */

import { button, fill, h, labelled } from "./dom.js";
import { nameOf } from "./intents.js";
import { t } from "./language.js";

const REACH = 18; // pixels from a point within which it is meant
const LISTED = 30; // sentences below the map
const MANY = 3000; // points; more are drawn smaller
const START = { x: 0, y: 0, zoom: 1 };
const LABEL = 2;
const FLAGGED = 3;
const TEXT = 4;

/** @param {{map: any[][], labels: any[]}} report @param {AbortSignal} signal */
export function sentenceMap(report, signal) {
  const points = report.map;
  const canvas = h("canvas", { role: "img", "aria-label": t("map.label", { count: points.length }) });
  const tip = h("div", { class: "tip", hidden: true });
  const list = h("ul", { class: "plain lines" });
  const choose = h("select", null, h("option", { value: "" }, t("map.all")));
  report.labels.forEach((label, i) => choose.append(new Option(String(label), String(i))));
  const search = h("input", { type: "search", autocomplete: "off" });
  let view = { ...START };
  let chosen = -1;
  let visible = points.map((_, i) => i);

  const scale = () => 0.46 * Math.min(canvas.clientWidth, canvas.clientHeight) * view.zoom;
  const place = ([x, y]) => [canvas.clientWidth / 2 + (x - view.x) * scale(), canvas.clientHeight / 2 - (y - view.y) * scale()];

  function filter() {
    const words = search.value.trim().toLowerCase();
    const label = choose.value === "" ? -1 : Number(choose.value);
    const isMeant = (point) => (label < 0 || point[LABEL] === label) && (!words || point[TEXT].toLowerCase().includes(words));
    visible = points.flatMap((point, i) => (isMeant(point) ? [i] : []));
    chosen = -1;
    show(-1);
    draw();
    const rows = visible.slice(0, LISTED).map((i) =>
      h("li", null, h("button", { type: "button", class: "row-button", onclick: () => goTo(i) }, h("span", { dir: "auto" }, points[i][TEXT]), h("small", null, nameOf(report.labels[points[i][LABEL]])))),
    );
    const rest = visible.length - rows.length;
    fill(list, rows, rest > 0 && h("li", { class: "hint" }, t("map.rest", { count: rest })), !rows.length && h("li", { class: "hint" }, t("nothing")));
  }

  function draw() {
    const dots = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    canvas.width = width * dots;
    canvas.height = height * dots;
    const pen = canvas.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    const radius = Math.min(9, (points.length > MANY ? 2 : 4) * Math.sqrt(view.zoom));
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const style = getComputedStyle(canvas);
    const shown = new Set(visible);
    for (const isShown of [false, true]) {
      points.forEach((point, i) => {
        if (shown.has(i) !== isShown) return;
        const [x, y] = place(point);
        if (x < -10 || y < -10 || x > width + 10 || y > height + 10) return;
        pen.globalAlpha = isShown ? 0.85 : 0.08;
        // The golden angle keeps the hues of neighbouring labels apart.
        pen.fillStyle = `hsl(${(point[LABEL] * 137.508) % 360} ${55 + (point[LABEL] % 3) * 15}% ${dark ? 62 : 42}%)`;
        circle(pen, x, y, radius);
        pen.fill();
        if (point[FLAGGED] && isShown) ring(pen, x, y, radius + 3, 2, style.getPropertyValue("--wrong"));
      });
    }
    pen.globalAlpha = 1;
    if (chosen >= 0) ring(pen, ...place(points[chosen]), radius + 6, 3, style.color);
  }

  function nearest(x, y) {
    let best = -1;
    let least = REACH ** 2;
    for (const i of visible) {
      const [a, b] = place(points[i]);
      const distance = (a - x) ** 2 + (b - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  function show(i) {
    tip.hidden = i < 0;
    if (i < 0) return;
    const [x, y] = place(points[i]);
    fill(tip, h("p", { dir: "auto" }, points[i][TEXT]), h("small", null, nameOf(report.labels[points[i][LABEL]])));
    const below = y + 14 + tip.offsetHeight <= canvas.clientHeight;
    tip.style.left = `${Math.max(4, Math.min(x + 12, canvas.clientWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.max(4, below ? y + 14 : y - tip.offsetHeight - 14)}px`;
  }

  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const before = scale();
    view.zoom = Math.min(60, Math.max(0.5, view.zoom * factor));
    const shift = 1 / before - 1 / scale();
    view.x += (x - canvas.clientWidth / 2) * shift;
    view.y -= (y - canvas.clientHeight / 2) * shift;
    show(-1);
    draw();
  }

  function goTo(i) {
    chosen = i;
    view = { x: points[i][0], y: points[i][1], zoom: 4 };
    draw();
    show(i);
    canvas.scrollIntoView({ block: "nearest" });
  }

  listen(canvas, { draw, show, zoom, nearest, scale, choose: (i) => (chosen = i), chosen: () => chosen, view: () => view });
  choose.addEventListener("change", filter);
  search.addEventListener("input", filter);
  const resized = new ResizeObserver(() => draw());
  resized.observe(canvas);
  signal.addEventListener("abort", () => resized.disconnect(), { once: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, { signal });
  filter();
  const whole = () => ((view = { ...START }), (chosen = -1), show(-1), draw());
  return h(
    "section",
    { class: "stack map" },
    h("h2", null, t("map.title")),
    h("p", { class: "hint" }, t("map.hint")),
    h("div", { class: "row" }, labelled(t("intent"), choose), labelled(t("sentences.search"), search)),
    h("div", { class: "frame" }, canvas, tip),
    h("div", { class: "buttons" }, button(t("map.in"), () => zoom(1.6)), button(t("map.out"), () => zoom(1 / 1.6)), button(t("map.whole"), whole)),
    h("details", { class: "fold" }, h("summary", null, t("map.list", { count: points.length })), list),
  );
}

const circle = (pen, x, y, radius) => (pen.beginPath(), pen.arc(x, y, radius, 0, 7));

function ring(pen, x, y, radius, width, ink) {
  pen.strokeStyle = ink;
  pen.lineWidth = width;
  circle(pen, x, y, radius);
  pen.stroke();
}

/** Mouse, touch and wheel: hover says what a point is, dragging moves the map, two fingers zoom. */
function listen(canvas, map) {
  const fingers = new Map();
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at(event));
    map.choose(map.nearest(...at(event)));
    map.draw();
    map.show(map.chosen());
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = at(event);
    const before = fingers.get(event.pointerId);
    if (!before) return map.show(map.nearest(...now));
    if (fingers.size === 1) {
      map.view().x -= (now[0] - before[0]) / map.scale();
      map.view().y += (now[1] - before[1]) / map.scale();
      if (Math.hypot(now[0] - before[0], now[1] - before[1]) > 1) map.show(-1);
      map.draw();
    } else if (fingers.size === 2) {
      const [, other] = [...fingers].find(([id]) => id !== event.pointerId);
      const apart = (point) => Math.max(10, Math.hypot(point[0] - other[0], point[1] - other[1]));
      map.zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    }
    fingers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => fingers.size || map.show(map.chosen()));
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      map.zoom(Math.exp(-event.deltaY / 100), ...at(event));
    },
    { passive: false },
  );
}
