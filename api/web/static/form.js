/**
 * The form of a new job: its kinds and their options are what the service says they are.
 */

import { change, newKey } from "./api.js";
import { alarm, announce } from "./announcer.js";
import { byId, el, setText } from "./dom.js";
import { makeFields } from "./fields.js";
import { clear, hasFaults, sendable, setWanted, showFileError, startFiles } from "./files.js";
import { count, sentence } from "./format.js";

/** With more kinds than this, a list to choose from is easier to take in than cards. */
const MOST_CARDS = 5;
/** With more options than this, those that need no answer are folded away. */
const MOST_OPEN_OPTIONS = 4;

/** @type {import("./api.js").Kind[]} */
let kinds = [];
/** @type {import("./api.js").Kind|undefined} */
let kind;
/** @type {import("./fields.js").Field[]} */
let fields = [];
/** The key of the job that is being started: the same until the service has answered. */
let pendingKey = "";

/** @typedef {{onUploads: (files: File[], kind: string, options: Record<string, any>) => void, onJob: (job: any) => void}} Listeners */

/** @param {import("./api.js").Kind[]} all @param {Listeners} listeners */
export function startForm(all, listeners) {
  kinds = [...all].sort((a, b) => Number(b.needs_file) - Number(a.needs_file));
  startFiles({ onChange: labelButton, onFiles: chooseKindWithFile });
  byId("kinds").replaceChildren(kinds.length > MOST_CARDS ? makeKindList() : makeKindCards());
  byId("send").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    submit(listeners);
  });
  const first = kinds.find((candidate) => candidate.needs_file) ?? kinds[0];
  if (first) choose(first);
}

function makeKindCards() {
  return el(
    "div",
    { class: "kind-cards" },
    ...kinds.map((candidate) =>
      el(
        "label",
        { class: "kind" },
        el("input", {
          type: "radio",
          name: "kind",
          value: candidate.kind,
          "aria-describedby": `about-${candidate.kind}`,
          onChange: () => choose(candidate),
        }),
        el("span", { class: "kind-title" }, candidate.title),
        el("span", { class: "hint", id: `about-${candidate.kind}` }, firstSentence(candidate.description)),
      ),
    ),
  );
}

function makeKindList() {
  const select = el("select", {
    "aria-label": "What is to be done",
    "aria-describedby": "about-kind",
    onChange: () => choose(kinds[select.selectedIndex]),
  });
  select.append(...kinds.map((candidate) => el("option", { value: candidate.kind }, candidate.title)));
  return el("div", { class: "field" }, select, el("span", { class: "hint", id: "about-kind" }));
}

/** @param {import("./api.js").Kind} chosen */
function choose(chosen) {
  kind = chosen;
  const control = byId("kinds").querySelector(`[value="${CSS.escape(chosen.kind)}"]`);
  if (control.type === "radio") control.checked = true;
  else {
    control.selected = true;
    setText(byId("about-kind"), chosen.description);
  }
  setText(byId("send-error"), "");
  showOptions(chosen);
  setWanted({ needsFile: chosen.needs_file, fileTypes: chosen.file_types ?? [] });
}

/** A file that is dropped while a kind without files is chosen means the first kind that takes one. */
function chooseKindWithFile() {
  const taker = kinds.find((candidate) => candidate.needs_file);
  if (!kind?.needs_file && taker) choose(taker);
}

/** @param {import("./api.js").Kind} chosen */
function showOptions(chosen) {
  fields = makeFields(chosen.schema);
  const fold = fields.length > MOST_OPEN_OPTIONS;
  const always = fields.filter((field) => field.required || !fold).map((field) => field.element);
  const folded = fields.filter((field) => !field.required && fold);
  const summary = el("span", { class: "hint" });
  const tell = () => {
    const changed = folded.filter((field) => field.isChanged()).length;
    setText(summary, changed === 0 ? "as usual" : `${changed} changed`);
  };
  tell();
  const details =
    folded.length > 0 &&
    el(
      "details",
      { class: "options", onInput: tell, onChange: tell },
      el("summary", {}, el("span", {}, "Options"), summary),
      ...folded.map((field) => field.element),
    );
  byId("options").replaceChildren(...always, ...(details ? [details] : []));
}

function labelButton() {
  const files = sendable().length;
  setText(
    byId("send-button"),
    !kind?.needs_file ? "Start" : files === 0 ? "Send" : `Send ${count(files, "file")}`,
  );
}

/** @param {Listeners} listeners */
async function submit(listeners) {
  if (!kind) return;
  setText(byId("send-error"), "");
  const files = sendable();
  if (kind.needs_file && files.length === 0) {
    const text = hasFaults()
      ? "None of the chosen files can be sent. Choose another one."
      : "Choose a file first.";
    showFileError(text);
    alarm(text);
    byId("files").focus();
    return;
  }
  const wrong = fields.filter((field) => !field.check());
  if (wrong.length > 0) return showField(wrong[0]);
  const options = Object.fromEntries(
    fields.filter((field) => field.required || field.isChanged()).map((field) => [field.name, field.value()]),
  );
  if (kind.needs_file) {
    listeners.onUploads(files, kind.kind, options);
    announce(`Sending ${count(files.length, "file")}`);
    clear();
  } else await startJob(kind, options, listeners);
}

/** @param {import("./api.js").Kind} chosen @param {Record<string, any>} options @param {Listeners} listeners */
async function startJob(chosen, options, listeners) {
  const button = byId("send-button");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  const body = { kind: chosen.kind, args: options };
  const request = JSON.stringify(body);
  if (!pendingKey.endsWith(request)) pendingKey = newKey() + request;
  try {
    const job = await change("POST", "/api/jobs", { body, key: pendingKey.slice(0, 32) });
    pendingKey = "";
    announce(`${chosen.title} started`);
    listeners.onJob(job);
  } catch (/** @type {any} */ error) {
    showRefusal(error);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** @param {any} error */
function showRefusal(error) {
  const text = error.status
    ? `${sentence(error.title)} ${error.detail}`.trim()
    : "The service cannot be reached. Nothing was started: try again in a moment.";
  const field = fields.find((candidate) => candidate.name === error.argument);
  if (field) {
    field.fail(text);
    return showField(field);
  }
  setText(byId("send-error"), text);
  alarm(text);
}

/** @param {import("./fields.js").Field} field */
function showField(field) {
  const details = field.element.closest("details");
  if (details) details.open = true;
  /** @type {HTMLElement|null} */ (field.element.querySelector("input, select, textarea"))?.focus();
}

/** @param {string} text */
function firstSentence(text) {
  return text.match(/^.*?[.!?](?=\s|$)/s)?.[0] ?? text;
}
