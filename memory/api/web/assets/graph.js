// The graph: its picture is made of links, so that it is walked as a page is; here it is only moved and zoomed.

const STEP = 1.25;

export function enter(main) {
  const picture = main.querySelector("svg.graph");
  if (!picture) return;
  const whole = picture.getAttribute("viewBox").split(" ").map(Number);
  let [x, y, width, height] = whole;

  function show() {
    picture.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  }

  function zoom(by) {
    const wider = Math.min(whole[2] * 1.5, Math.max(whole[2] / 8, width * by));
    const taller = (wider / width) * height;
    x += (width - wider) / 2;
    y += (height - taller) / 2;
    [width, height] = [wider, taller];
    show();
  }

  function move(right, down) {
    x += right * width * 0.1;
    y += down * height * 0.1;
    show();
  }

  const actions = {
    in: () => zoom(1 / STEP),
    out: () => zoom(STEP),
    all: () => {
      [x, y, width, height] = whole;
      show();
    },
    left: () => move(-1, 0),
    right: () => move(1, 0),
    up: () => move(0, -1),
    down: () => move(0, 1),
  };
  main.querySelector(".graph-tools").addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-graph]");
    if (chosen) actions[chosen.dataset.graph]();
  });

  let held = null;
  picture.addEventListener("pointerdown", (event) => {
    if (event.target.closest("a")) return;
    held = { x: event.clientX, y: event.clientY };
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    if (!held) return;
    const scale = width / picture.clientWidth;
    x -= (event.clientX - held.x) * scale;
    y -= (event.clientY - held.y) * scale;
    held = { x: event.clientX, y: event.clientY };
    show();
  });
  picture.addEventListener("pointerup", () => (held = null));
}
