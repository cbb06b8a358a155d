// What a screen reader is told: seldom, the newest word wins.
import { $ } from './dom.js';

const LEAST_MS = 5000;
let last = -Infinity;
let waiting = null;

/** Says it now, or when the last word is 5 s old. */
export function say(text, now = false) {
  clearTimeout(waiting);
  const wait = now ? 0 : Math.max(0, last + LEAST_MS - performance.now());
  waiting = setTimeout(() => {
    last = performance.now();
    $('said').textContent = text;
  }, wait);
}
