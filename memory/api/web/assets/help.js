// The list of keys.

import { element } from "./fragments.js";
import { bind, keys } from "./keys.js";

function show() {
  const dialog = document.getElementById("help");
  const rows = keys().map(({ key, label }) =>
    element("tr", {}, element("th", { scope: "row" }, ...key.split(" ").flatMap((each) => [element("kbd", {}, each), " "])), element("td", {}, label)),
  );
  dialog.querySelector("tbody").replaceChildren(...rows);
  dialog.showModal();
}

export function startHelp() {
  bind("?", "Show these keys", show);
  document.getElementById("show-help").addEventListener("click", show);
}
