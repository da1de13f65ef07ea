// The answers of the last search, so that a reader goes from one to the next inside the sessions they stand in.

const NAME = "answers";

/** Keep the answers that are shown, in order. */
export function keepAnswers(place) {
  const links = [...(place?.querySelectorAll("[data-open]") ?? [])].map((link) => link.getAttribute("href"));
  try {
    sessionStorage.setItem(NAME, JSON.stringify({ links, back: location.pathname + location.search }));
  } catch {
    // the reader goes back to the list instead
  }
}

/** Give where an address stands among the answers: null, or its position and the addresses beside it. */
export function among(address) {
  let kept;
  try {
    kept = JSON.parse(sessionStorage.getItem(NAME));
  } catch {
    return null;
  }
  const at = kept?.links.indexOf(address) ?? -1;
  if (at < 0) return null;
  return { at: at + 1, of: kept.links.length, back: kept.back, before: kept.links[at - 1], next: kept.links[at + 1] };
}
