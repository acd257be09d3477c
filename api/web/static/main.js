/**
 * The page: who is here, what can be done, what is on its way, and the jobs there are.
 *
 *   session -> form -> uploads -> jobs -> list of cards
 */

import { Problem, get, onSignInWanted } from "./api.js";
import { announceEnd, announceProgress } from "./announcer.js";
import { byId, el } from "./dom.js";
import { startForm } from "./form.js";
import { nameOf } from "./job-card.js";
import * as jobs from "./jobs.js";
import { clearFilters, focusJob, showJobs, startList } from "./list.js";
import { askForToken, openSession, startSession } from "./session.js";
import { noteEnd, showTitle } from "./title.js";
import { addUploads, startUploads } from "./uploads.js";

const RETRY_MS = 2000;
const ONE_COLUMN = "(max-width: 59.99rem)";

/** @type {Map<string, import("./api.js").Kind>} */
const kinds = new Map();
const titleOf = (/** @type {string} */ kind) => kinds.get(kind)?.title ?? kind;
const nameOfJob = (/** @type {import("./api.js").Job} */ job) => nameOf(job, titleOf);

startSession({ onSignedIn: open, onSignedOut: close });
onSignInWanted(() => {
  if (!byId("workspace").hidden) close();
});
jobs.watchJobs({ onChange: refresh, onMove: tell });
startUploads({ onJob: takeUploaded, onChange: refresh, onSignInWanted: close });
untilAnswered(openSession).catch(giveUp);

async function open() {
  if (kinds.size === 0) {
    const { body } = await untilAnswered(() => get("/api/kinds"));
    for (const kind of body.items) kinds.set(kind.kind, kind);
    startForm(body.items, { onUploads: sendFiles, onJob: takeStarted });
    startList({ titleOf });
  }
  jobs.start();
}

function close() {
  jobs.stop();
  askForToken();
}

/** @param {File[]} files @param {string} kind @param {Record<string, any>} options */
function sendFiles(files, kind, options) {
  clearFilters();
  addUploads(files, kind, options);
  showList();
}

/** @param {import("./api.js").Job} job */
function takeStarted(job) {
  clearFilters();
  take(job);
  showList();
}

/** @param {any} answer @param {boolean} focused whether the keyboard was on the upload's card */
function takeUploaded(answer, focused) {
  const made = answer?.items ?? [answer];
  made.forEach(take);
  if (focused && made[0]) focusJob(made[0].id);
}

/** @param {import("./api.js").Job} job made by this page; a short one may have ended before its answer came */
function take(job) {
  jobs.put(job);
  if (!jobs.isActive(job)) tellEnd(job);
}

/** On a phone the list is below the form: go there, where the progress is. */
function showList() {
  if (window.matchMedia(ONE_COLUMN).matches) byId("jobs-title").focus();
}

function refresh() {
  showJobs();
  showTitle(jobs.snapshot().jobs.filter(jobs.isActive), nameOfJob);
}

/** @param {import("./api.js").Job|undefined} before @param {import("./api.js").Job} after */
function tell(before, after) {
  if (!before || !jobs.isActive(before)) return;
  if (jobs.isActive(after)) return announceProgress(after, nameOfJob(after));
  tellEnd(after);
}

/** @param {import("./api.js").Job} job */
function tellEnd(job) {
  announceEnd(job, nameOfJob(job));
  noteEnd(job.state === "completed" ? "✓" : job.state === "failed" ? "✗" : "–", nameOfJob(job));
}

/** @param {unknown} error what the service says to every request, such as that it is not to be reached by this name */
function giveUp(error) {
  if (!(error instanceof Problem)) throw error;
  const text = el("p", {}, error.detail);
  document
    .querySelector("main")
    ?.append(el("section", { class: "panel alone", role: "alert" }, el("h2", {}, error.title), text));
}

/**
 * What the page cannot begin without is asked for until it is there.
 * @template T @param {() => Promise<T>} ask @returns {Promise<T>}
 */
async function untilAnswered(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Problem && error.status < 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
