// The one line to the service that all views share; it rests while the page is hidden, and misses nothing.

import { Live } from "./live.js";

const SAID = {
  live: "Live",
  waiting: "Reconnecting…",
  stopped: "Paused",
  refused: "Not live",
};
const LONG = {
  live: "Connected: what happens is shown as it happens.",
  waiting: "The service cannot be reached. This page goes on by itself when it is back.",
  stopped: "Paused while this page is hidden.",
  refused: "The service does not tell this token what happens; load the page again to see what is new.",
};
const REST_MS = 60000;

/** Fires `event` and `state`, as `Live` does. */
export const line = new EventTarget();
let live = null;
let rest = 0;

function show(state) {
  const place = document.getElementById("live");
  place.dataset.state = state;
  place.title = LONG[state];
  place.querySelector("span").textContent = SAID[state];
}

export function startLine() {
  const { events, change } = document.documentElement.dataset;
  if (!events) return show("refused");
  live = new Live(events, change);
  live.addEventListener("state", ({ detail }) => {
    show(detail);
    line.dispatchEvent(new CustomEvent("state", { detail }));
  });
  live.addEventListener("event", ({ detail }) => line.dispatchEvent(new CustomEvent("event", { detail })));
  show("waiting");
  live.start();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(rest);
    // browsers allow a page few open connections, so that hidden ones must not hold them
    if (document.hidden) rest = setTimeout(() => live.stop(), REST_MS);
    else live.start();
  });
  addEventListener("pagehide", () => live.stop());
  addEventListener("pageshow", (event) => event.persisted && live.start());
}
