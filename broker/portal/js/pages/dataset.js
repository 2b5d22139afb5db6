// dataset.js - one dataset: what it is, where it lies, how it is protected, and its variables.

import { el, fill } from "../dom.js";
import { t, plural, plain } from "../texts.js";
import { all, get, part } from "../api.js";
import { badge, profileBadge, searchField, matches, short } from "../parts.js";
import { codeWords, groupWords, labelWords } from "../words.js";

const LEVELS_OPEN_MAX = 8; // more are folded away

function levels(v) {
  const items = (v.levels ?? []).map((l) =>
    el("li", {}, el("code", {}, l.code), l.label && l.label !== l.code ? ` ${l.label}` : ""));
  if (items.length === 0) return null;
  const listed = el("ul", { class: "levels" }, items);
  if (items.length <= LEVELS_OPEN_MAX) return listed;
  return el("details", {}, el("summary", {}, plural("count.levels", items.length)), listed);
}

/** The registered groupings, from the finest to the coarsest: what a question's "by" may name. */
function groupings(v) {
  return (v.groupings ?? []).map((g) => {
    const cells = g.groups
      ? g.groups.map((x) => el("li", {}, el("code", {}, x.code), x.label ? ` ${groupWords(x, x.code)}` : "", `: ${x.levels.join(", ")}`))
      : [el("li", {}, g.breaks.map((b) => plain(b)).join(", "))];
    const name = labelWords(g.label);
    return el("details", {}, el("summary", {}, t("variable.grouping"), " ", el("code", {}, g.name), name ? ` ${name}` : ""),
      el("ul", { class: "levels" }, cells));
  });
}

function domain(v) {
  const said = [];
  if (v.clamps) said.push(t("variable.clamps", { from: plain(v.clamps[0]), to: plain(v.clamps[1]) }));
  if (v.grid?.step !== undefined && v.type !== "integer" && v.type !== "date")
    said.push(t("variable.grid", { step: plain(v.grid.step) }));
  return said.length ? el("p", { class: "soft" }, said.join(" ")) : null;
}

// The roles keep this a table for readers of the screen where a phone shows it as a list.
function variableRow(v) {
  const cell = (head, ...inside) => el("td", { role: "cell" }, el("span", { class: "cell-head", "aria-hidden": "true" }, head), inside);
  return el("tr", { role: "row" },
    el("th", { role: "rowheader", scope: "row" }, el("span", { class: "variable-label" }, v.label || v.name), " ", el("code", {}, v.name),
      v.sensitive ? [" ", badge(t("variable.sensitive"), "kept")] : null),
    cell(t("variable.type"), codeWords("type", v.type, v.type)),
    cell(t("variable.unit_head"), v.unit || el("span", { class: "soft" }, "–", el("span", { class: "hidden" }, t("variable.no_unit")))),
    cell(t("variable.values"), levels(v), domain(v), groupings(v), !v.levels?.length && !domain(v) ? el("span", { class: "soft" }, t("variable.any")) : null));
}

export async function page({ id, signal }) {
  const [entry, sites] = await Promise.all([get(`/v1/catalogue/${part(id)}`, signal), all("/v1/sites", signal).catch(() => [])]);
  const titles = new Map(sites.map((s) => [s.site, s.title]));
  const d = entry.dictionary;
  const profile = entry.profile ?? d.profile;
  const body = el("tbody", { role: "rowgroup" });
  const search = searchField(t("dataset.search"), "", show);

  function show(wanted) {
    const held = d.variables.filter((v) => matches(wanted, [v.name, v.label, v.unit, v.type,
      ...(v.levels ?? []).flatMap((l) => [l.code, l.label])]));
    fill(body, held.map(variableRow));
    search.say(plural("count.variables", held.length));
  }
  show("");

  const fact = (name, value) => (value ? [el("dt", {}, name), el("dd", {}, value)] : null);
  const head = (text) => el("th", { role: "columnheader", scope: "col" }, text);
  return { title: d.title, node: [
    el("p", { class: "crumb" }, el("a", { href: "#/catalogue" }, t("catalogue"))),
    el("h1", {}, d.title),
    el("p", { class: "facts-line" }, el("code", {}, entry.dataset), profileBadge(profile)),
    d.description ? el("p", { class: "lead" }, d.description) : null,
    el("div", { class: "columns" },
      el("section", { class: "card" }, el("h2", {}, t("protection")), el("p", {}, codeWords("profile.text", profile, profile))),
      el("section", { class: "card" }, el("h2", {}, t("dataset.sites")), el("ul", { class: "plain-list" }, entry.sites.map((s) =>
        el("li", {}, titles.get(s.site) || s.site, " ", el("span", { class: "soft" }, t("edition"), " ", el("code", {}, short(s.edition)))))))),
    el("section", {}, el("h2", {}, t("dataset.variables")), search.node,
      el("table", { class: "variables", role: "table", "aria-label": t("dataset.variables") },
        el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head(t("variable")), head(t("variable.type")), head(t("variable.unit_head")), head(t("variable.values")))),
        body)),
    d.source || d.license || d.version ? el("section", {}, el("h2", {}, t("dataset.about")), el("dl", { class: "facts" },
      fact(t("dataset.source"), d.source), fact(t("dataset.version"), d.version), fact(t("dataset.license"), d.license))) : null,
  ] };
}
