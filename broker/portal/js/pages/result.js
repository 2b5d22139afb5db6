// result.js - one query: the question in words, its numbers as chart and table, how they are protected, what each
// site said, and the receipt.

import { el, fill, newId } from "../dom.js";
import { t, number, plural, moment, list } from "../texts.js";
import { all, get, part } from "../api.js";
import { isAsker, stateBadge, profileBadge, problemBox, scrollable, short } from "../parts.js";
import { headWords, datasetWords, questionWords, cohortWords, siteWords, codeWords, capital } from "../words.js";
import { viewOf, cellsOf, placeWords } from "../tables.js";
import { chart } from "../chart.js";

const WAIT_MS = 20000;
const WITHHELD_LISTED_MAX = 100;

// --- numbers --------------------------------------------------------------------------------------------

function cellNode(cell) {
  if (cell.value === null) return el("span", { class: "withheld" }, "–", el("span", { class: "hidden" }, t("cell.withheld")));
  const mark = (kind, sign, said) => el("span", { class: kind }, el("span", { "aria-hidden": "true" }, sign), el("span", { class: "hidden" }, t(said)));
  const marks = [];
  if (cell.floor) marks.push(mark("mark", `<${cell.floor}`, cell.floor === 10 ? "cell.floor.strict" : "cell.floor"));
  if (cell.lacking.length) marks.push(mark("mark mark-part", "*", "cell.partial"));
  const noise = typeof cell.noise === "number" ? ` ± ${number(cell.noise)}` : null;
  return [number(cell.value), noise, marks.length ? el("sup", {}, marks) : null]; // one place for both, or they would lie on each other
}

function rowNode(row, columns) {
  return el("tr", { class: row.sum ? "sum" : row.aside ? "aside" : null },
    row.heads.map((h, i) => el("th", { scope: "row", colspan: i === 0 && row.span > 1 ? row.span : null }, h)),
    row.cells.map((c) => el("td", { class: c.sum ? "sum" : null }, cellNode(c))),
    columns > row.cells.length ? Array.from({ length: columns - row.cells.length }, () => el("td", {})) : null);
}

function tableNode(view, caption, id) {
  const across = view.columnsHead !== "";
  const heads = across
    ? [el("tr", {}, view.heads.map((h) => el("th", { scope: "col", rowspan: 2 }, h)),
        el("th", { scope: "colgroup", colspan: view.columns.length, class: "over" }, view.columnsHead)),
      el("tr", {}, view.columns.map((c) => el("th", { scope: "col" }, c)))]
    : el("tr", {}, [...view.heads, ...view.columns].map((h) => el("th", { scope: "col" }, h)));
  return scrollable(caption, el("table", { class: "numbers", id }, el("caption", {}, el("span", {}, caption)),
    el("thead", {}, heads), el("tbody", {}, view.rows.map((r) => rowNode(r, view.columns.length)))));
}

function marginNodes(view) {
  return (view.margins ?? []).map((m) => {
    const caption = t("table.margin", { variable: m.head });
    return scrollable(caption, el("table", { class: "numbers" }, el("caption", {}, el("span", {}, caption)),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, m.head), el("th", { scope: "col" }, t("table.persons")))),
      el("tbody", {}, m.rows.map((r) => rowNode(r, 1)))));
  });
}

/** What the marks in the table mean, only where they occur. */
function legend(view, site, noisy) {
  const cells = cellsOf(view);
  const notes = [];
  const floor = cells.find((c) => c.floor)?.floor;
  if (floor) notes.push(el("li", {}, el("span", { class: "mark" }, "0 ", el("sup", {}, `<${floor}`)), " ", floor === 10
    ? t(site ? "protection.zero.strict" : "legend.floor.strict") : t(site ? "protection.zero" : "legend.floor")));
  if (cells.some((c) => c.lacking.length)) notes.push(el("li", {}, el("span", { class: "mark mark-part" }, "*"), " ", t("legend.partial")));
  if (cells.some((c) => c.value === null)) notes.push(el("li", {}, el("span", { class: "withheld" }, "–"), " ", noisy ? t("legend.noise") : t(site ? "legend.withheld_one" : "legend.withheld")));
  return notes.length ? el("ul", { class: "marks" }, notes) : null;
}

function asideNumbers(view) {
  const items = [];
  if (view.total) items.push(el("dt", {}, t("table.total")), el("dd", {}, cellNode(view.total)));
  if (view.missing) items.push(el("dt", {}, t("table.without_value")), el("dd", {}, cellNode(view.missing)));
  return items.length ? el("dl", { class: "facts" }, items) : null;
}

function bigNumber(view) {
  if (!view.big) return null;
  return el("p", { class: "big" }, el("span", { class: "big-number" }, cellNode(view.big)), " ", t("count.persons"));
}

function chartCaption(bars, where) {
  const by = bars.seriesHead ? list([bars.of, bars.seriesHead]) : bars.of;
  return t("chart.caption", { variable: capital(by), where });
}

/** The numbers of all sites or of one, with the selector that changes between them. */
function numbers(set, result) {
  const holder = el("div", { class: "numbers-holder" });
  const sites = Object.keys(result.by_site ?? {});
  const id = newId("site");
  const select = el("select", { id, onchange: () => show(select.value) },
    el("option", { value: "" }, t("site.all")), sites.map((s) => el("option", { value: s }, siteWords(set, s))));
  let drawn = null;

  function show(site) {
    drawn?.stop();
    drawn = null;
    const view = viewOf(set, result, site);
    if (!view) {
      fill(holder, el("p", {}, t("result.unknown")));
      return;
    }
    const where = site ? siteWords(set, site) : t("site.all");
    const caption = t("table.caption", { question: questionWords(set, result.question).replace(/\?$/, ""), where });
    const tableId = newId("table");
    if (view.bars?.series.some((s) => s.values.some((v) => typeof v === "number")))
      drawn = chart(view.bars, chartCaption(view.bars, where), tableId);
    fill(holder, bigNumber(view), drawn?.node, view.rows.length ? tableNode(view, caption, tableId) : null,
      legend(view, site, result.protection?.profile === "dp"), asideNumbers(view), marginNodes(view));
    drawn?.start();
  }

  const choose = sites.length
    ? el("p", { class: "field inline" }, el("label", { htmlFor: id }, t("site.choose")), select)
    : el("p", { class: "soft" }, t("site.together_only"));
  return { node: el("section", { "aria-labelledby": "numbers-head" }, el("h2", { id: "numbers-head" }, t("result.numbers")), choose, holder),
    start: () => show(""), stop: () => drawn?.stop() };
}

// --- protection, sites, receipt ---------------------------------------------------------------------------

function withheldWords(set, result, w) {
  return t("withheld.line", { what: placeWords(set, result, w) ?? t("withheld.other"),
    sites: list((w.sites ?? []).map((s) => siteWords(set, s))) });
}

function rhoWords(set, b) {
  const left = Math.max(0, Math.floor(b.rho > 0 ? b.rho_left / b.rho + 1e-6 : 0));
  const short = (x) => number(Number(x.toPrecision(4)));
  return plural("protection.rho", left, { site: siteWords(set, b.site), rho: short(b.rho), left: short(b.rho_left) });
}

function protectionBox(set, result) {
  const p = result.protection ?? {};
  const answered = result.sites.filter((s) => s.status === "answered").length;
  const strict = p.profile === "strict";
  const said = [el("p", {}, codeWords("profile.text", p.profile, p.profile))];
  if (p.profile !== "open" && p.profile !== "dp") said.push(el("p", {}, el("strong", {}, t(strict ? "protection.zero.strict" : "protection.zero"))));
  if (typeof p.noise_sd_per_site === "number") {
    said.push(el("p", {}, t("protection.noise", { sd: number(p.noise_sd_per_site) })));
    if (p.rounded_to) said.push(el("p", {}, t("protection.rounded", { base: number(p.rounded_to) })));
    if (answered > 1) said.push(el("p", {}, t("protection.noise_sum", { n: number(answered),
      sd: number(Number((p.noise_sd_per_site * Math.sqrt(answered)).toFixed(1))) })));
    if (p.profile !== "dp") said.push(el("p", {}, t("protection.not_additive")));
  }
  const first = (result.result?.groups?.[0]?.variables ?? result.result?.variables)?.[0];
  for (const v of result.result?.groups?.[0]?.variables ?? result.result?.variables ?? []) {
    const { form, width } = v.quantiles_from ?? {};
    const variable = headWords(set, v.variable);
    if (form === "values") said.push(el("p", {}, t("protection.quantiles_exact", { variable })));
    if (form === "cells") said.push(el("p", {}, t("protection.quantiles_cells", { variable, width: typeof width === "number" ? number(width) : "–" })));
  }
  if (typeof first?.noise_sd?.n === "number") said.push(el("p", {}, t("protection.sums", { n: number(first.noise_sd.n) })));
  for (const b of p.budget ?? []) if (typeof b.rho === "number") said.push(el("p", {}, rhoWords(set, b)));
  const noisy = (p.withheld ?? []).filter((w) => w.noise);
  if (noisy.length) said.push(el("p", {}, t("protection.noise_too_large")),
    el("ul", {}, noisy.slice(0, WITHHELD_LISTED_MAX).map((w) => el("li", {}, placeWords(set, result, w))),
      noisy.length > WITHHELD_LISTED_MAX ? el("li", {}, t("protection.withheld_more")) : null));
  const withheld = (p.withheld ?? []).filter((w) => !w.noise);
  if (withheld.length) said.push(el("p", {}, plural("protection.withheld", withheld.length)),
    el("details", {}, el("summary", {}, t("protection.withheld_which")),
      el("ul", {}, withheld.slice(0, WITHHELD_LISTED_MAX).map((w) => el("li", {}, withheldWords(set, result, w))),
        withheld.length > WITHHELD_LISTED_MAX ? el("li", {}, t("protection.withheld_more")) : null)));
  else if (p.profile !== "open" && !noisy.length) said.push(el("p", {}, t("protection.nothing_withheld")));
  return el("section", { class: "card protection", "aria-labelledby": "protection-head" },
    el("h2", { id: "protection-head" }, t("protection"), " ", profileBadge(p.profile)), said);
}

function reasonNode(reason) {
  if (!reason) return null;
  const said = codeWords("problem", reason.code, codeWords("class", reason.class, reason.text));
  return el("p", { class: "reason" }, said, ".", reason.field ? [" ", el("code", {}, reason.field)] : null);
}

function sitesBox(set, sites) {
  const lacking = sites.filter((s) => !["answered", "running", "waiting", "open"].includes(s.status)).length;
  return el("section", { class: "card", "aria-labelledby": "sites-head" },
    el("h2", { id: "sites-head" }, t("result.sites")),
    lacking ? el("p", { class: "warn" }, plural("result.lacking", lacking, { of: number(sites.length) })) : null,
    el("ul", { class: "sites" }, sites.map((s) => el("li", {},
      el("div", { class: "site-line" }, el("span", {}, siteWords(set, s.site)), stateBadge(s.status)),
      reasonNode(s.reason),
      s.edition ? el("p", { class: "soft edition" }, t("edition"), " ", el("code", { title: s.edition }, short(s.edition))) : null))));
}

function download(result, id) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1), "\n"], { type: "application/json" }));
  const link = el("a", { href: url, download: `${id}.json` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function receiptBox(result, id) {
  const r = result.receipt;
  if (!r) return null;
  const fact = (name, value) => (value === undefined || value === null ? null : [el("dt", {}, name), el("dd", {}, value)]);
  const code = (text) => (text === undefined ? null : el("code", { class: "hash" }, text));
  return el("section", { class: "card", "aria-labelledby": "receipt-head" },
    el("h2", { id: "receipt-head" }, t("receipt")), el("p", {}, t("receipt.text")),
    el("dl", { class: "facts stacked" },
      fact(t("receipt.entry"), r.entry?.index === undefined ? null : el("span", { id: "entry-index" }, number(r.entry.index))),
      fact(t("receipt.at"), r.at ? el("time", { datetime: r.at }, moment(r.at)) : null),
      fact(t("receipt.permit"), code(r.permit)),
      fact(t("receipt.query"), code(r.query)),
      fact(t("receipt.question"), code(r.question_sha256)),
      fact(t("receipt.entry_hash"), code(r.entry?.sha256))),
    el("p", {}, el("button", { type: "button", class: "button", id: "download", onclick: () => download(result, id) }, t("receipt.download"))),
    el("p", { class: "soft" }, t("receipt.verify"), " ", el("code", {}, `innsyn result verify ${id}.json`)));
}

// --- the page ---------------------------------------------------------------------------------------------

async function knowledge(question, signal) {
  const sites = await all("/v1/sites", signal).catch(() => []);
  const entry = question ? await get(`/v1/catalogue/${part(question.dataset)}`, signal).catch(() => null) : null;
  return datasetWords(question?.dataset ?? "", entry, sites);
}

export async function page({ id, me, signal }) {
  const path = `/v1/queries/${part(id)}`;
  const body = el("div", {});
  let query = await get(path, signal);
  const questionOf = () => query.question ?? query.result?.question;
  let set = await knowledge(questionOf(), signal);
  let shown = null;
  let stopped = false;

  function heading() {
    const question = questionOf();
    const cohort = question ? cohortWords(set, question) : [];
    return [
      el("p", { class: "crumb" }, el("a", { href: "#/queries" }, t(isAsker(me) ? "queries.mine" : "queries.all"))),
      el("h1", {}, question ? questionWords(set, question) : t("queries.untold", { id })),
      cohort.length ? el("div", { class: "cohort" }, el("p", {}, t("cohort")), el("ul", {}, cohort.map((c) => el("li", {}, c)))) : null,
      el("p", { class: "facts-line", role: "status" }, stateBadge(query.state), set.name ? el("code", {}, set.name) : null,
        query.account && query.account !== me.account ? el("span", {}, t("queries.by", { account: query.account })) : null, el("code", {}, id))];
  }

  function notice() {
    if (query.state === "running") return el("p", { class: "card note-card" }, t("result.running"));
    if (query.state === "failed") return el("p", { class: "card note-card" }, t("result.failed"));
    if (query.state === "cancelled") return el("p", { class: "card note-card" }, t("result.cancelled"));
    if (!query.result) return el("p", { class: "card note-card" }, t("result.not_for_you"));
    return null;
  }

  function draw() {
    shown?.stop();
    const result = query.result;
    shown = result?.result ? numbers(set, result) : null;
    const sites = (result?.sites ?? query.sites ?? []).map((s) => (typeof s === "string" ? { site: s, status: query.state } : s));
    fill(body, heading(), notice(),
      el("div", { class: "result" }, shown ? el("div", { class: "result-main" }, shown.node) : null,
        el("div", { class: "result-side" }, result ? protectionBox(set, result) : null,
          sites.length ? sitesBox(set, sites) : null, result ? receiptBox(result, id) : null)));
    shown?.start();
  }

  /** Waits for the end; the broker ends every query at its deadline, so this ends too. */
  async function follow() {
    while (query.state === "running" && !stopped) {
      query = await get(`${path}?wait_ms=${WAIT_MS}`, signal);
      if (stopped) return;
      if (!set.name && questionOf()) set = await knowledge(questionOf(), signal);
      draw();
    }
  }

  return { title: questionOf() ? questionWords(set, questionOf()) : id, node: body,
    started() {
      draw();
      follow().catch((e) => {
        if (e.name !== "AbortError" && !stopped) body.prepend(problemBox(e));
      });
    },
    stop() {
      stopped = true;
      shown?.stop();
    } };
}
