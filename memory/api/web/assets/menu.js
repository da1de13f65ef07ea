// What can be done with a message: a note, a reaction, a fork from here, its text to the clipboard.

import { ask, element, readText } from "./fragments.js";
import { bind } from "./keys.js";
import { current } from "./items.js";
import { go } from "./navigate.js";
import { say, sayFault } from "./notices.js";

export function startMenu(main, streaming) {
  const menu = document.getElementById("message-menu");
  let message = null;

  function open(at, button) {
    message = at;
    menu.querySelector("[data-do=versions]").hidden = !at.dataset.versions;
    menu.showPopover({ source: button });
    const place = (button ?? at).getBoundingClientRect();
    const box = menu.getBoundingClientRect();
    menu.classList.toggle("above", place.bottom + box.height > innerHeight);
    place_(menu, Math.min(place.left, innerWidth - box.width - 8), place.bottom + box.height > innerHeight ? place.top - box.height : place.bottom);
    menu.querySelector("button:not([hidden])").focus();
  }

  const actions = {
    async copy() {
      const address = `/messages/${encodeURIComponent(message.dataset.id)}/text`;
      if (!navigator.clipboard) return say(`A browser lets no page copy that came over plain http from elsewhere; the text is at ${location.origin}${address}`, { fault: true });
      await navigator.clipboard.writeText(await readText(address));
      say("Copied.");
    },
    // it may have been read anew since the menu was opened
    note: () => note(document.getElementById(message.id) ?? message, streaming),
    versions: () => go(`/messages/${encodeURIComponent(message.dataset.id)}/versions`),
    async fork() {
      const made = await ask("POST", `${api(main)}/fork`, { at: message.dataset.id });
      await go(`/sessions/${encodeURIComponent(made.id)}?seq=-1`);
      say("Forked: what is said here from now on stays out of the session it came from.");
    },
    async delete() {
      const id = message.dataset.id;
      await ask("DELETE", `/api/messages/${encodeURIComponent(id)}`);
      const back = () => ask("POST", `/api/messages/${encodeURIComponent(id)}/restore`).catch(sayFault);
      say("Deleted.", { action: back, label: "Restore it" });
    },
  };
  for (const sign of ["👍", "👎", "⭐"]) actions[sign] = () => react(message, sign, streaming);

  function onClick(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches(".more-button")) open(button.closest("[data-seq]"), button);
    else if (button.matches(".take-back")) takeBack(button, streaming).catch(sayFault);
  }

  function onChoice(event) {
    const chosen = event.target.closest("[data-do]")?.dataset.do;
    if (!chosen) return;
    menu.hidePopover();
    Promise.resolve(actions[chosen]()).catch(sayFault);
  }

  main.addEventListener("click", onClick);
  menu.addEventListener("click", onChoice);
  menu.addEventListener("keydown", onArrow);
  const bound = [
    bind("m", "What can be done with a message", () => {
      const item = current();
      if (!item?.dataset.seq) return false;
      open(item, item.querySelector(".more-button"));
    }),
    bind("x", "Unfold or fold what a message did", () => fold(current())),
  ];
  if (main.dataset.mayWrite) {
    bound.push(
      bind("a", "Write a note on a message", () => {
        const item = current();
        if (!item?.dataset.seq) return false;
        note(item, streaming);
      }),
    );
  }
  return () => bound.forEach((each) => each());
}

function place_(menu, left, top) {
  // positions are properties of the element, which the content security policy allows; attributes of style it does not
  menu.style.setProperty("left", `${Math.max(8, left)}px`);
  menu.style.setProperty("top", `${Math.max(8, top)}px`);
}

function onArrow(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const all = [...event.currentTarget.querySelectorAll("button:not([hidden])")];
  all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  event.preventDefault();
}

function api(main) {
  return `/api/sessions/${encodeURIComponent(main.dataset.session)}`;
}

function fold(item) {
  const parts = [...(item?.querySelectorAll("details") ?? [])];
  if (!parts.length) return false;
  const open = parts.every((each) => each.open);
  for (const each of parts) each.open = !open;
}

async function react(message, value, streaming) {
  await ask("POST", "/api/reactions", { message_id: message.dataset.id, type: "reaction", value });
  await streaming.refresh(message.dataset.id);
}

async function takeBack(button, streaming) {
  const id = button.closest("[data-seq]").dataset.id;
  await ask("DELETE", `/api/reactions/${encodeURIComponent(button.dataset.reaction)}`);
  await streaming.refresh(id);
}

/** Ask for a note below a message and save it. */
function note(message, streaming) {
  const there = message.querySelector(".note-form textarea");
  if (there) return there.focus();
  const id = `note-${message.dataset.seq}`;
  const text = element("textarea", { id, rows: 3, required: true, maxlength: 100000 });
  const form = element(
    "form",
    { class: "note-form" },
    element("label", { for: id }, "Note on this message"),
    text,
    element("div", { class: "buttons" }, element("button", { type: "submit" }, "Save the note"), element("button", { type: "button", class: "quiet" }, "Cancel")),
  );
  const done = () => {
    form.remove();
    message.focus({ preventScroll: true });
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const body = { message_id: message.dataset.id, type: "annotation", value: text.value };
    ask("POST", "/api/reactions", body)
      .then(() => {
        done();
        return streaming.refresh(message.dataset.id);
      })
      .then(() => document.getElementById(message.id)?.focus({ preventScroll: true }))
      .catch(sayFault);
  });
  form.querySelector(".quiet").addEventListener("click", done);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    if (event.key === "Escape") {
      event.stopPropagation();
      done();
    }
  });
  message.append(form);
  text.focus();
}
