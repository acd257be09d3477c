/**
 * Speaking with the service: problems as errors, conditional requests, and whether the line is up.
 */

import * as connection from "./connection.js";

/** @typedef {{id: string, kind: string, queue: string, state: string, attempt: number, max_attempts: number, version: number,
 *   args: Record<string, any>, created_at: string, started_at: string|null, finished_at: string|null, expires_at: string|null, due_at?: string|null, waits_for?: {reason: string, name: string},
 *   file: {name: string, size: number}|null, position?: number|null, progress: Progress|null, result: any,
 *   artifacts: {name: string, size: number, url: string}[], warnings: string[], error: Failure|null, attempts: Attempt[],
 *   cancel_requested: boolean, links: Record<string, string>}} Job */
/** @typedef {{percent: number|null, done: number, total: number|null, unit: string, rate: number|null, eta_seconds: number|null,
 *   message: string, step: {name: string, index: number, count: number}|null}} Progress */
/** @typedef {{type: string, title: string, detail: string, retryable: boolean}} Failure */
/** @typedef {{attempt: number, worker: string, started_at: string|null, ended_at: string|null, outcome: string, error: Failure|null}} Attempt */
/** @typedef {{kind: string, title: string, description: string, needs_file: boolean, file_types: string[], schema: any}} Kind */

/** An answer that says no: what was wrong, and what to do. */
export class Problem extends Error {
  /** @param {number} status @param {any} body problem+json, or whatever came */
  constructor(status, body) {
    super(body?.title || `The service answered with an error (${status}).`);
    this.status = status;
    this.title = this.message;
    this.detail = typeof body?.detail === "string" ? body.detail : "";
    this.argument = typeof body?.argument === "string" ? body.argument : "";
    this.state = typeof body?.state === "string" ? body.state : "";
  }
}

/** The service, or the queue behind it, cannot be reached now. */
export class Unreachable extends Error {
  /** @param {number} retryAfter seconds */
  constructor(retryAfter) {
    super("The service cannot be reached.");
    this.retryAfter = retryAfter;
  }
}

/** @type {Map<string, {path: string, etag: string, body: any}>} the last answers, for requests that may be answered with 304 */
const remembered = new Map();

let signInWanted = () => {};
/** @param {() => void} listener called when the service answers 401 */
export function onSignInWanted(listener) {
  signInWanted = listener;
}

/**
 * GET a JSON document; the earlier one is used again where the service says it has not changed.
 * @param {string} path
 * @param {{signal?: AbortSignal, slot?: string}} [options] `slot`: the name under which the answer is remembered (one a purpose, so that memory stays bounded).
 * @returns {Promise<{body: any, changed: boolean, retryAfter: number|null}>}
 */
export async function get(path, { signal, slot = path } = {}) {
  const known = remembered.get(slot);
  const comparable = known && known.path === pathWithoutWait(path) ? known : undefined;
  /** @type {Record<string, string>} */
  const headers = comparable ? { "If-None-Match": comparable.etag } : {};
  const response = await send(path, { headers, signal, cache: "no-store" });
  const retryAfter = seconds(response);
  if (response.status === 304 && comparable) return { body: comparable.body, changed: false, retryAfter };
  const body = await json(response);
  const etag = response.headers.get("ETag");
  if (etag) remembered.set(slot, { path: pathWithoutWait(path), etag, body });
  return { body, changed: true, retryAfter };
}

/** Forget a remembered answer. @param {string} slot */
export function forget(slot) {
  remembered.delete(slot);
}

/**
 * POST or DELETE, with a JSON body where there is one.
 * @param {"POST"|"DELETE"} method @param {string} path
 * @param {{body?: any, key?: string}} [options] `key`: the idempotency key; a repeated call with the same key makes nothing twice.
 */
export async function change(method, path, { body, key } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = `"${key}"`;
  const response = await send(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return response.status === 204 ? null : json(response);
}

/** A new idempotency key (randomUUID is there on https and localhost only). */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} path @param {RequestInit} options */
async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    connection.lost();
    throw new Unreachable(2);
  }
  if (response.status === 502 || response.status === 503 || response.status === 504) {
    connection.lost();
    throw new Unreachable(seconds(response) ?? 2);
  }
  connection.restored();
  if (response.status === 401) signInWanted();
  if (!response.ok && response.status !== 304)
    throw new Problem(response.status, await json(response).catch(() => null));
  return response;
}

/** @param {Response} response */
async function json(response) {
  return response.json();
}

/** @param {Response} response */
function seconds(response) {
  const value = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  return Number.isFinite(value) && value >= 0 ? value : null;
}

/** @param {string} path */
function pathWithoutWait(path) {
  return path.replace(/[?&]wait=\d+/, "");
}
