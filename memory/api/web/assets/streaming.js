// Messages of the session that is read, as they come: new ones, those that grow, those that change or go.

import { element, read } from "./fragments.js";
import { line } from "./line.js";
import { sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

const BOTTOM = 140; // as near to the end as counts for reading along
const PAUSE_MS = 200; // a session that is deleted tells of its messages first

export class Streaming {
  #main;
  #reading;
  #onShown;
  #onGone;
  #waiting = new Map(); // events of messages whose element is being read
  #news = 0;
  #gone = new Map(); // messages that were deleted just now
  #listen = ({ detail }) => this.take(detail);

  constructor(main, reading, { onShown, onGone }) {
    Object.assign(this, { session: main.dataset.session, after: Number(main.dataset.change) });
    this.#main = main;
    this.#reading = reading;
    this.#onShown = onShown;
    this.#onGone = onGone;
    line.addEventListener("event", this.#listen);
  }

  stop() {
    line.removeEventListener("event", this.#listen);
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
    if (kind !== "message" || !event.message_id) return this.#annotated(event);
    const shown = this.#shown(event.message_id);
    if (done === "chunk" && shown && !this.#waiting.has(event.message_id)) return this.#grow(shown, event);
    if (done === "deleted" || done === "forgotten") return this.#remove(event.message_id);
    if (done === "created" || (done === "restored" && !shown)) return this.#add(event);
    if (shown || this.#waiting.has(event.message_id)) this.#readAnew(event);
  }

  #shown(id) {
    return document.getElementById(`m-${id}`);
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
    this.#follow(() => text.append(event.text));
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
      const said = element("li", { class: "gone" }, "A message that stood here was deleted.");
      this.#shown(id)?.replaceWith(said);
    };
    this.#gone.set(id, setTimeout(remove, PAUSE_MS));
  }

  #annotated(event) {
    if (!/^reaction\./.test(event.type)) return;
    for (const each of this.#reading.messages) if (each.dataset.reactions?.includes(event.record_id)) this.refresh(each.dataset.id);
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
    const made = document.adoptNode(found.document.body.firstElementChild);
    this.#follow(() => this.#place(made));
    writeTimes(made);
    this.#onShown([made]);
  }

  #place(made) {
    const there = document.getElementById(made.id);
    if (there) {
      const hadFocus = there === document.activeElement;
      for (const open of there.querySelectorAll("details[open]")) {
        const same = made.querySelector(`details[data-part="${open.dataset.part}"]`);
        if (same) same.open = true;
      }
      there.replaceWith(made);
      if (hadFocus) made.focus({ preventScroll: true });
      return;
    }
    const all = [...this.#reading.messages];
    const before = all.findLast((each) => Number(each.dataset.seq) < Number(made.dataset.seq));
    document.getElementById("nothing-said")?.remove();
    before ? before.after(made) : this.#main.querySelector("#messages").prepend(made);
  }

  #tellOfNews() {
    this.#news += 1;
    const button = this.#main.querySelector("#news");
    button.hidden = false;
    button.textContent = this.#news === 1 ? "1 new message ↓" : `${this.#news} new messages ↓`;
  }
}
