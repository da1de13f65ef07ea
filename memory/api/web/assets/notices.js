// Short words to the reader: what was done, what went wrong and what to do. Read aloud by screen readers.

import { element } from "./fragments.js";

const STAYS_MS = 6000;

/** Say something; with an action, a button that does it. Faults stay until they are closed. */
export function say(text, { fault = false, action = null, label = "" } = {}) {
  const place = document.getElementById("notices");
  const notice = element("div", { class: fault ? "notice fault" : "notice", role: fault ? "alert" : null }, element("p", {}, text));
  const close = () => notice.remove();
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
  if (!fault) setTimeout(close, action ? STAYS_MS * 2 : STAYS_MS);
  return close;
}

/** Say what went wrong; what was only broken off by the page itself is no fault. */
export function sayFault(error) {
  if (error.name !== "AbortError") say(error.message, { fault: true });
}
