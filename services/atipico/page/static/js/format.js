// Numbers and times as people read them. A time is ns since 1970 as text; a double would round it.

const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

export const number = (value) =>
  value === null || value === undefined || !Number.isFinite(value) ? '–' : Math.abs(value) >= 1e5 ? short.format(value) : plain.format(value);

export const whole = (value) => (value === null || value === undefined ? '–' : new Intl.NumberFormat('en').format(value));

/** With three digits, where many stand side by side. */
export const brief = (value) => (Math.abs(value) >= 1000 ? number(value) : String(Number(value.toPrecision(3))));

/** ns as text -> ms as a number, and seconds. */
export const ms = (ns) => Number(ns.slice(0, -6) || 0) + Number(ns.slice(-6)) / 1e6;
export const seconds = (ns) => ms(ns) / 1e3;

/** Seconds -> ns as text, exact to the microsecond. */
export const ns = (s) => String(BigInt(Math.round(s * 1e6)) * 1000n);

const two = (n) => String(n).padStart(2, '0');
const dayOf = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const clockOf = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** 14:02:31.204, with the day where it is another one than today. */
export function clock(s, digits = 0) {
  const date = new Date(Math.floor(s * 1e3));
  const rest = digits ? '.' + String(date.getMilliseconds()).padStart(3, '0').slice(0, digits) : '';
  const day = dayOf(date) === dayOf(new Date()) ? '' : dayOf(date) + ' ';
  return day + clockOf(date) + rest;
}

/** Ticks of a time axis whose distance is `step` s: no more digits than they need, the day where it begins. */
export function ticks(splits, step) {
  let before = '';
  return splits.map((s) => {
    const date = new Date(s * 1e3);
    const text = step < 60 ? clockOf(date) : clockOf(date).slice(0, 5);
    const day = dayOf(date);
    const shown = before && day !== before ? `${text}\n${day.slice(5)}` : text;
    before = day;
    return step < 1 ? `${shown}.${Math.floor(date.getMilliseconds() / 100)}` : shown;
  });
}

const UNITS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1], ['ms', 1e-3], ['µs', 1e-6]];

/** A duration in s with the unit that suits it: 18 ms, 1.5 min. */
export function duration(s) {
  if (s === null || s === undefined || !Number.isFinite(s)) return '–';
  if (s === 0) return '0 s';
  const [unit, size] = UNITS.find(([, one]) => Math.abs(s) >= one * 0.9995) ?? UNITS.at(-1);
  return `${new Intl.NumberFormat('en', { maximumSignificantDigits: s / size >= 100 ? 3 : 2 }).format(s / size)} ${unit}`;
}

export const bytes = (n) => (n ? `${whole(Math.round(n / 1e6))} MB` : '–');

export const count = (n, one, many = one + 's') => `${whole(n)} ${n === 1 ? one : many}`;
