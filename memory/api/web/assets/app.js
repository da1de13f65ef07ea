// Starts the page: keys, navigation, search, the history beside it and the line to the service.

import { startHelp } from "./help.js";
import { startHistory } from "./history.js";
import { startItems } from "./items.js";
import { bind, startKeys } from "./keys.js";
import { startLine } from "./line.js";
import { go, startNavigation } from "./navigate.js";
import { startSearch } from "./search.js";
import { VIEWS } from "./views.js";

function startShortcuts() {
  bind("/", "Search", () => {
    const input = document.getElementById("search");
    input.focus();
    input.select();
  });
  const places = { h: "/", s: "/sessions", l: "/learnings", r: "/graph", t: "/timeline", e: "/settings" };
  const names = { h: "home", s: "sessions", l: "learnings", r: "relationships", t: "timeline", e: "settings" };
  for (const [key, address] of Object.entries(places)) {
    if (document.querySelector(`nav[aria-label=Views] a[href="${address}"]`) || key === "h") {
      bind(`g ${key}`, `Go to ${names[key]}`, () => void go(address).catch(() => {}));
    }
  }
}

startKeys();
startHelp();
startItems();
startShortcuts();
startSearch();
startLine();
startHistory();
startNavigation(VIEWS);
