// Goes from view to view without loading the page anew: the main part is read, put in place, and its own code started.
// Without this code every link works just as well.

import { read } from "./fragments.js";
import { sayFault } from "./notices.js";
import { addressOf, comeBack, following, isHere, remember, startPlaces } from "./places.js";
import { writeTimes } from "./times.js";

const NOTHING = () => {};

let views = {}; // by name: what loads the module of a view; its `enter` gives what ends it
let leave = NOTHING;
let reading = null;
let shown = ""; // the address of the view, without what stands behind a #

const here = () => location.pathname + location.search;

/** Start the code of the view that is shown. */
export async function enter() {
  const main = document.getElementById("main");
  shown = here();
  writeTimes(document);
  for (const link of document.querySelectorAll("nav[aria-label=Views] a")) {
    location.pathname.startsWith(new URL(link.href).pathname) ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  const module = await views[main.dataset.view]?.();
  // the reader may have gone on while it was loaded
  if (!main.isConnected) return;
  leave = module?.enter(main) ?? NOTHING;
  document.documentElement.dataset.ready = main.dataset.view;
}

/** Go to an address of this page; `state` is that of an entry of the history that is come back to. */
export async function go(address, { push = true, keepFocus = false, top = true, state = null } = {}) {
  reading?.abort();
  reading = new AbortController();
  const main = document.getElementById("main");
  main.setAttribute("aria-busy", "true");
  try {
    const found = await read(addressOf(address, state), "main", { signal: reading.signal, faults: true });
    const next = found.document.querySelector("main");
    if (!next) return void location.assign(address);
    if (push) remember();
    end();
    const { hash } = new URL(address, location.href);
    const to = new URL(found.address);
    if (push) history.pushState({}, "", to.pathname + to.search + hash);
    document.title = found.document.title;
    main.replaceWith(document.adoptNode(next));
    if (top) scrollTo({ top: 0, behavior: "instant" });
    if (!keepFocus) document.querySelector("main h1")?.focus({ preventScroll: true });
    if (hash) document.getElementById(decodeURIComponent(hash.slice(1)))?.scrollIntoView();
    await enter();
    comeBack(state);
  } catch (error) {
    sayFault(error);
    main.removeAttribute("aria-busy");
    throw error;
  }
}

function end() {
  leave();
  leave = NOTHING;
  delete document.documentElement.dataset.ready;
}

/** Give the view that is shown another address. */
export function readdress(address) {
  history.replaceState(history.state, "", address);
  shown = here();
}

function onClick(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  // by attributes, since the properties of links in pictures are no texts
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.hasAttribute("target") || link.hasAttribute("download")) return;
  const to = new URL(link.getAttribute("href"), location.href);
  if (to.origin !== location.origin || /^\/(api|assets|attachments|metrics|signin)\b/.test(to.pathname)) return;
  if (/^\/messages\/[^/]+\/text$/.test(to.pathname)) return;
  if (to.pathname === location.pathname && to.search === location.search && to.hash) return;
  event.preventDefault();
  following(link);
  go(to.href).catch(NOTHING);
}

function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "get") return;
  event.preventDefault();
  const given = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) given.append(name, value);
  go(`${new URL(form.action).pathname}?${given}`).catch(NOTHING);
}

/** Start: follow links and forms, and what the browser's own buttons say. */
export async function startNavigation(known) {
  views = known;
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit);
  addEventListener("popstate", ({ state }) => {
    if (here() !== shown) go(location.href, { push: false, state: state ?? {} }).catch(NOTHING);
  });
  startPlaces();
  const { state } = history;
  await enter();
  if (!state || location.hash) return;
  if (isHere(state)) comeBack(state);
  else await go(location.href, { push: false, state }).catch(NOTHING);
}
