// What can be done with a message: its text to the clipboard, a note, a reaction, a fork from here, its former texts.

import { ask, readText } from "./fragments.js";
import { bind } from "./keys.js";
import { current } from "./items.js";
import { go } from "./navigate.js";
import { react, takeBack, writeNote } from "./notes.js";
import { say, sayFault } from "./notices.js";

const SIGNS = ["👍", "👎", "⭐"];

/** Each is called with the message, the main part and the session's stream. */
const ACTIONS = {
  copy,
  // it may have been read anew since the menu was opened
  note: (message, main, streaming) => writeNote(document.getElementById(message.id) ?? message, streaming),
  versions: (message) => go(`/messages/${encodeURIComponent(message.dataset.id)}/versions`),
  fork,
  delete: remove,
  ...Object.fromEntries(SIGNS.map((sign) => [sign, (message, main, streaming) => react(message, sign, streaming)])),
};

export function startMenu(main, streaming) {
  const menu = document.getElementById("message-menu");
  let message = null;
  const open = (at) => {
    message = at;
    show(menu, at);
  };
  main.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches(".more-button")) open(button.closest("[data-seq]"));
    else if (button?.matches(".take-back")) takeBack(button, streaming).catch(sayFault);
  });
  menu.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-do]")?.dataset.do;
    if (!chosen) return;
    menu.hidePopover();
    Promise.resolve(ACTIONS[chosen](message, main, streaming)).catch(sayFault);
  });
  menu.addEventListener("keydown", onArrow);
  const bound = startKeys(main, streaming, open);
  return () => bound.forEach((each) => each());
}

function startKeys(main, streaming, open) {
  const onMessage = (does) => () => {
    const item = current();
    return item?.dataset.seq ? void does(item) : false;
  };
  const bound = [
    bind("m", "What can be done with a message", onMessage(open)),
    bind("x", "Unfold or fold what a message did", () => fold(current())),
  ];
  if (main.dataset.mayWrite) {
    bound.push(bind("a", "Write a note on a message", onMessage((item) => writeNote(item, streaming))));
  }
  return bound;
}

/** Show the menu beside a message's button: below it, or above where there is no room. */
function show(menu, message) {
  const button = message.querySelector(".more-button");
  menu.querySelector("[data-do=versions]").hidden = !message.dataset.versions;
  menu.showPopover({ source: button });
  const place = button.getBoundingClientRect();
  const box = menu.getBoundingClientRect();
  const top = place.bottom + box.height > innerHeight ? place.top - box.height : place.bottom;
  // positions are properties of the element, which the content security policy allows; attributes of style it does not
  menu.style.setProperty("left", `${Math.max(8, Math.min(place.left, innerWidth - box.width - 8))}px`);
  menu.style.setProperty("top", `${Math.max(8, top)}px`);
  menu.querySelector("button:not([hidden])").focus();
}

function onArrow(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const all = [...event.currentTarget.querySelectorAll("button:not([hidden])")];
  all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  event.preventDefault();
}

function fold(item) {
  const parts = [...(item?.querySelectorAll("details") ?? [])];
  if (!parts.length) return false;
  const open = parts.every((each) => each.open);
  for (const each of parts) each.open = !open;
}

async function copy(message) {
  const address = `/messages/${encodeURIComponent(message.dataset.id)}/text`;
  if (!navigator.clipboard) {
    const where = `${location.origin}${address}`;
    return say(`A browser lets no page copy that came over plain http from elsewhere; the text is at ${where}`, { fault: true });
  }
  await navigator.clipboard.writeText(await readText(address));
  say("Copied.");
}

async function fork(message, main) {
  const made = await ask("POST", `/api/sessions/${encodeURIComponent(main.dataset.session)}/fork`, { at: message.dataset.id });
  await go(`/sessions/${encodeURIComponent(made.id)}?seq=-1`);
  say("Forked: what is said here from now on stays out of the session it came from.");
}

async function remove(message) {
  const address = `/api/messages/${encodeURIComponent(message.dataset.id)}`;
  await ask("DELETE", address);
  say("Deleted.", { action: () => ask("POST", `${address}/restore`).catch(sayFault), label: "Restore it" });
}
