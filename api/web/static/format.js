/**
 * Numbers, sizes, times and states in words.
 */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** What a person reads for each state. @type {Record<string, string>} */
export const STATES = {
  scheduled: "Scheduled",
  queued: "Waiting",
  waiting: "Waiting",
  running: "Running",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** @param {number} value */
export function number(value) {
  return (Math.abs(value) < 10 ? short : whole).format(value);
}

/** @param {number} value @param {string} one @param {string} [many] */
export function count(value, one, many = `${one}s`) {
  return `${whole.format(value)} ${value === 1 ? one : many}`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return count(bytes, "byte");
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
  } while (value >= 999.5 && unit < units.length - 1);
  return `${value < 99.5 ? short.format(value) : whole.format(value)} ${units[unit]}`;
}

/** An amount in the unit the handler counts in. @param {number} value @param {string} unit */
export function amount(value, unit) {
  return unit === "bytes" ? size(value) : `${number(value)}${unit ? ` ${unit}` : ""}`;
}

/**
 * "126,000 of 200,000 rows"; the total is left out where it is not known.
 * @param {{done: number, total: number|null, unit: string}} progress
 */
export function doneOfTotal({ done, total, unit }) {
  if (total === null || total === undefined) return done > 0 ? amount(done, unit) : "";
  if (unit === "bytes") return `${size(Math.min(done, total))} of ${size(total)}`;
  return `${number(done)} of ${amount(total, unit)}`;
}

/** Never 100 before it is done, and never a decimal that flickers. @param {number} value */
export function percent(value) {
  return `${Math.floor(value)} %`;
}

/**
 * A time left as a person would say it: the further away, the rounder.
 * @param {number} seconds
 */
export function timeLeft(seconds) {
  if (seconds < 8) return "a few seconds left";
  if (seconds < 55) return `about ${Math.max(10, Math.round(seconds / 10) * 10)} seconds left`;
  if (seconds < 90) return "about a minute left";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} minutes left`;
  const hours = Math.floor(minutes / 60);
  const rest = Math.round((minutes % 60) / 10) * 10;
  if (hours >= 10 || rest === 0) return `about ${count(Math.round(minutes / 60), "hour")} left`;
  if (rest === 60) return `about ${count(hours + 1, "hour")} left`;
  return `about ${count(hours, "hour")} ${rest} minutes left`;
}

/** How long something took. @param {number} seconds */
export function duration(seconds) {
  if (seconds < 0.95) return "less than a second";
  if (seconds < 59.5) return count(Math.round(seconds), "second");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "5 minutes ago", "in 6 days". @param {string} time RFC 3339 @param {number} [now] ms */
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 45) return seconds < 0 ? "just now" : "in a moment";
  if (distance < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (distance < 86400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86400), "day");
}

/** @param {string} time RFC 3339 */
export function fullTime(time) {
  return absolute.format(new Date(time));
}

/** `drop_duplicates` -> "Drop duplicates". @param {string} name */
export function words(name) {
  const text = name.replace(/[_.-]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A sentence without its full stop doubled or missing. @param {string} text */
export function sentence(text) {
  const trimmed = text.trim();
  return trimmed === "" || /[.!?…。]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
