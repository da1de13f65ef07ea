// The head of a session: its title, tags and state are changed in place.

import { ask, element, read } from "./fragments.js";
import { bind } from "./keys.js";
import { say, sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

export function startHeading(main) {
  const address = `/api/sessions/${encodeURIComponent(main.dataset.session)}`;
  const change = (fields) => ask("PATCH", address, fields);
  const again = () => readAnew(main);

  const actions = {
    rename: () => rename(main, change),
    archive: async () => {
      await change({ state: "archived" });
      await again();
      say("Archived: it is found as before, and listed under “archived”.", {
        action: () => change({ state: "active" }).then(again).catch(sayFault),
        label: "Undo",
      });
    },
    unarchive: () => change({ state: "active" }).then(again),
    delete: async () => {
      await ask("DELETE", address);
      say("The session was deleted.", { action: () => actions.restore().catch(sayFault), label: "Restore it" });
    },
    restore: async () => {
      await ask("POST", `${address}/restore`);
      await again();
    },
    share: () => share(address),
  };

  function onClick(event) {
    const button = event.target.closest("[data-session-do]");
    if (button) Promise.resolve(actions[button.dataset.sessionDo]()).catch(sayFault);
    const tag = event.target.closest("[data-drop-tag]");
    if (tag) {
      change({ tags: tags(main).filter((each) => each !== tag.dataset.dropTag) }).then(again).catch(sayFault);
    }
  }

  function onSubmit(event) {
    if (!event.target.matches(".add-tag")) return;
    event.preventDefault();
    event.stopPropagation();
    const name = event.target.elements.tag.value.trim();
    if (name) {
      change({ tags: [...new Set([...tags(main), name])] })
        .then(again)
        .then(() => main.querySelector(".add-tag input")?.focus())
        .catch(sayFault);
    }
  }

  main.addEventListener("click", onClick);
  main.addEventListener("submit", onSubmit);
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
