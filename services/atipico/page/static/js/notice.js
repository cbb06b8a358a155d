// How it goes: the word at the top, what there is to complain of with its cure, and what a chart says that has nothing to draw.
import { $, el, put } from './dom.js';
import { duration } from './format.js';
import { isLive } from './state.js';
import { behind, view } from './view.js';

const MOODS = { store: 'Store is down', page: 'Connecting again', full: 'Waiting for a place', refused: 'Refused' };

const CURES = {
  store: ['The store does not answer', 'This page tries again every second and goes on where it was. `atipico status` tells more, `./up.sh` starts what is not running.'],
  page: ['This page has lost its service', 'It tries again by itself. If that lasts: `atipico status` tells more, `./up.sh` starts what is not running.'],
  full: ['Too many pages are open', 'This one shows what it has and tries again by itself.'],
  refused: ['The store would not answer this', 'Choose another job, field or range; the sentence above is its own.'],
};

function mood(kind, word) {
  $('state').dataset.state = kind;
  put($('state-word'), word);
}

/** Nothing was scored yet. */
export const waitingForScore = () => mood('waiting', 'Waiting for a score');

/** The page's service is asked again; nothing is said of it unless that lasts. */
export const connectingAgain = () => mood('lost', MOODS.page);

/** All is well again: what was complained of is over. */
export function settle() {
  $('notice').hidden = true;
  delete $('notice').dataset.kind;
  const late = behind();
  if (!isLive()) mood('paused', 'Standing still');
  else if (late) mood('trouble', `Scores are ${duration(late)} behind`);
  else mood('live', 'Live');
}

export function complain(kind, said) {
  const notice = $('notice');
  if (notice.dataset.kind !== kind || notice.dataset.said !== said) {
    notice.dataset.kind = kind;
    notice.dataset.said = said;
    notice.replaceChildren(el('strong', {}, CURES[kind][0]), el('span', {}, said), el('span', { class: 'soft' }, CURES[kind][1]));
  }
  notice.hidden = false;
  mood(kind === 'page' ? 'lost' : 'trouble', MOODS[kind]);
  if (!view.data) put($('chart-title'), 'Waiting');
}

export function blank(title, hint) {
  const node = $('blank');
  node.hidden = !title;
  if (title) node.replaceChildren(el('strong', {}, title), el('span', {}, hint));
}
