/**
 * A result in a form that can be read: what each rule changed, with samples before and after.
 *
 * Known are `rows` and `rules`, as file.clean reports them; everything else is shown by its own names.
 */

import { el, hiddenText } from "./dom.js";
import { count, number, words } from "./format.js";

const MOST_SAMPLES = 5;
const MOST_ROWS = 50;

/** @typedef {{rule: string, title: string, unit: string, count: number, samples: Sample[]}} Rule */
/** @typedef {{row?: number, column?: string, before?: string, after?: string, reason?: string}} Sample */

/**
 * What matters most, for the card.
 * @param {import("./api.js").Job} job @returns {string[]}
 */
export function summaryOf(job) {
  const { rows, rules } = job.result?.report ?? {};
  const parts = [];
  if (Number.isFinite(rows?.written)) parts.push(count(rows.written, "row"));
  if (Array.isArray(rules)) {
    const cells = rules.filter((rule) => rule.unit === "cells").reduce((sum, rule) => sum + rule.count, 0);
    parts.push(cells > 0 ? `${count(cells, "cell")} changed` : "no cell changed");
  }
  if (rows?.rejected > 0) parts.push(`${count(rows.rejected, "row")} rejected`);
  return parts;
}

/** @param {import("./api.js").Job} job @returns {HTMLElement|null} */
export function renderResult(job) {
  const shown = job.result?.report ?? job.result;
  if (job.state !== "completed" || shown === null || typeof shown !== "object") return null;
  const { rules, ...rest } = shown;
  return el(
    "section",
    { class: "report" },
    el("h4", {}, job.result.report ? "Report" : "Result"),
    renderFacts(rest),
    Array.isArray(rules) && rules.length > 0 && el("div", { class: "rules" }, ...rules.map(renderRule)),
  );
}

/** @param {Rule} rule */
function renderRule(rule) {
  const samples = (rule.samples ?? []).slice(0, MOST_SAMPLES);
  return el(
    "details",
    { class: "rule" },
    el(
      "summary",
      {},
      el("span", {}, rule.title ?? words(rule.rule)),
      el("span", { class: "value" }, count(rule.count, (rule.unit || "changes").replace(/s$/, ""))),
    ),
    samples.length > 0
      ? el(
          "ul",
          { class: "samples" },
          ...samples.map((sample) => renderSample(sample, rule.unit === "cells")),
        )
      : el("p", { class: "hint" }, "There are no samples."),
  );
}

/** @param {Sample} sample @param {boolean} ofCell a cell that is empty now is shown, a row that is gone is not */
function renderSample(sample, ofCell) {
  const place = [sample.row ? `Row ${number(sample.row)}` : "", sample.column ?? ""].filter(Boolean);
  const changed = !sample.reason && (ofCell || sample.after !== undefined);
  return el(
    "li",
    {},
    el("span", { class: "hint" }, place.join(", ")),
    (changed || sample.before !== undefined) &&
      el("span", { class: "before" }, hiddenText("before: "), visible(sample.before)),
    changed && el("span", { class: "arrow", "aria-hidden": "true" }, "→"),
    changed && el("span", { class: "after" }, hiddenText("after: "), visible(sample.after)),
    sample.reason && el("span", { class: "reason" }, sample.reason),
  );
}

/** A text whose emptiness, and whose spaces at the ends, can be seen. @param {string|undefined} text */
function visible(text) {
  if (!text) return el("em", {}, "empty");
  return text.replace(/\t/g, "⇥").replace(/^[ \u00a0]+|[ \u00a0]+$/g, (spaces) => "·".repeat(spaces.length));
}

/** @param {Record<string, any>} facts @returns {HTMLElement|null} */
function renderFacts(facts) {
  const known = Object.entries(facts).filter(([, value]) => !isNothing(value));
  if (known.length === 0) return null;
  return el(
    "dl",
    {},
    ...known.map(([name, value]) =>
      el("div", {}, el("dt", {}, words(name)), el("dd", {}, renderValue(value))),
    ),
  );
}

/** @param {any} value @returns {Node|string} */
function renderValue(value) {
  if (!Array.isArray(value)) return typeof value === "object" ? inWords(value) : scalar(value);
  if (value.every((one) => typeof one !== "object")) return value.map(scalar).join(", ");
  const more = value.length - MOST_ROWS;
  return el(
    "details",
    { class: "many" },
    el("summary", {}, number(value.length)),
    el(
      "ul",
      { class: "plain" },
      ...value.slice(0, MOST_ROWS).map((one) => el("li", {}, inWords(one))),
      more > 0 && el("li", { class: "hint" }, `and ${number(more)} more`),
    ),
  );
}

/** `{read: 9, written: 8}` -> "9 read · 8 written". @param {any} value @returns {string} */
function inWords(value) {
  if (value === null || typeof value !== "object") return scalar(value);
  return Object.entries(value)
    .filter(([, one]) => !isNothing(one))
    .map(([name, one]) => {
      if (typeof one === "number") return `${number(one)} ${words(name).toLowerCase()}`;
      return name === "name" ? scalar(one) : `${words(name).toLowerCase()} ${scalar(one)}`;
    })
    .join(" · ");
}

/** @param {any} value @returns {string} */
function scalar(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return number(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value).replace(/\t/g, "tab");
}

/** @param {any} value */
function isNothing(value) {
  return (
    value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0)
  );
}
