/**
 * Whether the service can be reached, and the banner that says so.
 *
 * One missed answer is no outage: a request that a deployment cut is repeated
 * before anyone reads a banner. Two in a row are shown.
 */

import { byId, el, icon } from "./dom.js";

let misses = 0;
/** @type {Set<() => void>} */
const returned = new Set();

/** A request found nobody. */
export function lost() {
  misses += 1;
  if (misses === 2 || (misses === 1 && !navigator.onLine)) show();
}

/** A request was answered. */
export function restored() {
  if (misses === 0) return;
  misses = 0;
  const banner = byId("connection");
  banner.classList.remove("shown");
  banner.replaceChildren();
  for (const listener of returned) listener();
}

/** Whether the last request was answered. */
export function isUp() {
  return misses === 0;
}

/** @param {() => void} listener called when the service answers again */
export function onReturn(listener) {
  returned.add(listener);
}

function show() {
  const banner = byId("connection");
  banner.replaceChildren(
    icon("again"),
    el("span", {}, "Connection lost, retrying. Nothing on this page is lost."),
  );
  banner.classList.add("shown");
}
