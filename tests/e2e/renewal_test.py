#!/usr/bin/env python3
"""An agent renews its certificate by itself: the new one is taken into use, the old one is refused from then on.
The newest connection of a site wins.  An agent that cannot renew warns before the end, and says after it exactly
what its operator must do; doing that brings the site back.

Certificates of this network last LIFE seconds (INNSYN_TEST_CERTIFICATE_SECONDS, in programs with test hooks only).
"""
import http.client
import json
import os
import shutil
import ssl
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import running  # noqa: E402

LIFE = 30
HOOK = "INNSYN_TEST_CERTIFICATE_SECONDS"
POLL = {"checkpoint": 0, "trust": 1, "running": [], "paused": False, "build": "test"}


def poll(net, certificate, key, wait_ms=0):
    """(status, code) of one poll with this certificate; status 0: the broker did not take the connection."""
    context = ssl.create_default_context(cafile=net.path("broker", "server-ca.pem"))
    context.load_cert_chain(certificate, key)
    connection = http.client.HTTPSConnection("127.0.0.1", net.state["agents_port"], context=context, timeout=30)
    try:
        connection.request("POST", "/v1/poll", body=json.dumps(dict(POLL, wait_ms=wait_ms)), headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()).get("code", "")
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def said(net, site, event):
    with open(net.path("logs", f"agent-{site}.log"), encoding="utf-8", errors="replace") as f:
        return [line.strip() for line in f if f" {event} " in line or line.rstrip().endswith(" " + event)]


def main():
    checks = running.Checks()
    os.environ[HOOK] = str(LIFE)
    folder = tempfile.mkdtemp(prefix="innsyn-renewal-")
    two = os.path.join(folder, "heart")
    shutil.copytree(running.HEART, two)
    with open(os.path.join(two, "dictionary.json"), encoding="utf-8") as f:
        dictionary = json.load(f)
    dictionary["sites"] = dictionary["sites"][:3]  # of three witnesses one may be away
    with open(os.path.join(two, "dictionary.json"), "w", encoding="utf-8") as f:
        json.dump(dictionary, f)
    try:
        with running.running(two, build_folder=running.hooks_build()) as net:
            site = net.sites[0]
            home = net.path("agents", site)
            certificate, key = os.path.join(home, "tls", "certificate.pem"), os.path.join(home, "keys", "tls.pem")
            old = os.path.join(folder, "old.pem")

            # The next renewal, whichever it is, with the certificate before it in hand.
            shutil.copy(certificate, old)
            net.wait_for("a renewal", lambda: open(old, encoding="ascii").read() != open(certificate, encoding="ascii").read(), seconds=LIFE + 5)
            status, code = poll(net, certificate, key)  # the first use: it takes over
            checks.that(status == 200, f"the new certificate: {status} {code}")
            status, code = poll(net, old, key)
            checks.that((status, code) == (403, "certificate_replaced"), f"the certificate before it: {status} {code}")
            checks.that(bool(said(net, site, "certificate_renewed")), "the agent's log says so")
            question = {"innsyn": "question/1", "dataset": "heart", "statistic": {"count": {}}}
            checks.that(net.ask(question, check=False).returncode == 0, "all sites answer after it")
            checks.that(not said(net, site, "poll_refused"), "the agent itself went over to the new one without a refusal")

            # Newest connection wins: a second poll of the same site ends the first at once.
            took = []

            def first():
                begin = time.monotonic()
                took.append((poll(net, certificate, key, 20000)[0], time.monotonic() - begin))

            one = threading.Thread(target=first)
            one.start()
            time.sleep(0.5)
            second = poll(net, certificate, key, 1)
            one.join(30)
            checks.that(second[0] == 200 and took and took[0][0] == 200 and took[0][1] < 10,
                        f"the newer poll is served ({second[0]}), the older one ends after {took[0][1]:.1f} s")

            # No broker, no renewal: warned before the end, told what to do after it.
            net.stop("broker")
            net.wait_for("the certificates' end", lambda: all(said(net, s, "certificate_ended") for s in net.sites), seconds=2 * LIFE + 10)
            warned = said(net, site, "certificate_ends_soon")
            checks.that(bool(warned), "warned before the end: " + (warned[-1][:200] if warned else ""))
            ended = said(net, site, "certificate_ended")[-1]
            checks.that(f"innsyn site add {site}" in ended and f"innsyn-agent enrol {home} --token" in ended, "told exactly what to do: " + ended[:300])
            done = net.agent("check", home, check=False)
            checks.that(done.returncode != 0 and f"innsyn site add {site}" in done.stdout, "innsyn-agent check says the same")
            del net.environment[HOOK]
            net.start_broker()
            checks.that(poll(net, certificate, key)[0] == 0, "the broker takes no connection with the certificate that ended")
            for s in net.sites:
                net.stop("agent-" + s)
                net.enrol(s)
                net.start_agent(s)
            net.wait_for("the sites to be back", lambda: net.ask(question, check=False).returncode == 0, seconds=60)
            checks.that(True, "enrolled again, the sites answer")
            net.client("auditor", "audit", "verify")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    checks.end()


if __name__ == "__main__":
    main()
