/**
 * The tab's title says how far things are while one looks elsewhere.
 */

import { percent } from "./format.js";
import { uploadProgress } from "./uploads.js";

const NAME = "queuecore";
/** What ended while nobody looked. */
let ended = "";

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) ended = "";
});

/** @param {string} mark @param {string} name */
export function noteEnd(mark, name) {
  if (document.hidden) ended = `${mark} ${name}`;
}

/**
 * @param {import("./api.js").Job[]} active jobs that are to end yet
 * @param {(job: import("./api.js").Job) => string} nameOf
 */
export function showTitle(active, nameOf) {
  document.title = titleFor(active, nameOf);
}

/** @param {import("./api.js").Job[]} active @param {(job: import("./api.js").Job) => string} nameOf */
function titleFor(active, nameOf) {
  const uploads = uploadProgress();
  if (uploads.files > 0) {
    const what = uploads.files === 1 ? uploads.name : `${uploads.files} files`;
    return `↑ ${percent(uploads.fraction * 100)} · ${what}`;
  }
  if (active.length === 0) return ended ? `${ended} · ${NAME}` : NAME;
  const shares = active.map((job) => (job.state === "running" ? (job.progress?.percent ?? null) : null));
  const overall = shares.reduce((/** @type {number} */ sum, share) => sum + (share ?? 0), 0) / active.length;
  const what = active.length === 1 ? nameOf(active[0]) : `${active.length} jobs`;
  return `${shares.every((share) => share === null) ? "…" : percent(overall)} · ${what}`;
}
