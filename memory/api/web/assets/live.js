// Follows the service's events. When the line breaks it says so, comes back by itself, and asks for what it missed.

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8000;
const SILENT_MS = 45000; // the service says something every 15 s

/** Split a stream of bytes into server-sent events: objects of `id`, `event` and `data`, and null for a sign of life. */
export async function* frames(body, onBytes = () => {}) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of pieces(body)) {
    onBytes();
    rest += decoder.decode(bytes, { stream: true });
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const frame = parsed(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (frame) yield frame;
    }
  }
}

async function* pieces(body) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(text) {
  const frame = { id: null, event: "message", data: "" };
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    if (name === "data") frame.data += (frame.data && "\n") + value;
    else if (name === "id" || name === "event") frame[name] = value;
  }
  return frame.data ? frame : null;
}

/** A line to the service. Fires `event` (detail: id, type, session_id, …) and `state` (detail: live, waiting, stopped). */
export class Live extends EventTarget {
  #address;
  #last;
  #abort = null;
  state = "stopped";

  constructor(address, last) {
    super();
    this.#address = address;
    this.#last = last;
  }

  start() {
    if (this.#abort) return;
    this.#abort = new AbortController();
    this.#run(this.#abort.signal);
  }

  stop() {
    this.#abort?.abort();
    this.#abort = null;
    this.#say("stopped");
  }

  async #run(signal) {
    let wait = FIRST_WAIT_MS;
    while (!signal.aborted) {
      try {
        if (await this.#listen(signal)) wait = FIRST_WAIT_MS;
      } catch (error) {
        if (signal.aborted) return;
        if (error.refused) return this.#say("refused");
      }
      if (signal.aborted) return;
      this.#say("waiting");
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, wait);
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
      });
      wait = Math.min(wait * 1.7, LONGEST_WAIT_MS);
    }
  }

  async #listen(outer) {
    const line = new AbortController();
    const broken = () => line.abort();
    outer.addEventListener("abort", broken, { once: true });
    let silence = setTimeout(broken, SILENT_MS);
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(broken, SILENT_MS);
    };
    try {
      const headers = { Accept: "text/event-stream" };
      if (this.#last !== null && this.#last !== undefined) headers["Last-Event-ID"] = String(this.#last);
      const response = await fetch(this.#address, { headers, signal: line.signal, cache: "no-store" });
      if (response.status === 401 || response.status === 403 || response.status === 404) {
        throw Object.assign(new Error("refused"), { refused: true });
      }
      if (!response.ok) throw new Error(`the service answered ${response.status}`);
      this.#say("live");
      for await (const frame of frames(response.body, heard)) {
        if (frame.id !== null) this.#last = frame.id;
        this.dispatchEvent(new CustomEvent("event", { detail: { id: Number(frame.id), ...JSON.parse(frame.data) } }));
      }
      return true;
    } finally {
      clearTimeout(silence);
      outer.removeEventListener("abort", broken);
    }
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
