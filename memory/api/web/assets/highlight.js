// Marks the words that were looked for, without touching the text (CSS Custom Highlight API, where the browser has it).

const SHORTEST = 2;

/** Give the words of a query that are looked for in a text: filters, exclusions and signs left out. */
export function wordsOf(query) {
  const plain = query.replace(/(^|\s)-\S+/g, " ").replace(/\b[a-z]+:("[^"]*"|\S+)/g, " ");
  const words = plain.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
  return [...new Set(words)].filter((each) => each.length >= SHORTEST || /[^\x00-\x7f]/.test(each));
}

/** Mark words, and those that begin with them, below an element. */
export function highlight(root, words) {
  if (!globalThis.CSS?.highlights || !words.length) return;
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${words.map(stem).join("|")})`, "giu");
  const ranges = [...(CSS.highlights.get("found") ?? [])];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode() && ranges.length < 2000) {
    const node = walker.currentNode;
    for (const match of node.data.slice(0, 100000).matchAll(pattern)) {
      const range = new Range();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

export function unmark() {
  globalThis.CSS?.highlights?.delete("found");
}

/** A longer word is looked for without its ending, since answers hold it with another one. */
function stem(word) {
  const kept = word.length > 5 ? word.replace(/(ing|ed|es|s)$/, "") : word;
  return `${kept.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}[\\p{L}\\p{N}]*`;
}
