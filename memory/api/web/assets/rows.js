// Lists that go on: the next rows are read when the end of a list comes near.

import { read } from "./fragments.js";
import { sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

class Rows {
  #list;
  #watch;
  #busy = false;
  #onClick = (event) => {
    if (!event.target.closest(".more a")) return;
    event.preventDefault();
    this.more();
  };

  constructor(list, root) {
    this.#list = list;
    const options = { root, rootMargin: "600px 0px" };
    this.#watch = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && this.more(), options);
    list.addEventListener("click", this.#onClick);
    this.#follow();
  }

  stop() {
    this.#watch.disconnect();
    this.#list.removeEventListener("click", this.#onClick);
  }

  get #last() {
    return this.#list.querySelector(":scope > .more");
  }

  #follow() {
    if (this.#last) this.#watch.observe(this.#last);
  }

  async more() {
    const last = this.#last;
    if (!last || this.#busy) return;
    this.#busy = true;
    this.#watch.unobserve(last);
    try {
      const found = await read(last.querySelector("a").href, "rows");
      const had = last.contains(document.activeElement);
      const rows = [...found.document.body.children].map((each) => document.adoptNode(each));
      last.replaceWith(...rows);
      writeTimes(this.#list);
      if (had) rows[0]?.focus({ preventScroll: true });
      this.#follow();
    } catch (error) {
      // the link is still there to be clicked
      sayFault(error);
    } finally {
      this.#busy = false;
    }
  }
}

/** Let a list go on by itself; gives a function that stops it. */
export function goOn(list, root = null) {
  const rows = new Rows(list, root);
  return () => rows.stop();
}

export function enter(main) {
  const lists = [...main.querySelectorAll("[data-goes-on]")].map((list) => goOn(list));
  return () => lists.forEach((stop) => stop());
}
