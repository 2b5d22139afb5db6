// api.js - the broker's API (docs/PROTOCOL.md section 8).  Every failure is a Problem.

const PAGES_MAX = 200; // a list is followed at most this far
export const PAGE_ITEMS = 50;

/** A refusal (RFC 9457, docs/PROTOCOL.md section 9), or `unreachable` when no answer came. */
export class Problem extends Error {
  constructor(fields) {
    super(fields.title ?? fields.code);
    Object.assign(this, { code: "fault", class: "site", status: 0, detail: "", field: "", instance: "" }, fields);
  }
}

async function call(method, path, body, signal) {
  const options = { method, credentials: "same-origin", cache: "no-store", redirect: "error", signal };
  options.headers = { Accept: "application/json, application/problem+json" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer, text;
  try {
    answer = await fetch(path, options);
    text = await answer.text();
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Problem({ code: "unreachable", class: "site", title: "no answer" });
  }
  const request = answer.headers.get("X-Request-Id") ?? "";
  let value;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new Problem({ status: answer.status, instance: request });
  }
  if (!answer.ok) throw new Problem({ instance: request, ...value, status: answer.status });
  return value;
}

export const get = (path, signal) => call("GET", path, undefined, signal);
export const post = (path, body, signal) => call("POST", path, body, signal);

/** One page of a list: {items, next}. */
export function page(path, cursor, signal) {
  const words = new URLSearchParams({ limit: String(PAGE_ITEMS) });
  if (cursor) words.set("cursor", cursor);
  return get(`${path}?${words}`, signal);
}

/** The whole of a list. */
export async function all(path, signal) {
  const items = [];
  let cursor = "";
  for (let i = 0; i < PAGES_MAX; i += 1) {
    const one = await page(path, cursor, signal);
    items.push(...one.items);
    if (!one.next) break;
    cursor = one.next;
  }
  return items;
}

/** A path part that came from outside. */
export const part = encodeURIComponent;
