// app.js - the frame: who is signed in, which page the address names, the language.  Loaded by index.html.

import { el, fill } from "./dom.js";
import * as texts from "./texts.js";
import { get, post, Problem } from "./api.js";
import { isAsker, problemBox, waiting } from "./parts.js";

const { t } = texts;
const main = document.getElementById("main");

/** Each module's page(context) promises {title, node, started?, stop?, focuses?}: started is called when the node
 *  stands in the page, stop when it leaves; focuses: the page puts the focus itself. */
const PAGES = {
  "sign-in": () => import("./pages/signin.js"),
  catalogue: (id) => (id ? import("./pages/dataset.js") : import("./pages/catalogue.js")),
  queries: (id) => (id ? import("./pages/result.js") : import("./pages/queries.js")),
};
const QUERY_READERS = ["researcher", "officer", "auditor"];

const session = { me: null };
let shown = null;   // the page at hand
let turn = 0;       // which call of show() is the newest
let ending = new AbortController();

const mayReadQueries = () => session.me?.roles.some((r) => QUERY_READERS.includes(r)) ?? false;

function address() {
  const [name = "", id = ""] = location.hash.replace(/^#\/?/, "").split("/");
  try {
    return { name: Object.hasOwn(PAGES, name) ? name : "", id: decodeURIComponent(id) };
  } catch {
    return { name: "", id: "" };
  }
}

export function go(hash) {
  if (location.hash === hash) show(true);
  else location.hash = hash;
}

// --- the frame ----------------------------------------------------------------------------------------

function link(hash, text, here) {
  return el("li", {}, el("a", { href: hash, "aria-current": here ? "page" : null }, text));
}

function languageSwitch() {
  const names = { nb: "Bokmål", en: "English" };
  return el("div", { class: "languages", role: "group", "aria-label": t("language") },
    texts.LANGUAGES.map((l) => el("button", { type: "button", lang: l, class: "language",
      id: `language-${l}`, "aria-pressed": String(l === texts.current()), onclick: () => speak(l) }, names[l])));
}

async function speak(name) {
  await texts.choose(name);
  await show(false);
  document.getElementById(`language-${name}`)?.focus();
}

async function leave() {
  try {
    await post("/v1/logout", {});
  } catch (e) {
    if (!(e instanceof Problem) || e.code !== "not_signed_in") {
      fill(main, problemBox(e));
      return;
    }
  }
  session.me = null;
  go("#/sign-in");
}

function frame(at) {
  const me = session.me;
  const mine = me && isAsker(me);
  fill(document.getElementById("top"),
    el("a", { class: "skip", href: "#main", onclick: (e) => { e.preventDefault(); main.focus(); } }, t("skip")),
    el("div", { class: "bar" },
      el("a", { class: "brand", href: me ? "#/catalogue" : "#/sign-in" },
        el("img", { src: "icon.svg", alt: "", width: "28", height: "28" }), "Innsyn"),
      me ? el("nav", { "aria-label": t("menu") }, el("ul", {},
        link("#/catalogue", t("catalogue"), at.name === "catalogue"),
        mayReadQueries() ? link("#/queries", t(mine ? "queries.mine" : "queries.all"), at.name === "queries") : null)) : null,
      el("div", { class: "who" },
        languageSwitch(),
        me ? el("span", { class: "me" }, el("span", { class: "hidden" }, t("signed_in_as")), " ", me.account) : null,
        me ? el("button", { type: "button", id: "sign-out", class: "button quiet", onclick: leave }, t("sign_out")) : null)));
  fill(document.getElementById("foot"), el("p", {}, t("foot")));
}

// --- pages --------------------------------------------------------------------------------------------

async function know() {
  if (session.me) return;
  try {
    session.me = await get("/v1/me");
  } catch (e) {
    if (!(e instanceof Problem) || e.code !== "not_signed_in") throw e;
  }
}

/** Shows the page that the address names.  moved: the reader came here, so the focus goes to its heading. */
async function show(moved) {
  turn += 1;
  const mine = turn;
  ending.abort();
  ending = new AbortController();
  shown?.stop?.();
  shown = null;
  let at = address();
  try {
    await know();
    if (mine !== turn) return;
    if (!session.me && at.name !== "sign-in") {
      session.wanted = at.name ? location.hash : "";
      at = { name: "sign-in", id: "" };
    } else if (session.me && (at.name === "" || at.name === "sign-in")) {
      location.replace("#/catalogue");
      return;
    }
    frame(at);
    fill(main, waiting());
    const module = await PAGES[at.name](at.id);
    const page = await module.page({ id: at.id, me: session.me, signal: ending.signal, signedIn });
    if (mine !== turn) {
      page.stop?.();
      return;
    }
    shown = page;
    document.title = `${page.title} – Innsyn`;
    fill(main, page.node);
    page.started?.();
  } catch (e) {
    if (mine !== turn || e.name === "AbortError") return;
    failed(e);
  }
  if (moved && !shown?.focuses) {
    const heading = main.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

/** The session ended: sign in again and come back.  Anything else is said as it is. */
function failed(e) {
  if (e instanceof Problem && e.code === "not_signed_in") {
    session.me = null;
    show(true);
    return;
  }
  const problem = e instanceof Problem ? e : new Problem({ code: "page_broken" });
  if (!(e instanceof Problem)) console.error(e);
  frame(address());
  document.title = `${t("problem")} – Innsyn`;
  fill(main, el("h1", {}, t("problem")), problemBox(problem, () => show(true)));
}

function signedIn(me) {
  session.me = me;
  const wanted = session.wanted || "#/catalogue";
  session.wanted = "";
  go(wanted);
}

await texts.start();
addEventListener("hashchange", () => show(true));
await show(false);
