/** Work that takes the server a while: training, checking. */

import { fill } from "./dom.js";
import { request, ServerError, sleep } from "./http.js";
import { progress } from "./progress.js";

const LOOK = 0.7; // seconds between two looks
const QUICK = 200; // milliseconds; what takes longer is shown

/**
 * Wait for a job; its result, or an error with its words.
 * @param {string} id @param {(job: any) => void} show called at every look @param {AbortSignal} signal
 */
export async function follow(id, show, signal) {
  for (;;) {
    const job = await request(`v1/jobs/${encodeURIComponent(id)}`, { signal });
    show(job);
    if (job.state === "done") return job.result;
    if (job.state === "failed") throw new ServerError("failed", job.error ?? "", 0);
    await sleep(LOOK);
    if (signal.aborted) throw new ServerError("left", "");
  }
}

/** @param {string} id */
export const cancel = (id) => request(`v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });

/**
 * What an address answers once its job is done; until then `place` shows how far the job is.
 * @param {string} address @param {string} title what runs @param {Element} place @param {AbortSignal} signal
 */
export async function worked(address, title, place, signal) {
  const { element, show } = progress(title);
  const timer = setTimeout(() => fill(place, element), QUICK);
  try {
    for (;;) {
      const content = await request(address, { signal });
      // Beside other fields, a job is one that works at something newer.
      if (Object.keys(content).join() !== "job") return content;
      await follow(content.job, show, signal);
    }
  } finally {
    clearTimeout(timer);
  }
}
