/** Addresses of the views: #/bot/NAME/VIEW?intent=..., and #/new. The back button goes through them. */

/** @typedef {{bot: string | null, view: string, query: URLSearchParams}} Route */

/** @param {string} bot @param {string} view @param {Record<string, any>} [query] */
export function link(bot, view, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `#/bot/${encodeURIComponent(bot)}/${view}${text && `?${text}`}`;
}

export const NEW_BOT = "#/new";

/** @returns {Route} */
export function route() {
  const [path, query = ""] = location.hash.slice(2).split("?");
  const [kind, name, view] = path.split("/");
  const parameters = new URLSearchParams(query);
  if (kind === "new") return { bot: null, view: "new", query: parameters };
  if (kind === "bot" && name) return { bot: decoded(name), view: view || "ask", query: parameters };
  return { bot: null, view: "", query: parameters };
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Go somewhere; with `replace`, without a new step for the back button. */
export function go(address, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", address);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = address;
  }
}
