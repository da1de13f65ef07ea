// One learning: put right, or deleted.

import { ask } from "./fragments.js";
import { go } from "./navigate.js";
import { say, sayFault } from "./notices.js";

export function enter(main) {
  const address = `/api/learnings/${encodeURIComponent(main.dataset.learning)}`;
  main.addEventListener("submit", (event) => {
    if (!event.target.matches("#edit")) return;
    event.preventDefault();
    event.stopPropagation();
    const fields = Object.fromEntries(new FormData(event.target));
    fields.tags = fields.tags.split(",").map((each) => each.trim()).filter(Boolean);
    ask("PATCH", address, fields)
      .then(() => go(location.href, { push: false, top: false }))
      .then(() => say("Saved."))
      .catch(sayFault);
  });
  main.addEventListener("click", (event) => {
    if (!event.target.closest("[data-do=delete]")) return;
    ask("DELETE", address)
      .then(() => go("/learnings"))
      .then(() =>
        say("The learning was deleted.", {
          label: "Restore it",
          action: () => ask("POST", `${address}/restore`).then(() => go(new URL(address, location.href).pathname.replace("/api", ""))).catch(sayFault),
        }),
      )
      .catch(sayFault);
  });
}
