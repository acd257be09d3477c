/**
 * The jobs this page knows, kept true by asking the service: one request for the whole list, and while
 * only one or two jobs run, a waiting request for each, which is answered the moment something changes.
 *
 * Browsers open six connections to a service: two are for uploads, two for waiting, one for the list.
 */

import { Problem, Unreachable, forget, get } from "./api.js";
import * as connection from "./connection.js";

const PAGE = 25;
const LARGEST_PAGE = 100;
const MOST_FOLLOWED = 2;
const WAIT_SECONDS = 20;
/** Pauses between two looks at the list, in ms. */
const PAUSE = { active: 1000, followed: 5000, idle: 10_000, hidden: 15_000, followStep: 400, lost: 2000, longest: 15_000 };

/** @typedef {import("./api.js").Job} Job */

/** @type {Map<string, Job>} */
const known = new Map();
/** @type {string[]} newest first, as shown */
let order = [];
/** @type {Set<string>} deleted here; an answer that was on its way must not bring them back */
const gone = new Set();
/** @type {Map<string, number>} the look at the list before which a job was not there yet */
const addedAt = new Map();
/** @type {Map<string, AbortController>} */
const followed = new Map();

let looks = 0;
let filter = { state: "", q: "" };
/** @type {string|null} */
let cursor = null;
let loaded = false;
let stopped = true;
let wake = () => {};
let shown = () => {};
let moved = (/** @type {Job|undefined} */ _before, /** @type {Job} */ _after) => {};

/**
 * @param {{onChange: () => void, onMove: (before: Job|undefined, after: Job) => void}} listeners `onMove`: a job on the page was answered anew
 */
export function watchJobs({ onChange, onMove }) {
  shown = onChange;
  moved = onMove;
  document.addEventListener("visibilitychange", refreshSoon);
  window.addEventListener("online", refreshSoon);
  connection.onReturn(refreshSoon);
}

/** Begin, or begin again for another owner. */
export function start() {
  known.clear();
  order = [];
  cursor = null;
  loaded = false;
  forget("list");
  if (!stopped) return refreshSoon();
  stopped = false;
  void keepLooking();
}

export function stop() {
  stopped = true;
  unfollowAll();
  refreshSoon();
}

/** @returns {{jobs: Job[], loaded: boolean, more: boolean, filtered: boolean}} */
export function snapshot() {
  const jobs = order.map((id) => /** @type {Job} */ (known.get(id)));
  return { jobs, loaded, more: cursor !== null, filtered: filter.state !== "" || filter.q !== "" };
}

/** Look now. */
export function refreshSoon() {
  wake();
}

/** @param {{state: string, q: string}} wanted */
export function setFilter(wanted) {
  filter = wanted;
  order = [];
  cursor = null;
  loaded = false;
  shown();
  refreshSoon();
}

/** A job made or changed by this page. @param {Job} job */
export function put(job) {
  if (!order.includes(job.id)) {
    order.unshift(job.id);
    addedAt.set(job.id, looks);
  }
  merge(job);
  shown();
  refreshSoon();
}

/** @param {string} id */
export function drop(id) {
  gone.add(id);
  forgetJob(id);
  shown();
}

/** Fetch the next page and show it below. */
export async function loadMore() {
  if (cursor === null) return;
  const { body } = await get(`/api/jobs?${parameters(PAGE)}&cursor=${encodeURIComponent(cursor)}`, { slot: "more" });
  cursor = body.next_cursor ?? null;
  for (const job of body.items) {
    if (gone.has(job.id)) continue;
    if (!order.includes(job.id)) order.push(job.id);
    merge(job);
  }
  shown();
}

async function keepLooking() {
  while (!stopped) {
    let pause;
    try {
      pause = await look();
    } catch (error) {
      if (error instanceof Unreachable) pause = Math.min(Math.max(error.retryAfter * 1000, 1000), PAUSE.longest);
      else if (error instanceof Problem && error.status === 400 && cursor !== null) cursor = null;
      else if (!(error instanceof Problem)) throw error;
      pause ??= PAUSE.lost;
    }
    await sleep(document.hidden ? Math.max(pause, PAUSE.hidden) : pause);
  }
}

/** One look at the list. @returns {Promise<number>} how long to wait until the next, in ms */
async function look() {
  const asked = filter;
  looks += 1;
  const thisLook = looks;
  const size = Math.min(Math.max(Math.ceil(order.length / PAGE) * PAGE, PAGE), LARGEST_PAGE);
  const { body, retryAfter } = await get(`/api/jobs?${parameters(size)}`, { slot: "list" });
  if (asked !== filter || stopped) return 0;
  takeList(body.items, body.next_cursor ?? null, thisLook);
  await lookAtTheRest(body.items);
  followFew();
  shown();
  const active = activeJobs();
  if (active.length === 0) return PAUSE.idle;
  if (active.every((job) => followed.has(job.id))) return PAUSE.followed;
  return Math.max((retryAfter ?? 1) * 1000, PAUSE.active);
}

/**
 * The list's first part is as the service says; what was loaded below stays.
 * @param {Job[]} items @param {string|null} nextCursor @param {number} thisLook
 */
function takeList(items, nextCursor, thisLook) {
  const ids = items.filter((job) => !gone.has(job.id)).map((job) => job.id);
  const answered = new Set(ids);
  const oldest = items.length > 0 && nextCursor !== null ? items[items.length - 1].created_at : "";
  const rest = order.filter((id) => !answered.has(id));
  const fresh = rest.filter((id) => (addedAt.get(id) ?? -1) >= thisLook - 1);
  const older = rest.filter((id) => !fresh.includes(id) && oldest !== "" && (known.get(id)?.created_at ?? "") < oldest);
  for (const id of rest) if (!fresh.includes(id) && !older.includes(id)) forgetJob(id);
  order = [...fresh, ...ids, ...older];
  if (older.length === 0) cursor = nextCursor;
  loaded = true;
  for (const job of items) if (!gone.has(job.id)) merge(job);
}

/** Jobs that are still to end but too far down for the list's answer are asked for one by one. @param {Job[]} items */
async function lookAtTheRest(items) {
  const answered = new Set(items.map((job) => job.id));
  const rest = activeJobs().filter((job) => !answered.has(job.id) && !followed.has(job.id) && (addedAt.get(job.id) ?? -1) < looks - 1);
  for (const job of rest.slice(0, 5)) await ask(job.id, "");
}

/** @param {string} id @param {string} wait @param {AbortSignal} [signal] */
async function ask(id, wait, signal) {
  try {
    const { body } = await get(`/api/check-status/${id}${wait}`, { slot: `job ${id}`, signal });
    if (known.has(id)) merge(body);
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
    drop(id);
  }
}

/** @param {Job} job */
function merge(job) {
  const before = known.get(job.id);
  if (before && before.version > job.version) return;
  known.set(job.id, job);
  if (!before || before.version !== job.version) moved(before, job);
}

/** @param {string} id */
function forgetJob(id) {
  known.delete(id);
  addedAt.delete(id);
  forget(`job ${id}`);
  followed.get(id)?.abort();
  order = order.filter((other) => other !== id);
}

export function isActive(/** @type {Job} */ job) {
  return !["completed", "failed", "cancelled"].includes(job.state);
}

function activeJobs() {
  return order.map((id) => /** @type {Job} */ (known.get(id))).filter(isActive);
}

/** Wait at the running jobs while they are few. A place in line changes without the job, so waiting jobs are left to the list. */
function followFew() {
  const active = activeJobs();
  const few = !document.hidden && active.length <= MOST_FOLLOWED ? active.filter((job) => job.state === "running") : [];
  for (const [id, controller] of followed) if (!few.some((job) => job.id === id)) controller.abort();
  for (const job of few) if (!followed.has(job.id)) void follow(job.id);
}

function unfollowAll() {
  for (const controller of followed.values()) controller.abort();
}

/** @param {string} id */
async function follow(id) {
  const controller = new AbortController();
  followed.set(id, controller);
  try {
    while (!controller.signal.aborted && known.get(id)?.state === "running") {
      await ask(id, `?wait=${WAIT_SECONDS}`, controller.signal);
      shown();
      await new Promise((resolve) => setTimeout(resolve, PAUSE.followStep));
    }
  } catch (error) {
    // The list finds out whether the line is down; it is also what starts the waiting again.
    if (!controller.signal.aborted && !(error instanceof Unreachable) && !(error instanceof Problem)) throw error;
  } finally {
    followed.delete(id);
    refreshSoon();
  }
}

/** @param {number} limit */
function parameters(limit) {
  const wanted = new URLSearchParams({ limit: String(limit) });
  if (filter.state) wanted.set("state", filter.state);
  if (filter.q) wanted.set("q", filter.q);
  return wanted;
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((/** @type {(value?: any) => void} */ resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
