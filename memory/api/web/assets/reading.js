// A session as a window on its messages: further ones are read as an end comes near, far ones are let go, and what the
// reader looks at stays where it is.

import { read } from "./fragments.js";
import { sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

const MOST = 280; // messages that stand in the page at once
const NEAR = "1400px 0px";
const RETRY_MS = 3000;

export class Reading {
  #list;
  #watch;
  #busy = new Set();
  #onShown;
  #onEnd;
  #isOver = false;
  #hasFailed = false;

  /** `list` holds the messages; `onShown` is called with the new elements whenever some come in, `onEnd` at the last. */
  constructor(list, { onShown, onEnd }) {
    this.#list = list;
    this.#onShown = onShown;
    this.#onEnd = onEnd;
    this.#watch = new IntersectionObserver((seen) => {
      for (const each of seen) if (each.isIntersecting) this.more(each.target.dataset.end);
    }, { rootMargin: NEAR });
    for (const end of ["before", "after"]) this.#watch.observe(this.#end(end));
  }

  stop() {
    this.#isOver = true;
    this.#watch.disconnect();
  }

  #end(which) {
    return this.#list.parentElement.querySelector(`[data-end="${which}"]`);
  }

  get messages() {
    return this.#list.querySelectorAll(":scope > [data-seq]");
  }

  /** Whether the session's last message is in the page. */
  get isAtEnd() {
    return this.#end("after").dataset.done === "true";
  }

  /** Read the messages before the first or behind the last that is shown. */
  async more(which) {
    const end = this.#end(which);
    const all = this.messages;
    if (end.dataset.done === "true" || this.#busy.has(which) || !all.length) return;
    this.#busy.add(which);
    end.classList.add("busy");
    let pause = 0;
    try {
      const from = which === "before" ? all[0] : all[all.length - 1];
      const found = await read(`${this.#list.dataset.address}/stretch?${which}=${from.dataset.seq}`, "stretch");
      const news = [...found.document.body.children].map((each) => document.adoptNode(each));
      this.#hasFailed = false;
      // what it was read from may have been let go meanwhile
      if (from.isConnected) news.length ? this.#put(which, from, news) : this.#close(which, end);
    } catch (error) {
      if (!this.#isOver && !this.#hasFailed) sayFault(error);
      this.#hasFailed = true;
      pause = RETRY_MS;
    } finally {
      this.#busy.delete(which);
      end.classList.remove("busy");
      setTimeout(() => this.#lookAgain(end), pause);
    }
  }

  /** Look whether an end is still near. */
  #lookAgain(end) {
    if (this.#isOver) return;
    this.#watch.unobserve(end);
    this.#watch.observe(end);
  }

  #close(which, end) {
    end.dataset.done = "true";
    if (which === "after") this.#onEnd();
  }

  #put(which, from, news) {
    const held = this.#hold();
    writeTimes({ querySelectorAll: (what) => news.flatMap((each) => [...each.querySelectorAll(what)]) });
    which === "before" ? from.before(...news) : from.after(...news);
    this.#letGo(which === "before" ? "after" : "before");
    held();
    this.#onShown(news);
  }

  /** Remember where what is looked at stands, and give a function that puts it there again. */
  #hold() {
    const seen = [...this.messages].find(isSeen);
    const top = seen?.getBoundingClientRect().top;
    return () => {
      if (!seen?.isConnected) return;
      const moved = seen.getBoundingClientRect().top - top;
      if (Math.abs(moved) > 0.5) scrollBy({ top: moved, behavior: "instant" });
    };
  }

  #letGo(which) {
    const all = this.messages;
    const over = all.length - MOST;
    if (over <= 0) return;
    const gone = which === "before" ? [...all].slice(0, over) : [...all].slice(-over);
    // what is being written is kept
    if (gone.some((each) => each.querySelector(".note-form") || isNear(each))) return;
    const had = gone.some((each) => each.contains(document.activeElement));
    gone.forEach((each) => each.remove());
    if (had) [...this.messages].find(isSeen)?.focus({ preventScroll: true });
    this.#end(which).dataset.done = "false";
  }
}

function isSeen(each) {
  return each.getBoundingClientRect().bottom > 60;
}

function isNear(each) {
  const { top, bottom } = each.getBoundingClientRect();
  return bottom > -innerHeight && top < innerHeight * 2;
}
