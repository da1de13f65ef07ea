// Keys: one letter each, never while something is typed, and switched off in the settings where they are in the way.

import { kept } from "./kept.js";

const bound = new Map();

/** Bind a key; gives a function that lets go of it. `does` may give false to let the browser have the key. */
export function bind(key, label, does) {
  const entry = { label, does };
  const before = bound.get(key);
  bound.set(key, entry);
  return () => {
    if (bound.get(key) === entry) before ? bound.set(key, before) : bound.delete(key);
  };
}

/** Give all keys that do something now, with what they do. */
export function keys() {
  return [...bound].map(([key, { label }]) => ({ key, label }));
}

function isTyping(target) {
  return target.closest?.("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
}

let first = "";
let firstAt = 0;

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && isTyping(event.target)) return void event.target.blur();
  if (isTyping(event.target) || (event.key !== "Escape" && kept("keys", true) === false)) return;
  if (document.querySelector("dialog[open]")) return;
  const pair = Date.now() - firstAt < 1200 ? `${first} ${event.key}` : "";
  const entry = bound.get(pair) ?? bound.get(event.key);
  first = event.key;
  firstAt = entry && bound.has(pair) ? 0 : Date.now();
  if (entry && entry.does(event) !== false) event.preventDefault();
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
}
