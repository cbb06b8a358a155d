// The live page: what is looked at is read as a whole, then kept up to date; the other modules show it.
import { $, el, put } from './dom.js';
import { showAlerts } from './alerts.js';
import { Charts } from './charts.js';
import { Colours, copyLink, showControls } from './controls.js';
import { Feed, get } from './feed.js';
import { clock, count, number, seconds } from './format.js';
import { listenToKeys, showKeys } from './keys.js';
import { Moves } from './moves.js';
import { blank, complain, connectingAgain, settle, waitingForScore } from './notice.js';
import { setParts, setRestarts, setStoreDown } from './parts.js';
import { say } from './say.js';
import { isLive, query, RANGES, readAddress, state, writeAddress } from './state.js';
import { fewAgain, setUp as setUpTable, showMarks } from './table.js';
import { showTiles } from './tiles.js';
import { titles } from './titles.js';
import { job, listed, setClock, span, take, takeNews, view } from './view.js';

const AGAIN_MS = 2000;
const WHOLE_EVERY_MS = 30000; // of a short range: news alone may have missed what came late
const RESET_MS = 3000;

let asking = null; // the request for a view that is under way
let timer = null;
let lastLoad = -Infinity;

const moves = new Moves({ changed: () => changed(), point: (key) => charts.point(key) });
const charts = new Charts({ zoom: (from, to) => moves.look(from, to), live: () => moves.goLive() });
const colours = new Colours(() => charts.recolor());
const tableOn = { look: (mark) => moves.around(mark), point: (key) => charts.point(key) };
const feed = new Feed({
  news: (news) => showNews(news),
  parts: (told) => { setClock(told.now); showParts(told); tiles(); settle(); },
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
    if (kind === 'again') connectingAgain();
    else complain(kind, error || "The page's own service does not answer.");
    tiles();
  },
});

// ---- reading -----------------------------------------------------------------------------------------------------

function changed() {
  fewAgain();
  moves.chosen = -1;
  writeAddress(true);
  showControls();
  $('plots').setAttribute('aria-busy', 'true');
  load();
}

function later(task, ms) {
  clearTimeout(timer);
  timer = setTimeout(task, ms);
}

async function load() {
  clearTimeout(timer);
  if (document.hidden && view.data) return; // read when somebody looks again
  asking?.abort();
  const mine = (asking = new AbortController());
  lastLoad = performance.now();
  try {
    view.jobs = (await get('/api/names', mine.signal)).jobs;
    if (!choose()) return waitForJobs(mine.signal);
    const points = Math.max(60, Math.min(1000, Math.round($('plots').clientWidth / 2)));
    const asked = query();
    const [told, parts] = await Promise.all([
      get(`/api/view?${asked}&points=${points}`, mine.signal), get(`/api/parts?${rangeOf(asked)}`, mine.signal),
    ]);
    setRestarts(parts.restarts);
    showParts(parts);
    showWhole(told);
    $('plots').removeAttribute('aria-busy');
    feed.follow(new URLSearchParams({ job: state.job, field: state.field, step: told.step }), told.place);
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
  if (!view.jobs.length) return false;
  const one = job() ?? preferred(view.jobs);
  state.job = one.job;
  if (!one.fields.includes(state.field)) state.field = one.fields[0] ?? '';
  writeAddress();
  showControls();
  return Boolean(state.field);
}

const preferred = (all) => all.find((one) => one.job === 'payments') ?? all[0];

async function waitForJobs(signal) {
  showControls();
  charts.clear();
  view.data = null;
  put($('chart-title'), 'Nothing is scored yet');
  put($('chart-note'), '');
  blank('Nothing is scored yet.', 'As soon as a job writes its first score, it shows here by itself. See below whether all parts are up; `./up.sh` starts them.');
  waitingForScore();
  const parts = await get('/api/parts?last=900', signal);
  setRestarts(parts.restarts);
  showParts(parts);
  tiles();
  showMarks([], { ...view.info, samples: false }, tableOn);
  later(load, AGAIN_MS);
}

// ---- showing -----------------------------------------------------------------------------------------------------

function showWhole(told) {
  take(told);
  settle();
  charts.show(view.data, isLive() ? span() : [seconds(told.from), seconds(told.to)]);
  show();
}

function showNews(news) {
  setClock(news.now);
  if (!view.data) return;
  const fresh = takeNews(news);
  settle();
  if (isLive() || Object.keys(news.labels).length) show();
  if (isLive() && fresh.length) announce(fresh);
}

function show() {
  const { data, info } = view;
  const marks = listed();
  charts.setMarks(marks, info.complete);
  charts.setWindow(span());
  showMarks(marks, { ...info, field: data.field, id: data.id, samples: data.scores.length > 0 }, tableOn);
  tiles(marks);
  titles();
}

function showParts(told) {
  setParts(told.parts, told.jobs);
  showAlerts(told.alerts);
}

function tiles(marks = [...view.marks.values()]) {
  showTiles(marks, view.info);
}

function announce(fresh) {
  const newest = fresh.at(-1);
  if (newest.scored === false) return say(`A sample could not be scored: ${newest.why}`);
  say(`${count(fresh.length, 'new anomaly', 'new anomalies')}, score ${number(newest.score)} at ${clock(seconds(newest.time))}`);
}

// ---- begin -------------------------------------------------------------------------------------------------------

function setUp() {
  $('ranges').append(...RANGES.map(([last, word]) => el('label', {}, el('input', { type: 'radio', name: 'last', value: last }), el('span', {}, word))));
  $('ranges').addEventListener('change', (event) => moves.goLive(Number(event.target.value)));
  $('bar').addEventListener('submit', (event) => event.preventDefault());
  $('job').addEventListener('change', (event) => { Object.assign(state, { job: event.target.value, field: '' }); choose(); changed(); });
  $('field').addEventListener('change', (event) => { state.field = event.target.value; changed(); });
  const tasks = { pause: () => moves.pause(), live: () => moves.goLive(), theme: () => colours.toggle(), copy: copyLink, help: showKeys };
  for (const [id, task] of Object.entries(tasks)) $(id).addEventListener('click', task);
  listenToKeys(moves, colours);
  addEventListener('popstate', () => { readAddress(); showControls(); load(); });
  setUpTable();
  put($('foot'), `Times are local (${Intl.DateTimeFormat().resolvedOptions().timeZone}). This page reads from the store alone; nothing leaves this machine.`);
  readAddress();
  showControls();
  colours.show();
  tiles([]);
  load();
}

setUp();
