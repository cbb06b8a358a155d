// Moving through time, and from anomaly to anomaly.
import { $ } from './dom.js';
import { clock, ns, number, seconds } from './format.js';
import { say } from './say.js';
import { isLive, state } from './state.js';
import { keyOf, verdict, WORDS } from './verdicts.js';
import { listed, span, view } from './view.js';

const LEAST_S = 0.05;

export class Moves {
  /** changed: another range is looked at. point: shows which mark is meant, by its key. */
  constructor({ changed, point }) {
    Object.assign(this, { changed, point, chosen: -1 }); // chosen: the mark that a step stands on
  }

  look(from, to) {
    const middle = (from + to) / 2;
    const half = Math.max(LEAST_S, to - from) / 2;
    state.from = ns(middle - half);
    state.to = ns(middle + half);
    this.changed();
  }

  goLive(last = state.last) {
    Object.assign(state, { from: null, to: null, last });
    this.changed();
  }

  pause() {
    if (isLive()) this.look(...span());
    else this.goLive();
  }

  move(share) {
    const [from, to] = span();
    this.look(from + share * (to - from), to + share * (to - from));
  }

  zoom(factor) {
    const [from, to] = span();
    const middle = isLive() ? to : (from + to) / 2;
    const half = ((to - from) * factor) / 2;
    if (isLive()) this.look(to - 2 * half, to);
    else this.look(middle - half, middle + half);
  }

  around(mark) {
    const [from, to] = span();
    const at = seconds(mark.time);
    const half = Math.min((to - from) / 2, 30);
    this.look(at - half, at + half);
    $('plots').focus({ preventScroll: true });
    $('plots').scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  }

  step(by) {
    const seen = listed();
    if (!seen.length) return say('No anomaly in this range', true);
    this.chosen = this.chosen < 0 ? (by > 0 ? 0 : seen.length - 1) : Math.max(0, Math.min(seen.length - 1, this.chosen + by));
    const mark = seen[this.chosen];
    this.point(keyOf(mark));
    const kind = verdict(mark);
    const { field } = view.data;
    say(`${kind === 'missed' || kind === 'unscored' ? WORDS[kind] : `anomaly, ${WORDS[kind]}`} at ${clock(seconds(mark.time))}, ${field} ${number(mark.fields[field])}, score ${number(mark.score)}. ${mark.why ?? ''}`, true);
  }
}
