/**
 * One file on its way, in the place and the look its job will have.
 */

import { makeBar } from "./bar.js";
import { el, hiddenText, icon, setIcon, setText } from "./dom.js";
import { doneOfTotal, percent, size, timeLeft } from "./format.js";

/** A rate from less than this is a guess. */
const EVIDENCE_MS = 2000;
const WORDS = {
  waiting: "Waiting to upload",
  sending: "Uploading",
  storing: "Storing",
  failed: "Upload failed",
};

/**
 * @param {import("./uploads.js").Upload} upload
 * @param {{onCancel: () => void, onRetry: () => void}} actions
 */
export function makeUploadCard(upload, { onCancel, onRetry }) {
  const name = upload.file.name;
  const symbol = icon("upload");
  const state = el("span", { class: "state" });
  const bar = makeBar(`Upload of ${name}`);
  const step = el("span", {});
  const value = el("span", { class: "value" });
  const detail = el("span", {});
  const left = el("span", { class: "left" });
  const error = el("p", { class: "failure" });
  const again = el(
    "button",
    { type: "button", class: "button", onClick: onRetry },
    "Try again",
    hiddenText(` to upload ${name}`),
  );
  const cancelText = el("span", {});
  const cancel = el(
    "button",
    { type: "button", class: "button quiet", onClick: onCancel },
    cancelText,
    hiddenText(` the upload of ${name}`),
  );
  const progress = el(
    "div",
    { class: "progress" },
    el("p", {}, step, value),
    bar.element,
    el("p", { class: "hint" }, detail, left),
  );
  const element = el(
    "li",
    { class: "job" },
    el(
      "div",
      { class: "job-head" },
      el("span", { class: "badge" }, symbol),
      el(
        "div",
        { class: "job-name" },
        el("h3", {}, name),
        el("p", { class: "hint" }, state, ` · ${size(upload.file.size)}`),
      ),
    ),
    progress,
    error,
    el("div", { class: "actions" }, again, cancel),
  );

  function update() {
    const failed = upload.state === "failed";
    element.dataset.state = failed ? "failed" : upload.state === "waiting" ? "queued" : "running";
    setIcon(symbol, failed ? "failed" : "upload");
    setText(state, WORDS[upload.state]);
    setText(cancelText, failed ? "Remove" : "Cancel");
    setText(error, upload.error);
    again.hidden = !failed;
    error.hidden = !failed;
    progress.hidden = failed;
    const share = upload.file.size > 0 ? (upload.sent / upload.file.size) * 100 : 0;
    const seconds = secondsLeft(upload);
    setText(
      step,
      upload.state === "waiting"
        ? upload.note || "Its turn comes when an earlier file is through"
        : doneOfTotal({ done: upload.sent, total: upload.file.size, unit: "bytes" }),
    );
    setText(value, upload.state === "waiting" ? "" : percent(Math.min(share, 99.9)));
    setText(detail, "Keep this page open until the file is through");
    setText(left, upload.state === "sending" && seconds !== null ? timeLeft(seconds) : "");
    bar.set(upload.state === "storing" ? 100 : share, `${WORDS[upload.state]}, ${percent(share)}`);
  }

  update();
  return { element, update };
}

/** @param {import("./uploads.js").Upload} upload */
function secondsLeft(upload) {
  const passed = performance.now() - upload.startedAt;
  if (passed < EVIDENCE_MS || upload.sent === 0) return null;
  return ((upload.file.size - upload.sent) / upload.sent) * (passed / 1000);
}
