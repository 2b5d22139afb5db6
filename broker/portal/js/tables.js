// tables.js - a result as rows and columns, and as bars.  Numbers come from the result document and nowhere else.
//
// A cell is {value, lacking, floor}: value null: no site published it; lacking: the sites that withheld it, so
// that the number is the others' sum; floor: of a published 0 the number it means "fewer than"
// of (5, strict 10); of others false.

import { t } from "./texts.js";
import { levelWords, groupWords, labelWords, byWords, headWords, intervalsWords, siteWords, unitWords } from "./words.js";

export const SERIES_MAX = 6; // more colours than that cannot be told apart
const BARS_MAX = 60;

/** Finds the sites that withheld a number: place is {cell}, {margin, cell}, {total} or {<name>: true}. */
function lackingAt(withheld, place) {
  const wanted = Object.entries(place);
  const found = (withheld ?? []).find((w) =>
    wanted.every(([k, v]) => w[k] === v) && Object.keys(w).every((k) => k === "sites" || k in place));
  return found?.sites ?? [];
}

/** Makes cells out of values.  `site`: the view is one site's, where nothing is partial. */
function cellMaker(result, site) {
  const { profile, withheld } = result.protection ?? {};
  const floor = profile === undefined || profile === "open" ? false : profile === "strict" ? 10 : 5;
  return (value, place) => ({
    value: value ?? null,
    lacking: site || value === null || value === undefined ? [] : lackingAt(withheld, place),
    floor: value === 0 && floor,
  });
}

const product = (numbers) => numbers.reduce((a, b) => a * b, 1);

function dimensionOf(set, dimension) {
  const name = dimension.variable;
  return {
    name,
    head: (dimension.groups && labelWords(dimension.label)) || headWords(set, name),
    labels: dimension.breaks ? intervalsWords(set, name, dimension.breaks)
      : dimension.groups ? dimension.groups.map((g) => groupWords(g, g.code))
      : (dimension.levels ?? []).map((code) => levelWords(set, name, code)),
    breaks: dimension.breaks ?? null,
  };
}

function marginOf(values, dimension, index) {
  const margins = values.margins;
  if (!margins) return null;
  return (Array.isArray(margins) ? margins[index] : margins[dimension.name]) ?? null;
}

function tableView(set, result, values, site) {
  const cell = cellMaker(result, site);
  const dimensions = (values.dimensions ?? []).map((d) => dimensionOf(set, d));
  const cells = values.cells ?? [];
  const rows = [];
  const missing = cell(values.n_missing, { n_missing: true });
  const total = cell(values.total, { total: true });

  if (dimensions.length === 1) {
    const [d] = dimensions;
    d.labels.forEach((label, i) => rows.push({ heads: [label], cells: [cell(cells[i], { cell: i })] }));
    rows.push({ heads: [t("table.total")], cells: [total], sum: true });
    return { heads: [d.head], columnsHead: "", columns: [t("table.persons")], rows, missing, bars: oneSeries(d, rows) };
  }

  const last = dimensions[dimensions.length - 1];
  const before = dimensions.slice(0, -1);
  const width = last.labels.length;
  const columnSums = marginOf(values, last, dimensions.length - 1);
  const flat = dimensions.length === 2;
  const rowSums = flat ? marginOf(values, before[0], 0) : null;
  const lines = product(before.map((d) => d.labels.length));
  for (let line = 0; line < lines; line += 1) {
    let rest = line;
    const heads = before.map((d, i) => {
      const below = product(before.slice(i + 1).map((b) => b.labels.length));
      const at = Math.floor(rest / below);
      rest %= below;
      return d.labels[at];
    });
    const across = last.labels.map((_, i) => cell(cells[line * width + i], { cell: line * width + i }));
    if (rowSums) across.push({ ...cell(rowSums[line], { margin: 0, cell: line }), sum: true });
    rows.push({ heads, cells: across });
  }
  if (columnSums || flat) {
    const sums = last.labels.map((_, i) => cell(columnSums?.[i], { margin: dimensions.length - 1, cell: i }));
    if (rowSums) sums.push(total);
    rows.push({ heads: [t("table.total")], span: before.length, cells: sums, sum: true });
  }
  const columns = rowSums ? [...last.labels, t("table.total")] : last.labels;
  const extra = flat ? [] : before.map((d, i) => ({ d, sums: marginOf(values, d, i), index: i })).filter((m) => m.sums);
  return { heads: before.map((d) => d.head), columnsHead: last.head, columns, rows, missing,
    total: flat ? null : total,
    margins: extra.map(({ d, sums, index }) => ({
      head: d.head,
      rows: d.labels.map((label, i) => ({ heads: [label], cells: [cell(sums[i], { margin: index, cell: i })] })),
    })),
    bars: flat ? twoWay(before[0], last, cells) : marginBars(dimensions, values) };
}

function oneSeries(d, rows) {
  const values = rows.filter((r) => !r.sum).map((r) => r.cells[0].value);
  return { of: d.head, breaks: numeric(d.breaks), labels: d.labels, series: [{ label: t("table.persons"), values }] };
}

/** Groups and colours: the colours go to the dimension with fewer levels. */
function twoWay(rows, columns, cells) {
  const width = columns.labels.length;
  const at = (r, c) => cells[r * width + c] ?? null;
  const turned = columns.labels.length > SERIES_MAX && rows.labels.length <= SERIES_MAX;
  const [groups, series] = turned ? [columns, rows] : [rows, columns];
  if (series.labels.length > SERIES_MAX || groups.labels.length * series.labels.length > BARS_MAX) return null;
  return { of: groups.head, seriesHead: series.head, breaks: null, labels: groups.labels,
    series: series.labels.map((label, s) => ({ label,
      values: groups.labels.map((_, g) => (turned ? at(s, g) : at(g, s))) })) };
}

function marginBars(dimensions, values) {
  const [d] = dimensions;
  const sums = d ? marginOf(values, d, 0) : null;
  if (!sums) return null;
  return { of: d.head, breaks: null, labels: d.labels, series: [{ label: t("table.persons"), values: sums }],
    note: t("chart.margin_only", { variable: d.head }) };
}

const numeric = (breaks) => (breaks && breaks.every((b) => typeof b === "number") ? breaks : null);

function histogramView(set, result, values, site) {
  const cell = cellMaker(result, site);
  const name = values.variable;
  const labels = intervalsWords(set, name, values.breaks ?? []);
  const counts = values.counts ?? [];
  const rows = labels.map((label, i) => ({ heads: [label], cells: [cell(counts[i], { cell: i })] }));
  rows.push({ heads: [t("table.below")], cells: [cell(values.below, { below: true })], aside: true });
  rows.push({ heads: [t("table.above")], cells: [cell(values.above, { above: true })], aside: true });
  return { heads: [headWords(set, name)], columnsHead: "", columns: [t("table.persons")], rows,
    missing: cell(values.n_missing, { n_missing: true }),
    bars: { of: headWords(set, name), unit: unitWords(set, name), breaks: numeric(values.breaks), labels,
      series: [{ label: t("table.persons"), values: counts }] } };
}

function countView(set, result, values, site) {
  const cell = cellMaker(result, site);
  const lone = cell(values.count, { cell: 0 });
  const whole = lone.lacking.length ? lone : cell(values.count, { total: true });
  const bySite = Object.entries(result.by_site ?? {});
  const one = cellMaker(result, true);
  const view = { big: whole, heads: [t("table.site")], columnsHead: "", columns: [t("table.persons")], rows: [], bars: null };
  if (site || bySite.length === 0) return view;
  view.rows = bySite.map(([s, v]) => ({ heads: [siteWords(set, s)], cells: [one(v.count, {})] }));
  view.rows.push({ heads: [t("table.total")], cells: [whole], sum: true });
  view.bars = { of: t("table.site"), breaks: null, labels: bySite.map(([s]) => siteWords(set, s)),
    series: [{ label: t("table.persons"), values: bySite.map(([, v]) => v.count ?? null) }] };
  return view;
}

/** The row head of one group of a summary: a level's words, or those of a registered group of levels. */
function groupHead(set, by, group) {
  if (group.level === undefined) return "";
  return group.levels ? groupWords(group, group.level) : levelWords(set, by, group.level);
}

function summaryView(set, result, values, site) {
  const cell = cellMaker(result, site);
  const exact = (value, noise) => ({ value: value ?? null, lacking: [], floor: false, noise });
  const by = Object.values(result.question?.statistic ?? {})[0]?.by;
  const groups = values.groups ?? [{ variables: values.variables ?? [] }];
  const rows = [];
  const probabilities = (groups[0]?.variables?.[0]?.quantiles ?? []).map((q) => q.p);
  for (const group of groups) {
    for (const v of group.variables ?? []) {
      const variance = v.variance ?? null;
      const numbers = [cell(v.n, {}), cell(v.n_missing, {}), exact(v.mean, v.noise_sd?.mean), exact(v.sd ?? (variance === null ? null : Math.sqrt(variance))),
        exact(variance, v.noise_sd?.variance), ...probabilities.map((p) => exact(v.quantiles?.find((q) => q.p === p)?.value))];
      const heads = [headWords(set, v.variable)];
      if (values.groups) heads.unshift(groupHead(set, by, group));
      rows.push({ heads, cells: numbers });
    }
  }
  const heads = values.groups ? [byWords(set, by), t("table.variable")] : [t("table.variable")];
  return { heads, columnsHead: "", rows, bars: null,
    columns: [t("table.n"), t("table.n_missing"), t("table.mean"), t("table.sd"), t("table.variance"),
      ...probabilities.map((p) => t("table.quantile", { p }))] };
}

/** What the result page shows of a result, for all sites (site "") or for one; null: a statistic it cannot show. */
export function viewOf(set, result, site) {
  const values = site ? result.by_site?.[site] : result.result;
  const kind = Object.keys(result.question?.statistic ?? {})[0];
  const views = { count: countView, table: tableView, histogram: histogramView, summary: summaryView };
  return values && views[kind] ? views[kind](set, result, values, site) : null;
}

/** Which number an item of `protection.withheld` is, in words; null: not one of these. */
export function placeWords(set, result, w) {
  if (w.quantiles || w.quantile_cells) {
    const group = w.level === undefined ? "" : levelWords(set, result.result?.by, w.level);
    const variable = headWords(set, w.variable);
    return t(w.quantiles ? "withheld.quantiles" : "withheld.quantile_cells", { variable: group ? `${variable} (${group})` : variable });
  }
  if (w.total) return t("table.total");
  if (w.n_missing) return t("table.without_value");
  if (w.below) return t("table.below");
  if (w.above) return t("table.above");
  const values = result.result ?? {};
  if (w.noise) {
    const what = t(w.noise === "mean" ? "withheld.mean" : "withheld.variance", { variable: headWords(set, w.variable) });
    const group = (values.groups ?? []).find((g) => g.level === w.level);
    return group ? t("withheld.of_level", { what, level: groupHead(set, Object.values(result.question?.statistic ?? {})[0]?.by, group) }) : what;
  }
  const dimensions = (values.dimensions ?? (values.breaks ? [values] : [])).map((d) => dimensionOf(set, d));
  if (w.margin !== undefined) {
    const d = dimensions[w.margin];
    return d?.labels[w.cell] === undefined ? null : t("withheld.margin", { variable: d.head, level: d.labels[w.cell] });
  }
  if (w.cell === undefined || dimensions.length === 0) return w.cell === 0 ? t("table.total") : null;
  let rest = w.cell;
  return dimensions.map((d, i) => {
    const below = product(dimensions.slice(i + 1).map((b) => b.labels.length));
    const at = Math.floor(rest / below);
    rest %= below;
    return d.labels[at];
  }).join(" × ");
}

/** Every cell of a view, for what is said about it as a whole. */
export function cellsOf(view) {
  return [...(view.big ? [view.big] : []), ...view.rows.flatMap((r) => r.cells),
    ...(view.margins ?? []).flatMap((m) => m.rows.flatMap((r) => r.cells)),
    ...(view.missing ? [view.missing] : []), ...(view.total ? [view.total] : [])];
}
