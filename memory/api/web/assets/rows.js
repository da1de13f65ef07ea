// Lists that go on: the next rows are read when the end of a list comes near.

import { read } from "./fragments.js";
import { sayFault } from "./notices.js";
import { writeTimes } from "./times.js";

/** Let a list go on by itself; gives a function that stops it. */
export function goOn(list, root = null) {
  const watch = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && more(), {
    root,
    rootMargin: "600px 0px",
  });
  let busy = false;

  async function more() {
    const last = list.querySelector(":scope > .more");
    if (!last || busy) return;
    busy = true;
    watch.unobserve(last);
    try {
      const found = await read(last.querySelector("a").href, "rows");
      const had = last.contains(document.activeElement);
      const rows = [...found.document.body.children].map((each) => document.adoptNode(each));
      last.replaceWith(...rows);
      writeTimes(list);
      if (had) rows[0]?.focus({ preventScroll: true });
    } catch (error) {
      sayFault(error);
      return;
    } finally {
      busy = false;
    }
    follow();
  }

  function onClick(event) {
    if (!event.target.closest(".more a")) return;
    event.preventDefault();
    more();
  }

  function follow() {
    const last = list.querySelector(":scope > .more");
    if (last) watch.observe(last);
  }

  list.addEventListener("click", onClick);
  follow();
  return () => {
    watch.disconnect();
    list.removeEventListener("click", onClick);
  };
}

export function enter(main) {
  const lists = [...main.querySelectorAll("[data-goes-on]")].map((list) => goOn(list));
  return () => lists.forEach((stop) => stop());
}
