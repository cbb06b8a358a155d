// Elements without markup: text stays text, whatever a stream holds.

export const $ = (id) => document.getElementById(id);

/** An element with attributes and children; an attribute that is null, undefined or false is left out. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A small drawing: paths as [class, d]. */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  for (const [kind, d] of paths) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', kind);
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

/** Sets a text only where it differs, so that nothing is drawn or read aloud again. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Keeps one child of `parent` for each item, by key and in order; a child is made again when its item changed. */
export function keep(parent, items, keyOf, make) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const told = JSON.stringify(item);
    let child = old.get(key);
    if (!child || child.dataset.told !== told) {
      const fresh = make(item);
      fresh.dataset.key = key;
      fresh.dataset.told = told;
      if (child) {
        const focused = child.contains(document.activeElement);
        if (child === at) at = fresh;
        child.replaceWith(fresh);
        if (focused) fresh.querySelector('button')?.focus();
      }
      child = fresh;
    }
    old.delete(key);
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const child of old.values()) child.remove();
}
