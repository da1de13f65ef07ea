// The module of each view, loaded when it is first shown.

export const VIEWS = {
  session: () => import("./session.js"),
  search: () => import("./search.js"),
  sessions: () => import("./rows.js"),
  learnings: () => import("./rows.js"),
  learning: () => import("./learning.js"),
  settings: () => import("./settings.js"),
  graph: () => import("./graph.js"),
  home: () => import("./calendar.js"),
  timeline: () => import("./calendar.js"),
};
