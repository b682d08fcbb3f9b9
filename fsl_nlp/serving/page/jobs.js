/** Work that takes the server a while: training, checking. */

import { request, ServerError, sleep } from "./http.js";

const LOOK = 0.7; // seconds between two looks

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
