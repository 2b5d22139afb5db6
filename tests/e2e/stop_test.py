#!/usr/bin/env python3
"""A site that its holder pauses, and a permit that the unit suspends, stop what is under way: no task that
waited is computed and no answer that was computed leaves.  A query to a paused site ends at once, refused as
`paused`, not at its deadline as `missing`.

The engine is held still (SIGSTOP) while tasks wait for it, so that what happens meanwhile is certain.
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import running  # noqa: E402

ANSWER_SECONDS_MAX = 60


def question(net, value):
    return {"innsyn": "question/1", "dataset": net.data.name, "where": {"age": {"from": value}}, "statistic": {"count": {}}}


def begin(net, value):
    """The client, waiting for a result."""
    path = net.path("people", "researcher", f"question-{value}.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(question(net, value), f)
    return subprocess.Popen([net.program("innsyn"), "--profile", net.path("people", "researcher"), "query", "run", path, "--json"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=net.environment, cwd=net.run)


def newest(net, count):
    listed = net.client_json("officer1", "query", "list")
    items = listed["items"] if isinstance(listed, dict) else listed
    return [item["id"] for item in items[:count]]


def sites_of(net, query):
    return {s["site"]: s for s in net.client_json("officer1", "query", "show", query)["sites"]}


def entries(net, site, kind):
    lines = net.agent("journal", net.path("agents", site), "--json", check=False).stdout.splitlines()
    return [line for line in lines if f'"type":"{kind}"' in line.replace('": "', '":"')]


def held(net, site, then, known, checks, name, code):
    """Two queries wait for a stopped engine while `then` happens; both must be refused with this code."""
    engine = net.role_pids(os.path.join("agents", site))["engine"]
    os.kill(engine, signal.SIGSTOP)
    try:
        before = len(entries(net, site, "asked"))
        clients = [begin(net, held.next + i) for i in range(2)]
        held.next += 2
        # both are verified and journalled as asked: one is computed, one waits
        net.wait_for("both tasks", lambda: len(entries(net, site, "asked")) >= before + 2)
        then()
        net.wait_for("the site to know", known)
    finally:
        os.kill(engine, signal.SIGCONT)
    for client in clients:
        client.communicate(timeout=60)
    for query in newest(net, 2):
        said = sites_of(net, query)[site]
        got = (said["reason"] or {}).get("code")
        checks.that(said["status"] in ("refused", "cancelled") and (got in code if said["status"] == "refused" else "cancelled" in code),
                    f"{name}: {said['status']} {got}")


held.next = 41


def main():
    checks = running.Checks()
    with running.running() as net:
        site = net.sites[0]
        folder = net.path("agents", site)

        def pause():
            net.agent("pause", folder)

        held(net, site, pause, lambda: entries(net, site, "pause"), checks, "paused while tasks waited", ("paused",))

        began = time.monotonic()
        client = begin(net, 60)
        client.communicate(timeout=60)
        took = time.monotonic() - began
        said = sites_of(net, newest(net, 1)[0])
        reason = said[site]["reason"] or {}
        checks.that(said[site]["status"] == "refused" and reason.get("class") == "paused" and took < ANSWER_SECONDS_MAX,
                    f"asked while paused: {said[site]['status']} {reason.get('class')} after {took:.1f} s")
        checks.that(all(s["status"] == "answered" for name, s in said.items() if name != site), "the other sites answered")
        net.agent("resume", folder)
        net.wait_for("the site to know", lambda: entries(net, site, "resume"))
        client = begin(net, 61)
        client.communicate(timeout=60)
        checks.that(client.returncode == 0, f"resumed: it answers again (exit {client.returncode})")

        permit = net.state["permit"]
        held(net, site, lambda: net.client("officer1", "permit", "suspend", permit, "--reason", "a look is taken"),
             lambda: entries(net, site, "cancelled"), checks,
             "suspended while tasks waited", ("permit_not_live", "cancelled"))
        net.client("auditor", "audit", "verify")
        print("ok      the log verifies")
    checks.end()


if __name__ == "__main__":
    main()
