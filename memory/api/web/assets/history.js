// The sessions beside every view: narrowed, going on as they are scrolled, and the one spoken in last on top.

import { read } from "./fragments.js";
import { kept, keep } from "./kept.js";
import { line } from "./line.js";
import { sayFault } from "./notices.js";
import { goOn } from "./rows.js";
import { writeTimes } from "./times.js";

const PAUSE_MS = 1500;
let stop = () => {};
let loading = null;

function address() {
  const form = document.querySelector(".history form");
  const given = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) given.set(name, value);
  return `/sessions?${given}`;
}

async function load() {
  const list = document.getElementById("history-rows");
  loading?.abort();
  loading = new AbortController();
  const found = await read(address(), "rows", { signal: loading.signal });
  const focused = list.contains(document.activeElement) ? document.activeElement.closest("li").querySelector("a")?.getAttribute("href") : null;
  stop();
  list.replaceChildren(...[...found.document.body.children].map((each) => document.adoptNode(each)));
  writeTimes(list);
  mark();
  if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  stop = goOn(list, list);
}

function mark() {
  for (const link of document.querySelectorAll("#history-rows a")) {
    const isHere = new URL(link.href).pathname === location.pathname;
    isHere ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
}

export function startHistory() {
  const form = document.querySelector(".history form");
  const list = document.getElementById("history-rows");
  if (!list) return;
  const chosen = kept("history", {});
  for (const [name, value] of Object.entries(chosen)) {
    const field = form.elements[name];
    if (field && [...(field.options ?? [])].some((each) => each.value === value)) field.value = value;
  }
  stop = goOn(list, list);
  if (Object.values(chosen).some(Boolean)) load().catch(sayFault);
  form.addEventListener("change", () => {
    keep("history", Object.fromEntries(new FormData(form)));
    load().catch(sayFault);
  });
  let timer = 0;
  line.addEventListener("event", ({ detail }) => {
    if (!/^(session\.|message\.created|reset)/.test(detail.type) || timer) return;
    timer = setTimeout(() => {
      timer = 0;
      // a reader who has scrolled down keeps the place
      if (list.scrollTop < 200) load().catch(() => {});
    }, PAUSE_MS);
  });
  new MutationObserver(mark).observe(document.querySelector("title"), { childList: true });
  mark();
}
