"""Aim: the processes net and keys as they run in the broker's program (sandbox on), with a core that only
repeats what it is told (tests/double/core_double.c).  What the HTTP front must refuse byte by byte is
tests/unit/http_test.c; here is what net makes of it: identity, cookie and Origin, the portal's files,
cutting a site, draining (pitfalls: gone, drain, plaintext), and the ends of the roles.
usage: http_test.py PATH-OF-broker_double
"""
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

WAIT_SECONDS = 15
program = sys.argv[1]
failed = []


def check(holds, text):
    print(("ok      " if holds else "FAILED  ") + text, flush=True)
    if not holds:
        failed.append(text)


class Broker:
    def __init__(self, folder):
        self.folder = folder
        self.log = open(os.path.join(folder, "log"), "ab")
        began = self.log.tell()
        pids = os.path.join(folder, "b", "pids")
        with contextlib.suppress(FileNotFoundError):
            os.remove(pids)  # of a program that was killed
        self.process = subprocess.Popen([program, "run", os.path.join(folder, "b")], stdin=subprocess.DEVNULL, stderr=self.log, stdout=self.log)
        end = time.monotonic() + WAIT_SECONDS
        self.ports = None
        while time.monotonic() < end and self.process.poll() is None:
            with open(self.log.name, encoding="utf-8", errors="replace") as f:
                f.seek(began)
                if "net ready" in f.read() and os.path.exists(pids):  # written when all roles are there
                    break
            time.sleep(0.05)
        with open(os.path.join(folder, "b", "ports.json"), encoding="ascii") as f:
            self.ports = json.load(f)
        with open(pids, encoding="ascii") as f:
            self.pids = {line.split()[1]: int(line.split()[0]) for line in f}

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_SECONDS)
        self.log.close()


def connect(broker, listener="people", certificate=None):
    context = ssl.create_default_context(cafile=os.path.join(broker.folder, "b", "server-ca.pem"))
    if certificate:
        context.load_cert_chain(*certificate)
    return http.client.HTTPSConnection("127.0.0.1", broker.ports[listener], context=context, timeout=WAIT_SECONDS)


def ask(broker, method, path, headers=None, body=None, listener="people", certificate=None):
    """(status, headers, text); status 0 when the connection was refused or ended."""
    c = connect(broker, listener, certificate)
    try:
        c.request(method, path, body=body, headers=headers or {})
        answer = c.getresponse()
        return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return 0, {}, ""
    finally:
        c.close()


def portal(b):
    status, headers, text = ask(b, "GET", "/")
    check(status == 200 and text == "<p>hei</p>" and headers["Content-Type"].startswith("text/html"), "/ is the portal's index.html")
    check(headers["Content-Security-Policy"].startswith("default-src 'self'") and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
          and headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
          and "max-age=" in headers["Strict-Transport-Security"], "its headers forbid what a page must not do")
    status, more, text = ask(b, "GET", "/", {"If-None-Match": headers["ETag"]})
    check(status == 304 and text == "", "an unchanged page is 304")
    status, headers, _ = ask(b, "GET", "/js/app.js")
    check(status == 200 and headers["Content-Type"].startswith("text/javascript"), "modules have a script's type")
    status, headers, text = ask(b, "HEAD", "/js/app.js")
    check(status == 200 and headers["Content-Length"] == "13" and text == "", "HEAD tells the length and sends nothing")
    for path in ("/link.html", "/.hidden.html", "/a.sh", "/nothing.html", "/js", "/js/"):
        status, headers, text = ask(b, "GET", path)
        check(status == 404 and headers["Content-Type"] == "application/problem+json" and json.loads(text)["code"] == "no_such_thing"
              and json.loads(text)["instance"] == headers["X-Request-Id"], f"{path} is a problem 404")
    for path in ("/..%2fbroker.json", "/%2e%2e/broker.json", "/js/../../broker.json", "/index.html%00"):
        status, headers, text = ask(b, "GET", path)
        check(status == 400 and json.loads(text)["code"] == "malformed", f"{path} is refused")
    check(ask(b, "POST", "/index.html", body="x")[0] == 405, "POST to a page is 405")


def people(b):
    own = f"https://127.0.0.1:{b.ports['people']}"
    status, headers, text = ask(b, "GET", "/v1/echo?x=1", {"Authorization": "Bearer abc"})
    check(status == 200 and "listener 2" in text and "token 'abc' cookie 0 site ''" in text and headers["X-Request-Id"].startswith("r-"),
          "a bearer token reaches core")
    check(headers["Cache-Control"] == "no-store", "answers of core are not cached")
    status, _, text = ask(b, "GET", "/v1/echo", {"Cookie": "innsyn=abc"})
    check(status == 200 and "token 'abc' cookie 1" in text, "so does the cookie")
    for origin, want in ((None, 403), ("https://evil.example", 403), ("null", 403), (own + ".evil.example", 403), (own, 200)):
        for method in ("POST", "PUT", "DELETE"):
            sent = {"Cookie": "innsyn=abc"}
            if origin:
                sent["Origin"] = origin
            status, _, text = ask(b, method, "/v1/echo", sent)
            check(status == want and (want == 200 or json.loads(text)["code"] == "wrong_origin"), f"{method} with cookie, Origin {origin}: {want}")
    check(ask(b, "POST", "/v1/echo", {"Authorization": "Bearer abc"}, "{}")[0] == 200, "a token needs no Origin")
    check(ask(b, "POST", "/v1/echo", {"Origin": "https://evil.example"}, "{}")[0] == 403, "another page's sign-in is refused too")
    check(ask(b, "GET", "/v1/echo", {"Authorization": "Bearer " + "a" * 129})[0] == 401, "a token too long for any is 401")
    _, headers, _ = ask(b, "GET", "/v1/cookie")
    check(headers["Set-Cookie"] == "innsyn=secret; Path=/; Secure; HttpOnly; SameSite=Strict", "the cookie is set so that scripts and others cannot use it")
    _, headers, _ = ask(b, "GET", "/v1/clear")
    check("Max-Age=0" in headers["Set-Cookie"], "and ended")
    check(ask(b, "GET", "/v1/echo", {"Transfer-Encoding": "chunked"})[0] == 411, "chunked is 411")
    with socket.create_connection(("127.0.0.1", b.ports["people"]), WAIT_SECONDS) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            got = s.recv(100)
        except ConnectionError:
            got = b""
    check(b"HTTP" not in got, "plaintext gets no answer")


def until(b, says):
    """Until core says this of itself."""
    end = time.monotonic() + WAIT_SECONDS
    while says not in ask(b, "GET", "/v1/echo")[2]:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def gone(b):
    c = connect(b)
    c.request("GET", "/v1/hold")
    until(b, "held 1")
    c.close()
    check(until(b, "gone 1"), "core hears that a waiting peer left")


def site_certificate(b, site):
    key, request, certificate = (os.path.join(b.folder, site + n) for n in (".key", ".csr", ".pem"))
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                    "-subj", "/CN=x", "-addext", f"subjectAltName=URI:urn:innsyn:site:{site}"], check=True, capture_output=True, timeout=WAIT_SECONDS)
    with open(request, encoding="ascii") as f:
        csr = f.read()
    status, _, text = ask(b, "POST", f"/v1/certificate?{site}", {"Authorization": "Bearer x"}, csr)
    check(status == 200 and "BEGIN CERTIFICATE" in text, f"keys issue a certificate for {site}")
    check(ask(b, "POST", f"/v1/certificate?{site}x", {"Authorization": "Bearer x"}, csr)[0] == 403, "but not for another site's name")
    with open(certificate, "w", encoding="ascii") as f:
        f.write(text)
    return certificate, key


def agents(b):
    one, two = site_certificate(b, "ulm.south"), site_certificate(b, "va")
    check(ask(b, "GET", "/v1/echo", listener="agents")[0] == 0, "without a certificate the agents' listener answers nothing")
    status, _, text = ask(b, "GET", "/v1/echo", listener="agents", certificate=one)
    check(status == 200 and "listener 1" in text and "site 'ulm.south' ends 1" in text, "the certificate names the site")
    status, _, text = ask(b, "GET", "/v1/echo", {"Cookie": "innsyn=abc"}, listener="agents", certificate=one)
    check("token '' cookie 0" in text, "a cookie means nothing there")
    check(ask(b, "GET", "/", listener="agents", certificate=one)[0] == 404, "nor is the portal there")
    held = connect(b, "agents", one)
    held.request("GET", "/v1/hold")
    other = connect(b, "agents", two)
    other.request("GET", "/v1/hold")
    until(b, "held 3")  # the first was held for another
    ask(b, "GET", "/v1/cut?ulm.south")
    try:
        held.getresponse()
        check(False, "a cut site's connections end")
    except (http.client.HTTPException, ConnectionError, ssl.SSLError):
        check(True, "a cut site's connections end")
    os.kill(b.process.pid, signal.SIGTERM)
    try:
        answer = other.getresponse()
        check(answer.status == 503 and answer.headers["Retry-After"] == "1", "at SIGTERM a waiting agent gets 503 with Retry-After")
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as e:
        check(False, f"at SIGTERM a waiting agent gets 503 with Retry-After ({e!r})")
    other.close()
    try:
        check(b.process.wait(8) == 0, "the program drains and ends with 0")
    except subprocess.TimeoutExpired:
        check(False, "the program drains and ends with 0")


def ends(folder):
    for role in ("net", "keys", "core"):
        b = Broker(folder)
        try:
            os.kill(b.pids[role], signal.SIGKILL)
            check(b.process.wait(WAIT_SECONDS) != 0, f"when {role} is killed, the program ends with an error")
        finally:
            b.end()
    b = Broker(folder)
    try:
        ask(b, "GET", "/v1/captured")
        check(b.process.wait(WAIT_SECONDS) != 0, "a message that net does not take ends the program")
    finally:
        b.end()


def main():
    folder = tempfile.mkdtemp(prefix="innsyn-http-")
    pages = os.path.join(folder, "pages")
    os.makedirs(os.path.join(pages, "js"))
    for name, text in (("index.html", "<p>hei</p>"), ("js/app.js", "export {};\n//"), (".hidden.html", "x"), ("a.sh", "x")):
        with open(os.path.join(pages, name), "w", encoding="ascii") as f:
            f.write(text)
    os.symlink("/etc/passwd", os.path.join(pages, "link.html"))
    words = [program, "init", os.path.join(folder, "b"), "--network", "demo", "--agents", "127.0.0.1:0", "--people", "127.0.0.1:0", "--portal", pages]
    b = None
    try:
        check(subprocess.run(words, capture_output=True, timeout=WAIT_SECONDS).returncode == 0, "init makes a broker")
        check(subprocess.run(words, capture_output=True, timeout=WAIT_SECONDS).returncode == 1, "but not over another")
        check(subprocess.run(words[:3], capture_output=True, timeout=WAIT_SECONDS).returncode == 2, "init without a network is a wrong call")
        check(subprocess.run([program, "renew-server", os.path.join(folder, "b")], capture_output=True, timeout=WAIT_SECONDS).returncode == 0,
              "renew-server makes a new certificate")
        b = Broker(folder)
        portal(b)
        people(b)
        gone(b)
        agents(b)
        b.end()
        ends(folder)
    finally:
        if b:
            b.end()
        if failed:
            with open(os.path.join(folder, "log"), encoding="utf-8", errors="replace") as f:
                print("".join(f.readlines()[-40:]))
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(failed)} failed")
    sys.exit(1 if failed else 0)


main()
