// words.js - questions, levels and intervals in plain words, with the labels of the dataset's dictionary.

import { t, has, plural, plain, list, choice, current } from "./texts.js";

/** What is known of a dataset: its title, variables by name, sites' titles.  `entry` is the catalogue's, or null. */
export function datasetWords(name, entry, sites = []) {
  const dictionary = entry?.dictionary ?? {};
  return {
    name,
    title: dictionary.title ?? entry?.title ?? name,
    profile: dictionary.profile ?? entry?.profile ?? "",
    variables: new Map((dictionary.variables ?? []).map((v) => [v.name, v])),
    sites: new Map(sites.map((s) => [s.site, s.title])),
  };
}

export const siteWords = (set, site) => set.sites.get(site) || site;

export function variableWords(set, name) {
  const label = set.variables.get(name)?.label;
  return label && label !== "" ? label : name;
}

export function levelWords(set, name, code) {
  if (code === null) return t("level.missing");
  const levels = set.variables.get(name)?.levels ?? [];
  const label = levels.find((l) => l.code === code)?.label;
  return label && label !== "" ? label : String(code);
}

/** A label that is one text, or one for each language. */
export const labelWords = (label) => (label && typeof label === "object" ? label[current()] ?? "" : label ?? "");

/** A group of a result or of a dictionary: its label, or its code. */
export const groupWords = (group, code) => labelWords(group.label) || String(code);

/** What a dimension is called: the variable, or the grouping of it. */
function dimensionWords(set, dimension) {
  if (typeof dimension === "string") return variableWords(set, dimension);
  const name = variableWords(set, dimension.variable);
  const grouping = (set.variables.get(dimension.variable)?.groupings ?? []).find((g) => g.name === dimension.grouping);
  return grouping ? labelWords(grouping.label) || t("dimension.grouped", { variable: name, grouping: grouping.name }) : name;
}
export const byWords = dimensionWords;

const isWhole = (set, name) => ["integer"].includes(set.variables.get(name)?.type);

/** The cell [from, to), or [from, to] when it is the last. */
export function intervalWords(set, name, from, to, closed) {
  if (isWhole(set, name) && Number.isInteger(from) && Number.isInteger(to)) {
    const last = closed ? to : to - 1;
    return last === from ? plain(from) : t("interval.closed", { from: plain(from), to: plain(last) });
  }
  return t(closed ? "interval.closed" : "interval.open", { from: plain(from), to: plain(to) });
}

export const intervalsWords = (set, name, breaks) =>
  breaks.slice(1).map((to, i) => intervalWords(set, name, breaks[i], to, i === breaks.length - 2));

export function unitWords(set, name) {
  return set.variables.get(name)?.unit ?? "";
}

/** "maximum heart rate (1/min)" */
export function headWords(set, name) {
  const unit = unitWords(set, name);
  return unit ? t("variable.unit", { variable: variableWords(set, name), unit }) : variableWords(set, name);
}

function rangeWords(range) {
  if (range === null) return t("level.missing");
  const { from, to } = range;
  if (from !== undefined && to !== undefined) return t("range.both", { from: plain(from), to: plain(to) });
  if (from !== undefined) return t("range.from", { from: plain(from) });
  if (to !== undefined) return t("range.to", { to: plain(to) });
  return t("range.any");
}

function conditionWords(set, name, wanted) {
  if (name === "site") return t("where.sites", { sites: list(wanted.map((s) => siteWords(set, s))) });
  const parts = Array.isArray(wanted) ? wanted : [wanted];
  const said = parts.map((p) => (p !== null && typeof p === "object" ? rangeWords(p) : levelWords(set, name, p)));
  return t("where.variable", { variable: headWords(set, name), values: choice(said) });
}

/** One line for each condition of the cohort. */
export function cohortWords(set, question) {
  return Object.entries(question?.where ?? {}).map(([name, wanted]) => conditionWords(set, name, wanted));
}

/** As a heading begins. */
export const capital = (text) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

/** The question as one sentence, without its cohort. */
export function questionWords(set, question) {
  const [kind, what] = Object.entries(question?.statistic ?? {})[0] ?? ["", {}];
  const said = { dataset: set.title };
  switch (kind) {
    case "count":
      return t("question.count", said);
    case "table":
      return t("question.table", { ...said, by: list((what.by ?? []).map((d) => dimensionWords(set, d))) });
    case "histogram":
      return t("question.histogram", { ...said, variable: variableWords(set, what.variable) });
    case "summary": {
      const variables = list((what.variables ?? []).map((v) => variableWords(set, v)));
      return what.by
        ? t("question.summary_by", { ...said, variables, by: dimensionWords(set, what.by) })
        : t("question.summary", { ...said, variables });
    }
    default:
      return t("question.other", { ...said, statistic: kind });
  }
}

export const statisticOf = (question) => Object.keys(question?.statistic ?? {})[0] ?? "";

/** The text for `code` of a family, or what the server said, or the code. */
export function codeWords(family, code, fallback) {
  const key = `${family}.${code}`;
  return has(key) ? t(key) : fallback || code || "";
}

export const sitesCount = (n) => plural("count.sites", n);
