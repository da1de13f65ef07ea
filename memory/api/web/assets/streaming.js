// Messages of the session that is read, as they come: new ones, those that grow, those that change or go.

import { element, read } from "./fragments.js";
import { line, since } from "./line.js";
import { sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

const BOTTOM = 140; // as near to the end as counts for reading along
const PAUSE_MS = 200; // a session that is deleted tells of its messages first

export class Streaming {
  #main;
  #reading;
  #onShown;
  #onNew;
  #onGone;
  #waiting = new Map(); // events of messages whose element is being read
  #news = 0;
  #gone = new Map(); // messages that were deleted just now
  #listen = ({ detail }) => this.take(detail);

  constructor(main, reading, { onShown, onNew, onGone }) {
    Object.assign(this, { session: main.dataset.session, after: Number(main.dataset.change) });
    this.#main = main;
    this.#reading = reading;
    this.#onShown = onShown;
    this.#onNew = onNew;
    this.#onGone = onGone;
    line.addEventListener("event", this.#listen);
  }

  stop() {
    line.removeEventListener("event", this.#listen);
    for (const timer of this.#gone.values()) clearTimeout(timer);
  }

  /** Take the events that came while messages were being read, and that they do not know of. */
  catchUp(messages) {
    const known = new Map(messages.map((each) => [each.dataset.id, Number(each.dataset.change)]));
    for (const event of since(this.after)) if (event.id > (known.get(event.message_id) ?? Infinity)) this.take(event);
  }

  /** Take the events that came while the session was being read. */
  begin() {
    for (const event of since(this.after)) this.take(event);
  }

  /** Do what an event says. */
  take(event) {
    if (event.type === "reset") return this.#onGone("reset");
    if (event.session_id !== this.session || event.id <= this.after) return;
    const [kind, done] = event.type.split(".");
    if (kind === "session") {
      for (const timer of this.#gone.values()) clearTimeout(timer);
      this.#gone.clear();
      return this.#onGone(event.type);
    }
    if (!event.message_id) return;
    const shown = this.#shown(event.message_id);
    // a note, or a reaction
    if (kind !== "message") return void (shown && !this.#gone.has(event.message_id) && this.#readAnew(event));
    if (done === "chunk" && shown && !this.#waiting.has(event.message_id)) return this.#grow(shown, event);
    if (done === "deleted" || done === "forgotten") return this.#remove(event.message_id);
    if (done === "restored" && this.#placeOf(event.message_id)) return this.#readAnew(event);
    if (done === "created" || (done === "restored" && !shown)) return this.#add(event);
    if (shown || this.#waiting.has(event.message_id)) this.#readAnew(event);
  }

  #shown(id) {
    return document.getElementById(`m-${id}`);
  }

  /** What stands where a message stood that was deleted. */
  #placeOf(id) {
    return [...this.#main.querySelectorAll("#messages > .gone")].find((each) => each.dataset.gone === id);
  }

  #isReadingAlong() {
    return document.documentElement.scrollHeight - innerHeight - scrollY < BOTTOM;
  }

  #follow(change) {
    const along = this.#isReadingAlong();
    change();
    if (along) scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  }

  #grow(shown, event) {
    if (event.id <= Number(shown.dataset.change)) return;
    const text = shown.querySelector(".streamed");
    // what has no place to grow, such as a message that was shown as finished, is read anew
    if (!text) return this.#readAnew(event);
    this.#follow(() => text.append(visible(event.text)));
    shown.dataset.change = event.id;
    if (shown.classList.replace("status-pending", "status-streaming")) shown.querySelector(".status").textContent = "writing…";
  }

  #add(event) {
    if (!this.#reading.isAtEnd) return this.#tellOfNews();
    this.#readAnew(event);
  }

  #remove(id) {
    const remove = () => {
      this.#gone.delete(id);
      const said = element("li", { class: "gone", tabindex: "-1", "data-gone": id }, "A message that stood here was deleted.");
      const shown = this.#shown(id);
      const had = shown?.contains(document.activeElement);
      shown?.replaceWith(said);
      if (had) said.focus({ preventScroll: true });
    };
    this.#gone.set(id, setTimeout(remove, PAUSE_MS));
  }

  /** Read a message anew; its events that come meanwhile are taken when it is there. */
  #readAnew(event) {
    const id = event.message_id;
    if (this.#waiting.has(id)) return void this.#waiting.get(id).push(event);
    this.#waiting.set(id, []);
    this.refresh(id)
      .catch((error) => error.status !== 404 && sayFault(error))
      .finally(() => {
        const missed = this.#waiting.get(id);
        this.#waiting.delete(id);
        for (const each of missed) this.take(each);
      });
  }

  async refresh(id) {
    const found = await read(`${this.#main.dataset.address}/messages/${encodeURIComponent(id)}`, "stretch");
    if (!this.#main.isConnected) return;
    const made = document.adoptNode(found.document.body.firstElementChild);
    this.#follow(() => this.#place(made));
    writeTimes(made);
    this.#onShown([made]);
  }

  #place(made) {
    const there = document.getElementById(made.id);
    if (there) {
      const focused = there.contains(document.activeElement) ? document.activeElement : null;
      for (const open of there.querySelectorAll("details[open]")) {
        const same = made.querySelector(`details[data-part="${open.dataset.part}"]`);
        if (same) same.open = true;
      }
      // what is being written stays
      const note = there.querySelector(".note-form");
      there.replaceWith(made);
      if (note) made.append(note);
      if (focused) (note?.contains(focused) ? focused : made).focus({ preventScroll: true });
      return;
    }
    const all = [...this.#reading.messages];
    this.#placeOf(made.dataset.id)?.remove();
    const before = all.findLast((each) => Number(each.dataset.seq) < Number(made.dataset.seq));
    document.getElementById("nothing-said")?.remove();
    before ? before.after(made) : this.#main.querySelector("#messages").prepend(made);
    this.#onNew(Number(made.dataset.seq));
  }

  /** Say no more of news: the end is in the page. */
  forgetNews() {
    this.#news = 0;
    this.#main.querySelector("#news").hidden = true;
  }

  #tellOfNews() {
    this.#news += 1;
    const button = this.#main.querySelector("#news");
    button.hidden = false;
    button.textContent = this.#news === 1 ? "1 new message ↓" : `${this.#news} new messages ↓`;
  }
}

const DOUBTFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Write what cannot be seen, or reorders other characters, as the service does when it writes the message. */
function visible(text) {
  return text.replace(DOUBTFUL, (each) => {
    const code = each.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
  });
}
