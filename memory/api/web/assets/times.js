// Writes the times of a page in the reader's own zone and language.

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** Write all times below an element that are not written yet. */
export function writeTimes(root) {
  for (const each of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(each.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    // beside the views there is little room
    const isShort = each.closest("#history-rows") !== null;
    each.textContent = isShort ? day.format(at) : `${day.format(at)}, ${clock.format(at)}`;
    each.title = full.format(at);
  }
}
