// Where the reader was in each entry of the browser's history, so that going back, and loading anew, lead there again.

import { barHeight } from "./items.js";

const PAUSE_MS = 300;
const GIVE_UP_MS = 4000;

let timer = 0;

/** Keep which link was followed: coming back gives it the focus. */
export function following(link) {
  history.replaceState({ ...history.state, opened: link.getAttribute("href") }, "");
}

/** Write down where the reader is now. */
export function remember() {
  clearTimeout(timer);
  history.replaceState({ ...history.state, top: scrollY, seen: seen() }, "");
}

/** The message at the top of what is seen, and how far from the top it is; null where no session is read. */
function seen() {
  const found = [...document.querySelectorAll("#messages > [data-seq]")].find((each) => each.getBoundingClientRect().bottom > barHeight());
  return found ? { seq: found.dataset.seq, top: found.getBoundingClientRect().top } : null;
}

/** Give the address to read for an entry: of a session, the stretch that was read last. */
export function addressOf(address, state) {
  if (!state?.seen) return address;
  const to = new URL(address, location.href);
  for (const name of ["at", "date"]) to.searchParams.delete(name);
  to.searchParams.set("seq", state.seen.seq);
  return to.href;
}

/** Say whether what an entry was left at is in the page. */
export function isHere(state) {
  return !state?.seen || document.querySelector(`#messages > [data-seq="${CSS.escape(state.seen.seq)}"]`) !== null;
}

/** Lead to where an entry was left, as soon as the page is long enough. */
export function comeBack(state) {
  if (!state) return;
  const message = state.seen && document.querySelector(`#messages > [data-seq="${CSS.escape(state.seen.seq)}"]`);
  if (message) {
    message.focus({ preventScroll: true });
    scrollBy({ top: message.getBoundingClientRect().top - state.seen.top, behavior: "instant" });
    return;
  }
  scrollDown(state.top ?? 0, state.opened);
}

/** Lists go on as they are scrolled, so that some of the way comes later; who scrolls meanwhile is left alone. */
function scrollDown(top, link) {
  const until = Date.now() + GIVE_UP_MS;
  const own = new AbortController();
  for (const each of ["wheel", "keydown", "pointerdown", "popstate"]) addEventListener(each, () => own.abort(), { signal: own.signal });
  const main = document.getElementById("main");
  const step = () => {
    if (own.signal.aborted || !main.isConnected) return own.abort();
    scrollTo({ top, behavior: "instant" });
    const there = link && document.querySelector(`main a[href="${CSS.escape(link)}"]`);
    if (there) (there.closest("[data-item]") ?? there).focus({ preventScroll: true });
    if (Math.abs(scrollY - top) < 2 || Date.now() > until) return own.abort();
    setTimeout(step, 50);
  };
  step();
}

export function startPlaces() {
  history.scrollRestoration = "manual";
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(remember, PAUSE_MS);
  }, { passive: true });
  addEventListener("pagehide", remember);
}
