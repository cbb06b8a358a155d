// The health of the parts: one row each, in the way of the data.
import { $, el, icon, keep, put } from './dom.js';
import { bytes, clock, count, duration, number, seconds, whole } from './format.js';
import { say } from './say.js';

const HOPS = {
  classify: 'ask the classifier', answered: 'sample to answer', scored: 'sample to outcome', write: 'one write', score: 'score a block', query: 'one query',
};
const STATES = {
  up: ['Up', [['ok', 'M8 1.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM5 8.2l2.2 2.2L11.2 6']]],
  silent: ['Silent', [['warn', 'M8 2l6.5 11.5h-13zM8 6.3v3.4M8 11.4v.3']]],
  down: ['Down', [['bad', 'M8 1.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM5.7 5.7l4.6 4.6m0-4.6l-4.6 4.6']]],
  unknown: ['Unknown', [['none', 'M8 1.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM6.2 6.5a1.9 1.9 0 113 1.5c-.7.5-1.2.8-1.2 1.6M8 11.5v.2']]],
};

export const health = { parts: [], jobs: [], restarts: {}, storeDown: false };
const begun = new Map(); // part -> when it began, to see that it began anew
let states = new Map();

export function setRestarts(restarts) {
  health.restarts = { ...restarts };
}

/** Takes what the service told of the parts; counts those that began anew meanwhile. */
export function setParts(parts, jobs) {
  for (const part of parts) {
    const before = begun.get(part.part);
    if (before && part.started && part.started !== before) {
      health.restarts[part.part] = (health.restarts[part.part] ?? 0) + 1;
      say(`${part.part} began anew`);
    }
    begun.set(part.part, part.started);
  }
  health.parts = parts;
  health.jobs = jobs;
  health.storeDown = false;
  show();
}

/** While the store is down nothing is known of the others. */
export function setStoreDown() {
  health.storeDown = true;
  show();
}

function stateOf(part) {
  if (!health.storeDown) return part.state;
  return part.part === 'store' ? 'down' : 'unknown';
}

/** What is drawn: only what a person would see change. */
function row(part) {
  const state = stateOf(part);
  const alive = state === 'up';
  const hops = Object.keys(part).filter((name) => name.endsWith('_p50_ms')).map((name) => name.slice(0, -7)).sort();
  const rate = Math.max(part.in_per_s ?? 0, part.out_per_s ?? 0);
  return {
    part: part.part,
    state,
    since: state === 'silent' ? clock(seconds(part.time)) : '',
    rate: alive ? number(rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate)) : '–',
    lag: alive ? duration(part.lag_s) : '–',
    hops: alive ? hops.map((hop) => [HOPS[hop] ?? hop, duration(part[`${hop}_p50_ms`] / 1e3), duration(part[`${hop}_p99_ms`] / 1e3)]) : [],
    lost: whole(part.lost ?? 0),
    restarts: whole(health.restarts[part.part] ?? 0),
    memory: alive ? bytes(part.memory_bytes) : '–',
  };
}

function show() {
  const rows = health.parts.map(row);
  keep($('parts').tBodies[0], rows, (one) => one.part, tr);
  $('parts').hidden = !rows.length;
  $('parts-empty').hidden = rows.length > 0;
  const up = rows.filter((one) => one.state === 'up').length;
  const silent = rows.filter((one) => one.state === 'silent').map((one) => one.part);
  put($('parts-note'), health.storeDown ? 'Unknown while the store is down: each part tells of itself there'
    : silent.length ? `Not heard of: ${silent.join(', ')}` : rows.length ? `All ${up} parts are up` : '');
  put($('waiting'), health.storeDown || !health.jobs.length ? '' : `Waiting to be scored: ${health.jobs.map(waiting).join(' · ')}`);
  tell(rows);
}

/** A job that keeps up has nothing waiting, as far as a person sees. */
function waiting(one) {
  if (!one.samples) return `${one.job} nothing`;
  return `${one.job} ${one.more ? 'more than ' : ''}${count(one.samples, 'sample')} (${duration(one.behind_s)})`;
}

function tell(rows) {
  for (const one of rows) {
    const before = states.get(one.part);
    if (before && before !== one.state && !health.storeDown) say(`${one.part} is ${STATES[one.state][0].toLowerCase()}`, true);
  }
  states = new Map(rows.map((one) => [one.part, one.state]));
}

function tr(one) {
  const [word, shape] = STATES[one.state];
  const cell = (label, kind, ...children) => el('td', { role: 'cell', 'data-label': label, class: children[0] === '–' ? `${kind} void` : kind }, ...children);
  const lines = (at) => (one.hops.length ? one.hops.map((hop) => el('span', { class: 'line' }, hop[at])) : ['–']);
  return el('tr', { role: 'row', 'data-part': one.part, 'data-state': one.state },
    el('th', { role: 'rowheader', scope: 'row' }, one.part),
    cell('State', 'state-cell', icon(...shape), el('span', {}, word), one.since && el('span', { class: 'soft' }, ` since ${one.since}`)),
    cell('Samples/s', 'n', one.rate),
    cell('Lag', 'n', one.lag),
    cell('Hop', 'hop', ...lines(0)),
    cell('p50', 'n', ...lines(1)),
    cell('p99', 'n', ...lines(2)),
    cell('Lost', one.lost === '0' ? 'n' : 'n alarm', one.lost),
    cell('Restarts', 'n', one.restarts),
    cell('Memory', 'n', one.memory));
}

/** What the tiles need: of the part that writes the outcomes, else of the one that makes them. */
export function summary() {
  const known = health.parts;
  const host = known.find((part) => part.part === 'host'); // none behind Kapacitor, whose writes nobody sees
  const outcomes = host ?? known.find((part) => part.part === 'agent');
  const hop = host ? 'scored' : 'answered';
  return {
    up: health.storeDown ? 0 : known.filter((part) => part.state === 'up').length,
    all: known.length,
    lost: known.reduce((sum, part) => sum + (part.lost ?? 0), 0),
    rate: outcomes?.state === 'up' && !health.storeDown ? outcomes.out_per_s : null,
    p50: outcomes?.state === 'up' ? outcomes[`${hop}_p50_ms`] : null,
    p99: outcomes?.state === 'up' ? outcomes[`${hop}_p99_ms`] : null,
  };
}
