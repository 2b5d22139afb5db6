// chart.js - bars on a canvas (uPlot).  The table beside it says the same in text.

import { el, fill } from "./dom.js";
import { t, number, plain } from "./texts.js";
import uPlot from "../vendor/uplot/uPlot.esm.js";

const HEIGHT_PX = 300, HEIGHT_NARROW_PX = 260, NARROW_PX = 520;
const GROUP_SHARE = 0.76;       // of a group's place; the rest is air
const LABEL_LINES_MAX = 3, CHARACTER_PX = 6.6;
const EVEN_WITHIN = 1e-9;       // widths that differ less are the same

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Breaks a label into lines that fit `px`. */
function wrap(label, px) {
  const most = Math.max(4, Math.floor(px / CHARACTER_PX));
  const lines = [""];
  for (const word of String(label).split(/\s+/)) {
    const at = lines.length - 1;
    if (lines[at] === "") lines[at] = word;
    else if (`${lines[at]} ${word}`.length <= most) lines[at] += ` ${word}`;
    else lines.push(word);
  }
  const cut = lines.slice(0, LABEL_LINES_MAX).map((l) => (l.length > most ? `${l.slice(0, most - 1)}…` : l));
  if (lines.length > LABEL_LINES_MAX) cut[LABEL_LINES_MAX - 1] = `${cut[LABEL_LINES_MAX - 1].slice(0, most - 1)}…`;
  return cut.join("\n");
}

/** Where each bar stands: left and right edge in x values, height in y values. */
function layout(bars) {
  const edges = bars.breaks;
  if (edges) {
    const widths = edges.slice(1).map((to, i) => to - edges[i]);
    const even = widths.every((w) => Math.abs(w - widths[0]) <= EVEN_WITHIN * Math.abs(widths[0]));
    // Where intervals differ in width, the area must say how many: height is persons for each unit.
    const heights = bars.series[0].values.map((v, i) => (v === null || even ? v : v / widths[i]));
    return { x: edges.slice(1).map((to, i) => (edges[i] + to) / 2), heights: [heights], even, touching: true,
      min: edges[0], max: edges[edges.length - 1], edge: (s, i, right) => edges[right ? i + 1 : i] };
  }
  const share = GROUP_SHARE / bars.series.length;
  return { x: bars.labels.map((_, i) => i), heights: bars.series.map((s) => s.values), even: true, touching: false,
    min: -0.5, max: bars.labels.length - 0.5,
    edge: (s, i, right) => i - GROUP_SHARE / 2 + (s + (right ? 1 : 0)) * share };
}

function barPaths(place) {
  return (u, seriesIndex, from, to) => {
    const fillPath = new Path2D();
    const gap = place.touching ? 1 : 0.5;
    const base = u.valToPos(0, "y", true);
    for (let i = from; i <= to; i += 1) {
      const height = place.heights[seriesIndex - 1][i];
      if (height === null || height === undefined) continue;
      const left = u.valToPos(place.edge(seriesIndex - 1, i, false), "x", true) + gap;
      const right = u.valToPos(place.edge(seriesIndex - 1, i, true), "x", true) - gap;
      const top = u.valToPos(height, "y", true);
      fillPath.rect(left, top, Math.max(1, right - left), base - top);
    }
    return { stroke: null, fill: fillPath, clip: null };
  };
}

function options(bars, place, width, readout) {
  const ink = style("--ink-soft"), line = style("--line"), font = `12px ${style("--font")}`;
  const room = width - 70;
  const axis = { stroke: ink, font, grid: { show: false }, ticks: { show: false } };
  const xAxis = place.touching
    ? { ...axis, values: (u, splits) => splits.map((v) => plain(Number(v.toPrecision(12)))), size: 34 }
    : { ...axis, splits: () => place.x, values: () => bars.labels.map((l) => wrap(l, room / place.x.length - 6)),
        size: 14 + 16 * Math.max(...bars.labels.map((l) => wrap(l, room / place.x.length - 6).split("\n").length)) };
  return {
    width, height: width < NARROW_PX ? HEIGHT_NARROW_PX : HEIGHT_PX,
    legend: { show: false }, padding: [12, 12, 0, 0],
    scales: {
      x: { time: false, range: [place.min, place.max] },
      y: { range: (u, low, high) => [0, high > 0 ? high * 1.08 : 1] },
    },
    axes: [xAxis, { ...axis, size: 58, grid: { show: true, stroke: line, width: 1 },
      values: (u, splits) => splits.map((v) => number(v)) }],
    series: [{}, ...bars.series.map((s, i) => ({ label: s.label, fill: style(`--series-${i + 1}`), width: 0,
      points: { show: false }, paths: barPaths(place) }))],
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    hooks: { setCursor: [(u) => readout(u.cursor.idx)] },
  };
}

/** A figure with a bar chart; it redraws itself when its width or the colour scheme changes.  describedby: the
 *  table's id.  {node, start(), stop()}: start when it is in the page. */
export function chart(bars, caption, describedby) {
  const place = layout(bars);
  const holder = el("div", { class: "chart-holder", role: "img", "aria-label": t("chart.alternative", { caption }),
    "aria-describedby": describedby });
  const said = el("p", { class: "readout", "aria-hidden": "true" });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  let plot = null;
  let watcher = null;

  function readout(i) {
    if (i === null || i === undefined || bars.labels[i] === undefined) return fill(said, t("chart.hint"));
    const numbers = bars.series.map((s) => {
      const value = s.values[i] === null || s.values[i] === undefined ? t("cell.withheld") : number(s.values[i]);
      return bars.series.length > 1 ? `${s.label}: ${value}` : value;
    });
    return fill(said, el("strong", {}, bars.labels[i]), " ", numbers.join(" · "));
  }

  function draw() {
    const width = Math.floor(holder.clientWidth);
    if (width === 0) return;
    plot?.destroy();
    plot = new uPlot(options(bars, place, width, readout), [place.x, ...place.heights], holder);
    readout(null);
  }

  const legend = bars.series.length > 1
    ? el("ul", { class: "legend", "aria-label": bars.seriesHead },
        el("li", { class: "legend-head", "aria-hidden": "true" }, bars.seriesHead),
        bars.series.map((s, i) => el("li", {}, el("span", { class: `key key-${i + 1}` }), s.label)))
    : null;
  const axis = place.even ? t("chart.persons") : t("chart.density", { unit: bars.unit || t("chart.unit") });
  const node = el("figure", { class: "chart" },
    el("figcaption", {}, caption, el("span", { class: "axis-note" }, axis)),
    legend, holder, el("p", { class: "x-title" }, bars.of), said, bars.note ? el("p", { class: "note" }, bars.note) : null);
  return { node,
    start() {
      draw();
      watcher = new ResizeObserver(() => {
        if (plot && Math.abs(Math.floor(holder.clientWidth) - plot.width) > 1) draw();
      });
      watcher.observe(node);
      scheme.addEventListener("change", draw);
    },
    stop() {
      watcher?.disconnect();
      scheme.removeEventListener("change", draw);
      plot?.destroy();
    } };
}
