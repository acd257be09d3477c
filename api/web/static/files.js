/**
 * The files a person has chosen: by the button, by dropping them anywhere, or by pasting them.
 */

import { announce } from "./announcer.js";
import { byId, el, icon, setText } from "./dom.js";
import { count, size } from "./format.js";

/** @type {File[]} */
let chosen = [];
/** @type {string[]} */
let types = [];
let wanted = true;
let changed = () => {};
let filesCame = () => {};

/** @param {{onChange: () => void, onFiles: () => void}} listeners */
export function startFiles({ onChange, onFiles }) {
  changed = onChange;
  filesCame = onFiles;
  const input = byId("files");
  input.addEventListener("change", () => {
    add(input.files);
    input.value = ""; // so that the same file can be chosen again after it was removed
  });
  document.addEventListener(
    "paste",
    (event) => event.clipboardData?.files.length && add(event.clipboardData.files),
  );
  listenForDrops();
}

/**
 * Say what the kind takes.
 * @param {{needsFile: boolean, fileTypes: string[]}} kind
 */
export function setWanted({ needsFile, fileTypes }) {
  wanted = needsFile;
  types = fileTypes.map((type) => type.toLowerCase());
  const input = byId("files");
  input.disabled = !needsFile;
  if (types.length > 0) input.setAttribute("accept", types.join(","));
  else input.removeAttribute("accept");
  byId("drop").classList.toggle("idle", !needsFile);
  setText(byId("drop-title"), needsFile ? "Drop files anywhere on this page" : "No file is needed for this");
  setText(byId("files-hint"), `${typesInWords()}. Several at once, too.`);
  render();
}

/** The files that can be sent. @returns {File[]} */
export function sendable() {
  return chosen.filter((file) => fault(file) === "");
}

/** Whether something was chosen that cannot be sent. */
export function hasFaults() {
  return chosen.some((file) => fault(file) !== "");
}

export function clear() {
  chosen = [];
  render();
}

/** @param {string} text */
export function showFileError(text) {
  setText(byId("files-error"), text);
}

/** @param {Iterable<File>|null} files */
function add(files) {
  const known = new Set(chosen.map(identity));
  const fresh = [...(files ?? [])].filter((file) => !known.has(identity(file)));
  if (fresh.length === 0) return;
  chosen = [...chosen, ...fresh];
  filesCame();
  render();
  const faults = fresh.filter((file) => fault(file) !== "");
  announce(
    faults.length > 0
      ? faults.map((file) => `${file.name}: ${fault(file)}`).join(" ")
      : `${count(fresh.length, "file")} added`,
  );
}

/** @param {File} file */
function identity(file) {
  return `${file.name}\n${file.size}\n${file.lastModified}`;
}

/** What is wrong with a file, in a sentence; empty when nothing is. @param {File} file */
function fault(file) {
  if (!wanted) return "";
  if (types.length > 0 && !types.some((type) => file.name.toLowerCase().endsWith(type)))
    return `This is not a ${typesInWords("or")} file.`;
  if (file.size === 0) return "This file is empty.";
  return "";
}

function typesInWords(joint = "or") {
  if (types.length === 0) return "Any file";
  const names = types.map((type) => type.replace(".", "").toUpperCase());
  return names.length === 1
    ? names[0]
    : `${names.slice(0, -1).join(", ")} ${joint} ${names[names.length - 1]}`;
}

function render() {
  showFileError("");
  byId("chosen").replaceChildren(
    ...(wanted ? chosen : []).map((file) => {
      const problem = fault(file);
      return el(
        "li",
        { class: problem ? "wrong" : "" },
        icon(problem ? "failed" : "file"),
        el(
          "div",
          { class: "chosen-text" },
          el("span", { class: "chosen-name" }, file.name),
          el("span", { class: problem ? "error" : "hint" }, problem || size(file.size)),
        ),
        el(
          "button",
          {
            type: "button",
            class: "button quiet square",
            "aria-label": `Remove ${file.name}`,
            onClick: () => remove(file),
          },
          icon("remove"),
        ),
      );
    }),
  );
  changed();
}

/** @param {File} file */
function remove(file) {
  const index = chosen.indexOf(file);
  chosen = chosen.filter((other) => other !== file);
  render();
  const buttons = byId("chosen").querySelectorAll("button");
  (buttons[Math.min(index, buttons.length - 1)] ?? byId("files")).focus();
}

/** Files can be dropped on the whole page. Safari tells no relatedTarget, so entering and leaving are counted. */
function listenForDrops() {
  let depth = 0;
  const veil = byId("drop-veil");
  /** @param {DragEvent} event */
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  const end = () => {
    depth = 0;
    veil.classList.remove("shown");
  };
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    veil.classList.add("shown");
  });
  document.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth -= 1;
    if (depth <= 0) end();
  });
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    end();
    add(event.dataTransfer?.files ?? null);
  });
}
