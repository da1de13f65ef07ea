// Notes and reactions on a message: written below it, shown at once, taken back.

import { ask, element } from "./fragments.js";
import { sayFault } from "./notices.js";

/** Put a sign on a message. */
export async function react(message, value, streaming) {
  await ask("POST", "/api/reactions", { message_id: message.dataset.id, type: "reaction", value });
  await streaming.refresh(message.dataset.id);
}

/** Take a note or a sign back: the one that a button stands beside. */
export async function takeBack(button, streaming) {
  const id = button.closest("[data-seq]").dataset.id;
  await ask("DELETE", `/api/reactions/${encodeURIComponent(button.dataset.reaction)}`);
  await streaming.refresh(id);
}

/** Ask for a note below a message. */
export function writeNote(message, streaming) {
  const there = message.querySelector(".note-form textarea");
  if (there) return there.focus();
  const { form, text } = noteForm(`note-${message.dataset.seq}`);
  const done = () => {
    form.remove();
    message.focus({ preventScroll: true });
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    save(message, text.value, streaming, done).catch(sayFault);
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

function noteForm(id) {
  const text = element("textarea", { id, rows: 3, required: true, maxlength: 100000 });
  const buttons = element(
    "div",
    { class: "buttons" },
    element("button", { type: "submit" }, "Save the note"),
    element("button", { type: "button", class: "quiet" }, "Cancel"),
  );
  const form = element("form", { class: "note-form" }, element("label", { for: id }, "Note on this message"), text, buttons);
  return { form, text };
}

async function save(message, value, streaming, done) {
  await ask("POST", "/api/reactions", { message_id: message.dataset.id, type: "annotation", value });
  done();
  await streaming.refresh(message.dataset.id);
  document.getElementById(message.id)?.focus({ preventScroll: true });
}
