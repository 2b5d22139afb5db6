// catalogue.js - the datasets that the network's sites offer, with a search through all that is known of them.

import { el, fill } from "../dom.js";
import { t, plural } from "../texts.js";
import { all, get, part } from "../api.js";
import { profileBadge, searchField, matches } from "../parts.js";

const FOUND_MAX = 6;     // variables named under a dataset that a search found
const DATASETS_MAX = 200; // whose dictionaries are fetched

async function entries(signal) {
  const items = await all("/v1/catalogue", signal);
  return Promise.all(items.map((item, i) =>
    item.dictionary || i >= DATASETS_MAX ? item : get(`/v1/catalogue/${part(item.dataset)}`, signal)));
}

const variableTexts = (v) => [v.name, v.label, v.unit, ...(v.levels ?? []).flatMap((l) => [l.code, l.label])];

function entryCard(entry, siteTitles, wanted) {
  const dictionary = entry.dictionary ?? {};
  const variables = dictionary.variables ?? [];
  const found = wanted ? variables.filter((v) => matches(wanted, variableTexts(v))) : [];
  return el("li", { class: "card" },
    el("h2", {}, el("a", { href: `#/catalogue/${part(entry.dataset)}` }, dictionary.title ?? entry.title ?? entry.dataset)),
    el("p", { class: "facts-line" }, el("code", {}, entry.dataset), profileBadge(entry.profile ?? dictionary.profile),
      el("span", {}, plural("count.variables", variables.length)),
      el("span", {}, plural("count.sites", entry.sites.length))),
    dictionary.description ? el("p", {}, dictionary.description) : null,
    el("p", { class: "soft" }, entry.sites.map((s) => siteTitles.get(s.site) || s.site).join(" · ")),
    found.length ? el("p", { class: "soft" }, t("catalogue.found_variables"), " ",
      found.slice(0, FOUND_MAX).map((v) => v.label || v.name).join(", "), found.length > FOUND_MAX ? " …" : "") : null);
}

export async function page({ signal }) {
  const [items, sites] = await Promise.all([entries(signal), all("/v1/sites", signal).catch(() => [])]);
  const titles = new Map(sites.map((s) => [s.site, s.title]));
  const cards = el("ul", { class: "cards" });
  const search = searchField(t("catalogue.search"), "", show);

  function show(wanted) {
    const held = items.filter((e) => matches(wanted, [e.dataset, e.dictionary?.title ?? e.title, e.dictionary?.description,
      ...e.sites.flatMap((s) => [s.site, titles.get(s.site)]), ...(e.dictionary?.variables ?? []).flatMap(variableTexts)]));
    fill(cards, held.map((e) => entryCard(e, titles, wanted.trim())));
    search.say(items.length === 0 ? t("catalogue.empty") : held.length === 0 ? t("catalogue.none_found")
      : plural("count.datasets", held.length));
  }
  show("");
  return { title: t("catalogue"),
    node: [el("h1", {}, t("catalogue")), el("p", { class: "lead" }, t("catalogue.lead")), search.node, cards] };
}
