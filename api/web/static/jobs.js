/**
 * The jobs this page knows, kept true by asking the service.
 *
 *   one or two to end   a waiting request for each, which is answered the moment something changes
 *   a few               each is asked for every second, which costs next to nothing while it has not changed
 *   many                the list is asked for every second
 *   none                the list is asked for now and then: other pages and programs make jobs too
 *
 * Browsers open six connections to a service: two are for uploads, two for waiting, one for the rest.
 */

import { Problem, Unreachable, forget, get } from "./api.js";
import * as connection from "./connection.js";

const PAGE = 25;
const LARGEST_PAGE = 100;
const MOST_FOLLOWED = 2;
const MOST_ASKED = 10;
const WAIT_SECONDS = 20;
/** Pauses between two looks, in ms. */
const PAUSE = {
  active: 1000,
  beside: 2000,
  list: 10_000,
  hidden: 15_000,
  followed: 400,
  lost: 2000,
  longest: 15_000,
};

/** @typedef {import("./api.js").Job} Job */

/** @type {Map<string, Job>} */
const known = new Map();
/** @type {string[]} newest first, as shown */
let order = [];
/** @type {Set<string>} deleted here; an answer that was on its way must not bring them back */
const gone = new Set();
/** @type {Map<string, number>} the number of the list that was asked for last when a job was made here */
const madeAt = new Map();
/** @type {Map<string, AbortController>} */
const followed = new Map();

let filter = { state: "", q: "" };
/** @type {string|null} */
let cursor = null;
let loaded = false;
let stopped = true;
let lists = 0;
/** When the list is to be asked for again, by the page's clock. */
let listDueAt = 0;
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
  refreshSoon();
  if (!stopped) return;
  stopped = false;
  void keepLooking();
}

export function stop() {
  stopped = true;
  for (const controller of followed.values()) controller.abort();
  wake();
}

/** @returns {{jobs: Job[], loaded: boolean, more: boolean, filtered: boolean}} */
export function snapshot() {
  const jobs = order.map((id) => /** @type {Job} */ (known.get(id)));
  return { jobs, loaded, more: cursor !== null, filtered: filter.state !== "" || filter.q !== "" };
}

/** Look at everything now. */
export function refreshSoon() {
  listDueAt = 0;
  wake();
}

/** @param {{state: string, q: string}} wanted */
export function setFilter(wanted) {
  filter = wanted;
  cursor = null;
  loaded = false; // what is shown stays until the answer is there
  shown();
  refreshSoon();
}

/** A job made or changed by this page. @param {Job} job */
export function put(job) {
  if (!order.includes(job.id)) {
    order.unshift(job.id);
    madeAt.set(job.id, lists);
  }
  merge(job);
  shown();
  wake();
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
  const asked = filter;
  const { body } = await get(`/api/jobs?${parameters(PAGE)}&cursor=${encodeURIComponent(cursor)}`, {
    slot: "more",
  });
  if (asked !== filter) return;
  cursor = body.next_cursor ?? null;
  for (const job of body.items) {
    if (gone.has(job.id)) continue;
    if (!order.includes(job.id)) order.push(job.id);
    merge(job);
  }
  shown();
}

/** Whether a job is to end yet. @param {Job} job */
export function isActive(job) {
  return !["completed", "failed", "cancelled"].includes(job.state);
}

async function keepLooking() {
  while (!stopped) {
    let pause = PAUSE.lost;
    try {
      pause = await look();
    } catch (error) {
      if (error instanceof Unreachable) {
        pause = Math.min(Math.max(error.retryAfter * 1000, PAUSE.active), PAUSE.longest);
      } else if (!(error instanceof Problem)) throw error;
    }
    await sleep(document.hidden ? Math.max(pause, PAUSE.hidden) : pause);
  }
}

/** One look. @returns {Promise<number>} how long to wait until the next, in ms */
async function look() {
  /** @type {Set<string>} */
  let answered = new Set();
  if (performance.now() >= listDueAt) answered = await lookAtList();
  const rest = activeJobs().filter((job) => !answered.has(job.id));
  for (const job of rest.slice(0, MOST_ASKED)) await ask(job.id);
  if (stopped) return 0;
  followFew();
  shown();
  const active = activeJobs();
  if (active.length > MOST_ASKED) listDueAt = 0;
  if (active.some((job) => !followed.has(job.id))) return PAUSE.active;
  // A waiting request may wait at a service that has lost its queue: that is found out here.
  return active.length > 0 ? PAUSE.beside : PAUSE.list;
}

/** @returns {Promise<Set<string>>} the jobs that were in the answer */
async function lookAtList() {
  const asked = filter;
  const number = ++lists;
  const size = loaded ? Math.min(Math.max(Math.ceil(order.length / PAGE) * PAGE, PAGE), LARGEST_PAGE) : PAGE;
  listDueAt = performance.now() + PAUSE.list;
  try {
    const { body } = await get(`/api/jobs?${parameters(size)}`, { slot: "list" });
    if (asked === filter && !stopped) takeList(body.items, body.next_cursor ?? null, number);
    return new Set(body.items.map((/** @type {Job} */ job) => job.id));
  } catch (error) {
    listDueAt = 0;
    throw error;
  }
}

/**
 * The first part of the list is as the service says; what was loaded below it stays.
 * @param {Job[]} items @param {string|null} nextCursor @param {number} number of this list
 */
function takeList(items, nextCursor, number) {
  const ids = items.map((job) => job.id).filter((id) => !gone.has(id));
  const end = items.length > 0 && nextCursor !== null ? timeOf(items[items.length - 1]) : -Infinity;
  const rest = order.filter((id) => !ids.includes(id));
  // Made while this list was on its way: the next one has it.
  const fresh = rest.filter((id) => (madeAt.get(id) ?? -1) >= number);
  const below = rest.filter(
    (id) => loaded && !fresh.includes(id) && timeOf(/** @type {Job} */ (known.get(id))) <= end,
  );
  for (const id of rest) if (!fresh.includes(id) && !below.includes(id)) forgetJob(id);
  order = [...fresh, ...ids, ...below];
  if (below.length === 0) cursor = nextCursor;
  loaded = true;
  for (const job of items) if (!gone.has(job.id)) merge(job);
}

/** @param {string} id @param {{wait?: string, signal?: AbortSignal}} [options] */
async function ask(id, { wait = "", signal } = {}) {
  try {
    const { body } = await get(`/api/check-status/${id}${wait}`, { slot: `job ${id}`, signal });
    if (known.has(id)) merge(body);
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
    drop(id);
  }
}

/** Wait at the jobs that are to end yet, while they are few. */
function followFew() {
  const active = activeJobs();
  const few = document.hidden || active.length > MOST_FOLLOWED ? [] : active;
  for (const [id, controller] of followed) if (!few.some((job) => job.id === id)) controller.abort();
  for (const job of few) if (!followed.has(job.id)) void follow(job.id);
}

/** @param {string} id */
async function follow(id) {
  const controller = new AbortController();
  const { signal } = controller;
  followed.set(id, controller);
  try {
    while (!signal.aborted && activeJobs().some((job) => job.id === id)) {
      await ask(id, { wait: `?wait=${WAIT_SECONDS}`, signal });
      shown();
      await new Promise((resolve) => setTimeout(resolve, PAUSE.followed));
    }
  } catch (error) {
    // The next look finds out what is wrong; it is also what starts the waiting again.
    if (!signal.aborted && !(error instanceof Unreachable || error instanceof Problem)) throw error;
  } finally {
    if (followed.get(id) === controller) followed.delete(id);
    wake();
  }
}

function activeJobs() {
  return order.map((id) => /** @type {Job} */ (known.get(id))).filter(isActive);
}

/** @param {Job} job */
function merge(job) {
  const before = known.get(job.id);
  if (before && before.version > job.version) return;
  known.set(job.id, job);
  if (!isActive(job)) forget(`job ${job.id}`);
  if (!before || before.version !== job.version) moved(before, job);
}

/** @param {string} id */
function forgetJob(id) {
  known.delete(id);
  madeAt.delete(id);
  forget(`job ${id}`);
  followed.get(id)?.abort();
  order = order.filter((other) => other !== id);
}

/** @param {Job} job */
function timeOf(job) {
  return Date.parse(job.created_at);
}

/** @param {number} limit */
function parameters(limit) {
  const wanted = new URLSearchParams({ limit: String(limit) });
  if (filter.state) wanted.set("state", filter.state);
  if (filter.q) wanted.set("q", filter.q);
  return wanted;
}

let woken = false;
let endSleep = () => {};

/** Ends the pause; also the next one, when something is being looked at just now. */
function wake() {
  woken = true;
  endSleep();
}

/** @param {number} ms */
async function sleep(ms) {
  if (!woken) {
    await new Promise((/** @type {(value?: any) => void} */ resolve) => {
      const timer = setTimeout(resolve, ms);
      endSleep = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  woken = false;
}
