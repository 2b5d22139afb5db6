// texts.js - the catalogue of texts (texts/nb.json, texts/en.json: the same keys) and the reader's language.

export const LANGUAGES = ["nb", "en"];
const LOCALES = { nb: "nb-NO", en: "en-GB" };
const KEPT = "innsyn.language";

let texts = {};
let language = "nb";

function wanted() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {
    // storage is off: the browser's language decides each time
  }
  if (LANGUAGES.includes(kept)) return kept;
  for (const tag of navigator.languages ?? []) {
    if (/^(nb|no|nn|da|sv)\b/i.test(tag)) return "nb";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "nb";
}

async function load(name) {
  const answer = await fetch(`texts/${name}.json`, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`texts/${name}.json: ${answer.status}`);
  texts = await answer.json();
  language = name;
  document.documentElement.lang = name;
}

export const start = () => load(wanted());

export async function choose(name) {
  await load(name);
  try {
    localStorage.setItem(KEPT, name);
  } catch {
    // not kept: said above
  }
}

export const current = () => language;
export const has = (key) => Object.hasOwn(texts, key);

/** The text with its {names} filled in. */
export function t(key, values = {}) {
  const text = has(key) ? texts[key] : key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The text of `key.one` or `key.other`, with {n}. */
export function plural(key, n, values = {}) {
  const form = new Intl.PluralRules(LOCALES[language]).select(n) === "one" ? "one" : "other";
  return t(`${key}.${form}`, { n: number(n), ...values });
}

/** A published number: counts exactly, others to six significant digits. */
export function number(value) {
  if (Number.isInteger(value)) return new Intl.NumberFormat(LOCALES[language]).format(value);
  return new Intl.NumberFormat(LOCALES[language], { maximumSignificantDigits: 6 }).format(value);
}

/** A cut point, level or the like: no grouping (a year stays 2024). */
export function plain(value) {
  if (typeof value !== "number") return String(value);
  return new Intl.NumberFormat(LOCALES[language], { useGrouping: false, maximumSignificantDigits: 15 }).format(value);
}

export function moment(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return String(text ?? "");
  return new Intl.DateTimeFormat(LOCALES[language], { dateStyle: "medium", timeStyle: "short" }).format(at);
}

export const list = (items) => new Intl.ListFormat(LOCALES[language], { type: "conjunction" }).format(items);
export const choice = (items) => new Intl.ListFormat(LOCALES[language], { type: "disjunction" }).format(items);
