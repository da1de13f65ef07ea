// A calendar of days: one stop for the tab key, and the arrows lead from day to day.

const STEPS = { ArrowRight: [14, 0], ArrowLeft: [-14, 0], ArrowDown: [0, 14], ArrowUp: [0, -14] };

function place(link) {
  const square = link.querySelector("rect");
  return [Number(square.getAttribute("x")), Number(square.getAttribute("y"))];
}

/** Give the nearest day with messages in a direction; null for none. */
function next(from, [right, down], days) {
  const [x, y] = place(from);
  let best = null;
  let nearest = Infinity;
  for (const each of days) {
    const [to, below] = place(each);
    const ahead = (to - x) * Math.sign(right) + (below - y) * Math.sign(down);
    const aside = right ? Math.abs(below - y) : Math.abs(to - x);
    if (ahead > 0 && ahead + aside * 3 < nearest) {
      nearest = ahead + aside * 3;
      best = each;
    }
  }
  return best;
}

export function enter(main) {
  const picture = main.querySelector("svg.calendar");
  const days = [...(picture?.querySelectorAll("a") ?? [])];
  picture?.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const from = event.target.closest("a");
    const to = step && from && next(from, step, days);
    if (!to) return;
    event.preventDefault();
    from.setAttribute("tabindex", "-1");
    to.setAttribute("tabindex", "0");
    to.focus();
  });
}
