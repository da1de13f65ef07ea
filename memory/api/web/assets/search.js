// Searches while it is typed: answers are read anew a moment after each key, an older question is let go.

import { read } from "./fragments.js";
import { keepAnswers } from "./answers.js";
import { go, readdress } from "./navigate.js";
import { sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

const PAUSE_MS = 110;

let timer = 0;
let asking = null;

function address(query) {
  const form = document.querySelector("main form.narrow");
  const given = new URLSearchParams({ query });
  if (form) for (const [name, value] of new FormData(form)) if (value && name !== "query") given.set(name, value);
  return `/search?${given}`;
}

async function answer(query) {
  asking?.abort();
  asking = new AbortController();
  const to = address(query);
  if (!document.getElementById("answers")) return go(to, { keepFocus: true });
  const found = await read(to, "answers", { signal: asking.signal });
  const place = document.getElementById("answers");
  if (!place) return;
  readdress(to);
  document.querySelector("form.narrow [name=query]").value = query;
  place.replaceChildren(...[...found.document.body.childNodes].map((each) => document.adoptNode(each)));
  writeTimes(place);
  shown();
}

/** Tell how many answers there are, keep them for going from one to the next, and name the page after the question. */
function shown() {
  const place = document.getElementById("answers");
  const query = document.getElementById("search").value;
  document.title = `${query || "Search"} · Harkback`;
  document.getElementById("said").textContent = said(place);
  keepAnswers(place);
}

/** How many there are, for who does not see them; how long it took is not read out after each letter. */
function said(place) {
  return (place?.querySelector(".found")?.textContent ?? "").replace(/ in [\d.,]+ ms\s*$/, "").trim();
}

/** Follow what is typed into the search of the bar. */
export function startSearch() {
  const input = document.getElementById("search");
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const query = input.value.trim();
    const main = document.getElementById("main");
    if (!query && !document.getElementById("answers")) return;
    // who has gone elsewhere meanwhile is not called back
    timer = setTimeout(() => main.isConnected && answer(query).catch(sayFault), PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    const first = document.querySelector("#answers [data-item]");
    if (event.key !== "ArrowDown" || !first) return;
    event.preventDefault();
    first.focus();
  });
  document.querySelector("form.search").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    answer(input.value.trim())
      .then(() => document.querySelector("#answers [data-item]")?.focus())
      .catch(sayFault);
  });
}

export function enter(main) {
  const input = document.getElementById("search");
  const query = new URL(location.href).searchParams.get("query") ?? "";
  if (document.activeElement !== input) input.value = query;
  const form = main.querySelector("form.narrow");
  form.addEventListener("change", () => answer(input.value.trim()).catch(sayFault));
  shown();
}
