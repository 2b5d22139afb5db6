#!/usr/bin/env python3
"""What is not allowed gets a clear refusal that names the field, the rule and what would be allowed;
nothing is half-written.  Against a running network of three sites."""
import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import running  # noqa: E402

BASE = {"innsyn": "question/1", "dataset": "heart-ck", "statistic": {"count": {}}}


class People:
    """Raw calls to the people's listener, with a person's token."""

    def __init__(self, net, person):
        self.net = net
        with open(net.path("people", person, "token"), encoding="ascii") as f:
            self.token = f.read().strip()
        self.context = ssl.create_default_context(cafile=net.path("broker", "server-ca.pem"))

    def call(self, method, path, body=None, token=True, headers=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.net.state["people_port"], context=self.context, timeout=20)
        try:
            all_headers = {"Content-Type": "application/json", **(headers or {})}
            if token:
                all_headers["Authorization"] = "Bearer " + self.token
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            connection.request(method, path, body=body, headers=all_headers)
            answer = connection.getresponse()
            text = answer.read()
            try:
                document = json.loads(text)
            except ValueError:
                document = {}
            return answer.status, document, answer
        finally:
            connection.close()


def bodies(checks, researcher):
    """Malformed bodies: each is refused as a problem that says what is wrong."""
    deep = "[" * 40 + "]" * 40
    cases = [
        ("not JSON", "{", 400, "malformed"),
        ("a duplicate key", '{"permit":"a","permit":"b","question":{}}', 400, "malformed"),
        ("too deep", '{"permit":"p-x","question":' + deep + "}", 413, "too_large"),
        ("bytes after the value", '{"permit":"x"} x', 400, "malformed"),
        ("a lone surrogate", '{"permit":"\\ud800","question":{}}', 400, "malformed"),
        ("not an object", "[]", 400, "malformed"),
        ("over the size limit", '{"permit":"' + "x" * (5 * 1024 * 1024) + '"}', 413, None),
        ("a wrong type", '{"permit":5,"question":{}}', 400, "malformed"),
        ("an unknown field", '{"permit":"p-00000000000000000000000000","question":{},"extra":1}', 400, "unknown_field"),
    ]
    for name, body, status, code in cases:
        try:
            got, document, answer = researcher.call("POST", "/v1/queries/check", body)
        except (ConnectionError, ssl.SSLError) as e:
            checks.that(status == 413, f"body, {name}: the connection was closed ({type(e).__name__})")
            continue
        good = got == status and (code is None or document.get("code") == code) and document.get("title")
        good = good and answer.getheader("Content-Type", "").startswith("application/problem+json") and answer.getheader("X-Request-Id")
        checks.that(bool(good), f"body, {name}: {got} {document.get('code')} {document.get('field') or ''} {(document.get('detail') or '')[:100]}")


def questions(checks, net):
    cases = [
        ("unknown dataset", dict(BASE, dataset="hart"), ["hart"], ["heart"]),
        ("unknown variable", dict(BASE, where={"sx": ["1"]}), ["sx"], ["sex"]),
        ("unknown level", dict(BASE, where={"sex": ["7"]}), ["sex", "7"], ["0", "1"]),
        ("a cut off the grid", dict(BASE, statistic={"histogram": {"variable": "age", "breaks": [40, 50.5, 60]}}), ["breaks/1"], ["50 and 51"]),
        ("breaks that do not rise", dict(BASE, statistic={"histogram": {"variable": "age", "breaks": [60, 50]}}), ["breaks"], []),
        ("unknown statistic", dict(BASE, statistic={"mode": {}}), ["mode"], ["count"]),
        ("two statistics", dict(BASE, statistic={"count": {}, "table": {"by": ["sex"]}}), ["statistic"], []),
        ("an unknown member", dict(BASE, wher={}), ["wher"], []),
        ("five dimensions", dict(BASE, statistic={"table": {"by": ["sex", "cp", "fbs", "thal", "slope"]}}), ["by"], ["4"]),
        ("the person key", dict(BASE, where={"pid": ["cle-0001"]}), ["pid"], []),
        ("a number without breaks", dict(BASE, statistic={"table": {"by": ["age"]}}), ["age"], ["breaks"]),
        ("a summary under ck", dict(BASE, statistic={"summary": {"variables": ["age"]}}), ["summary"], []),
        ("an empty set", dict(BASE, where={"sex": []}), ["sex"], []),
    ]
    for name, question, named, offered in cases:
        done = net.ask(question, check=False)
        said = done.stdout + done.stderr
        checks.that(done.returncode == 1 and all(word in said for word in named + offered),
                    f"question, {name}: exit {done.returncode}: {' '.join(said.split())[:170]}")


def access(checks, net, researcher):
    officer, auditor = People(net, "officer1"), People(net, "auditor")
    cases = [
        ("no token", lambda: researcher.call("GET", "/v1/me", token=False), 401),
        ("a made-up token", lambda: researcher.call("GET", "/v1/me", token=False, headers={"Authorization": "Bearer " + "x" * 43}), 401),
        ("a researcher reads entries of others", lambda: researcher.call("GET", "/v1/log/entries?from=0&to=1"), 404),
        ("an officer asks a question", lambda: officer.call("POST", "/v1/queries", {"query": {}}), 403),
        ("an auditor decides", lambda: auditor.call("POST", "/v1/applications/a-00000000000000000000000000/steps",
                                                     {"command": "grant", "version": 1, "text": "x"}), 403),
        ("a researcher makes an account", lambda: researcher.call("POST", "/v1/accounts", {"account": "x", "password": "y" * 12, "roles": ["operator"]}), 403),
        ("an unknown path", lambda: researcher.call("GET", "/v1/nothing"), 404),
        ("a wrong method", lambda: researcher.call("DELETE", "/v1/catalogue"), 405),
        ("a path trick", lambda: researcher.call("GET", "/v1/%2e%2e/keys"), (400, 404)),
        ("the agents' call without a certificate", lambda: researcher.call("POST", "/v1/poll", {}), (401, 403, 404)),
    ]
    for name, call, status in cases:
        got, document, _ = call()
        allowed = status if isinstance(status, tuple) else (status,)
        checks.that(got in allowed and (document.get("code") or got in (400, 404)), f"access, {name}: {got} {document.get('code')}")


def certificates(checks, net):
    """The agents' listener: absent, self-signed, expired certificates, and the certificate of another site."""
    ca = net.path("broker", "server-ca.pem")
    one, two = net.sites[:2]
    folder = tempfile.mkdtemp(prefix="innsyn-cert-")

    def poll(certificate, key, path="/v1/poll", body=None, method="POST"):
        context = ssl.create_default_context(cafile=ca)
        if certificate:
            context.load_cert_chain(certificate, key)
        connection = http.client.HTTPSConnection("127.0.0.1", net.state["agents_port"], context=context, timeout=20)
        try:
            connection.request(method, path, body=json.dumps(body or {"checkpoint": 0, "trust": 0, "running": [], "paused": False, "wait_ms": 0, "build": "test"}),
                               headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (ssl.SSLError, ConnectionError, http.client.HTTPException) as e:
            return "refused", type(e).__name__
        finally:
            connection.close()

    try:
        checks.that(poll(None, None)[0] == "refused", "certificate absent: the handshake is refused")
        key, own = os.path.join(folder, "k.pem"), os.path.join(folder, "c.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", own,
                        "-days", "2", "-subj", "/CN=x", "-addext", f"subjectAltName=URI:urn:innsyn:site:{one}"], check=True, capture_output=True, timeout=30)
        checks.that(poll(own, key)[0] == "refused", "certificate self-signed with a site's name: the handshake is refused")
        ca_key = os.path.join(net.path("broker", "keys"), "site-ca.pem")
        ca_pem = os.path.join(folder, "ca.pem")
        with open(net.path("broker", "broker-public.json"), encoding="utf-8") as f, open(ca_pem, "w", encoding="ascii") as to:
            to.write(json.load(f)["site_ca"])
        if checks.that(os.path.exists(ca_key), "the site-issuing CA's key is where the broker keeps its keys"):
            request, extension, old = (os.path.join(folder, n) for n in ("r.pem", "e.cnf", "old.pem"))
            subprocess.run(["openssl", "req", "-new", "-key", key, "-out", request, "-subj", "/CN=x"], check=True, capture_output=True, timeout=30)
            with open(extension, "w", encoding="ascii") as f:
                f.write(f"subjectAltName=URI:urn:innsyn:site:{one}\nextendedKeyUsage=clientAuth\n")
            subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", ca_pem, "-CAkey", ca_key, "-out", old, "-days", "-1",
                            "-extfile", extension, "-CAcreateserial"], check=True, capture_output=True, timeout=30)
            checks.that(poll(old, key)[0] == "refused", "certificate expired: the handshake is refused")
        site_certificate = net.path("agents", two, "tls", "certificate.pem")
        site_key = net.path("agents", two, "keys", "tls.pem")
        if os.path.exists(site_certificate) and os.path.exists(site_key):
            # Site two's certificate cannot hand in a result for a task of site one.
            net.ask(dict(BASE), check=False)
            log = net.log_entries()
            task = next(e["task"] for e in log if e.get("type") == "dispatch" and e["site"] == one)
            status, _ = poll(site_certificate, site_key, f"/v1/tasks/{task}/result", {"result": {}})
            checks.that(status in (400, 403, 404), f"certificate of another site: its call for this site's task gets {status}")
        else:
            checks.that(False, f"no certificate at {site_certificate}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def loads(checks, net):
    """CSV files that are not what the dictionary says: the error names row and column, the old snapshot stays."""
    folder = tempfile.mkdtemp(prefix="innsyn-csv-")
    dictionary = {"dataset": "visits", "title": "visits", "license": "CC0-1.0", "sites": [],
                  "variables": [{"name": "person", "label": "", "type": "id", "missing_codes": [""], "role": "id"},
                                {"name": "kind", "label": "kind", "type": "categorical", "missing_codes": [""],
                                 "levels": [{"code": "a", "label": "a"}, {"code": "b", "label": "b"}], "role": "covariate"},
                                {"name": "size", "label": "size", "type": "integer", "missing_codes": [""], "role": "covariate"},
                                {"name": "note", "label": "note", "type": "categorical", "missing_codes": [""],
                                 "levels": [{"code": "two\nlines", "label": "x"}, {"code": 'a "q"', "label": "y"}], "role": "covariate"}]}
    dictionary_path = os.path.join(folder, "dictionary.json")
    with open(dictionary_path, "w", encoding="utf-8") as f:
        json.dump(dictionary, f)
    header = "person,kind,size,note\n"
    good = header + "".join(f"p{i},{'ab'[i % 2]},{i},\n" for i in range(20000))
    rows = good.splitlines(keepends=True)
    bad_number = rows.copy()
    bad_number[12345] = "p12344,a,12x,\n"
    twice = rows.copy()
    twice[500] = "p7,a,1,\n"
    level = rows.copy()
    level[30] = "p29,c,1,\n"
    short = rows.copy()
    short[40] = "p39,a\n"
    cases = [
        ("a good file", good, 0, []),
        ("CRLF, BOM, quotes and a newline in a field", "\ufeff" + "person,kind,size,note\r\np1,a,1,\"two\nlines\"\r\np2,b,2,\"a \"\"q\"\"\"\r\n", 0, []),
        ("a wrong header", good.replace("person,kind,size", "person,kind,sise"), 1, ["size"]),
        ("a bad number in row 12,345", "".join(bad_number), 1, ["12345", "size"]),
        ("a duplicate person key", "".join(twice), 1, ["event_table"]),
        ("an unknown level", "".join(level), 1, ["30", "kind"]),
        ("a row that is too short", "".join(short), 1, ["40"]),
        ("an open quote", header + 'p1,a,1,"x\n', 1, []),
        ("not UTF-8", (header + "p1,a,1,").encode() + b"\xff\xfe\n", 1, []),
        ("an empty file", "", 1, []),
    ]
    agent = net.path("agents", net.sites[0])
    try:
        for name, text, status, named in cases:
            path = os.path.join(folder, "rows.csv")
            with open(path, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())
            done = net.agent("load", agent, dictionary_path, path, "--profile", "open", "--public-data", check=False)
            said = done.stdout + done.stderr
            checks.that(done.returncode == status and all(word in said for word in named) and "p12344" not in said,
                        f"load, {name}: exit {done.returncode}: {' '.join(said.split())[-170:]}")
        # No room: files may not grow over 16 blocks of 1,024 bytes, as on a disk that is full.
        path = os.path.join(folder, "rows.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write(good)
        before = sorted(os.listdir(os.path.join(agent, "data", "visits", "snapshots")))
        limited = subprocess.run(["bash", "-c", 'ulimit -f 16; exec "$@"', "-", net.program("innsyn-agent"), "load", agent, dictionary_path, path,
                                  "--profile", "open", "--public-data"], capture_output=True, text=True, timeout=60, check=False)
        after = sorted(d for d in os.listdir(os.path.join(agent, "data", "visits", "snapshots")) if d in before)
        again = net.agent("load", agent, dictionary_path, path, "--profile", "open", "--public-data", check=False)
        checks.that(limited.returncode == 1 and limited.stderr.strip() != "" and after == before and again.returncode == 0,
                    f"load, no room for the files: exit {limited.returncode}, the old snapshot stays, the next load succeeds: "
                    f"{' '.join((limited.stdout + limited.stderr).split())[-150:]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def absences(checks, net):
    """An agent that goes away: the query ends at its deadline and names the site.  A broker that restarts: it finishes."""
    away = net.sites[0]
    net.stop("agent-" + away, kill=True)
    begin = time.monotonic()
    done = net.ask(BASE, check=False, timeout=8)
    document = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    statuses = {s["site"]: s["status"] for s in document.get("sites", [])}
    checks.that(done.returncode == 5 and statuses.get(away) == "missing" and time.monotonic() - begin < 120,
                f"an agent that is away: exit {done.returncode}, {statuses}, {time.monotonic() - begin:.0f} s")
    path = net.path("people", "researcher", "waiting.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(BASE, f)
    asking = subprocess.Popen([net.program("innsyn"), "--profile", net.path("people", "researcher"), "query", "run", path, "--json", "--timeout", "180"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=net.environment)
    net.wait_for("the query to run", lambda: any(q["state"] == "running" for q in net.client_json("researcher", "query", "list")["items"]))
    net.stop("broker", kill=True)
    net.start_broker()
    net.start_agent(away)
    out, err = asking.communicate(timeout=240)
    checks.that(asking.returncode == 0 and json.loads(out)["result"]["count"] is not None,
                f"a broker that restarts in the middle: exit {asking.returncode} {err.strip()[-150:]}")


def main():
    checks = running.Checks()
    folder = tempfile.mkdtemp(prefix="innsyn-two-")
    two = os.path.join(folder, "heart")
    shutil.copytree(running.HEART, two)
    path = os.path.join(two, "dictionary.json")
    with open(path, encoding="utf-8") as f:
        dictionary = json.load(f)
    dictionary["sites"] = dictionary["sites"][:3]  # of three witnesses one may be away
    with open(path, "w", encoding="utf-8") as f:
        json.dump(dictionary, f)
    try:
        with running.running(two) as net:
            researcher = People(net, "researcher")
            bodies(checks, researcher)
            questions(checks, net)
            access(checks, net, researcher)
            certificates(checks, net)
            loads(checks, net)
            absences(checks, net)
            verified = net.client("auditor", "audit", "verify", check=False)
            checks.that(verified.returncode == 0, "after all of it the log verifies")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    checks.end()


main()
