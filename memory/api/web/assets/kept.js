// What the browser keeps for its user; one that keeps nothing (private windows) forgets with the page.

const memory = new Map();

/** Give what is kept under a name, or the default. */
export function kept(name, otherwise) {
  try {
    const found = localStorage.getItem(name);
    return found === null ? (memory.get(name) ?? otherwise) : JSON.parse(found);
  } catch {
    return memory.get(name) ?? otherwise;
  }
}

/** Keep a value under a name; null lets go of it. */
export function keep(name, value) {
  memory.set(name, value);
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // it is kept in memory
  }
}
