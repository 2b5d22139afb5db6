#!/usr/bin/env python3
"""Every answer of a running network is what proto/schema/openapi.json says: each call is made in a good and in a
bad way, and status and body are held against the schema.  A call that openapi.json describes and this test does
not make both ways fails it, and so does a call that the server serves otherwise than it is described.
"""
import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import running  # noqa: E402
import schema_check  # noqa: E402

CALL_SECONDS_MAX = 90
NONE = "00000000000000000000000000"
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(letter):
    """Like proto/id.c: 128 random bits in 26 digits."""
    n = secrets.randbits(128) << 2
    return f"{letter}-" + "".join(CROCKFORD[n >> (5 * i) & 31] for i in reversed(range(26)))


def instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Caller:
    """Makes calls, holds each answer against openapi.json, and remembers which were made."""

    def __init__(self, net, checks):
        self.net, self.checks, self.tokens, self.made = net, checks, {}, set()
        self.ca = net.path("broker", "server-ca.pem")

    def request(self, who, method, path, body, headers=None):
        context = ssl.create_default_context(cafile=self.ca)
        headers = dict(headers or {}, **{"Content-Type": "application/json"})
        port = self.net.state["people_port"]
        if isinstance(who, tuple):  # a site's certificate and key
            context.load_cert_chain(*who)
            port = self.net.state["agents_port"]
        elif who:
            headers["Authorization"] = "Bearer " + self.token(who)
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=CALL_SECONDS_MAX)
        try:
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            connection.request(method, path, body=text, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        finally:
            connection.close()

    def token(self, who):
        if who not in self.tokens:
            with open(self.net.path("people", who, "token"), encoding="ascii") as f:
                self.tokens[who] = f.read().strip()
        return self.tokens[who]

    def call(self, who, method, path, body=None, status=200):
        """Makes the call; fails unless it has this status and the described body.  Returns the body."""
        got, media, text = self.request(who, method, path, body)
        shown = f"{method} {re.sub(NONE, '0', path)} -> {got}"
        if media.startswith("text/plain"):
            document, errors = text.decode(), [] if "/checkpoint" in path else [f"text/plain from {path}"]
        elif media.startswith("application/octet-stream"):
            document, errors = text, [] if ("/tile/" in path or "/attachments/" in path) and text else [f"{len(text)} bytes from {path}"]
        else:
            document = json.loads(text)
            errors = schema_check.answer(method, path, got, document)
            wanted = "application/problem+json" if got >= 400 else "application/json"
            if not media.startswith(wanted):
                errors.append(f"Content-Type {media}")
        if got != status:
            errors.append(f"status {got}, not {status}: {text[:200]}")
        if got >= 400 and document.get("status") != got:
            errors.append(f"the problem says status {document.get('status')}")
        self.made.add((id(schema_check.operation(method, path)), got < 400))
        self.checks.that(not errors, shown + ("".join("\n        " + e for e in errors[:6])))
        return document

    # --- what people sign ---
    def sign(self, person, kind, payload):
        pae = b"DSSEv1 %d %s %d " % (len(kind), kind.encode(), len(payload)) + payload
        key = self.net.path("people", person, "key.pem")
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=pae, capture_output=True, check=True,
                             timeout=CALL_SECONDS_MAX).stdout
        r_len = der[3]
        r, s = der[4:4 + r_len], der[6 + r_len:]
        raw = b"".join(int.from_bytes(x, "big").to_bytes(32, "big") for x in (r, s))
        spki = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], capture_output=True, check=True,
                              timeout=CALL_SECONDS_MAX).stdout
        return {"keyid": hashlib.sha256(spki).hexdigest(), "sig": base64.b64encode(raw).decode()}

    def query(self, permit, question):
        kind = "application/vnd.innsyn.query.v1+json"
        document = {"innsyn": "query/1", "id": new_id("q"), "network": "demo", "permit": permit, "sites": self.net.sites,
                    "issued": instant(-5), "expires": instant(600), "question": question}
        payload = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        return document["id"], {"query": {"payload": base64.b64encode(payload).decode(), "payloadType": kind,
                                          "signatures": [self.sign("researcher", kind, payload)]}}


def request_for(folder, site):
    """(CSR, key file) for a site's certificate."""
    key, csr = os.path.join(folder, site + ".key"), os.path.join(folder, site + ".csr")
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                    csr, "-subj", "/CN=x", "-addext", f"subjectAltName=URI:urn:innsyn:site:{site}"], check=True,
                   capture_output=True, timeout=CALL_SECONDS_MAX)
    with open(csr, encoding="ascii") as f:
        return f.read(), key


def accounts(c):
    with open(c.net.path("people", "desk", "password"), encoding="utf-8") as f:
        password = f.read().strip()
    login = c.call(None, "POST", "/v1/login", {"account": "desk", "password": password})
    c.call(None, "POST", "/v1/login", {"account": "auditor", "password": "wrong password"}, 401)
    c.call(None, "POST", "/v1/login", {"account": "desk", "password": password, "cookie": "x"}, 400)
    c.tokens["desk session"] = login["token"]
    c.call("desk session", "GET", "/v1/me")
    c.call(None, "GET", "/v1/me", None, 401)
    c.call("desk session", "PUT", "/v1/me/mail", {"mail": "desk@example.org", "language": "nb"})
    c.call("desk session", "PUT", "/v1/me/mail", {"mail": "a@b.no\r\nBcc: c@d.no", "language": "nb"}, 400)
    c.call("desk session", "PUT", "/v1/me/mail", {"mail": "", "language": "nb"})
    made = c.call("desk session", "POST", "/v1/tokens", {"name": "laptop", "scopes": ["read"], "days": 1}, 201)
    c.call("desk session", "POST", "/v1/tokens", {"name": "laptop", "scopes": ["fly"], "days": 1}, 400)
    c.call("desk session", "GET", "/v1/tokens")
    c.call("desk session", "GET", "/v1/tokens?limit=x", None, 400)
    c.call("desk session", "DELETE", "/v1/tokens/" + made["id"])
    c.call("desk session", "DELETE", "/v1/tokens/" + made["id"], None, 404)
    c.call("desk session", "POST", "/v1/logout")
    c.call("desk session", "POST", "/v1/logout", None, 401)
    c.call("operator", "POST", "/v1/accounts", {"account": "newcomer", "password": secrets.token_urlsafe(18), "roles": ["auditor"],
                                                "organisation": "Unit"}, 201)
    c.call("operator", "POST", "/v1/accounts", {"account": "newcomer", "password": secrets.token_urlsafe(18), "roles": ["auditor"]}, 409)
    c.call("operator", "GET", "/v1/accounts")
    page = c.call("operator", "GET", "/v1/accounts?limit=2")
    c.call("operator", "GET", f"/v1/accounts?limit=2&cursor={page['next']}")
    c.call("researcher", "GET", "/v1/accounts", None, 403)


def sites(c, folder):
    token = c.call("operator", "POST", "/v1/sites", {"site": "later", "title": "A later one"}, 201)["token"]
    c.call("operator", "POST", "/v1/sites", {"site": "not a site"}, 400)
    c.call("researcher", "POST", "/v1/sites", {"site": "later"}, 403)
    c.call("auditor", "GET", "/v1/sites")
    c.call(None, "GET", "/v1/sites", None, 401)
    enrolment = json.loads(base64.b64decode(token.split(":", 1)[1]))
    request, _ = request_for(folder, "later")
    body = {"secret": enrolment["secret"], "site": "later", "request": request}
    c.call(None, "POST", "/v1/enrol", dict(body, request="no request"), 400)
    c.call(None, "POST", "/v1/enrol", body)
    c.call(None, "POST", "/v1/enrol", body, 401)  # a token works once
    trust = c.call(None, "GET", "/v1/trust")
    c.call("operator", "PUT", "/v1/trust", trust)
    c.call("operator", "PUT", "/v1/trust", dict(trust, signatures=trust["signatures"][:1]), 403)
    c.call("operator", "PUT", "/v1/trust", {}, 400)
    c.call("desk", "GET", "/v1/catalogue")
    c.call("desk", "GET", "/v1/catalogue?limit=x", None, 400)
    c.call("desk", "GET", "/v1/catalogue/" + c.net.data.name)
    c.call("desk", "GET", "/v1/catalogue/none", None, 404)


def access(c):
    rules = {"innsyn": "access-rules/1", "title": "As agreed", "countries": ["EEA"], "organisations": {"company": {"effect": "review", "terms": ["use-1"]}}}
    c.call("desk", "GET", "/v1/policy")
    c.call(None, "GET", "/v1/policy", None, 401)
    c.call("operator", "PUT", "/v1/policy", rules)
    c.call("operator", "PUT", "/v1/policy", dict(rules, countries=["Norway"]), 400)
    c.call("desk", "GET", "/v1/policy")
    uni = {"id": "uni", "name": "The university", "kind": "research", "country": "NO", "number": "0192:971035854"}
    c.call("operator", "POST", "/v1/organisations", uni, 201)
    c.call("operator", "POST", "/v1/organisations", dict(uni, kind="club"), 400)
    c.call("desk", "GET", "/v1/organisations")
    c.call("desk", "GET", "/v1/organisations?limit=x", None, 400)
    c.call("operator", "POST", "/v1/training", {"account": "researcher", "training": "privacy", "until": instant(86400)}, 201)
    c.call("operator", "POST", "/v1/training", {"account": "nobody-here", "training": "privacy"}, 400)
    c.call("researcher", "POST", "/v1/terms", {"terms": "use-1"}, 201)
    c.call("researcher", "POST", "/v1/terms", {"terms": "Use 1"}, 400)
    c.call("researcher", "GET", "/v1/attestations")
    c.call("researcher", "GET", "/v1/attestations?account=researcher2", None, 403)


def permits(c):
    """A permit from its application to its end."""
    application = {"title": "A study", "purpose": "53.1.e", "from": instant(-60), "to": instant(40 * 86400), "summary": "short",
                   "research": {"kinds": ["health"], "commercial": False}, "prohibited_uses": [], "statistical_content": "counts", "safeguards": "few people", "legal_basis": "6(1)(e)",
                   "datasets": [{"dataset": c.net.data.name, "sites": c.net.sites, "variables": ["*"],
                                 "statistics": ["count", "table", "histogram", "summary"]}], "people": ["researcher"]}
    apply = "/v1/applications"
    first = c.call("researcher", "POST", apply, application, 201)["id"]
    c.call("researcher", "POST", apply, dict(application, purpose="53.1.z"), 400)
    refused = c.call("researcher", "POST", apply, application, 201)["id"]

    def step(person, application_id, status=200, **body):
        return c.call(person, "POST", f"{apply}/{application_id}/steps", body, status)

    step("officer1", refused, command="screen", version=2)
    step("officer1", refused, 400, command="refuse", version=3)
    step("officer1", refused, command="refuse", version=3, text="no")
    step("officer1", first, command="screen", version=2)
    step("officer1", first, command="complete", version=3)
    step("officer1", first, 409, command="complete", version=3)
    holder = "holder-" + c.net.sites[0]
    step(holder, first, 403, command="opinion", version=4, site=c.net.sites[1], opinion="approve")
    for version, site in enumerate(c.net.sites, 4):
        step("holder-" + site, first, command="opinion", version=version, site=site, opinion="approve", text="good")
    version = 4 + len(c.net.sites)
    c.call("officer1", "GET", f"{apply}/{first}/assessment")
    c.call("researcher", "GET", f"{apply}/{first}/assessment", None, 403)
    permit = step("officer1", first, command="grant", version=version, text="good")["permit"]
    step("officer1", first, 409, command="grant", version=version + 1, text="good")
    c.call("officer1", "POST", f"{apply}/{first}/copies", {}, 403)
    c.call("researcher", "POST", f"{apply}/{first}/copies", {}, 201)
    c.call("researcher", "GET", f"{apply}/{first}/letter?lang=en")
    c.call("researcher", "GET", f"{apply}/{first}/letter?lang=xx", None, 400)
    ask = {"title": "Could we?", "question": "What is there on hearts?", "organisation_kind": "company", "country": "SE", "purpose": "53.1.e.i",
           "datasets": [{"dataset": c.net.data.name, "variables": ["age", "agee"]}, {"dataset": "none"}]}
    enquiry = c.call("desk", "POST", "/v1/enquiries", ask, 201)["id"]
    c.call("desk", "POST", "/v1/enquiries", dict(ask, country="sweden"), 400)
    c.call("desk", "GET", "/v1/enquiries")
    c.call("desk", "GET", "/v1/enquiries?limit=x", None, 400)
    c.call("officer1", "GET", f"/v1/enquiries/{enquiry}")
    c.call("researcher", "GET", f"/v1/enquiries/{enquiry}", None, 404)
    c.call("officer1", "POST", f"/v1/enquiries/{enquiry}/steps", {"command": "answer", "version": 1, "text": "ages"})
    c.call("desk", "POST", f"/v1/enquiries/{enquiry}/steps", {"command": "apply", "version": 2}, 403)
    c.call("desk", "POST", f"/v1/enquiries/{enquiry}/steps", {"command": "reply", "version": 1, "text": "late"}, 409)
    enquiry = c.call("researcher", "POST", "/v1/enquiries", {"title": "A", "question": "B"}, 201)["id"]
    c.call("researcher", "POST", f"/v1/enquiries/{enquiry}/steps", {"command": "apply", "version": 1})
    c.call("researcher", "GET", f"/v1/enquiries/{enquiry}")
    draft = c.call("researcher", "POST", apply + "?draft=1", application, 201)["id"]
    file = c.call("researcher", "POST", f"{apply}/{draft}/attachments?version=1&name=plan.txt", "what we will do", 201)["attachment"]
    c.call("researcher", "POST", f"{apply}/{draft}/attachments?version=2&name=plan.pdf", "what we will do", 400)
    c.call("researcher", "POST", f"{apply}/{draft}/attachments?version=2&name=plan.txt", "x" * 10485761, 413)
    c.call("researcher", "GET", f"/v1/attachments/{file}")
    c.call("officer1", "GET", f"/v1/attachments/{file}", None, 404)
    c.call("researcher", "GET", f"{apply}/{draft}")
    step("researcher", draft, command="detach", version=2, attachment=file)
    c.call("officer1", "GET", f"{apply}/{first}/export")
    c.call("researcher2", "GET", f"{apply}/{first}/export", None, 404)
    step("researcher", refused, command="appeal", version=4, text="why not?")
    step("officer2", refused, command="uphold", version=5, text="for that reason")
    c.call("researcher", "GET", f"{apply}/{refused}/letter?lang=nb&about=decision")
    c.call(None, "GET", "/v1/forms")
    c.call(None, "GET", "/v1/register")
    c.call(None, "GET", "/v1/register/report")
    c.call(None, "GET", "/v1/register/report?year=1999", None, 400)
    c.call(None, "GET", "/v1/register?limit=x", None, 400)
    c.call("officer1", "GET", apply)
    c.call("desk", "GET", apply, None, 403)
    for application_id in (first, refused):
        c.call("auditor", "GET", f"{apply}/{application_id}")
    c.call("auditor", "GET", f"{apply}/a-{NONE}", None, 404)
    payload = base64.b64decode(c.call("officer1", "GET", f"/v1/permits/{permit}")["payload"])
    c.call("researcher2", "GET", f"/v1/permits/{permit}", None, 404)
    for person in ["officer1", "officer2"] + ["holder-" + s for s in c.net.sites]:
        signature = c.sign(person, "application/vnd.innsyn.permit.v1+json", payload)
        c.call("officer1" if person == "officer2" else "officer2", "POST", f"/v1/permits/{permit}/signatures", signature, 403)
        c.call(person, "POST", f"/v1/permits/{permit}/signatures", signature)
    c.call("officer1", "GET", "/v1/permits")
    c.call("desk", "GET", "/v1/permits", None, 403)
    for state in ("suspended", "live"):
        c.call("officer1", "POST", f"/v1/permits/{permit}/status", {"state": state, "reason": "a look"})
    c.call("officer1", "POST", f"/v1/permits/{permit}/status", {"state": "live", "reason": "x"}, 409)
    c.call("researcher", "POST", f"/v1/permits/{permit}/amendments", {}, 201)
    c.call("researcher2", "POST", f"/v1/permits/{permit}/amendments", {}, 404)
    c.call("researcher", "POST", f"/v1/permits/{permit}/renewals", {"to": instant(80 * 86400)}, 201)
    c.call("researcher", "POST", f"/v1/permits/{permit}/renewals", {"to": instant(0)}, 400)
    return permit


def ended(c, query):
    """The query as it is when it has ended."""
    for _ in range(6):
        seen = c.call("researcher", "GET", f"/v1/queries/{query}?wait_ms=20000")
        if seen["state"] != "running":
            break
    return seen


def queries(c, permit):
    where = [{"from": 41}, {"from": 42}, {"from": 43}]
    ask = [{"innsyn": "question/1", "dataset": c.net.data.name, "where": {"age": w}, "statistic": {"count": {}}, "by_site": True} for w in where]
    c.call("researcher", "POST", "/v1/queries/check", {"permit": permit, "question": ask[0]})
    c.call("researcher", "POST", "/v1/queries/check", {"permit": permit, "question": dict(ask[0], dataset="none")}, 404)
    query, body = c.query(permit, ask[0])
    c.call("researcher", "POST", "/v1/queries", body, 201)
    c.call("researcher2", "POST", "/v1/queries", body, 403)
    unsigned = json.loads(json.dumps(body))
    del unsigned["query"]["signatures"][0]["keyid"]
    c.call("researcher", "POST", "/v1/queries", unsigned, 400)
    done = ended(c, query)
    c.checks.that(done["state"] == "done" and "result" in done, "the query is done, with its result")
    for watcher in ("officer1", "auditor"):
        seen = c.call(watcher, "GET", f"/v1/queries/{query}")
        c.checks.that("result" not in seen and all(s["edition"] for s in seen["sites"]), f"{watcher} sees the editions and no result")
    c.call("researcher2", "GET", f"/v1/queries/{query}", None, 404)
    c.call("researcher", "GET", "/v1/queries")
    c.call("desk", "GET", "/v1/queries", None, 403)
    c.call("researcher", "POST", f"/v1/queries/{query}/cancel", None, 409)
    # One refused by its site, seen by an officer.
    site = c.net.sites[0]
    c.net.agent("pause", c.net.path("agents", site))
    journal = lambda: c.net.agent("journal", c.net.path("agents", site), "--json").stdout
    c.net.wait_for("the site to know", lambda: '"type":"pause"' in journal().replace('": "', '":"'))
    query, body = c.query(permit, ask[1])
    c.call("researcher", "POST", "/v1/queries", body, 201)
    ended(c, query)
    reasons = {s["site"]: s["reason"] for s in c.call("officer1", "GET", f"/v1/queries/{query}")["sites"]}
    c.checks.that(reasons[site] and reasons[site]["class"] == "paused", "an officer sees why a site refused")
    c.net.agent("resume", c.net.path("agents", site))
    return ask[2]


def agents(c, permit, question, folder):
    """The agents' calls, with the site's own certificate while its agent is stopped."""
    site = c.net.sites[0]
    home = c.net.path("agents", site)
    own = (os.path.join(home, "tls", "certificate.pem"), os.path.join(home, "keys", "tls.pem"))
    with open(os.path.join(home, "guard", "answers", "00000000"), encoding="utf-8") as f:
        stored = json.loads(f.readline().split(" ", 2)[2])
    c.net.stop("agent-" + site)
    query, body = c.query(permit, question)
    c.call("researcher", "POST", "/v1/queries", body, 201)
    poll = {"checkpoint": 0, "trust": 1, "running": [], "paused": False, "wait_ms": 0, "build": "test"}
    for _ in range(5):  # the task goes out when the other two witnesses have cosigned
        delivered = c.call(own, "POST", "/v1/poll", dict(poll, wait_ms=3000))
        poll["checkpoint"] = int(delivered["checkpoint"].split("\n")[1])
        if delivered["tasks"]:
            break
    c.checks.that(len(delivered["tasks"]) == 1 and delivered["tasks"][0]["status"], "a poll brings the task with its permit's status")
    c.call(own, "POST", "/v1/poll", dict(poll, wait_ms=-1), 400)
    c.call(own, "POST", "/v1/poll", dict(poll, trust=0))
    c.call("researcher", "POST", f"/v1/queries/{query}/cancel")
    cancelled = c.call(own, "POST", "/v1/poll", dict(poll, running=[]))
    c.checks.that(not cancelled["tasks"], "a cancelled task is not handed out")
    c.call(own, "POST", f"/v1/tasks/{stored['task']}/result", {"result": stored["result"]})
    c.call(own, "POST", f"/v1/tasks/t-{NONE}/result", {"result": stored["result"]}, 404)
    listed = []
    for item in c.call("desk", "GET", "/v1/catalogue")["items"]:
        one = c.call("desk", "GET", "/v1/catalogue/" + item["dataset"])
        edition = next(s["edition"] for s in one["sites"] if s["site"] == site)
        listed.append({"dictionary": one["dictionary"], "edition": edition, "snapshot_at": instant(-60)})
    c.call(own, "PUT", "/v1/site/catalogue", {"datasets": listed})
    listed[0]["dictionary"]["title"] += " (another)"
    c.call(own, "PUT", "/v1/site/catalogue", {"datasets": listed}, 409)
    request, _ = request_for(folder, site)
    c.call(own, "POST", "/v1/renew", {"request": request})
    c.call(own, "POST", "/v1/renew", {"request": request_for(folder, "other")[0]}, 403)


def log(c):
    c.call(None, "GET", "/v1/log/checkpoint")
    c.call("auditor", "GET", "/v1/log/entries?from=0&to=5")
    c.call("auditor", "GET", "/v1/log/entries?from=x", None, 400)
    c.call("officer1", "GET", "/v1/log/entries?from=0&to=5", None, 404)
    c.call(None, "GET", "/v1/log/inclusion?index=1&size=5")
    c.call(None, "GET", "/v1/log/inclusion?index=9&size=5", None, 400)
    c.call(None, "GET", "/v1/log/consistency?from=2&to=5")
    c.call(None, "GET", "/v1/log/consistency?from=6&to=5", None, 400)
    c.call(None, "GET", "/v1/log/tile/0/000.p/5")
    c.call(None, "GET", "/v1/log/tile/0/x", None, 404)
    c.call("auditor", "GET", "/v1/log/tile/entries/000.p/5")
    c.call("officer1", "GET", "/v1/log/tile/entries/000.p/5", None, 403)


def log_reading(c, query):
    """What an auditor asks of the log, and what may be asked of it without a name."""
    c.call("auditor", "GET", "/v1/log/search?type=dispatch&limit=5")
    c.call("auditor", "GET", "/v1/log/search?limit=x", None, 400)
    c.call("officer1", "GET", "/v1/log/search?request=r-" + NONE)
    c.call("officer1", "GET", "/v1/log/search?organisation=x", None, 400)
    c.call("officer1", "GET", "/v1/log/watch", None, 403)
    c.call("auditor", "GET", "/v1/log/watch?from=0&wait_ms=0")
    c.call("officer1", "GET", "/v1/log/watch?from=0&wait_ms=0", None, 403)
    c.call("auditor", "GET", f"/v1/queries/{query}/site-results")
    c.call("desk", "GET", f"/v1/queries/{query}/site-results", None, 403)
    c.call(None, "POST", "/v1/log/cosignature", {"checkpoint": 0, "wait_ms": 0})
    c.call(None, "POST", "/v1/log/cosignature", {"checkpoint": -1, "wait_ms": 0}, 400)
    c.call("operator", "POST", "/v1/erasures", {"document": f"a-{NONE}"}, 404)
    c.call("desk", "GET", "/v1/optouts/lists")
    c.call(None, "GET", "/v1/optouts/lists", None, 401)
    c.call("desk", "GET", f"/v1/optouts/o-{NONE}", None, 404)
    c.call("researcher", "POST", "/v1/optouts", {"id": f"o-{NONE}", "action": "register", "items": []}, 403)


def all_were_made(c):
    """Both ways, but for what cannot fail."""
    always_good = {("get", "/v1/forms"), ("get", "/v1/log/checkpoint"), ("get", "/v1/trust")}
    elsewhere = {("post", "/v1/optouts"), ("get", "/v1/optouts/{id}")}  # governance-4 seals what they carry
    for path, operations in sorted(schema_check.load("openapi")["paths"].items()):
        for method, operation in operations.items():
            missing = [w for w, good in (("good", True), ("bad", False)) if (id(operation), good) not in c.made
                       and not (not good and (method, path) in always_good)
                       and not (good and (method, path) in elsewhere)]
            if missing:
                c.checks.that(False, f"{method.upper()} {path} was not tried: {', '.join(missing)}")


def main():
    checks = running.Checks()
    folder = tempfile.mkdtemp(prefix="innsyn-openapi-")
    two = os.path.join(folder, "heart")
    shutil.copytree(running.HEART, two)
    path = os.path.join(two, "dictionary.json")
    with open(path, encoding="utf-8") as f:
        dictionary = json.load(f)
    dictionary["sites"] = dictionary["sites"][:3]  # of three witnesses one may be away
    with open(path, "w", encoding="utf-8") as f:
        json.dump(dictionary, f)
    try:
        with running.running(two, permit=False) as net:
            c = Caller(net, checks)
            accounts(c)
            sites(c, folder)
            access(c)
            permit = permits(c)
            agents(c, permit, queries(c, permit), folder)
            c.call("officer1", "POST", f"/v1/permits/{permit}/status", {"state": "revoked", "reason": "the end"})
            log(c)
            log_reading(c, net.call("researcher", "GET", "/v1/queries")[1]["items"][-1]["id"])
            c.call("operator", "POST", "/v1/erasures", {"account": "researcher2"})
            all_were_made(c)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    checks.end()


if __name__ == "__main__":
    main()
