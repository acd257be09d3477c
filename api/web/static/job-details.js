/**
 * What a card shows when it is opened: files, report, warnings, options, and the history of its attempts.
 */

import { el, hiddenText, icon } from "./dom.js";
import { ago, duration, fullTime, sentence, size, words } from "./format.js";
import { renderResult } from "./report.js";

/** What came of an attempt. @type {Record<string, string>} */
const OUTCOMES = {
  completed: "completed",
  failed: "failed",
  timed_out: "took too long",
  crashed: "interrupted",
  released: "given back",
  cancelled: "cancelled",
  running: "running",
};

/** @param {import("./api.js").Job} first @param {string} name */
export function makeDetails(first, name) {
  let job = first;
  let drawn = -1;
  const panelId = `details-${job.id}`;
  const panel = el("div", { class: "details", id: panelId, hidden: true });
  const warnings = el("span", { class: "chip" });
  const toggle = el(
    "button",
    {
      type: "button",
      class: "button quiet disclosure",
      "aria-expanded": "false",
      "aria-controls": panelId,
      onClick: flip,
    },
    el("span", {}, "Details", hiddenText(` of ${name}`)),
    icon("more"),
  );

  function flip() {
    panel.hidden = !panel.hidden;
    toggle.setAttribute("aria-expanded", String(!panel.hidden));
    draw();
  }

  function draw() {
    if (panel.hidden || drawn === job.version) return;
    drawn = job.version;
    panel.replaceChildren(
      ...[warningList(job), files(job), renderResult(job), history(job), facts(job)].filter(
        (section) => section !== null,
      ),
    );
  }

  return {
    toggle,
    warnings,
    panel,
    /** @param {import("./api.js").Job} next */
    update(next) {
      job = next;
      warnings.hidden = job.warnings.length === 0;
      if (!warnings.hidden && warnings.childNodes.length === 0)
        warnings.append(
          icon("warning"),
          job.warnings.length === 1 ? "1 warning" : `${job.warnings.length} warnings`,
        );
      // A running job changes every second, its attempts and options do not: what is being read stays still.
      if (job.state !== "running" || drawn < 0) draw();
    },
  };
}

/** @param {string} title @param {...any} content */
function section(title, ...content) {
  return el("section", {}, el("h4", {}, title), ...content);
}

/** @param {import("./api.js").Job} job */
function warningList(job) {
  if (job.warnings.length === 0) return null;
  return section(
    "Warnings",
    el("ul", { class: "plain" }, ...job.warnings.map((text) => el("li", {}, sentence(text)))),
  );
}

/** @param {import("./api.js").Job} job */
function files(job) {
  if (job.artifacts.length === 0) return null;
  return section(
    "Files",
    el(
      "ul",
      { class: "files" },
      ...job.artifacts.map((file) =>
        el(
          "li",
          {},
          el("a", { href: file.url, download: true }, icon("download"), el("span", {}, file.name)),
          el("span", { class: "hint" }, size(file.size)),
        ),
      ),
    ),
  );
}

/** @param {import("./api.js").Job} job */
function history(job) {
  if (job.attempts.length === 0) return null;
  return section("Attempts", el("ol", { class: "attempts" }, ...job.attempts.map(attemptLine)));
}

/** @param {import("./api.js").Attempt} attempt */
function attemptLine(attempt) {
  const took =
    attempt.started_at && attempt.ended_at
      ? ` after ${duration((Date.parse(attempt.ended_at) - Date.parse(attempt.started_at)) / 1000)}`
      : "";
  const reason = attempt.error
    ? [sentence(attempt.error.title), attempt.error.detail].filter(Boolean).join(" ")
    : "";
  return el(
    "li",
    { "data-outcome": attempt.outcome },
    el(
      "p",
      {},
      `Attempt ${attempt.attempt}: `,
      el("strong", {}, OUTCOMES[attempt.outcome] ?? attempt.outcome),
      took,
      el("span", { class: "hint" }, ` · ${attempt.worker}`),
    ),
    reason && el("p", { class: "hint" }, reason),
  );
}

/** @param {import("./api.js").Job} job */
function facts(job) {
  const options = Object.entries(job.args).filter(
    ([name, value]) => value !== null && value !== undefined && !isFile(job, name, value),
  );
  const rows = options.map(([name, value]) => [words(name), optionText(value)]);
  rows.push(["Sent", fullTime(job.created_at)]);
  if (job.expires_at) rows.push(["Kept until", `${fullTime(job.expires_at)} (${ago(job.expires_at)})`]);
  if (isScalar(job.result)) rows.push(["Result", String(job.result)]);
  rows.push(["Job", job.id]);
  return section(
    "About this job",
    el("dl", {}, ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
  );
}

/** @param {import("./api.js").Job} job @param {string} name @param {any} value */
function isFile(job, name, value) {
  return (
    job.file !== null &&
    typeof value === "object" &&
    !Array.isArray(value) &&
    (name === "file" || value?.name === job.file?.name)
  );
}

/** @param {any} value */
function optionText(value) {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** @param {any} value */
function isScalar(value) {
  return ["string", "number", "boolean"].includes(typeof value);
}
