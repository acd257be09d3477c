/**
 * One job as a card: made once, then only changed where the job changed.
 */

import { Problem, change } from "./api.js";
import { alarm, announce } from "./announcer.js";
import { makeBar } from "./bar.js";
import { el, hiddenText, icon, setAttribute, setIcon, setText } from "./dom.js";
import {
  STATES,
  ago,
  amount,
  count,
  doneOfTotal,
  duration,
  fullTime,
  percent,
  sentence,
  size,
  words,
} from "./format.js";
import { makeDetails } from "./job-details.js";
import { drop, put, refreshSoon } from "./jobs.js";
import { summaryOf } from "./report.js";
import { makeTimeLeft } from "./time-left.js";

/** @type {Record<string, string>} */
const ICONS = {
  scheduled: "scheduled",
  queued: "waiting",
  waiting: "waiting",
  running: "running",
  paused: "waiting",
  completed: "completed",
  failed: "failed",
  cancelled: "cancelled",
};

/** The name a person knows the job by. @param {import("./api.js").Job} job @param {(kind: string) => string} titleOf */
export function nameOf(job, titleOf) {
  return job.file?.name ?? titleOf(job.kind);
}

/**
 * @param {import("./api.js").Job} first
 * @param {{titleOf: (kind: string) => string}} names
 */
export function makeJobCard(first, { titleOf }) {
  let job = first;
  const name = nameOf(job, titleOf);
  const headingId = `job-${job.id}`;

  const symbol = icon("waiting");
  const state = el("span", { class: "state" });
  const about = el("span", {});
  const when = el("time", {});
  const heading = el("h3", { id: headingId, tabindex: -1 }, name);

  const cancel = button("Cancel", { onClick: () => act("cancel") });
  const retry = button("Try again", { onClick: () => act("retry") });
  const download = el(
    "a",
    { class: "button tonal", download: true },
    icon("download"),
    "Download",
    hiddenText(` the result of ${name}`),
  );
  const remove = el(
    "button",
    {
      type: "button",
      class: "button quiet square",
      "aria-label": `Delete ${name}`,
      title: "Delete",
      onClick: askToDelete,
    },
    icon("delete"),
  );
  const confirm = el(
    "div",
    { class: "confirm", role: "group", "aria-label": `Delete ${name}?` },
    el("p", {}, "Delete this job and its files?"),
    el(
      "button",
      { type: "button", class: "button danger", onClick: () => act("delete") },
      "Delete",
      hiddenText(` ${name}`),
    ),
    button("Keep", { onClick: keep }),
  );

  const bar = makeBar(`Progress of ${name}`);
  const step = el("span", {});
  const value = el("span", { class: "value" });
  const detail = el("span", {});
  const rate = el("span", { class: "rate" });
  const left = el("span", { class: "left" });
  const progress = el(
    "div",
    { class: "progress" },
    el("p", {}, step, value),
    bar.element,
    el("p", { class: "hint" }, el("span", {}, detail, rate), left),
  );
  const note = el("p", { class: "note" });
  const failure = el("p", { class: "failure" });
  const summary = el("p", { class: "summary" });
  const trouble = el("p", { class: "failure", role: "alert" });
  const details = makeDetails(job, name);
  const outcome = el("div", { class: "outcome" }, summary, details.warnings);
  const timeLeft = makeTimeLeft();

  const element = el(
    "li",
    { class: "job", "aria-labelledby": headingId },
    el(
      "div",
      { class: "job-head" },
      el("span", { class: "badge" }, symbol),
      el("div", { class: "job-name" }, heading, el("p", { class: "hint" }, state, about, " · ", when)),
    ),
    progress,
    note,
    failure,
    outcome,
    el("div", { class: "actions" }, download, retry, cancel, details.toggle, remove),
    trouble,
    confirm,
    details.panel,
  );
  confirm.hidden = true;

  /** @param {string} text @param {any} properties */
  function button(text, properties) {
    return el("button", { type: "button", class: "button", ...properties }, text, hiddenText(` ${name}`));
  }

  /** @param {"cancel"|"retry"|"delete"} what */
  async function act(what) {
    setText(trouble, "");
    try {
      if (what === "delete") {
        await change("DELETE", job.links.delete ?? `/api/jobs/${job.id}`);
        announce(`${name} deleted`);
        drop(job.id);
      } else {
        const answer = await change("POST", job.links[what] ?? `/api/jobs/${job.id}/${what}`);
        if (answer?.id) put(answer);
        announce(what === "cancel" ? `Cancelling ${name}` : `${name} is in line again`);
      }
    } catch (/** @type {any} */ error) {
      if (what === "delete" && error instanceof Problem && error.status === 404) return drop(job.id);
      const text =
        error instanceof Problem
          ? `${sentence(error.title)} ${error.detail}`.trim()
          : "The service cannot be reached. Try again in a moment.";
      setText(trouble, text);
      refreshSoon();
    }
  }

  function askToDelete() {
    confirm.hidden = false;
    confirm.querySelectorAll("button")[1].focus();
  }

  function keep() {
    confirm.hidden = true;
    remove.focus();
  }

  confirm.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && keep(),
  );

  /** @param {import("./api.js").Job} next */
  function update(next) {
    job = next;
    const hadFocus = element.contains(document.activeElement);
    const final = ["completed", "failed", "cancelled"].includes(job.state);
    element.dataset.state = job.state;
    setIcon(symbol, ICONS[job.state] ?? "waiting");
    setText(state, job.cancel_requested && !final ? "Cancelling" : (STATES[job.state] ?? job.state));
    const given = job.file ? `${titleOf(job.kind)} · ${size(job.file.size)}` : optionsInWords(job.args);
    setText(about, given && ` · ${given}`);

    download.hidden = !job.links.result;
    if (job.links.result) setAttribute(download, "href", job.links.result);
    retry.hidden = !job.links.retry;
    cancel.hidden = !job.links.cancel || job.cancel_requested;
    remove.hidden = !final;
    if (!final) confirm.hidden = true;

    progress.hidden = final;
    if (!final) showProgress();
    show(note, final ? "" : pastTrouble());
    show(failure, job.state === "failed" ? failureText() : "");
    show(summary, job.state === "completed" ? summaryText() : "");
    details.update(job);
    outcome.hidden = summary.hidden && details.warnings.hidden;
    tick();
    // The button that was just used may be gone: the keyboard stays on this card.
    if (hadFocus && (document.activeElement === document.body || document.activeElement?.closest("[hidden]")))
      focus();
  }

  function showProgress() {
    const running = job.state === "running" ? job.progress : null;
    const share = running ? running.percent : null;
    const label = running ? stepText(running) : waitingText();
    setText(step, label);
    setText(value, share === null || share === undefined ? "" : percent(share));
    setText(detail, running ? doneOfTotal(running) : "");
    setText(rate, running ? rateText(running) : "");
    element.classList.toggle("waiting", job.state !== "running");
    timeLeft.see(job.state === "running" && !job.cancel_requested ? (running?.eta_seconds ?? null) : null);
    setText(left, timeLeft.text());
    bar.set(
      job.state === "running" ? (share ?? null) : 0,
      [label, value.textContent, left.textContent].filter(Boolean).join(", "),
    );
  }

  /** @param {import("./api.js").Progress} running */
  function stepText(running) {
    const where = running.step
      ? `Step ${running.step.index} of ${running.step.count}: ${running.step.name}`
      : "";
    return [where, running.message].filter(Boolean).join(" · ") || "Working";
  }

  /** @param {import("./api.js").Progress} running */
  function rateText({ rate: speed, unit }) {
    return speed && !/^s(ec(ond)?s?)?$/.test(unit) ? ` · ${amount(speed, unit)} a second` : "";
  }

  function waitingText() {
    if (job.state === "running") return job.cancel_requested ? "Stopping" : "Starting";
    if (job.state === "scheduled")
      return job.due_at ? `Tried again ${ago(job.due_at)}` : "Waits for its time";
    if (job.waits_for?.reason === "unique") return "Starts when the one before it has ended";
    if (job.waits_for) return `Starts when “${job.waits_for.name}” has room`;
    if (!job.position) return "Waiting";
    return job.position === 1 ? "Next in line" : `${count(job.position - 1, "job")} ahead of yours`;
  }

  function pastTrouble() {
    const last = job.attempts
      .filter((attempt) => ["failed", "crashed", "timed_out"].includes(attempt.outcome))
      .at(-1);
    if (!last) return "";
    const reason =
      last.outcome === "crashed"
        ? "was interrupted"
        : last.outcome === "timed_out"
          ? "took too long"
          : "failed";
    const also = last.error?.title ? `: ${sentence(last.error.title)}` : ".";
    return `Attempt ${last.attempt} ${reason}${also} ${job.state === "running" ? `This is attempt ${job.attempt}.` : "It is tried again by itself."}`;
  }

  function failureText() {
    return [sentence(job.error?.title ?? "The job failed."), job.error?.detail ?? ""]
      .filter(Boolean)
      .join(" ");
  }

  function summaryText() {
    const text = [...summaryOf(job), tookText()].filter(Boolean).join(" · ");
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  function tookText() {
    if (!job.started_at || !job.finished_at) return "";
    return `took ${duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)}`;
  }

  /** What changes with time alone. */
  function tick() {
    const time = job.finished_at ?? job.created_at;
    setText(when, ago(time));
    setAttribute(when, "datetime", time);
    setAttribute(when, "title", fullTime(time));
    if (job.state === "running") setText(left, timeLeft.text());
  }

  function focus() {
    const target = [download, retry, cancel].find((control) => !control.hidden) ?? heading;
    target.focus();
  }

  return { element, update, focus, tick };
}

/** What tells two jobs without a file apart. @param {Record<string, any>} args */
function optionsInWords(args) {
  const given = Object.entries(args).filter(([, value]) =>
    ["string", "number", "boolean"].includes(typeof value),
  );
  return given.map(([name, value]) => `${words(name).toLowerCase()} ${value}`).join(", ");
}

/** @param {HTMLElement} element @param {string} text */
function show(element, text) {
  setText(element, text);
  element.hidden = text === "";
}
