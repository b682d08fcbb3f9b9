/** Pages of a long list: the browser holds one at a time, so that 5,000 sentences are as fast as 50. */

import { h } from "./dom.js";
import { number, t } from "./language.js";

export const PAGE = 100;

/**
 * "1-100 of 5,000", and links to the pages before and after.
 * @param {number} from @param {number} total @param {(from: number) => string} address
 */
export function pager(from, total, address) {
  if (total <= PAGE) return null;
  const last = Math.min(total, from + PAGE);
  const step = (text, target, enabled) =>
    enabled ? h("a", { class: "button", href: address(target) }, text) : h("span", { class: "button off", "aria-hidden": "true" }, text);
  return h(
    "nav",
    { class: "pager", "aria-label": t("pages") },
    step(t("pages.before"), Math.max(0, from - PAGE), from > 0),
    h("span", null, t("pages.shown", { first: number(from + 1), last: number(last), total: number(total) })),
    step(t("pages.after"), from + PAGE, last < total),
  );
}
