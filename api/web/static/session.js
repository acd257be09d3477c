/**
 * Who is at the page: nobody needs to say so unless the service asks for a token.
 */

import { Problem, change, get } from "./api.js";
import { byId, setText } from "./dom.js";
import { sentence } from "./format.js";

let signedIn = () => {};

/** @param {{onSignedIn: () => void, onSignedOut: () => void}} listeners */
export function startSession({ onSignedIn, onSignedOut }) {
  signedIn = onSignedIn;
  byId("sign-in-form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    void signIn();
  });
  byId("sign-out").addEventListener("click", async () => {
    await change("DELETE", "/api/session").catch(() => null);
    onSignedOut();
    askForToken();
  });
}

/** Show the page to those who may see it. */
export async function openSession() {
  const { body } = await get("/api/session");
  show(body);
}

/** Ask who it is, without losing what stands in the form. */
export function askForToken() {
  if (!byId("sign-in").hidden) return;
  byId("sign-in").hidden = false;
  byId("workspace").hidden = true;
  byId("account").hidden = true;
  byId("token").focus();
}

/** @param {{owner: string, auth_required: boolean, signed_in: boolean}} session */
function show(session) {
  if (session.auth_required && !session.signed_in) return askForToken();
  byId("sign-in").hidden = true;
  byId("workspace").hidden = false;
  byId("account").hidden = !session.auth_required;
  setText(byId("account-name"), session.auth_required ? session.owner : "");
  signedIn();
}

async function signIn() {
  const input = byId("token");
  const token = input.value.trim();
  fail("");
  if (token === "") return fail("Enter your token.");
  try {
    await change("POST", "/api/session", { body: { token } });
    input.value = "";
    await openSession();
    byId("jobs-title").focus();
  } catch (/** @type {any} */ error) {
    fail(
      error instanceof Problem
        ? `${sentence(error.title)} ${error.detail}`.trim()
        : "The service cannot be reached. Try again in a moment.",
    );
  }
}

/** @param {string} text */
function fail(text) {
  setText(byId("token-error"), text);
  byId("token").toggleAttribute("aria-invalid", text !== "");
  if (text) byId("token").focus();
}
