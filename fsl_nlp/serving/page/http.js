/** Requests to the server: its errors as one class, its key, and what to do when it is gone or busy. */

const KEY = "fsl-nlp-key";
const PATIENCE = 120; // seconds that an answer may take; an edit of a large bot takes some
const BUSY_RETRIES = 3; // requests that a busy server refused did nothing, so they can be sent again
const LONGEST_WAIT = 5; // seconds before such a request is sent again

/** What went wrong. `type` is the server's, or "gone" (no connection) or "slow" (no answer in time). */
export class ServerError extends Error {
  /** @param {string} type @param {string} message @param {number} status */
  constructor(type, message, status = 0) {
    super(message);
    this.type = type;
    this.status = status;
  }
}

/** What the page does when it needs a key, and when the server is gone or back. */
export const handlers = {
  /** @type {(refused: boolean) => Promise<string | null>} */
  askForKey: async () => null,
  /** @type {() => void} */
  lost: () => {},
  /** @type {() => void} */
  reached: () => {},
};

/** The key of this tab, or "". */
export const key = () => sessionStorage.getItem(KEY) ?? "";

/** @param {string} value */
export function setKey(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
}

/**
 * The JSON that the server answers; a ServerError if it refuses.
 * @param {string} path without the first slash, so that the page may lie under a prefix
 * @param {{method?: string, json?: any, body?: any, headers?: Record<string, string>, signal?: AbortSignal, patience?: number}} [options]
 */
export async function request(path, options = {}) {
  return (await respond(path, options)).json();
}

/** The response itself, for files. @param {string} path @param {Parameters<typeof request>[1]} [options] */
export async function respond(path, options = {}) {
  for (let busy = 0; ; ) {
    const sent = key();
    const response = await send(path, options, sent);
    if (response.ok) return response;
    if (response.status === 401) {
      // Another request may have brought a key in the meantime.
      if (key() !== sent) continue;
      if (await oneKeyDialog(Boolean(sent))) continue;
    }
    const error = await errorOf(response);
    if (error.status !== 429 || ++busy > BUSY_RETRIES) throw error;
    await sleep(Math.min(LONGEST_WAIT, Number(response.headers.get("Retry-After")) || 1));
  }
}

async function send(path, options, sent) {
  const { json, signal, patience = PATIENCE } = options;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort("slow"), patience * 1000);
  signal?.addEventListener("abort", () => stop.abort("left"), { once: true });
  if (signal?.aborted) stop.abort("left");
  const headers = { ...options.headers };
  if (sent) headers.Authorization = `Bearer ${sent}`;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const body = json === undefined ? options.body : JSON.stringify(json);
  try {
    const response = await fetch(path, { method: options.method ?? "GET", headers, body, signal: stop.signal });
    handlers.reached();
    return response;
  } catch {
    const reason = stop.signal.aborted ? stop.signal.reason : "gone";
    if (reason === "gone") handlers.lost();
    throw new ServerError(reason, "");
  } finally {
    clearTimeout(timer);
  }
}

/** @param {Response} response */
async function errorOf(response) {
  try {
    const { error, error_type: type } = await response.json();
    return new ServerError(String(type), String(error), response.status);
  } catch {
    return new ServerError("internal", "", response.status);
  }
}

let waitingForKey = null;

/** All requests that need a key wait for one dialog. */
function oneKeyDialog(refused) {
  waitingForKey ??= handlers
    .askForKey(refused)
    .then((value) => {
      if (value !== null) setKey(value);
      return value !== null;
    })
    .finally(() => (waitingForKey = null));
  return waitingForKey;
}

/** @param {number} seconds */
export const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Save what the server answers as a file; the key travels in a header, so a plain link cannot. */
export async function download(path, name) {
  const blob = await (await respond(path, { patience: 600 })).blob();
  saveAs(blob, name);
}

/** @param {Blob} blob @param {string} name */
export function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
