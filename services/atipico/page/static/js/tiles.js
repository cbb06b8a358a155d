// The page in six numbers.
import { $, el, keep } from './dom.js';
import { duration, number, whole } from './format.js';
import { summary } from './parts.js';
import { verdict } from './verdicts.js';

/** How many of the marks are of each kind. */
export function tally(marks) {
  const found = { flagged: 0, true: 0, false: 0, missed: 0, unscored: 0 };
  for (const mark of marks) found[verdict(mark)] += 1;
  return found;
}

/** info: {flagged, unscored, complete, missed} of the range. */
export function showTiles(marks, info) {
  const kinds = tally(marks);
  const known = kinds.true + kinds.false;
  const parts = summary();
  const truth = known ? `${Math.round((100 * kinds.true) / known)} %` : '–';
  const missed = info.missed && known + kinds.missed ? ` · ${whole(kinds.missed)} missed` : '';
  const tiles = [
    ['Scored', parts.rate === null ? '–' : number(Math.round(parts.rate * 10) / 10), 'samples/s, all jobs'],
    ['Anomalies', whole(info.flagged), info.unscored ? `in this range · ${whole(info.unscored)} not scored` : 'in this range'],
    ['Were true', truth, known ? `${whole(kinds.true)} of ${whole(known)} known${info.complete ? '' : ', the newest'}${missed}` : `no label known yet${missed}`],
    ['Sample to score', duration(parts.p50 === null || parts.p50 === undefined ? null : parts.p50 / 1e3), parts.p99 ? `median · p99 ${duration(parts.p99 / 1e3)}` : 'median'],
    ['Lost', parts.all ? whole(parts.lost) : '–', parts.lost ? 'samples: see the parts' : 'samples, since the start', parts.lost ? 'alarm' : ''],
    ['Parts up', parts.all ? `${parts.up} of ${parts.all}` : '–', parts.up === parts.all ? 'all is well' : 'see below', parts.up === parts.all ? '' : 'alarm'],
  ];
  keep($('tiles'), tiles, ([name]) => name, ([name, value, note, kind]) => el('div', { class: `tile ${kind ?? ''}` },
    el('dt', {}, name), el('dd', { class: 'big' }, value), el('dd', { class: 'note' }, note)));
}
