/**
 * The tab's title says how far things are while one looks elsewhere.
 */

import { percent } from "./format.js";
import { uploadProgress } from "./uploads.js";

const NAME = "queuecore";
/** @type {string} what ended while nobody looked */
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
  if (uploads.files > 0) return `↑ ${percent(uploads.fraction * 100)} · ${uploads.files === 1 ? uploads.name : `${uploads.files} files`}`;
  if (active.length === 0) return ended ? `${ended} · ${NAME}` : NAME;
  const running = active.filter((job) => job.state === "running");
  const shares = running.map((job) => job.progress?.percent ?? 0);
  if (active.length === 1) return running.length === 1 && job0Percent(running[0]) ? `${percent(shares[0])} · ${nameOf(active[0])}` : `${running.length === 1 ? "…" : "Waiting"} · ${nameOf(active[0])}`;
  const overall = shares.reduce((sum, share) => sum + share, 0) / active.length;
  return `${percent(overall)} · ${active.length} jobs`;
}

/** @param {import("./api.js").Job} job */
function job0Percent(job) {
  return typeof job.progress?.percent === "number";
}
