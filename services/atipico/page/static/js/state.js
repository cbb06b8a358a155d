// What is looked at: job, field, and the last so many seconds or a fixed range. The address bar holds it.

export const RANGES = [[60, '1 min'], [300, '5 min'], [900, '15 min'], [3600, '1 h'], [36000, '10 h']];
const DEFAULT = 300;

export const state = { job: '', field: '', last: DEFAULT, from: null, to: null };

/** Whether the view moves with the time. from and to are ns as text. */
export const isLive = () => state.from === null;

export function readAddress() {
  const given = new URLSearchParams(location.search);
  const isTime = (text) => /^\d{10,19}$/.test(text ?? '');
  state.job = given.get('job') ?? '';
  state.field = given.get('field') ?? '';
  const last = Number(given.get('last'));
  state.last = Number.isInteger(last) && last > 0 && last <= 366 * 86400 ? last : DEFAULT;
  const fixed = isTime(given.get('from')) && isTime(given.get('to')) && BigInt(given.get('from')) < BigInt(given.get('to'));
  state.from = fixed ? given.get('from') : null;
  state.to = fixed ? given.get('to') : null;
}

/** The view as a query; `range` instead of the state's own where given. */
export function query({ from, to } = state) {
  const told = new URLSearchParams({ job: state.job, field: state.field });
  if (from === null || from === undefined) told.set('last', state.last);
  else {
    told.set('from', from);
    told.set('to', to);
  }
  return told;
}

/** Writes the view to the address bar: as a new step for Back where it is one for a person. */
export function writeAddress(step = false) {
  const url = `${location.pathname}?${query()}`;
  if (url === location.pathname + location.search) return;
  history[step ? 'pushState' : 'replaceState'](null, '', url);
}

/** A link to a fixed range, which shows the same to whoever opens it later. */
export const linkTo = (range) => `${location.origin}${location.pathname}?${query(range)}`;
