// signin.js - account and password; the session is a cookie that no script can read.

import { el, fill } from "../dom.js";
import { t } from "../texts.js";
import { post, Problem } from "../api.js";
import { problemBox } from "../parts.js";

export async function page({ signedIn }) {
  const account = el("input", { id: "account", name: "account", type: "text", autocomplete: "username", required: true,
    autocapitalize: "none", spellcheck: "false", maxlength: "63" });
  const password = el("input", { id: "password", name: "password", type: "password", autocomplete: "current-password",
    required: true });
  const button = el("button", { type: "submit", class: "button" }, t("sign_in"));
  const trouble = el("div", {});

  async function send(event) {
    event.preventDefault();
    fill(trouble);
    button.disabled = true;
    try {
      const me = await post("/v1/login", { account: account.value.trim(), password: password.value, cookie: true });
      signedIn(me);
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      // At this call "not signed in" can only mean that account and password do not belong together.
      if (["not_signed_in", "malformed"].includes(e.code)) {
        Object.assign(e, { code: "wrong_password", detail: "", field: "" });
        account.setAttribute("aria-invalid", "true");
        password.setAttribute("aria-invalid", "true");
      }
      fill(trouble, problemBox(e));
      password.value = "";
      password.focus();
    } finally {
      button.disabled = false;
    }
  }

  const form = el("form", { class: "card form", onsubmit: send },
    trouble,
    el("div", { class: "field" }, el("label", { htmlFor: "account" }, t("account")), account),
    el("div", { class: "field" }, el("label", { htmlFor: "password" }, t("password")), password),
    el("p", {}, button));
  return { title: t("sign_in"), focuses: true, started: () => account.focus(),
    node: el("div", { class: "narrow" }, el("h1", {}, t("sign_in")), el("p", { class: "lead" }, t("sign_in.lead")), form) };
}
