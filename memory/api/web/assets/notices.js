// Short words to the reader: what was done, what went wrong and what to do. Read aloud by screen readers.

import { element } from "./fragments.js";

const STAYS_MS = 6000;
const OFFER_STAYS_MS = 30000;
const told = new WeakSet(); // errors that were said already, on their way up

/** Say something; with an action, a button that does it. Faults stay until they are closed. */
export function say(text, { fault = false, action = null, label = "" } = {}) {
  const place = document.getElementById("notices");
  const notice = element("div", { class: fault ? "notice fault" : "notice", role: fault ? "alert" : null }, element("p", {}, text));
  let from = null;
  const close = () => {
    const had = notice.contains(document.activeElement);
    notice.remove();
    if (had) (from?.isConnected ? from : document.querySelector("main h1"))?.focus({ preventScroll: true });
  };
  notice.addEventListener("focusin", ({ relatedTarget }) => (from ??= relatedTarget));
  if (action) {
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      close();
      action();
    });
    notice.append(button);
  }
  const dismiss = element("button", { type: "button", class: "quiet", "aria-label": "Close" }, "×");
  dismiss.addEventListener("click", close);
  notice.append(dismiss);
  place.append(notice);
  while (place.children.length > 4) place.firstElementChild.remove();
  if (!fault) setTimeout(goes, action ? OFFER_STAYS_MS : STAYS_MS);
  return close;

  /** Close it, unless somebody is about to use it. */
  function goes() {
    if (notice.matches(":hover, :focus-within")) setTimeout(goes, STAYS_MS);
    else close();
  }
}

/** Say what went wrong, once; what was only broken off by the page itself is no fault. */
export function sayFault(error) {
  if (error.name === "AbortError" || told.has(error)) return;
  told.add(error);
  say(error.message, { fault: true });
}
