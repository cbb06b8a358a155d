// The two charts: the field, and its scores beneath on the same time.
/* global uPlot */
import { $, el } from './dom.js';
import { clock, duration, number, seconds, ticks } from './format.js';
import { isSmooth } from './columns.js';
import { height, marksOf } from './scale.js';
import { draw, keyOf, verdict, WORDS } from './verdicts.js';

const SYNC = 'view';
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];
const NEAR = 14; // pixels within which a pointer means a mark

export class Charts {
  /** on: {zoom(from, to), live()}; from and to in s. */
  constructor(on) {
    this.on = on;
    this.marks = [];
    this.pointed = null;
    this.window = [0, 1];
    this.frame = 0;
    this.colors = readColors();
    new ResizeObserver(() => this.resize()).observe($('plots'));
  }

  /** Shows a view that was read as a whole. data: {step, values, scores, flags} as Columns, job and field. */
  show(data, window) {
    const kind = data.step > 0 ? 'band' : isSmooth(data.values.values.v) ? 'line' : 'dots';
    this.data = data;
    this.window = window;
    this.gap = data.step > 0 ? Math.max(2.5 * data.step, data.values.usualGap()) : data.values.usualGap();
    if (kind !== this.kind || !this.values) this.build(kind);
    this.refresh();
  }

  setMarks(marks, complete) {
    this.marks = marks.map((mark) => ({ mark, key: keyOf(mark), kind: verdict(mark), t: seconds(mark.time) }));
    this.complete = complete;
    this.refresh();
  }

  setWindow(window) {
    this.window = window;
    this.refresh();
  }

  /** Stresses one mark; null: none. */
  point(key) {
    this.pointed = key;
    this.redraw();
  }

  recolor() {
    this.colors = readColors();
    this.redraw();
  }

  redraw() {
    for (const plot of [this.values, this.scores]) plot?.redraw(false);
  }

  /** Draws soon, once for all that came meanwhile. */
  refresh() {
    if (this.frame || !this.values) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const { values, scores } = this.data;
      const names = this.kind === 'band' ? ['mean', 'lo', 'hi'] : ['v'];
      const known = scores.holed(['score', 'threshold'], Math.max(this.gap, 5));
      this.values.setData(this.kind === 'dots' ? [values.t, values.values.v] : values.holed(names, this.gap), false);
      this.threshold = scores.values.threshold.at(-1);
      this.scores.setData([known[0], known[1].map((score) => this.height(score)), known[2].map((limit) => this.height(limit))], false);
      for (const plot of [this.values, this.scores]) {
        plot.batch(() => {
          plot.setScale('x', { min: this.window[0], max: this.window[1] });
        });
      }
    });
  }

  clear() {
    for (const plot of [this.values, this.scores]) plot?.destroy();
    this.values = this.scores = null;
    this.kind = null;
  }

  build(kind) {
    this.clear();
    this.kind = kind;
    const color = (name) => () => this.colors[name];
    const line = { label: 'value', stroke: color('value'), width: 1.4, points: { show: false } };
    const dots = { label: 'value', paths: () => null, points: { show: true, size: 3.5, width: 0, stroke: color('dot'), fill: color('dot') } };
    const edge = { stroke: 'transparent', width: 0, points: { show: false } };
    const series = kind === 'band' ? [{}, line, { ...edge, label: 'lowest' }, { ...edge, label: 'highest' }] : [{}, kind === 'dots' ? dots : line];
    const bands = kind === 'band' ? [{ series: [3, 2], fill: color('band') }] : [];
    this.values = new uPlot(this.options('values', series, bands, {
      scales: { y: { range: (u, low, high) => around(low, high, this.kind) } },
      values: (u, splits) => splits.map(number),
    }), [[], ...series.slice(1).map(() => [])], $('values'));
    const bars = kind === 'band'
      ? { label: 'score', paths: uPlot.paths.bars({ size: [0.9, 6, 1], align: 1 }), fill: color('bar'), stroke: color('bar'), width: 0, points: { show: false } }
      : { ...dots, label: 'score' };
    const limit = { label: 'threshold', stroke: color('flag'), width: 1.3, dash: [6, 4], points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }), spanGaps: true };
    this.scores = new uPlot(this.options('scores', [{}, bars, limit], [], {
      scales: { y: { range: () => [-0.03, 1.03] } },
      splits: () => marksOf(this.threshold).map((score) => this.height(score)),
      values: () => marksOf(this.threshold).map((score) => score.toPrecision(3) / 1),
    }), [[], [], []], $('scores'));
    this.resize();
  }

  options(id, series, bands, y) {
    const color = (name) => () => this.colors[name];
    const axis = { stroke: color('soft'), grid: { stroke: color('rule'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
    return {
      ...this.size(id), series, bands,
      legend: { show: false },
      padding: [id === 'values' ? 18 : 8, 14, 0, 0],
      scales: { x: { time: true, auto: false, range: () => this.window }, ...y.scales },
      axes: [
        { ...axis, incrs: STEPS, space: 74, size: 30, gap: 8, values: (u, splits, at, space, step) => ticks(splits, step) },
        { ...axis, size: 58, gap: 6, values: y.values, ...(y.splits ? { splits: y.splits } : { space: 34 }) },
      ],
      cursor: {
        sync: { key: SYNC, setSeries: false }, drag: { x: true, y: false, setScale: false, dist: 6 }, y: false,
        points: { show: false }, bind: { dblclick: () => () => this.on.live() },
      },
      hooks: {
        draw: [(u) => this.drawMarks(u, id)],
        setCursor: [(u) => this.tell(u)],
        setSelect: [(u) => this.select(u)],
      },
    };
  }

  size(id) {
    const width = $('plots').clientWidth;
    const phone = width < 560;
    return { width, height: id === 'values' ? (phone ? 220 : 280) : phone ? 130 : 150 };
  }

  resize() {
    if (!this.values) return;
    this.values.setSize(this.size('values'));
    this.scores.setSize(this.size('scores'));
  }

  select(plot) {
    const { left, width } = plot.select;
    if (width < 6) return;
    const from = plot.posToVal(left, 'x');
    const to = plot.posToVal(left + width, 'x');
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.on.zoom(from, to);
  }

  drawMarks(plot, id) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left - 8 * uPlot.pxRatio, 0, bbox.width + 16 * uPlot.pxRatio, bbox.top + bbox.height + 10 * uPlot.pxRatio);
    ctx.clip();
    if (this.complete) {
      for (const one of this.marks) this.drawMark(plot, id, one, one.key === this.pointed);
    } else {
      this.drawCounts(plot, id);
      const pointed = this.marks.find((one) => one.key === this.pointed);
      if (pointed) this.drawMark(plot, id, pointed, true);
    }
    ctx.restore();
  }

  drawMark(plot, id, one, stressed) {
    const value = this.valueOf(id, one.mark);
    if (value === null || one.t < this.window[0] || one.t > this.window[1]) return;
    const x = plot.valToPos(one.t, 'x', true);
    const y = plot.valToPos(value, 'y', true);
    const scale = uPlot.pxRatio;
    if (stressed) {
      const { ctx, bbox } = plot;
      ctx.strokeStyle = ctx.fillStyle = this.colors.flag;
      ctx.globalAlpha = 0.5;
      ctx.fillRect(x - scale / 2, bbox.top, scale, bbox.height);
      ctx.globalAlpha = 1;
    }
    draw(plot.ctx, one.kind, x, y, (stressed ? 8 : id === 'values' ? 5.5 : 4.5) * scale, this.colors);
  }

  /** Too many to mark one by one: a strip above the chart, the taller the more. */
  drawCounts(plot, id) {
    const { t, values: { n } } = this.data.flags;
    if (id !== 'values' || !t.length) return;
    const { ctx, bbox } = plot;
    const most = Math.max(...n);
    const width = Math.max(uPlot.pxRatio, (this.data.step / (this.window[1] - this.window[0])) * bbox.width - uPlot.pxRatio);
    ctx.fillStyle = this.colors.flag;
    t.forEach((at, index) => {
      const height = (3 + 13 * (n[index] / most)) * uPlot.pxRatio;
      ctx.fillRect(plot.valToPos(at, 'x', true), bbox.top - 2 * uPlot.pxRatio - height, width, height);
    });
  }

  valueOf(id, mark) {
    const value = id === 'scores' ? this.height(mark.scored === false ? 0 : mark.score) : mark.fields[this.data.field];
    return typeof value === 'number' ? value : null;
  }

  /** What is under the pointer, beside it. */
  tell(plot) {
    const tip = $('tip');
    const { left } = plot.cursor;
    if (left === undefined || left < 0 || plot.cursor.event?.type === 'mouseleave') {
      tip.hidden = true;
      return;
    }
    const at = plot.posToVal(left, 'x');
    const near = this.near(at, plot);
    const { values, scores, step } = this.data;
    const one = nearest(values, at);
    const other = nearest(scores, at);
    if (one === null && other === null) {
      tip.hidden = true;
      return;
    }
    const line = (name, text) => el('div', {}, el('span', { class: 'soft' }, name), el('b', {}, text));
    const rows = near ? markLines(near, this.data.field, line) : [
      el('div', { class: 'when' }, clock(values.t[one] ?? scores.t[other], step ? 0 : 3), step ? el('span', { class: 'soft' }, ` + ${duration(step)}`) : null),
      ...(one === null ? [] : step
        ? [line('highest', number(values.values.hi[one])), line('mean', number(values.values.mean[one])), line('lowest', number(values.values.lo[one]))]
        : [line(this.data.field, number(values.values.v[one]))]),
      ...(other === null ? [] : [line(step ? 'highest score' : 'score', number(scores.values.score[other]))]),
    ];
    tip.replaceChildren(...rows);
    tip.hidden = false;
    const x = left + 58;
    const room = $('plots').clientWidth;
    tip.style.transform = `translate(${Math.round(x + 16 + tip.offsetWidth > room ? Math.max(0, x - 16 - tip.offsetWidth) : x + 16)}px, 14px)`;
  }

  height(score) {
    return height(score, this.threshold);
  }

  near(at, plot) {
    if (!this.complete) return null;
    const reach = plot.posToVal(NEAR, 'x') - plot.posToVal(0, 'x');
    let best = null;
    for (const one of this.marks) {
      const distance = Math.abs(one.t - at);
      if (distance < reach && (!best || distance < Math.abs(best.t - at))) best = one;
    }
    return best;
  }
}

function markLines(near, field, line) {
  const { mark, kind } = near;
  const word = kind === 'flagged' || kind === 'true' || kind === 'false' ? 'anomaly' : WORDS[kind];
  return [
    el('div', { class: 'when' }, clock(near.t, 3), el('span', { class: 'flag-word' }, ` ${word}`)),
    line(field, number(mark.fields[field])),
    ...(mark.score === null || kind === 'unscored' ? [] : [line('score', number(mark.score))]),
    ...(kind === 'unscored' || kind === 'missed' ? [] : [line('truth', WORDS[kind])]),
    ...(mark.why ? [el('div', { class: 'why' }, mark.why)] : []),
  ];
}

function nearest(columns, at) {
  if (!columns.length) return null;
  const after = columns.after(at);
  const before = after - 1;
  if (after >= columns.length) return before;
  return before < 0 || columns.t[after] - at < at - columns.t[before] ? after : before;
}

/** A little air around the values, none invented below zero. */
function around(low, high, kind) {
  if (low === null || high === null || !Number.isFinite(low)) return [0, 1];
  const air = (high - low) * (kind === 'dots' ? 0.08 : 0.12) || Math.abs(high) * 0.1 || 1;
  return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}

function readColors() {
  const style = getComputedStyle(document.documentElement);
  const names = ['value', 'dot', 'bar', 'band', 'flag', 'miss', 'soft', 'rule', 'card'];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
