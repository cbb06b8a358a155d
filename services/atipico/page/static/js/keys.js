// What keys do.
import { $ } from './dom.js';
import { RANGES } from './state.js';

export const showKeys = () => $('keys').showModal();

/** Has keys move, and toggle the colours. */
export function listenToKeys(moves, colours) {
  const tasks = {
    ' ': () => moves.pause(), ArrowLeft: () => moves.move(-0.25), ArrowRight: () => moves.move(0.25),
    '+': () => moves.zoom(0.5), '=': () => moves.zoom(0.5), '-': () => moves.zoom(2), 0: () => moves.goLive(),
    n: () => moves.step(1), p: () => moves.step(-1), t: () => colours.toggle(), '?': showKeys,
    ...Object.fromEntries(RANGES.map(([last], at) => [at + 1, () => moves.goLive(last)])),
  };
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $('keys').open) return;
    if (event.target.closest('select, textarea, input:not([type=radio])')) return;
    const own = event.target.closest('button, a, input'); // those have a use for space and arrows themselves
    if (own && (event.key === ' ' || event.key.startsWith('Arrow'))) return;
    const task = tasks[event.key];
    if (!task) return;
    event.preventDefault();
    task();
  });
}
