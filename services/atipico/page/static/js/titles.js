// What the charts show, in words.
import { $, put } from './dom.js';
import { clock, count, duration, number } from './format.js';
import { blank } from './notice.js';
import { isLive, state } from './state.js';
import { span, view } from './view.js';

export function titles() {
  const { data, info } = view;
  const { values, step } = data;
  const [from, to] = span();
  put($('chart-title'), `${data.field} of ${data.stream}`);
  const range = isLive() ? `the last ${duration(state.last)}` : `${clock(from)} to ${clock(to)}`;
  const each = step ? `lowest, mean and highest of each ${duration(step)}` : `each of ${count(values.length, 'sample')}`;
  const many = info.complete ? '' : '; the strip above counts anomalies, zoom in to see each';
  put($('chart-note'), `${range[0].toUpperCase()}${range.slice(1)}, ${each}${many}`);
  const limit = data.scores.values.threshold.at(-1);
  put($('score-note'), limit === undefined ? '' : `${step ? 'highest of each ' + duration(step) + ', ' : ''}an anomaly from ${number(limit)} on (dashed); below and above it are scaled apart`);
  $('plots').setAttribute('aria-label', `${data.field} of ${data.stream}, ${range}: ${count(info.flagged, 'anomaly', 'anomalies')}`);
  document.title = `${data.field} of ${data.stream} · Atipico`;
  if (values.length) blank(null);
  else blank(`No samples of ${data.stream} in this range.`, isLive() ? 'Choose a longer range, or see below whether the generator and the store are up.' : 'Go back to live, or choose another range.');
}
