// dom.js - making elements.  Text becomes text nodes, never markup: nothing from outside is ever parsed as HTML.

// Attributes that are set as properties; the rest are set as attributes.
const PROPERTIES = new Set(["value", "checked", "disabled", "htmlFor", "className", "textContent", "selected"]);

/** el("p", {class: "note", onclick: f}, "text", node, [more], null): an element with its children. */
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  add(node, children);
  return node;
}

export function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren();
  return add(node, children);
}

let lastId = 0;
/** An id nothing else on the page has. */
export function newId(stem) {
  lastId += 1;
  return `${stem}-${lastId}`;
}
