// The live page: what is looked at, what came of it, and what is new.
import { $, el, put } from './dom.js';
import { showAlerts } from './alerts.js';
import { Charts } from './charts.js';
import { Columns } from './columns.js';
import { Feed, get } from './feed.js';
import { clock, count, duration, ns, number, seconds } from './format.js';
import { setParts, setRestarts, setStoreDown } from './parts.js';
import { say } from './say.js';
import { isLive, linkTo, query, RANGES, readAddress, state, writeAddress } from './state.js';
import { fewAgain, setUp as setUpTable, showMarks } from './table.js';
import { showTiles } from './tiles.js';
import { keyOf, verdict, WORDS } from './verdicts.js';

const LEAST_S = 0.05;
const LATE_S = 5;
const AGAIN_MS = 2000;
const WHOLE_EVERY_MS = 30000; // of a short range: news alone may have missed what came late
const RESET_MS = 3000;

let jobs = [];
let data = null; // what is drawn: Columns, and what belongs to them
let marks = new Map();
let info = { flagged: 0, unscored: 0, complete: true, missed: false, samples: false };
let server = { now: 0, at: 0 }; // the store's side tells the time; this machine's clock may be off
let asking = null; // the request for a view that is under way
let timer = null;
let chosen = -1; // the mark that n and p stand on

const charts = new Charts({ zoom: (from, to) => look(from, to), live: () => goLive() });
const feed = new Feed({
  news: (news) => takeNews(news),
  parts: (told) => { setClock(told.now); setParts(told.parts, told.jobs); showAlerts(told.alerts); tiles(); settle(); },
  trouble: (told) => {
    setClock(told.now);
    if (told.kind === 'down') setStoreDown();
    complain(told.kind === 'down' ? 'store' : 'refused', told.error);
    tiles();
  },
  reset: () => later(load, RESET_MS * (performance.now() - lastLoad < RESET_MS)),
  lost: ({ status, error }) => {
    const kind = { 0: 'page', 200: 'again', 429: 'full', 503: 'store' }[status] ?? 'refused';
    if (kind === 'store') setStoreDown();
    if (kind === 'again') mood('lost', MOODS.page);
    else complain(kind, error || "The page's own service does not answer.");
    tiles();
  },
});
let lastLoad = -Infinity;

// ---- what is looked at -------------------------------------------------------------------------------------------

function window_() {
  if (!isLive()) return [seconds(state.from), seconds(state.to)];
  const now = server.now + (performance.now() - server.at) / 1e3;
  return [now - state.last, now];
}

function setClock(now) {
  server = { now: seconds(now), at: performance.now() };
}

function look(from, to) {
  const middle = (from + to) / 2;
  const half = Math.max(LEAST_S, to - from) / 2;
  state.from = ns(middle - half);
  state.to = ns(middle + half);
  changed();
}

function goLive(last = state.last) {
  Object.assign(state, { from: null, to: null, last });
  changed();
}

function pause() {
  if (isLive()) look(...window_());
  else goLive();
}

function changed() {
  fewAgain();
  chosen = -1;
  writeAddress(true);
  showControls();
  $('plots').setAttribute('aria-busy', 'true');
  load();
}

// ---- reading -----------------------------------------------------------------------------------------------------

function later(task, ms) {
  clearTimeout(timer);
  timer = setTimeout(task, ms);
}

async function load() {
  clearTimeout(timer);
  if (document.hidden && data) return; // read when somebody looks again
  asking?.abort();
  const mine = (asking = new AbortController());
  lastLoad = performance.now();
  try {
    jobs = (await get('/api/names', mine.signal)).jobs;
    if (!choose()) return waitForJobs(mine.signal);
    const points = Math.max(60, Math.min(1000, Math.round($('plots').clientWidth / 2)));
    const asked = query();
    const [view, parts] = await Promise.all([
      get(`/api/view?${asked}&points=${points}`, mine.signal), get(`/api/parts?${rangeOf(asked)}`, mine.signal),
    ]);
    setRestarts(parts.restarts);
    setParts(parts.parts, parts.jobs);
    showAlerts(parts.alerts);
    takeView(view);
    $('plots').removeAttribute('aria-busy');
    follow(view);
    if (isLive()) later(load, Math.max(WHOLE_EVERY_MS, (state.last / 60) * 1000));
  } catch (error) {
    if (error.name === 'AbortError') return;
    feed.stop();
    if (error.status === 503) setStoreDown();
    complain(error.status === 0 ? 'page' : error.status === 503 ? 'store' : 'refused', error.message);
    later(load, AGAIN_MS);
  }
}

function rangeOf(asked) {
  const told = new URLSearchParams();
  for (const name of ['last', 'from', 'to']) if (asked.has(name)) told.set(name, asked.get(name));
  return told;
}

/** Takes the job and field that the address names, else the first; false when nothing was scored yet. */
function choose() {
  if (!jobs.length) return false;
  const job = jobs.find((one) => one.job === state.job) ?? preferred(jobs);
  state.job = job.job;
  if (!job.fields.includes(state.field)) state.field = job.fields[0] ?? '';
  writeAddress();
  showControls();
  return Boolean(state.field);
}

const preferred = (all) => all.find((one) => one.job === 'payments') ?? all[0];

async function waitForJobs(signal) {
  showControls();
  charts.clear();
  data = null;
  put($('chart-title'), 'Nothing is scored yet');
  put($('chart-note'), '');
  blank('Nothing is scored yet.', 'As soon as a job writes its first score, it shows here by itself. See below whether all parts are up; `./up.sh` starts them.');
  mood('waiting', 'Waiting for a score');
  const parts = await get('/api/parts?last=900', signal);
  setRestarts(parts.restarts);
  setParts(parts.parts, parts.jobs);
  showAlerts(parts.alerts);
  tiles();
  showMarks([], { ...info, samples: false }, tableOn);
  later(load, AGAIN_MS);
}

function takeView(view) {
  const job = jobs.find((one) => one.job === state.job);
  setClock(view.now);
  data = {
    job: state.job, field: state.field, stream: job.stream, id: job.id, step: seconds(view.step),
    values: new Columns(view.values), scores: new Columns(view.scores), flags: new Columns(view.flags),
  };
  marks = new Map(view.marks.map((mark) => [keyOf(mark), mark]));
  info = { flagged: view.flagged, unscored: view.unscored, complete: view.complete, missed: view.missed };
  settle();
  charts.show(data, isLive() ? window_() : [seconds(view.from), seconds(view.to)]);
  show();
}

function follow(view) {
  feed.follow(new URLSearchParams({ job: state.job, field: state.field, step: view.step }), view.place);
}

// ---- news --------------------------------------------------------------------------------------------------------

function takeNews(news) {
  setClock(news.now);
  if (!data) return;
  const fresh = news.marks.filter((mark) => !marks.has(keyOf(mark)));
  if (isLive()) {
    const [start] = window_();
    for (const name of ['values', 'scores', 'flags']) {
      data[name].replace(news[name]);
      data[name].dropBefore(start);
    }
    takeMarks(news.marks, start);
  }
  settle();
  label(news.labels);
  if (isLive() || Object.keys(news.labels).length) show();
  if (isLive() && fresh.length) announce(fresh);
}

function takeMarks(found, start) {
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

function label(labels) {
  for (const mark of marks.values()) {
    const known = labels[mark.fields[data.id]];
    if (known !== undefined) mark.label = known;
  }
}

function announce(fresh) {
  const newest = fresh.at(-1);
  if (newest.scored === false) return say(`A sample could not be scored: ${newest.why}`);
  say(`${count(fresh.length, 'new anomaly', 'new anomalies')}, score ${number(newest.score)} at ${clock(seconds(newest.time))}`);
}

// ---- showing -----------------------------------------------------------------------------------------------------

const tableOn = { look: (mark) => aroundMark(mark), point: (key) => charts.point(key) };

function show() {
  const listed = [...marks.values()].sort((a, b) => seconds(a.time) - seconds(b.time));
  charts.setMarks(listed, info.complete);
  charts.setWindow(window_());
  showMarks(listed, { ...info, field: data.field, id: data.id, samples: data.scores.length > 0 }, tableOn);
  tiles(listed);
  titles();
}

function tiles(listed = [...marks.values()]) {
  showTiles(listed, info);
}

function titles() {
  const { values, step } = data;
  const [from, to] = window_();
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

function blank(title, hint) {
  const node = $('blank');
  node.hidden = !title;
  if (title) node.replaceChildren(el('strong', {}, title), el('span', {}, hint));
}

/** All is well again: what was complained of is over. */
function settle() {
  $('notice').hidden = true;
  delete $('notice').dataset.kind;
  const late = behind();
  if (!isLive()) mood('paused', 'Standing still');
  else if (late) mood('trouble', `Scores are ${duration(late)} behind`);
  else mood('live', 'Live');
}

/** How long (s) samples came without scores; 0 where that is no more than usual. */
function behind() {
  if (!data?.values.length) return 0;
  const late = data.values.t.at(-1) - (data.scores.t.at(-1) ?? data.values.t[0]);
  return late > Math.max(LATE_S, 2 * data.step) ? Math.round(late) : 0;
}

function mood(kind, word) {
  $('state').dataset.state = kind;
  put($('state-word'), word);
}

const MOODS = { store: 'Store is down', page: 'Connecting again', full: 'Waiting for a place', refused: 'Refused' };

const CURES = {
  store: ['The store does not answer', 'This page tries again every second and goes on where it was. `atipico status` tells more, `./up.sh` starts what is not running.'],
  page: ['This page has lost its service', 'It tries again by itself. If that lasts: `atipico status` tells more, `./up.sh` starts what is not running.'],
  full: ['Too many pages are open', 'This one shows what it has and tries again by itself.'],
  refused: ['The store would not answer this', 'Choose another job, field or range; the sentence above is its own.'],
};

function complain(kind, said) {
  const notice = $('notice');
  if (notice.dataset.kind !== kind || notice.dataset.said !== said) {
    notice.dataset.kind = kind;
    notice.dataset.said = said;
    notice.replaceChildren(el('strong', {}, CURES[kind][0]), el('span', {}, said), el('span', { class: 'soft' }, CURES[kind][1]));
  }
  notice.hidden = false;
  mood(kind === 'page' ? 'lost' : 'trouble', MOODS[kind]);
  if (!data) put($('chart-title'), 'Waiting');
}

function showControls() {
  const job = jobs.find((one) => one.job === state.job);
  options($('job'), jobs.map((one) => [one.job, one.job === one.stream ? one.job : `${one.job} (${one.stream})`]), state.job);
  options($('field'), (job?.fields ?? []).map((name) => [name, name]), state.field);
  for (const radio of $('ranges').querySelectorAll('input')) radio.checked = isLive() && Number(radio.value) === state.last;
  $('live').hidden = isLive();
  $('pause').setAttribute('aria-pressed', String(!isLive()));
  put($('pause').lastElementChild, isLive() ? 'Pause' : 'Go on');
}

function options(select, pairs, value) {
  const told = JSON.stringify(pairs);
  if (select.dataset.told !== told) {
    select.dataset.told = told;
    select.replaceChildren(...pairs.map(([name, text]) => el('option', { value: name }, text)));
  }
  select.value = value;
  select.disabled = !pairs.length;
}

// ---- moving ------------------------------------------------------------------------------------------------------

function aroundMark(mark) {
  const [from, to] = window_();
  const at = seconds(mark.time);
  const half = Math.min((to - from) / 2, 30);
  look(at - half, at + half);
  $('plots').focus({ preventScroll: true });
  $('plots').scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
}

function move(share) {
  const [from, to] = window_();
  look(from + share * (to - from), to + share * (to - from));
}

function zoom(factor) {
  const [from, to] = window_();
  const middle = isLive() ? to : (from + to) / 2;
  const half = ((to - from) * factor) / 2;
  if (isLive()) look(to - 2 * half, to);
  else look(middle - half, middle + half);
}

function step(by) {
  const seen = [...marks.values()].sort((a, b) => seconds(a.time) - seconds(b.time));
  if (!seen.length) return say('No anomaly in this range', true);
  chosen = chosen < 0 ? (by > 0 ? 0 : seen.length - 1) : Math.max(0, Math.min(seen.length - 1, chosen + by));
  const mark = seen[chosen];
  charts.point(keyOf(mark));
  const kind = verdict(mark);
  say(`${kind === 'missed' || kind === 'unscored' ? WORDS[kind] : `anomaly, ${WORDS[kind]}`} at ${clock(seconds(mark.time))}, ${data.field} ${number(mark.fields[data.field])}, score ${number(mark.score)}. ${mark.why ?? ''}`, true);
}

const KEYS = {
  ' ': () => pause(), ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2),
  0: () => goLive(), n: () => step(1), p: () => step(-1), t: () => toggleTheme(), '?': () => $('keys').showModal(),
  ...Object.fromEntries(RANGES.map(([last], at) => [at + 1, () => goLive(last)])),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('keys').open) return;
  if (event.target.closest('select, textarea, input:not([type=radio])')) return;
  const own = event.target.closest('button, a, input'); // those have a use for space and arrows themselves
  if (own && (event.key === ' ' || event.key.startsWith('Arrow'))) return;
  const task = KEYS[event.key];
  if (!task) return;
  event.preventDefault();
  task();
}

// ---- colours, links ----------------------------------------------------------------------------------------------

const dark = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';

function toggleTheme() {
  const theme = isDark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('atipico-theme', theme);
  } catch { /* not remembered, then */ }
  showTheme();
}

function showTheme() {
  $('theme').setAttribute('aria-pressed', String(isDark()));
  charts.recolor();
}

async function copyLink() {
  const [from, to] = window_();
  const link = linkTo({ from: ns(from), to: ns(to) });
  const word = $('copy').lastElementChild;
  try {
    await navigator.clipboard.writeText(link);
    put(word, 'Copied');
    say('Link copied', true);
  } catch {
    prompt('The link to this moment', link);
  }
  setTimeout(() => put(word, 'Copy link'), 2000);
}

// ---- begin -------------------------------------------------------------------------------------------------------

function setUp() {
  $('ranges').append(...RANGES.map(([last, word]) => el('label', {}, el('input', { type: 'radio', name: 'last', value: last }), el('span', {}, word))));
  $('ranges').addEventListener('change', (event) => goLive(Number(event.target.value)));
  $('bar').addEventListener('submit', (event) => event.preventDefault());
  $('job').addEventListener('change', (event) => { Object.assign(state, { job: event.target.value, field: '' }); choose(); changed(); });
  $('field').addEventListener('change', (event) => { state.field = event.target.value; changed(); });
  for (const [id, task] of [['pause', pause], ['live', () => goLive()], ['theme', toggleTheme], ['copy', copyLink], ['help', () => $('keys').showModal()]]) {
    $(id).addEventListener('click', task);
  }
  addEventListener('keydown', onKey);
  addEventListener('popstate', () => { readAddress(); showControls(); load(); });
  dark.addEventListener('change', showTheme);
  setUpTable();
  put($('foot'), `Times are local (${Intl.DateTimeFormat().resolvedOptions().timeZone}). This page reads from the store alone; nothing leaves this machine.`);
  readAddress();
  showControls();
  showTheme();
  tiles([]);
  load();
}

setUp();
