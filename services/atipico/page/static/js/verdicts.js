// What became of a sample, in one word, and its shape: never by colour alone.
import { icon } from './dom.js';

/** flagged (truth not known yet), true, false, missed, unscored. */
export function verdict(mark) {
  if (mark.scored === false) return 'unscored';
  if (!mark.anomalous) return 'missed';
  return mark.label === null || mark.label === undefined ? 'flagged' : mark.label ? 'true' : 'false';
}

export const WORDS = {
  flagged: 'not known yet', true: 'true', false: 'false alarm', missed: 'missed', unscored: 'not scored',
};

export const keyOf = (mark) => `${mark.time} ${JSON.stringify(mark.tags)}`;

const SHAPES = {
  flagged: [['flag full', 'M8 2l6 6-6 6-6-6z']],
  true: [['flag ring', 'M8 .8L15.2 8 8 15.2.8 8z'], ['flag full', 'M8 4l4 4-4 4-4-4z']],
  false: [['flag', 'M8 2l6 6-6 6-6-6z']],
  missed: [['miss', 'M3 8a5 5 0 1010 0 5 5 0 10-10 0']],
  unscored: [['none', 'M3.5 3.5l9 9m0-9l-9 9']],
};

export const shape = (kind) => icon(...SHAPES[kind]);

/** Draws a mark's shape on a canvas; r is half its width in pixels. */
export function draw(context, kind, x, y, r, colors) {
  const diamond = (size) => {
    context.beginPath();
    context.moveTo(x, y - size);
    context.lineTo(x + size, y);
    context.lineTo(x, y + size);
    context.lineTo(x - size, y);
    context.closePath();
  };
  context.setLineDash([]);
  context.lineWidth = Math.max(1.5, r / 3);
  context.strokeStyle = context.fillStyle = kind === 'missed' ? colors.miss : kind === 'unscored' ? colors.soft : colors.flag;
  if (kind === 'unscored') {
    context.beginPath();
    context.moveTo(x - r * 0.7, y - r * 0.7);
    context.lineTo(x + r * 0.7, y + r * 0.7);
    context.moveTo(x + r * 0.7, y - r * 0.7);
    context.lineTo(x - r * 0.7, y + r * 0.7);
    context.stroke();
  } else if (kind === 'missed') {
    context.beginPath();
    context.arc(x, y, r * 0.85, 0, 2 * Math.PI);
    context.stroke();
  } else {
    diamond(kind === 'true' ? r * 0.75 : r);
    if (kind === 'false') {
      context.fillStyle = colors.card;
      context.fill();
      context.stroke();
    } else context.fill();
    if (kind === 'true') {
      diamond(r * 1.45);
      context.stroke();
    }
  }
}
