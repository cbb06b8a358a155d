// The newest anomalies: when, how sure, why, what it was, and whether it was true.
import { $, el, keep, put } from './dom.js';
import { brief, clock, count, number, seconds } from './format.js';
import { height } from './scale.js';
import { keyOf, shape, verdict, WORDS } from './verdicts.js';

const AT_FIRST = 8;
let shown = AT_FIRST;
let last = { marks: [], on: null };

/** `amount=312.4 (usual 48.95), ...` as its parts; null for a sentence of another kind. */
export function reasons(why) {
  const found = [...why.matchAll(/([^\s,=]+)=(\S+) \(usual ([^)]+)\)/g)];
  return found.length ? found.map(([, name, value, usual]) => ({ name, value: Number(value), usual: Number(usual) })) : null;
}

/** on: {look(mark): show it in the charts, point(key | null): stress it there}. */
export function showMarks(marks, info, on) {
  last = { marks, info, on };
  const listed = marks.filter((mark) => mark.anomalous || mark.scored === false).slice(-shown).reverse();
  keep($('marks').tBodies[0], listed, keyOf, (mark) => row(mark, info, on));
  const all = info.flagged + info.unscored;
  $('marks').hidden = !listed.length;
  $('marks-empty').hidden = listed.length > 0;
  put($('marks-empty'), info.samples ? 'No anomaly in this range. That is good news, or a range too short.' : 'Nothing was scored in this range.');
  put($('marks-note'), listed.length ? `${listed.length} of ${count(all, 'anomaly', 'anomalies')} in this range` + (info.unscored ? ` (${info.unscored} not scored)` : '') : '');
  $('more').hidden = listed.length < shown || listed.length >= all;
}

export function setUp() {
  $('more').addEventListener('click', () => {
    shown += 25;
    showMarks(last.marks, last.info, last.on);
  });
}

export const fewAgain = () => { shown = AT_FIRST; };

function row(mark, info, on) {
  const kind = verdict(mark);
  const cell = (label, name, ...children) => el('td', { role: 'cell', 'data-label': label, class: name }, ...children);
  const key = keyOf(mark);
  return el('tr', {
    role: 'row', 'data-verdict': kind,
    onmouseenter: () => on.point(key), onmouseleave: () => on.point(null), onfocusin: () => on.point(key), onfocusout: () => on.point(null),
  },
  cell('Time', 'time', el('button', { type: 'button', class: 'link', title: 'Look at it in the charts', onclick: () => on.look(mark) },
    el('time', { datetime: new Date(seconds(mark.time) * 1e3).toISOString() }, clock(seconds(mark.time), 3)))),
  cell('Score', 'score', kind === 'unscored' ? '–' : meter(mark)),
  cell('Why', 'why', why(mark)),
  cell('Sample', 'sample', sample(mark, info)),
  cell('Truth', `truth ${kind}`, shape(kind), el('span', {}, WORDS[kind])));
}

function meter(mark) {
  const bar = el('span', { class: 'meter', 'aria-hidden': 'true' }, el('span', { class: 'fill' }), el('span', { class: 'limit' }));
  bar.children[0].style.inlineSize = `${100 * height(mark.score, mark.threshold)}%`;
  bar.children[1].style.insetInlineStart = `${100 * height(mark.threshold, mark.threshold)}%`;
  return el('span', { title: `threshold ${number(mark.threshold)}, by ${mark.version}` }, el('b', {}, mark.score.toFixed(3)), bar);
}

function why(mark) {
  const found = reasons(mark.why ?? '');
  if (!found) return el('span', {}, mark.why || '–');
  return el('ul', {}, ...found.map(({ name, value, usual }) => el('li', {},
    el('span', { class: 'name' }, name), ' ',
    el('b', {}, brief(value)),
    el('span', { class: 'way', 'aria-hidden': 'true' }, value >= usual ? '↑' : '↓'),
    el('span', { class: 'soft' }, `usual ${brief(usual)}`))));
}

/** The sample's fields without those that only count time, the drawn one first. */
function sample(mark, info) {
  const names = Object.keys(mark.fields).filter((name) => !name.endsWith('_time') && name !== info.id);
  names.sort((a, b) => (b === info.field) - (a === info.field) || a.localeCompare(b));
  const told = names.slice(0, 4).map((name) => pair(name, mark.fields[name]));
  const tags = Object.entries(mark.tags).filter(([name]) => name !== 'shard').map(([name, value]) => pair(name, value));
  const id = info.id && mark.fields[info.id] !== undefined ? [pair(info.id, String(mark.fields[info.id]))] : [];
  return el('ul', {}, ...told, ...tags, ...id);
}

const pair = (name, value) => el('li', {}, el('span', { class: 'name' }, name), ' ', typeof value === 'number' && !Number.isInteger(value) ? number(value) : String(value));
