// The alerts that are not over, in one line above the numbers.
import { $, el, keep } from './dom.js';
import { clock, count, seconds } from './format.js';
import { say } from './say.js';

let known = null; // keys of those told before; null before the first answer

const nameOf = (one) => [one.job, ...Object.entries(one.tags).map(([tag, value]) => `${tag} ${value}`)].join(', ');
const keyOf = (one) => `${one.level} ${nameOf(one)} ${one.since}`;

export function showAlerts(alerts) {
  $('alerts').hidden = !alerts.length;
  keep($('alerts-list'), alerts, keyOf, (one) => el('li', { 'data-level': one.level },
    el('strong', {}, one.level), ` ${nameOf(one)} `, el('span', { class: 'soft' }, `since ${clock(seconds(one.since))}`)));
  const fresh = known ? alerts.filter((one) => !known.has(keyOf(one))) : [];
  if (fresh.length) say(`${count(fresh.length, 'new alert', 'new alerts')}: ${nameOf(fresh[0])}`, true);
  else if (known?.size && !alerts.length) say('No alert any more', true);
  known = new Set(alerts.map(keyOf));
}
