// The page's own settings, signing out, and a history that is imported from a file.

import { ask } from "./fragments.js";
import { keep, kept } from "./kept.js";
import { say, sayFault } from "./notices.js";

export function enter(main) {
  const theme = main.querySelector(`input[name=theme][value="${kept("theme", "system")}"]`);
  if (theme) theme.checked = true;
  const keys = main.querySelector("input[name=keys]");
  keys.checked = kept("keys", true);
  keys.addEventListener("change", () => keep("keys", keys.checked));
  for (const each of main.querySelectorAll("input[name=theme]")) each.addEventListener("change", () => setTheme(each.value));
  main.querySelector("#sign-out")?.addEventListener("click", () => {
    ask("POST", "/signout", {}).then(() => location.assign("/signin")).catch(sayFault);
  });
  main.querySelector("#import")?.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    for (const file of event.target.elements.file.files) upload(main, file, event.target.elements.project.value.trim());
  });
}

function setTheme(name) {
  keep("theme", name === "system" ? null : name);
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}

/** Send a file, showing how far it is, and say what was found in it. */
function upload(main, file, project) {
  const row = main.querySelector("#uploads").appendChild(document.createElement("li"));
  const bar = document.createElement("progress");
  const said = document.createElement("span");
  said.textContent = `${file.name}: sending…`;
  row.append(said, bar);
  const request = new XMLHttpRequest();
  const given = new URLSearchParams({ name: file.name });
  if (project) given.set("project", project);
  request.open("POST", `/api/import?${given}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.max = total;
    bar.value = loaded;
    if (loaded === total) {
      bar.removeAttribute("value");
      said.textContent = `${file.name}: reading…`;
    }
  });
  request.addEventListener("error", () => done(`${file.name}: the service cannot be reached; nothing was lost, send it again.`, true));
  request.addEventListener("load", () => {
    const answer = JSON.parse(request.responseText || "{}");
    if (request.status >= 400) return done(`${file.name}: ${answer.detail}`, true);
    const { totals } = answer;
    const problems = totals?.problems ? `, ${totals.problems} problems` : "";
    done(`${file.name}: ${totals ? `${totals.added} new messages in ${totals.sessions} sessions${problems}` : "loaded"}.`);
  });
  request.send(file);

  function done(text, fault = false) {
    bar.remove();
    said.textContent = text;
    row.classList.toggle("fault", fault);
    say(text, { fault });
  }
}
