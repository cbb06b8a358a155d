// What is looked at, and what is known of it: samples, scores, marks, and the time on the store's side.
import { Columns } from './columns.js';
import { seconds } from './format.js';
import { isLive, state } from './state.js';
import { keyOf, verdict } from './verdicts.js';

const LATE_S = 5;

export const view = {
  jobs: [],
  data: null, // what is drawn: Columns, and what belongs to them
  marks: new Map(),
  info: { flagged: 0, unscored: 0, complete: true, missed: false, samples: false },
};
let server = { now: 0, at: 0 }; // the store's side tells the time; this machine's clock may be off

export function setClock(now) {
  server = { now: seconds(now), at: performance.now() };
}

/** From when to when is looked at, s since 1970. */
export function span() {
  if (!isLive()) return [seconds(state.from), seconds(state.to)];
  const now = server.now + (performance.now() - server.at) / 1e3;
  return [now - state.last, now];
}

export const job = () => view.jobs.find((one) => one.job === state.job);

/** The marks, in the order of time. */
export const listed = () => [...view.marks.values()].sort((a, b) => seconds(a.time) - seconds(b.time));

/** Takes what was read of a range in place of all that is known. */
export function take(told) {
  const { stream, id } = job();
  setClock(told.now);
  view.data = {
    job: state.job, field: state.field, stream, id, step: seconds(told.step),
    values: new Columns(told.values), scores: new Columns(told.scores), flags: new Columns(told.flags),
  };
  view.marks = new Map(told.marks.map((mark) => [keyOf(mark), mark]));
  view.info = { flagged: told.flagged, unscored: told.unscored, complete: told.complete, missed: told.missed };
}

/** Takes what is new; the marks of it that were not known. While it stands still labels alone are taken. */
export function takeNews(news) {
  const fresh = news.marks.filter((mark) => !view.marks.has(keyOf(mark)));
  if (isLive()) {
    const [start] = span();
    for (const name of ['values', 'scores', 'flags']) {
      view.data[name].replace(news[name]);
      view.data[name].dropBefore(start);
    }
    takeMarks(news.marks, start);
  }
  for (const mark of view.marks.values()) {
    const known = news.labels[mark.fields[view.data.id]];
    if (known !== undefined) mark.label = known;
  }
  return fresh;
}

function takeMarks(found, start) {
  const { marks, info } = view;
  for (const mark of found) {
    const key = keyOf(mark);
    const known = marks.get(key);
    if (!known) info[mark.scored === false ? 'unscored' : 'flagged'] += 1;
    marks.set(key, { ...mark, label: mark.label ?? known?.label ?? null });
  }
  for (const [key, mark] of marks) {
    if (seconds(mark.time) >= start) continue;
    marks.delete(key);
    if (info.complete && verdict(mark) !== 'missed') info[mark.scored === false ? 'unscored' : 'flagged'] -= 1;
  }
}

/** How long (s) samples came without scores; 0 where that is no more than usual. */
export function behind() {
  const { data } = view;
  if (!data?.values.length) return 0;
  const late = data.values.t.at(-1) - (data.scores.t.at(-1) ?? data.values.t[0]);
  return late > Math.max(LATE_S, 2 * data.step) ? Math.round(late) : 0;
}
