/**
 * Files on their way to the service: two at a time, each with its own bar, each able to be tried again.
 *
 * A file keeps its idempotency key from the first try to the last, so that a try whose answer was
 * lost on the way makes no second job.
 */

import { newKey } from "./api.js";
import { alarm } from "./announcer.js";
import { sentence } from "./format.js";
import { makeUploadCard } from "./upload-card.js";
import { byId } from "./dom.js";

const AT_ONCE = 2;
// Bounds that leave room again by themselves soon.
const PASSING = ["/problems/too-many-requests", "/problems/too-many-jobs"];

/** @typedef {{file: File, kind: string, options: Record<string, any>, key: string, state: "waiting"|"sending"|"storing"|"failed",
 *   sent: number, startedAt: number, error: string, note: string, request: XMLHttpRequest|null, card: any}} Upload */

/** @type {Upload[]} newest first, as they stand on the page */
let uploads = [];
let resting = false; // the service takes no more files for a moment
let jobMade = (/** @type {any} */ _job, /** @type {boolean} */ _focused) => {};
let changed = () => {};
let signInWanted = () => {};

/** @param {{onJob: (job: any, focused: boolean) => void, onChange: () => void, onSignInWanted: () => void}} listeners */
export function startUploads(listeners) {
  jobMade = listeners.onJob;
  changed = listeners.onChange;
  signInWanted = listeners.onSignInWanted;
  window.addEventListener("beforeunload", (event) => {
    if (uploads.some((upload) => upload.state !== "failed")) event.preventDefault();
  });
}

/** @param {File[]} files @param {string} kind @param {Record<string, any>} options */
export function addUploads(files, kind, options) {
  for (const file of files) {
    /** @type {Upload} */
    const upload = {
      file,
      kind,
      options,
      key: newKey(),
      state: "waiting",
      sent: 0,
      startedAt: 0,
      error: "",
      note: "",
      request: null,
      card: null,
    };
    upload.card = makeUploadCard(upload, { onCancel: () => drop(upload), onRetry: () => retry(upload) });
    uploads.unshift(upload);
    byId("uploads").prepend(upload.card.element);
  }
  sendNext();
}

/** How far all that is on its way has come, and how many files that is. @returns {{files: number, fraction: number, name: string}} */
export function uploadProgress() {
  const live = uploads.filter((upload) => upload.state !== "failed");
  const total = live.reduce((sum, upload) => sum + upload.file.size, 0);
  const sent = live.reduce((sum, upload) => sum + upload.sent, 0);
  return { files: live.length, fraction: total > 0 ? sent / total : 0, name: live[0]?.file.name ?? "" };
}

function sendNext() {
  const busy = uploads.filter((upload) => upload.request !== null).length;
  // The oldest of the waiting goes first.
  const next = uploads.findLast((upload) => upload.state === "waiting");
  if (busy < AT_ONCE && next && !resting) {
    send(next);
    sendNext();
  }
  changed();
}

/** @param {Upload} upload */
function send(upload) {
  const request = new XMLHttpRequest();
  Object.assign(upload, { request, state: "sending", sent: 0, error: "", note: "", startedAt: performance.now() });
  request.open("POST", `/api/upload?${query(upload)}`);
  request.setRequestHeader("Idempotency-Key", `"${upload.key}"`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.responseType = "json";
  request.upload.onprogress = (event) => {
    upload.sent = event.loaded;
    update(upload);
  };
  request.upload.onload = () => {
    upload.sent = upload.file.size;
    upload.state = "storing";
    update(upload);
  };
  request.onload = () => {
    const accepted = request.status >= 200 && request.status < 300 && request.response !== null;
    if (accepted) finish(upload, request.response);
    else refuse(upload, request);
  };
  request.onerror = () => fail(upload, "The upload was interrupted. Try again; nothing is sent twice.");
  request.send(upload.file);
  update(upload);
}

/** @param {Upload} upload */
function query(upload) {
  const parameters = new URLSearchParams({ name: upload.file.name, kind: upload.kind });
  for (const [name, value] of Object.entries(upload.options)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined)
        parameters.append(name, typeof one === "object" ? JSON.stringify(one) : String(one));
    }
  }
  return parameters;
}

/** @param {Upload} upload @param {any} job */
function finish(upload, job) {
  const focused = upload.card.element.contains(document.activeElement);
  remove(upload);
  jobMade(job, focused);
}

/** @param {Upload} upload @param {XMLHttpRequest} request */
function refuse(upload, request) {
  if (request.status === 401) signInWanted();
  const problem = request.response;
  if (request.status === 429 && PASSING.includes(problem?.type)) rest(upload, request);
  else if ([502, 503, 504].includes(request.status))
    fail(upload, "The service cannot take files at the moment. Try again shortly.");
  else
    fail(
      upload,
      problem?.title
        ? `${sentence(problem.title)} ${problem.detail ?? ""}`.trim()
        : `The service refused the file (${request.status}).`,
    );
}

/**
 * Let all files wait: the service takes no more of them for as long as it says.
 * @param {Upload} upload @param {XMLHttpRequest} request
 */
function rest(upload, request) {
  const seconds = Math.max(Number.parseInt(request.getResponseHeader("Retry-After") ?? "", 10) || 0, 1);
  Object.assign(upload, { state: "waiting", request: null, sent: 0 });
  if (!resting) {
    resting = true;
    setTimeout(() => {
      resting = false;
      sendNext();
    }, seconds * 1000);
  }
  for (const other of uploads.filter((each) => each.state === "waiting")) {
    other.note = `${sentence(request.response.title)} This file is sent by itself as soon as there is room.`;
    other.card.update();
  }
  sendNext();
}

/** @param {Upload} upload @param {string} text */
function fail(upload, text) {
  Object.assign(upload, { state: "failed", request: null, error: text });
  alarm(`${upload.file.name}: ${text}`);
  update(upload);
  sendNext();
}

/** @param {Upload} upload */
function retry(upload) {
  upload.state = "waiting";
  update(upload);
  sendNext();
}

/** @param {Upload} upload */
function drop(upload) {
  upload.request?.abort();
  remove(upload);
  byId("jobs-title").focus();
}

/** @param {Upload} upload */
function remove(upload) {
  upload.request = null;
  uploads = uploads.filter((other) => other !== upload);
  upload.card.element.remove();
  sendNext();
}

/** @param {Upload} upload */
function update(upload) {
  upload.card.update();
  changed();
}
