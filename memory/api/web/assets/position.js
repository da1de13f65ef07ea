// Where the reader is in a session, and how to get elsewhere: a slider over all of it, a date, the two ends.

import { barHeight } from "./items.js";
import { bind } from "./keys.js";
import { go } from "./navigate.js";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export class Position {
  #main;
  #reading;
  #slider;
  #said;
  #frame = 0;
  #unbind;
  #onScroll = () => {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.tell();
    });
  };

  constructor(main, reading) {
    this.#main = main;
    this.#reading = reading;
    this.#slider = main.querySelector("#position");
    this.#said = main.querySelector("#position-said");
    addEventListener("scroll", this.#onScroll, { passive: true });
    this.#slider.addEventListener("input", () => this.#say(this.#slider.value));
    this.#slider.addEventListener("change", () => this.#jump({ seq: this.#slider.value }));
    // a year that is being typed is one of the first century until its last digit
    main.querySelector("#date").addEventListener("change", ({ target }) => target.value >= "1000" && this.#jump({ date: target.value }));
    main.querySelector("#news").addEventListener("click", () => this.#jump({ seq: -1 }));
    const ends = [
      bind("Home", "The beginning of the session", ({ target }) => target !== this.#slider && void this.#jump({ seq: 0 })),
      bind("End", "Its end", ({ target }) => target !== this.#slider && void this.#jump({ seq: -1 })),
    ];
    this.#unbind = () => ends.forEach((each) => each());
    this.tell();
  }

  stop() {
    removeEventListener("scroll", this.#onScroll);
    cancelAnimationFrame(this.#frame);
    this.#unbind();
  }

  /** Let the session end with a message that has come. */
  reachTo(seq) {
    if (seq > Number(this.#slider.max)) this.#slider.max = seq;
    this.tell();
  }

  /** Say which message is at the top of what is seen. */
  tell() {
    const top = barHeight() + 24;
    const all = [...this.#reading.messages];
    let low = 0;
    let high = all.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    const seen = all[low];
    if (!seen) return;
    if (document.activeElement !== this.#slider) this.#slider.value = seen.dataset.seq;
    const at = seen.querySelector("time")?.dateTime;
    this.#say(seen.dataset.seq, at ? day.format(new Date(at)) : "");
  }

  #say(seq, date = "") {
    const last = Number(this.#slider.max).toLocaleString();
    const text = `Message ${Number(seq).toLocaleString()} of ${last}${date && ` · ${date}`}`;
    this.#said.textContent = text;
    this.#slider.setAttribute("aria-valuetext", text);
  }

  async #jump(where) {
    const to = new URLSearchParams(where);
    const had = document.activeElement?.id;
    await go(`${this.#main.dataset.address}?${to}`, { top: true }).catch(() => {});
    const slider = document.getElementById("position");
    if (had !== "position" || !slider) return;
    // one that is moved by key is moved on
    slider.value = where.seq;
    slider.focus({ preventScroll: true });
  }
}
