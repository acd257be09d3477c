/**
 * The list on the page: which jobs are shown, in which order, and what stands there when there are none.
 */

import { announce } from "./announcer.js";
import { arrange, byId, setText } from "./dom.js";
import { makeJobCard } from "./job-card.js";
import { loadMore, setFilter, snapshot } from "./jobs.js";

const TYPING_PAUSE_MS = 300;
const CLOCK_MS = 1000;

/** @type {Map<string, {element: HTMLElement, update: (job: any) => void, focus: () => void, tick: () => void}>} */
const cards = new Map();
/** @type {(kind: string) => string} */
let titleOfKind = (kind) => kind;
let scheduled = false;

/** @param {{titleOf: (kind: string) => string}} names */
export function startList({ titleOf }) {
  titleOfKind = titleOf;
  startFilters();
  byId("more").addEventListener("click", showMore);
  setInterval(() => !document.hidden && cards.forEach((card) => card.tick()), CLOCK_MS);
}

/** Draw what is known, at most once a frame. */
export function showJobs() {
  if (scheduled) return;
  scheduled = true;
  // A hidden page gets no frames, and must not draw an old state when it is looked at again.
  if (document.hidden) setTimeout(draw);
  else requestAnimationFrame(draw);
}

/** Move the keyboard to a job's card. @param {string} id */
export function focusJob(id) {
  draw();
  cards.get(id)?.focus();
}

/** Show all again, so that a new job is seen. */
export function clearFilters() {
  if (byId("state").value === "" && byId("search").value === "") return;
  byId("state").value = "";
  byId("search").value = "";
  applyFilters();
}

function draw() {
  scheduled = false;
  const { jobs, loaded, more, filtered } = snapshot();
  const focused = document.activeElement?.closest("#jobs > li");
  const place = focused ? [...byId("jobs").children].indexOf(focused) : -1;
  const shown = new Set(jobs.map((job) => job.id));
  for (const id of cards.keys()) if (!shown.has(id)) cards.delete(id);
  const elements = jobs.map((job) => {
    let card = cards.get(job.id);
    if (!card) cards.set(job.id, (card = makeJobCard(job, { titleOf: titleOfKind })));
    card.update(job);
    return card.element;
  });
  arrange(byId("jobs"), elements);
  // The card with the focus went away: its neighbour has it now.
  if (focused && !focused.isConnected)
    (elements[Math.min(place, elements.length - 1)]?.querySelector("h3") ?? byId("jobs-title")).focus();
  byId("more").hidden = !more;
  byId("jobs").setAttribute("aria-busy", String(!loaded));
  showEmpty(loaded && jobs.length === 0, filtered);
}

/** @param {boolean} empty @param {boolean} filtered */
function showEmpty(empty, filtered) {
  byId("empty").hidden = !empty || byId("uploads").children.length > 0;
  setText(byId("empty-title"), filtered ? "Nothing found" : "No jobs yet");
  setText(
    byId("empty-hint"),
    filtered
      ? "No job of yours has this name and state."
      : "Send a file and follow it here. Your jobs stay in this list when you close the page.",
  );
}

function startFilters() {
  const wanted = new URLSearchParams(location.search);
  byId("search").value = wanted.get("q") ?? "";
  byId("state").value = wanted.get("state") ?? "";
  if (byId("state").selectedIndex < 0) byId("state").value = "";
  if (byId("search").value || byId("state").value) applyFilters();
  let timer = 0;
  byId("filters").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
  byId("state").addEventListener("change", applyFilters);
  byId("search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(applyFilters, TYPING_PAUSE_MS);
  });
}

/** The address carries the filter, so that a reload keeps it. */
function applyFilters() {
  const filter = { state: byId("state").value, q: byId("search").value.trim() };
  const entries = Object.entries(filter).filter(([, value]) => value !== "");
  const query = new URLSearchParams(entries).toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
  setFilter(filter);
}

async function showMore() {
  const button = byId("more");
  const before = snapshot().jobs.length;
  button.setAttribute("aria-disabled", "true");
  try {
    await loadMore();
    draw();
    const added = snapshot().jobs[before];
    announce(`${snapshot().jobs.length} jobs shown`);
    if (added) cards.get(added.id)?.focus();
  } catch {
    announce("More jobs could not be loaded. Try again.");
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
