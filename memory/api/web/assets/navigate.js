// Goes from view to view without loading the page anew: the main part is read, put in place, and its own code started.
// Without this code every link works just as well.

import { read } from "./fragments.js";
import { sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

let views = {}; // by name: what loads the module of a view; its `enter` gives what ends it
let leave = () => {};
let reading = null;

/** Start the code of the view that is shown. */
export async function enter() {
  const main = document.getElementById("main");
  writeTimes(document);
  for (const link of document.querySelectorAll("nav[aria-label=Views] a")) {
    const path = new URL(link.href).pathname;
    const isHere = path === "/" ? location.pathname === "/" : location.pathname.startsWith(path);
    isHere ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  const view = views[main.dataset.view];
  leave = view ? ((await view()).enter(main) ?? (() => {})) : () => {};
  document.documentElement.dataset.ready = main.dataset.view;
}

/** Go to an address of this page. */
export async function go(address, { push = true, keepFocus = false, top = true } = {}) {
  reading?.abort();
  reading = new AbortController();
  const main = document.getElementById("main");
  main.setAttribute("aria-busy", "true");
  try {
    const found = await read(address, "main", { signal: reading.signal, faults: true });
    const next = found.document.querySelector("main");
    if (!next) return void location.assign(address);
    leave();
    delete document.documentElement.dataset.ready;
    const hash = new URL(address, location.href).hash;
    const shown = new URL(found.address);
    const place = shown.pathname + shown.search + hash;
    if (push) history.pushState({}, "", place);
    document.title = found.document.title;
    main.replaceWith(document.adoptNode(next));
    if (top) scrollTo(0, 0);
    if (!keepFocus) document.querySelector("main h1")?.focus({ preventScroll: true });
    await enter();
  } catch (error) {
    sayFault(error);
    main.removeAttribute("aria-busy");
    throw error;
  }
}

function onClick(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.target || link.hasAttribute("download")) return;
  const to = new URL(link.href);
  if (to.origin !== location.origin || /^\/(api|assets|attachments|metrics|signin)\b/.test(to.pathname)) return;
  if (/^\/messages\/[^/]+\/text$/.test(to.pathname)) return;
  if (to.pathname === location.pathname && to.search === location.search && to.hash) return;
  event.preventDefault();
  go(link.href).catch(() => {});
}

function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "get") return;
  event.preventDefault();
  const given = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) given.append(name, value);
  go(`${new URL(form.action).pathname}?${given}`).catch(() => {});
}

export function startNavigation(known) {
  views = known;
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit);
  addEventListener("popstate", () => go(location.href, { push: false }).catch(() => {}));
}
