/**
 * A report in a form that can be read: what each rule changed, with samples before and after.
 *
 * Known are `rules` with a count and samples; everything else is shown as it is named.
 */

import { el } from "./dom.js";
import { count, number, words } from "./format.js";

const MOST_SAMPLES = 5;
const MOST_ROWS = 20;

/** The report of a job, wherever its handler put it. @param {import("./api.js").Job} job */
function reportOf(job) {
  const result = job.result;
  if (result === null || typeof result !== "object") return null;
  const report = result.report ?? result;
  return report !== null && typeof report === "object" ? report : null;
}

/** What matters most, for the card. @param {import("./api.js").Job} job */
export function summaryOf(job) {
  const report = reportOf(job);
  if (!report) return [];
  const parts = [];
  const rows = report.rows_out ?? report.rows;
  if (Number.isFinite(rows)) parts.push(count(rows, "row"));
  const changed = report.cells_changed ?? report.changed;
  if (Number.isFinite(changed)) parts.push(`${count(changed, "cell")} changed`);
  const rejected = report.rejected ?? report.rows_rejected;
  if (Number.isFinite(rejected) && rejected > 0) parts.push(`${count(rejected, "row")} rejected`);
  return parts;
}

/** @param {import("./api.js").Job} job @returns {HTMLElement|null} */
export function renderReport(job) {
  const report = reportOf(job);
  if (!report || job.state !== "completed") return null;
  const { rules, ...rest } = report;
  const facts = Object.entries(rest).filter(([name]) => name !== "artifacts" && name !== "warnings");
  if (!Array.isArray(rules) && facts.length === 0) return null;
  return el(
    "section",
    { class: "report" },
    el("h4", {}, "Report"),
    facts.length > 0 && renderFacts(Object.fromEntries(facts)),
    Array.isArray(rules) && renderRules(rules),
  );
}

/** @param {any[]} rules */
function renderRules(rules) {
  const used = rules.filter((rule) => countOf(rule) > 0);
  const unused = rules.filter((rule) => countOf(rule) === 0).map(titleOf);
  return el(
    "div",
    { class: "rules" },
    ...used.map((rule) =>
      el(
        "details",
        { class: "rule" },
        el(
          "summary",
          {},
          el("span", {}, titleOf(rule)),
          el("span", { class: "value" }, number(countOf(rule))),
        ),
        (rule.samples ?? []).length > 0
          ? renderSamples(rule.samples)
          : el("p", { class: "hint" }, "No samples were kept."),
      ),
    ),
    unused.length > 0 && el("p", { class: "hint" }, `Nothing to do for: ${unused.join(", ")}.`),
  );
}

/** @param {any} rule */
function countOf(rule) {
  return Number(rule.changed ?? rule.count ?? rule.cells ?? rule.rows ?? 0);
}

/** @param {any} rule */
function titleOf(rule) {
  return rule.title ?? words(String(rule.rule ?? rule.name ?? ""));
}

/** @param {any[]} samples */
function renderSamples(samples) {
  return el(
    "ul",
    { class: "samples" },
    ...samples
      .slice(0, MOST_SAMPLES)
      .map((sample) =>
        el(
          "li",
          {},
          el("span", { class: "hint" }, placeOf(sample)),
          el(
            "span",
            { class: "before" },
            el("span", { class: "hidden-text" }, "before: "),
            visible(sample.before),
          ),
          el("span", { class: "arrow", "aria-hidden": "true" }, "→"),
          el(
            "span",
            { class: "after" },
            el("span", { class: "hidden-text" }, "after: "),
            visible(sample.after),
          ),
        ),
      ),
  );
}

/** @param {any} sample */
function placeOf(sample) {
  return [
    sample.row !== undefined && sample.row !== null ? `Row ${number(sample.row)}` : "",
    sample.column ?? "",
  ]
    .filter((part) => part !== "")
    .join(", ");
}

/** A cell whose spaces and emptiness can be seen. @param {any} value */
function visible(value) {
  if (value === null || value === undefined || value === "") return el("em", {}, "empty");
  return String(value).replace(/^[ \t\u00a0]+|[ \t\u00a0]+$/g, (spaces) => "·".repeat(spaces.length));
}

/** @param {Record<string, any>} facts */
function renderFacts(facts) {
  return el(
    "dl",
    {},
    ...Object.entries(facts).map(([name, value]) =>
      el("div", {}, el("dt", {}, words(name)), el("dd", {}, renderValue(value))),
    ),
  );
}

/** @param {any} value @returns {Node|string} */
function renderValue(value) {
  if (value === null || value === undefined || value === "") return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return number(value);
  if (typeof value !== "object") return String(value);
  const rows = Array.isArray(value)
    ? value
    : Object.entries(value).map(
        ([name, one]) => `${words(name)}: ${typeof one === "object" ? JSON.stringify(one) : one}`,
      );
  if (rows.length === 0) return "none";
  const more = rows.length - MOST_ROWS;
  return el(
    "ul",
    { class: "plain" },
    ...rows
      .slice(0, MOST_ROWS)
      .map((row) => el("li", {}, typeof row === "object" ? renderFacts(row ?? {}) : String(row))),
    more > 0 && el("li", { class: "hint" }, `and ${number(more)} more`),
  );
}
