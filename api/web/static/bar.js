/**
 * A progress bar with a name, a value in words, and a calm way of moving.
 */

import { el, setAttribute } from "./dom.js";

/**
 * @param {string} name what is progressing; never the percent
 * @returns {{element: HTMLElement, set: (percent: number|null, text: string) => void}}
 */
export function makeBar(name) {
  const fill = el("div", { class: "bar-fill" });
  const element = el(
    "div",
    { class: "bar", role: "progressbar", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 100 },
    fill,
  );
  return {
    element,
    set(percent, text) {
      element.classList.toggle("unknown", percent === null);
      setAttribute(element, "aria-valuenow", percent === null ? null : String(Math.floor(percent)));
      setAttribute(element, "aria-valuetext", text || null);
      fill.style.transform = percent === null ? "" : `scaleX(${Math.min(percent, 100) / 100})`;
    },
  };
}
