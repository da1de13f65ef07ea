// The one line to the service that all views share; it rests while the page is hidden, and misses nothing.

import { Live } from "./live.js";

const SAID = {
  live: "Live",
  waiting: "Reconnecting…",
  refused: "Not live",
};
const LONG = {
  live: "Connected: what happens is shown as it happens.",
  waiting: "The service cannot be reached. This page goes on by itself when it is back.",
  stopped: "Paused while this page is hidden.",
  refused: "The service does not tell this token what happens; load the page again to see what is new.",
};
const REST_MS = 10000;
const KEPT = 1000; // events that a view which is just being read can still ask for

/** Fires `event` and `state`, as `Live` does. */
export const line = new EventTarget();
let live = null;
let rest = 0;
const recent = [];

function show(state) {
  const place = document.getElementById("live");
  place.dataset.state = state;
  place.title = LONG[state];
  const said = place.querySelector("span");
  // a screen reader is told what is new, and not of each time that the page is looked at again
  if (state !== "stopped" && said.textContent !== SAID[state]) said.textContent = SAID[state];
}

/** Give the last events behind a change. */
export function since(change) {
  return recent.filter((each) => each.id > change);
}

/** Follow one session where nobody may follow all; gives a function that ends it. */
export function follow(address, change) {
  if (document.documentElement.dataset.events) return () => {};
  begin(address, change);
  return () => {
    live.stop();
    live = null;
    show("refused");
  };
}

function begin(address, change) {
  const begun = new Live(address, change);
  live = begun;
  begun.addEventListener("state", ({ detail }) => {
    if (live !== begun) return;
    show(detail);
    line.dispatchEvent(new CustomEvent("state", { detail }));
  });
  begun.addEventListener("event", ({ detail }) => {
    recent.push(detail);
    if (recent.length > KEPT) recent.shift();
    line.dispatchEvent(new CustomEvent("event", { detail }));
  });
  show("waiting");
  // a page that is opened behind another one waits until it is looked at
  if (!document.hidden) begun.start();
}

export function startLine() {
  const { events, change } = document.documentElement.dataset;
  events ? begin(events, change) : show("refused");
  document.addEventListener("visibilitychange", () => {
    clearTimeout(rest);
    // browsers allow a page few open connections, so that hidden ones must not hold them
    if (document.hidden) rest = setTimeout(() => live?.stop(), REST_MS);
    else live?.start();
  });
  addEventListener("pagehide", () => live?.stop());
  addEventListener("pageshow", (event) => event.persisted && live?.start());
}
