// The view of a session: reading, live messages, the place in it, what can be done with a message and with the session.

import { among } from "./answers.js";
import { startHeading } from "./heading.js";
import { highlight, unmark, wordsOf } from "./highlight.js";
import { bind } from "./keys.js";
import { follow } from "./line.js";
import { startMenu } from "./menu.js";
import { go } from "./navigate.js";
import { sayFault } from "./notices.js";
import { remember } from "./places.js";
import { Position } from "./position.js";
import { Reading } from "./reading.js";
import { Streaming } from "./streaming.js";

export function enter(main) {
  const words = wordsOf(main.dataset.find);
  const mark = (shown) => words.length && shown.forEach((each) => highlight(each.querySelector(".said") ?? each, words));
  const reading = new Reading(main.querySelector("#messages"), {
    onShown: (shown) => {
      mark(shown);
      streaming.catchUp(shown);
    },
    onEnd: () => streaming.forgetNews(),
  });
  const position = new Position(main, reading);
  const streaming = new Streaming(main, reading, {
    onShown: mark,
    onNew: (seq) => position.reachTo(seq),
    onGone: (what) => onSession(main, what),
  });
  const { session, change } = main.dataset;
  const unfollow = follow(`/api/sessions/${encodeURIComponent(session)}/events`, change);
  const stops = [() => reading.stop(), () => position.stop(), () => streaming.stop(), unmark, unfollow];
  stops.push(startHeading(main), startMenu(main, streaming), startAnswers(main));
  mark([...reading.messages]);
  lead(main, reading);
  streaming.begin();
  return () => stops.forEach((stop) => stop());
}

/** Lead to the message, the position or the end that the address asks for. */
function lead(main, reading) {
  const focus = main.querySelector("[data-focus]");
  const seq = Number(new URL(location.href).searchParams.get("seq"));
  if (focus) {
    focus.scrollIntoView({ block: "start" });
    focus.focus({ preventScroll: true });
  } else if (seq === -1) {
    scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  } else if (seq > 0) {
    [...reading.messages].find((each) => Number(each.dataset.seq) >= seq)?.scrollIntoView({ block: "start" });
  }
}

/** The session itself has changed: what is shown stays; what is so is said. */
function onSession(main, what) {
  const banner = main.querySelector("#session-gone");
  if (what === "session.deleted" || what === "session.forgotten") {
    banner.hidden = false;
    banner.querySelector("p").textContent =
      what === "session.deleted"
        ? "This session was deleted. What you see is what was read of it."
        : "This session was forgotten for good. What you see is what was read of it; it is in no file any more.";
    banner.querySelector("button").hidden = what !== "session.deleted" || !main.dataset.mayWrite;
  } else if (what === "session.restored") {
    banner.hidden = true;
  } else if (what === "reset") {
    remember();
    go(location.href, { push: false, top: false, state: history.state }).catch(sayFault);
  }
}

/** Lead from one answer of the last search to the next. */
function startAnswers(main) {
  const place = among(location.pathname + location.search);
  const bar = main.querySelector("#among");
  if (!place) return () => {};
  bar.hidden = false;
  bar.querySelector("span").textContent = `Answer ${place.at} of ${place.of}`;
  const [before, next, back] = bar.querySelectorAll("a");
  for (const [link, to] of [[before, place.before], [next, place.next], [back, place.back]]) {
    to ? link.setAttribute("href", to) : link.setAttribute("aria-disabled", "true");
  }
  const bound = [
    bind("n", "The next answer of the search", () => (place.next ? void go(place.next).catch(() => {}) : false)),
    bind("p", "The answer before", () => (place.before ? void go(place.before).catch(() => {}) : false)),
    bind("u", "Back to the answers", () => void go(place.back).catch(() => {})),
  ];
  return () => bound.forEach((each) => each());
}
