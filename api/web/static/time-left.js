/**
 * A time left that people can trust: it counts down by itself between two estimates, and does not
 * jump up for a change too small to matter.
 */

import { timeLeft } from "./format.js";

const WORTH_TELLING = 1.2;

export function makeTimeLeft() {
  /** @type {number|null} when it ends, in ms of the page's clock */
  let endsAt = null;

  return {
    /** @param {number|null} seconds the newest estimate; null where there is none */
    see(seconds) {
      if (seconds === null) {
        endsAt = null;
        return;
      }
      const now = performance.now();
      const shown = endsAt === null ? null : (endsAt - now) / 1000;
      if (shown === null || seconds < shown || seconds > shown * WORTH_TELLING + 2)
        endsAt = now + seconds * 1000;
    },
    text() {
      return endsAt === null ? "" : timeLeft(Math.max(0, (endsAt - performance.now()) / 1000));
    },
  };
}
