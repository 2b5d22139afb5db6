// parts.js - what several pages show alike: headings, problems, badges, waiting.

import { el, fill, newId } from "./dom.js";
import { t, has } from "./texts.js";
import { codeWords } from "./words.js";

/** Results are for those who ask; who decides or audits sees that a question was asked, not its answer. */
export const isAsker = (me) => me.roles.includes("researcher");

export function badge(text, kind = "plain") {
  return el("span", { class: `badge badge-${kind}` }, text);
}

/** The kind of badge for a state of a query or of a site. */
export function stateBadge(state) {
  const kinds = { done: "good", answered: "good", running: "busy", waiting: "busy", failed: "bad", refused: "bad", missing: "bad" };
  return badge(codeWords("state", state, state), kinds[state] ?? "plain");
}

export function profileBadge(profile) {
  return badge(codeWords("profile.name", profile, profile), profile === "open" ? "open" : "kept");
}

/** What went wrong and what to do next (the texts problem.<code> and problem.<code>.next). */
export function problemBox(problem, again) {
  const code = has(`problem.${problem.code}`) ? problem.code : "other";
  const next = has(`problem.${code}.next`) ? t(`problem.${code}.next`) : t("problem.other.next");
  const facts = [];
  if (problem.detail && !["unreachable", "not_signed_in"].includes(code))
    facts.push(el("dt", {}, t("problem.detail")), el("dd", { lang: "en" }, problem.detail));
  if (problem.field) facts.push(el("dt", {}, t("problem.field")), el("dd", {}, el("code", {}, problem.field)));
  if (problem.instance) facts.push(el("dt", {}, t("problem.request")), el("dd", {}, el("code", {}, problem.instance)));
  return el("section", { class: "problem", role: "alert" },
    el("h2", {}, code === "other" && problem.title ? problem.title : t(`problem.${code}`)),
    el("p", {}, next),
    facts.length ? el("dl", { class: "facts" }, facts) : null,
    again ? el("p", {}, el("button", { type: "button", class: "button", onclick: again }, t("action.again"))) : null);
}

export function waiting(text = t("waiting")) {
  return el("p", { class: "waiting", role: "status" }, text);
}

/** A table wider than its place scrolls inside this, also by keyboard. */
export function scrollable(label, table) {
  return el("div", { class: "scroll", role: "group", tabindex: "0", "aria-label": label }, table);
}

/** A search field that calls on(words) at each change, and a line that says how many there are. */
export function searchField(label, hint, on) {
  const id = newId("search");
  const said = el("p", { class: "found", role: "status" });
  const input = el("input", { id, type: "search", autocomplete: "off", spellcheck: "false", placeholder: hint,
    oninput: () => on(input.value) });
  return { node: el("search", { class: "search" }, el("label", { htmlFor: id }, label), input, said), input,
    say: (text) => fill(said, text) };
}

/** Does every word of `wanted` occur in the texts? */
export function matches(wanted, texts) {
  const held = texts.filter(Boolean).join("\n").toLocaleLowerCase();
  return wanted.toLocaleLowerCase().split(/\s+/).every((word) => held.includes(word));
}

export const short = (hash) => (hash ? `${String(hash).slice(0, 12)}…` : "");
