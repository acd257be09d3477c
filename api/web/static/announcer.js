/**
 * What a screen reader says by itself: little, and never the same twice.
 *
 * Progress is spoken when a job enters another step or is ten percent further,
 * and at most every ten seconds; a failure is spoken at once.
 */

import { STATES, percent } from "./format.js";
import { byId } from "./dom.js";

const EVERY_MS = 10_000;
const EVERY_PERCENT = 10;

/** @type {Map<string, {step: number, percent: number}>} what was last said of each job */
const said = new Map();
let lastProgress = 0;

/** Say a sentence when the reader is free. @param {string} text */
export function announce(text) {
  speak("polite", text);
}

/** Say a sentence at once. @param {string} text */
export function alarm(text) {
  speak("alert", text);
}

/**
 * Say how far a running job is, if it is worth saying now.
 * @param {import("./api.js").Job} job @param {string} name
 */
export function announceProgress(job, name) {
  const progress = job.progress;
  if (!progress) return;
  const now = Date.now();
  const last = said.get(job.id) ?? { step: 0, percent: 0 };
  const step = progress.step?.index ?? 0;
  const value = progress.percent ?? 0;
  const further = step !== last.step || Math.abs(value - last.percent) >= EVERY_PERCENT;
  if (!further || now - lastProgress < EVERY_MS) return;
  lastProgress = now;
  said.set(job.id, { step, percent: value });
  const where = progress.step ? `, step ${step} of ${progress.step.count}, ${progress.step.name}` : "";
  announce(`${name}: ${progress.percent === null ? "running" : percent(value)}${where}`);
}

/**
 * Say that a job came to its end.
 * @param {import("./api.js").Job} job @param {string} name
 */
export function announceEnd(job, name) {
  said.delete(job.id);
  if (job.state === "failed") alarm(`${name} failed. ${job.error?.title ?? ""} ${job.error?.detail ?? ""}`);
  else announce(`${name}: ${STATES[job.state].toLowerCase()}`);
}

/** @param {string} region @param {string} text */
function speak(region, text) {
  const element = byId(region);
  // The same words a second time would not be a change, and so not be spoken.
  element.textContent = element.textContent === text ? `${text}\u00a0` : text;
}
