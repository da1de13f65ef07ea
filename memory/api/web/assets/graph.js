// The graph: its picture is made of links, so that it is walked as a page is; here it is only moved and zoomed.

const STEP = 1.25;
const ACTIONS = {
  in: (view) => view.zoom(1 / STEP),
  out: (view) => view.zoom(STEP),
  all: (view) => view.showAll(),
  left: (view) => view.move(-0.1, 0),
  right: (view) => view.move(0.1, 0),
  up: (view) => view.move(0, -0.1),
  down: (view) => view.move(0, 0.1),
};

/** What of a picture is seen. */
class View {
  #picture;
  #whole;
  #box;
  #held = null;

  constructor(picture) {
    this.#picture = picture;
    this.#whole = picture.getAttribute("viewBox").split(" ").map(Number);
    this.showAll();
    picture.addEventListener("pointerdown", (event) => this.#hold(event));
    picture.addEventListener("pointermove", (event) => this.#drag(event));
    picture.addEventListener("pointerup", () => (this.#held = null));
    picture.addEventListener("pointercancel", () => (this.#held = null));
  }

  showAll() {
    this.#show(this.#whole);
  }

  /** Make what is seen wider by a factor, around its middle. */
  zoom(by) {
    const [x, y, width, height] = this.#box;
    const wider = Math.min(this.#whole[2] * 1.5, Math.max(this.#whole[2] / 8, width * by));
    const taller = (wider / width) * height;
    this.#show([x + (width - wider) / 2, y + (height - taller) / 2, wider, taller]);
  }

  /** Move what is seen by parts of its width and height. */
  move(right, down) {
    const [x, y, width, height] = this.#box;
    this.#show([x + right * width, y + down * height, width, height]);
  }

  #show(box) {
    this.#box = box;
    this.#picture.setAttribute("viewBox", box.join(" "));
  }

  #hold(event) {
    if (event.target.closest("a")) return;
    this.#held = { x: event.clientX, y: event.clientY };
    this.#picture.setPointerCapture(event.pointerId);
  }

  #drag(event) {
    if (!this.#held) return;
    const { clientWidth, clientHeight } = this.#picture;
    this.move((this.#held.x - event.clientX) / clientWidth, (this.#held.y - event.clientY) / clientHeight);
    this.#held = { x: event.clientX, y: event.clientY };
  }
}

export function enter(main) {
  const picture = main.querySelector("svg.graph");
  if (!picture) return;
  const view = new View(picture);
  main.querySelector(".graph-tools").addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-graph]");
    if (chosen) ACTIONS[chosen.dataset.graph](view);
  });
}
