// Goes from item to item (messages, hits, sessions) by key; the one that is reached has the focus.

import { bind } from "./keys.js";

const visible = (each) => each.offsetParent !== null || each.getClientRects().length > 0;

function items() {
  return [...document.querySelectorAll("main [data-item]")].filter(visible);
}

/** Give the item that has the focus, or else the first that can be seen. */
export function current() {
  const focused = document.activeElement?.closest("main [data-item]");
  if (focused) return focused;
  return items().find((each) => each.getBoundingClientRect().bottom > barHeight() + 8) ?? null;
}

export function barHeight() {
  return document.querySelector(".bar")?.getBoundingClientRect().bottom ?? 0;
}

/** Bring an item before the reader's eyes and give it the focus. */
function reach(item, { block = "nearest" } = {}) {
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block });
}

function step(by) {
  const all = items();
  if (!all.length) return false;
  const focused = document.activeElement?.closest("main [data-item]");
  const at = focused ? all.indexOf(focused) + by : all.indexOf(current());
  const next = all[Math.max(0, Math.min(all.length - 1, at))];
  reach(next, { block: next.offsetHeight > innerHeight * 0.7 ? "start" : "nearest" });
}

export function startItems() {
  bind("j", "The next message, answer or session", () => step(1));
  bind("k", "The one before", () => step(-1));
  bind("Enter", "Open it", (event) => {
    const item = event.target.closest("main [data-item]");
    if (!item || event.target !== item) return false;
    const open = item.querySelector("[data-open]");
    if (!open) return false;
    open.click();
  });
}
