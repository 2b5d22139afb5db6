// queries.js - the questions that were asked: one's own, or (officers, auditors) everyone's without the answers.

import { el, fill } from "../dom.js";
import { t, moment } from "../texts.js";
import { all, get, page as pageOf, part, Problem } from "../api.js";
import { isAsker, stateBadge, problemBox } from "../parts.js";
import { datasetWords, questionWords, cohortWords } from "../words.js";

export async function page({ me, signal }) {
  const [first, sites] = await Promise.all([pageOf("/v1/queries", "", signal), all("/v1/sites", signal).catch(() => [])]);
  const entries = new Map(); // dataset -> its entry in the catalogue, null if it is not there
  const mine = isAsker(me);
  const rows = el("ul", { class: "queries" });
  const more = el("button", { type: "button", class: "button quiet" }, t("queries.more"));
  const trouble = el("div", {});
  let next = "";

  const questionOf = (query) => query.question ?? query.result?.question;

  async function learn(queries) {
    const names = new Set(queries.map((q) => questionOf(q)?.dataset).filter((name) => name && !entries.has(name)));
    await Promise.all([...names].map(async (name) =>
      entries.set(name, await get(`/v1/catalogue/${part(name)}`, signal).catch(() => null))));
  }

  function row(query) {
    const question = questionOf(query);
    const set = datasetWords(question?.dataset ?? "", entries.get(question?.dataset), sites);
    const said = question ? questionWords(set, question) : t("queries.untold", { id: query.id });
    const cohort = question ? cohortWords(set, question) : [];
    const at = query.issued ?? query.at ?? query.created;
    return el("li", { class: "card query" },
      el("h2", {}, el("a", { href: `#/queries/${part(query.id)}` }, said)),
      cohort.length ? el("p", { class: "soft" }, cohort.join("; ")) : null,
      el("p", { class: "facts-line" }, stateBadge(query.state),
        at ? el("time", { datetime: at }, moment(at)) : null,
        !mine && query.account ? el("span", {}, t("queries.by", { account: query.account })) : null,
        question ? el("code", {}, question.dataset) : null,
        el("code", {}, query.id)));
  }

  async function take(one) {
    await learn(one.items);
    for (const query of one.items) rows.append(row(query));
    next = one.next ?? "";
    more.hidden = next === "";
  }

  more.addEventListener("click", async () => {
    more.disabled = true;
    try {
      await take(await pageOf("/v1/queries", next, signal));
      fill(trouble);
    } catch (e) {
      if (e instanceof Problem) fill(trouble, problemBox(e));
    } finally {
      more.disabled = false;
    }
  });
  await take(first);

  const title = t(mine ? "queries.mine" : "queries.all");
  return { title, node: [el("h1", {}, title), el("p", { class: "lead" }, t(mine ? "queries.mine.lead" : "queries.all.lead")),
    first.items.length === 0 ? el("p", {}, t(mine ? "queries.mine.none" : "queries.all.none")) : rows, trouble, more] };
}
