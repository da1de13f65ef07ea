// Reads pieces of pages and talks to the REST API. The only place where text becomes elements: what comes from our
// own server was escaped and cleaned there, and scripts in it would not run in any case (see the headers).

const policy = globalThis.trustedTypes
  ? trustedTypes.createPolicy("fragments", { createHTML: (html) => html })
  : { createHTML: (html) => html };

/** What went wrong, in words for the reader. */
class Failed extends Error {
  constructor(message, status = 0, code = "offline") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const AWAY = "The service cannot be reached. Is `hark serve` still running? This page goes on by itself when it is.";

async function asked(address, options) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failed(AWAY);
  }
  if (response.redirected && new URL(response.url).pathname === "/signin") {
    location.assign(`/signin?next=${encodeURIComponent(location.pathname + location.search)}`);
    throw new Failed("You are asked to sign in again.", 401, "unknown_token");
  }
  return response;
}

/** Read a part of a page: gives the document it makes, and the address it was found at.
 *  A page that says what is wrong is given as it is when `faults` allows it; else it is thrown. */
export async function read(address, part, { signal, faults = false } = {}) {
  const response = await asked(address, { headers: { "Hark-Part": part, Accept: "text/html" }, signal });
  const text = await response.text();
  const found = new DOMParser().parseFromString(policy.createHTML(text), "text/html");
  if (!response.ok && !(faults && found.querySelector("main"))) {
    const said = found.querySelector(".problem-detail")?.textContent ?? `The service answered ${response.status}.`;
    throw new Failed(said, response.status, found.querySelector("main")?.dataset.code ?? "fault");
  }
  return { document: found, address: response.url };
}

/** Read a plain text. */
export async function readText(address) {
  const response = await asked(address, { headers: { Accept: "text/plain" } });
  const text = await response.text();
  if (!response.ok) throw new Failed(said(text, response.status), response.status);
  return text;
}

function said(problem, status) {
  try {
    return JSON.parse(problem).detail;
  } catch {
    return `The service answered ${status}.`;
  }
}

/** Ask the REST API; gives its JSON answer, or null where it has none. */
export async function ask(method, address, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await asked(address, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failed(answer.detail ?? `The service answered ${response.status}.`, response.status, answer.code);
  return answer;
}

/** Make an element: text and attributes, no HTML. */
export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...content);
  return made;
}
