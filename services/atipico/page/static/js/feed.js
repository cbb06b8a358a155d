// What is new, from /events. Connects again by itself, goes on where it was, and sleeps while nobody looks.

const QUIET_MS = 15000; // the parts' news come every 2 s, a comment after 10 s at the latest
const HIDDEN_MS = 20000;
const AGAIN_MS = [1000, 2000, 4000, 8000];

export class Feed {
  /** on: {news, parts, trouble, reset, lost}; lost gets {status, error} of the page's own service, 0 when it is silent. */
  constructor(on) {
    this.on = on;
    this.source = null;
    this.address = null;
    this.tries = 0;
    this.timers = { quiet: null, again: null, hidden: null };
    document.addEventListener('visibilitychange', () => this.look());
    addEventListener('pageshow', (event) => event.persisted && this.on.reset());
    addEventListener('online', () => this.address && !this.source && this.connect());
  }

  /** Follows a view from a place on; an earlier one is let go. */
  follow(query, place) {
    this.address = query;
    this.place = place;
    this.tries = 0;
    this.connect();
  }

  stop() {
    this.address = null;
    this.close();
  }

  close() {
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    this.source?.close();
    this.source = null;
  }

  connect() {
    this.close();
    if (!this.address) return;
    const source = (this.source = new EventSource(`/events?${this.address}&place=${this.place}`));
    for (const name of ['news', 'parts', 'trouble', 'reset']) {
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.tries = 0;
        this.alive();
        if (event.lastEventId) this.place = event.lastEventId;
        this.on[name](JSON.parse(event.data));
      });
    }
    source.onerror = () => source === this.source && this.lost();
    this.alive();
  }

  /** A connection that says nothing for long is gone, though nobody told: after sleep, behind a cable that was pulled. */
  alive() {
    clearTimeout(this.timers.quiet);
    this.timers.quiet = setTimeout(() => this.lost(), QUIET_MS);
  }

  async lost() {
    const address = this.source?.url;
    this.close();
    this.on.lost(await why(address));
    if (this.source || !this.address) return; // somebody began anew meanwhile
    clearTimeout(this.timers.again);
    this.timers.again = setTimeout(() => this.connect(), AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]);
  }

  /** A browser has few connections for a site: tabs that nobody looks at leave theirs. */
  look() {
    clearTimeout(this.timers.hidden);
    if (document.hidden) this.timers.hidden = setTimeout(() => this.close(), HIDDEN_MS);
    else if (this.address && !this.source) this.on.reset();
  }
}

/** Why a stream of events did not come: an EventSource does not tell. status 200: it would come now. */
async function why(address) {
  const abort = new AbortController();
  try {
    const response = await fetch(address, { signal: abort.signal, cache: 'no-store' });
    return { status: response.status, error: response.ok ? '' : (await response.json()).error };
  } catch {
    return { status: 0, error: '' };
  } finally {
    abort.abort();
  }
}

/** GET as JSON. Throws an Error with the service's own sentence; `status` is 0 when it does not answer. */
export async function get(path, signal) {
  let response;
  try {
    response = await fetch(path, { signal, cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw Object.assign(new Error("The page's own service does not answer."), { status: 0 });
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(body.error ?? response.statusText), { status: response.status });
  return body;
}
