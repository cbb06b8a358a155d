// Columns that grow at their end: a part replaces everything from its own beginning on, so that a repeat does no harm.
import { seconds } from './format.js';

export class Columns {
  constructor(part) {
    this.names = Object.keys(part).filter((name) => name !== 't' && name !== 'from');
    this.t = part.t.map(seconds);
    this.values = Object.fromEntries(this.names.map((name) => [name, part[name].slice()]));
  }

  get length() { return this.t.length; }

  replace(part) {
    const at = this.after(seconds(part.from));
    this.t.splice(at, Infinity, ...part.t.map(seconds));
    for (const name of this.names) this.values[name].splice(at, Infinity, ...part[name]);
  }

  dropBefore(s) {
    const at = this.after(s);
    if (at < 64) return; // many small moves cost more than a few points outside of the picture
    this.t.splice(0, at);
    for (const name of this.names) this.values[name].splice(0, at);
  }

  /** How many lie before `s`. */
  after(s) {
    let low = 0;
    let high = this.t.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.t[middle] < s) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** [t, ...columns] with a hole where nothing came for much longer than usual: a line must not bridge it. */
  holed(names, usual) {
    const out = [[], ...names.map(() => [])];
    const push = (t, values) => {
      out[0].push(t);
      values.forEach((value, at) => out[at + 1].push(value));
    };
    for (let at = 0; at < this.t.length; at++) {
      if (at && this.t[at] - this.t[at - 1] > usual) push((this.t[at] + this.t[at - 1]) / 2, names.map(() => null));
      push(this.t[at], names.map((name) => this.values[name]?.[at] ?? null));
    }
    return out;
  }

  /** What is a hole: five times the middle distance of neighbours. */
  usualGap() {
    const gaps = this.t.slice(1).map((t, at) => t - this.t[at]).sort((a, b) => a - b);
    return gaps.length ? Math.max(5 * gaps[gaps.length >> 1], 0.001) : Infinity;
  }
}

/** Whether neighbours resemble each other, so that a line between them means something. */
export function isSmooth(values) {
  const seen = values.filter((value) => value !== null);
  if (seen.length < 8) return true;
  const mean = seen.reduce((a, b) => a + b, 0) / seen.length;
  const spread = seen.reduce((a, b) => a + (b - mean) ** 2, 0) / seen.length;
  const jumps = seen.slice(1).reduce((a, b, at) => a + (b - seen[at]) ** 2, 0) / (seen.length - 1);
  return spread === 0 || jumps / spread < 1; // 2 where neighbours have nothing to do with each other
}
