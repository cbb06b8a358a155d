// The bar above: job, field, range; colours; a link to what is seen.
import { $, el, put } from './dom.js';
import { ns } from './format.js';
import { say } from './say.js';
import { isLive, linkTo, state } from './state.js';
import { job, span, view } from './view.js';

export function showControls() {
  options($('job'), view.jobs.map((one) => [one.job, one.job === one.stream ? one.job : `${one.job} (${one.stream})`]), state.job);
  options($('field'), (job()?.fields ?? []).map((name) => [name, name]), state.field);
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

const dark = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';

/** Follows the colours of the system until others are chosen; `recolored` is called whenever they change. */
export class Colours {
  constructor(recolored) {
    this.recolored = recolored;
    dark.addEventListener('change', () => this.show());
  }

  toggle() {
    const theme = isDark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem('atipico-theme', theme);
    } catch { /* not remembered, then */ }
    this.show();
  }

  show() {
    $('theme').setAttribute('aria-pressed', String(isDark()));
    this.recolored();
  }
}

export async function copyLink() {
  const [from, to] = span();
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
