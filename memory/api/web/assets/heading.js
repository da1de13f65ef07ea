// The head of a session: its title, tags and state are changed in place.

import { ask, element, read } from "./fragments.js";
import { bind } from "./keys.js";
import { say, sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

/** Each is called with the head. */
const ACTIONS = {
  rename: (head) => rename(head.main, (fields) => head.change(fields)),
  archive: async (head) => {
    await head.changeAndShow({ state: "archived" });
    const undo = () => head.changeAndShow({ state: "active" }).catch(sayFault);
    say("Archived: it is found as before, and listed under “archived”.", { action: undo, label: "Undo" });
  },
  unarchive: (head) => head.changeAndShow({ state: "active" }),
  delete: async (head) => {
    await ask("DELETE", head.address);
    say("The session was deleted.", { action: () => ACTIONS.restore(head).catch(sayFault), label: "Restore it" });
  },
  restore: async (head) => {
    await ask("POST", `${head.address}/restore`);
    await readAnew(head.main);
  },
  share: (head) => share(head.address),
};

class Head {
  constructor(main) {
    this.main = main;
    this.address = `/api/sessions/${encodeURIComponent(main.dataset.session)}`;
  }

  change(fields) {
    return ask("PATCH", this.address, fields);
  }

  async changeAndShow(fields) {
    await this.change(fields);
    await readAnew(this.main);
  }

  onClick(event) {
    const button = event.target.closest("[data-session-do]");
    if (button) Promise.resolve(ACTIONS[button.dataset.sessionDo](this)).catch(sayFault);
    const tag = event.target.closest("[data-drop-tag]")?.dataset.dropTag;
    if (tag !== undefined) this.changeAndShow({ tags: tags(this.main).filter((each) => each !== tag) }).catch(sayFault);
  }

  onSubmit(event) {
    if (!event.target.matches(".add-tag")) return;
    event.preventDefault();
    event.stopPropagation();
    const name = event.target.elements.tag.value.trim();
    if (!name) return;
    this.changeAndShow({ tags: [...new Set([...tags(this.main), name])] })
      .then(() => this.main.querySelector(".add-tag input")?.focus())
      .catch(sayFault);
  }
}

export function startHeading(main) {
  const head = new Head(main);
  main.addEventListener("click", (event) => head.onClick(event));
  main.addEventListener("submit", (event) => head.onSubmit(event));
  if (!main.dataset.mayWrite) return () => {};
  return bind("#", "Add a tag to the session", () => {
    const more = main.querySelector("#about");
    if (more) more.open = true;
    main.querySelector(".add-tag input")?.focus();
  });
}

function tags(main) {
  return [...main.querySelectorAll("[data-drop-tag]")].map((each) => each.dataset.dropTag);
}

/** Read the head of the session anew; what is below it, and what is unfolded, stays as it is. */
async function readAnew(main) {
  const found = await read(main.dataset.address, "main");
  const head = main.querySelector(".session-head");
  const made = document.adoptNode(found.document.querySelector(".session-head"));
  const focused = head.contains(document.activeElement) ? document.activeElement : null;
  for (const each of head.querySelectorAll("details[open]")) {
    const same = each.id && made.querySelector(`#${each.id}`);
    if (same) same.open = true;
  }
  made.querySelector("#find").value = head.querySelector("#find").value;
  head.replaceWith(made);
  writeTimes(made);
  if (focused) (focused.id && made.querySelector(`#${focused.id}`) || made.querySelector("#about > summary")).focus({ preventScroll: true });
}

function rename(main, change) {
  const heading = main.querySelector(".session-head > h1");
  if (!heading) return main.querySelector(".rename input")?.focus();
  const before = heading.dataset.title;
  const input = element("input", { name: "title", value: before, "aria-label": "Title of the session", maxlength: 2000 });
  const form = element("form", { class: "rename" }, input, element("button", { type: "submit" }, "Save"));
  const back = () => {
    form.replaceWith(heading);
    heading.focus({ preventScroll: true });
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    change({ title: input.value.trim() || null })
      .then((session) => {
        heading.dataset.title = session.title ?? "";
        heading.textContent = session.title ?? "Session without a title";
        document.title = `${heading.textContent} · Harkback`;
        back();
      })
      .catch(sayFault);
  });
  form.addEventListener("keydown", (event) => event.key === "Escape" && (event.stopPropagation(), back()));
  heading.replaceWith(form);
  input.select();
}

async function share(address) {
  const made = await ask("POST", `${address}/share`, {});
  const session = decodeURIComponent(address.split("/").pop());
  const link = `${location.origin}/signin?next=${encodeURIComponent(`/sessions/${encodeURIComponent(session)}`)}#${made.token}`;
  const dialog = document.getElementById("share");
  const input = dialog.querySelector("input");
  input.value = link;
  dialog.querySelector("time").dateTime = made.expires_at;
  dialog.querySelector("time").textContent = new Date(made.expires_at).toLocaleDateString();
  dialog.showModal();
  input.select();
}
