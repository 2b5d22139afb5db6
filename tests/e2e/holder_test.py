#!/usr/bin/env python3
"""The holder's hand at a site: with `release: ask` each answer waits in the inbox, leaves as the bytes that were shown or not
at all, survives a crash, lapses at its deadline, and cannot be had by asking for the task again; pause and a blocked
permit work at once.  The site's own rules are its holder's signed
document, looked at with each question.  Site and broker both have it in their records."""
import base64
import json
import os
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import running  # noqa: E402


def question(net, value, dataset=None):
    return {"innsyn": "question/1", "dataset": dataset or net.data.name, "where": {"age": {"from": value}}, "statistic": {"count": {}},
            "by_site": True}


def inbox(net, site, *words, check=True):
    return net.agent("inbox", words[0], net.path("agents", site), *words[1:], check=check)


def waiting(net, site):
    return json.loads(inbox(net, site, "list", "--json").stdout)


def journal(net, site):
    out = net.agent("journal", net.path("agents", site), "--json").stdout
    return [json.loads(line) for line in out.splitlines()]


def entries(net, kind, **fields):
    found = [e["entry"] if "entry" in e and isinstance(e["entry"], dict) else e for e in net.log_entries()]
    return [e for e in found if e.get("type") == kind and all(e.get(k) == v for k, v in fields.items())]


def query_of(done):
    """The query's id, from what the client said when it stopped waiting."""
    words = [w for w in (done.stdout + done.stderr).split() if w.startswith("q-")]
    return words[0]


def ask_held(net, value, dataset=None, **more):
    done = net.ask(question(net, value, dataset), check=False, **more)
    return done, query_of(done)


def signed_rules(net, site, rules, holder=None, version=None, **head):
    """A file with the rules as the holder signs them."""
    version = version or len([e for e in journal(net, site) if e["type"] == "rules"]) + 1
    path = net.path("people", f"rules-{site}-{version}-{holder or site}.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(dict({"innsyn": "site-rules/1", "network": "demo", "site": site, "version": version}, **rules, **head), f)
    net.client(holder or f"holder-{site}", "site", "sign-rules", path, "--out", path + ".signed")
    return path + ".signed"


def set_rules(net, site, rules):
    done = net.agent("rules", "set", net.path("agents", site), signed_rules(net, site, rules))
    assert "in force" in done.stdout, done.stdout


def refused_rules(c, net, site, other):
    """Each way in which rules are not the holder's, with the words that say so; what was in force stays."""
    folder = net.path("agents", site)
    before = net.agent("rules", "show", folder, "--json").stdout
    version = json.loads(before)["version"]
    newer = {"max_cells": 10}
    tampered = signed_rules(net, site, newer, version=version + 1) + ".x"
    with open(tampered[:-2], encoding="utf-8") as f:
        envelope = json.load(f)
    payload = base64.b64decode(envelope["payload"]).replace(b'"max_cells":10', b'"max_cells":99')
    with open(tampered, "w", encoding="utf-8") as f:
        json.dump(dict(envelope, payload=base64.b64encode(payload).decode()), f)
    for words, path in (("are not signed", tampered[:-len(".signed.x")]), ("no holder", tampered),
                        ("no holder", signed_rules(net, site, newer, holder=f"holder-{other}", version=version + 1)),
                        ("is older than version", signed_rules(net, site, newer, version=version - 1)),
                        ("at_grant is for open data", signed_rules(net, site, {"datasets": {net.data.name + "-ck": {"optouts": "at_grant"}}}, version=version + 1)),
                        ("with other words", signed_rules(net, site, newer, version=version)),
                        ("of site 'elsewhere'", signed_rules(net, "elsewhere", newer, holder=f"holder-{site}", version=version + 1))):
        done = net.agent("rules", "set", folder, path, check=False)
        c.that(done.returncode == 1 and words in done.stderr, f"refused: {done.stderr.strip()}")
    # past the command, straight into the folder: the agent itself refuses
    held = len([e for e in journal(net, site) if e["type"] == "rules_refused"])
    with open(tampered, encoding="utf-8") as f, open(os.path.join(folder, "site-rules.json"), "w", encoding="utf-8") as to:
        to.write(f.read())
    net.wait_for("the refusal", lambda: len([e for e in journal(net, site) if e["type"] == "rules_refused"]) > held, seconds=10)
    os.unlink(os.path.join(folder, "site-rules.json"))
    time.sleep(1.5)
    c.that(net.agent("rules", "show", folder, "--json").stdout == before, "tampered rules in the folder, or none at all: the rules in force stay")
    path = os.path.join(folder, "guard", "site-rules.json")
    with open(path, encoding="utf-8") as f:
        good = f.read()
    net.stop("agent-" + site)
    with open(tampered, encoding="utf-8") as f, open(path, "w", encoding="utf-8") as to:
        to.write(f.read())
    net.start_agent(site)
    net.wait_for("its end", lambda: not net.is_alive("agent-" + site), seconds=15)
    c.that("is not the document that is in force" in net.log_tail("agent-" + site), "an agent whose kept rules were changed does not start")
    with open(path, "w", encoding="utf-8") as to:
        to.write(good)
    net.start_agent(site)
    net.wait_for("the agent", lambda: [i for i in net.client_json("auditor", "site", "list")["items"] if i["site"] == site][0]["connected"])


def rules_tighten(c, net, site):
    """Each rule is looked at with each question, and both sides have every change."""
    q = {"innsyn": "question/1", "dataset": net.data.name, "where": {"age": {"from": 50}}, "statistic": {"table": {"by": ["sex", "cp"]}}}
    path = net.path("people", "q.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(q, f)
    for rules, code in (({"purposes": ["53.1.a"]}, "purpose_not_allowed"), ({"organisations": ["company"]}, "organisation_not_allowed"),
                        ({"statistics": ["count"]}, "statistic_not_allowed"), ({"variables_denied": ["cp"]}, "variable_not_allowed"),
                        ({"datasets": {net.data.name: {"variables": ["age", "sex"]}}}, "variable_not_allowed"),
                        ({"max_cells": 2}, "cells_not_allowed"), ({"blocked_permits": [net.state["permit"]]}, "permit_blocked"),
                        ({"blocked_accounts": ["researcher"]}, "account_blocked"), ({"paused": ["*"]}, "paused")):
        set_rules(net, site, rules)
        said = {s["site"]: s for s in net.ask_json(q, check=False)["sites"]}[site]
        explained = net.agent("rules", "explain", net.path("agents", site), path, "--purpose", "53.1.e", "--organisation", "research",
                              "--account", "researcher", "--permit", net.state["permit"], check=False)
        c.that(said["status"] == "refused" and said["reason"]["code"] == code and code in explained.stdout and explained.returncode == 1,
               f"{json.dumps(rules)}: {said['reason']['text']}")
    set_rules(net, site, {"statistics": ["table"]})
    c.that({s["site"]: s for s in net.ask_json(q)["sites"]}[site]["status"] == "answered", "rules that allow it: answered")
    own = [e for e in journal(net, site) if e["type"] == "rules"]
    net.wait_for("the log", lambda: [(e["version"], e["rules_sha256"]) for e in entries(net, "site_rules", site=site)][-1] ==
                 (own[-1]["version"], own[-1]["sha256"]), seconds=10)
    c.that({(e["version"], e["rules_sha256"]) for e in entries(net, "site_rules", site=site)} <= {(e["version"], e["sha256"]) for e in own},
           f"{len(own)} changes of the rules in the journal, {len(entries(net, 'site_rules', site=site))} in the log, the same hashes")


class Clock:
    """The hour of every program that was started under it, as a shift from the real one."""

    def __init__(self, path):
        self.path, self.shift = path, 0
        self.to(0)

    def to(self, seconds):
        self.shift = seconds
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as f:
            f.write(struct.pack("=q", seconds * 1000))  # in place: the programs have the file mapped


def connected(net):
    net.wait_for("the agents", lambda: all(i["connected"] for i in net.client_json("auditor", "site", "list")["items"]))


def start_all(net, clock, **env):
    """Every program anew, with test hooks: the hour is theirs, and the broker may misbehave."""
    net.stop_all()
    net.environment.update(env, INNSYN_TEST_CLOCK_FILE=clock.path)
    net.start_broker()
    for person in net.people:
        net.login(person)
    for name in net.sites:
        net.start_agent(name)
    connected(net)


def later(net, clock, seconds):
    clock.to(clock.shift + seconds)
    for person in ("researcher", "officer1", "auditor"):
        net.login(person)
    connected(net)


def fate(net, site, query):
    """(state of the query, what the site said of it or None) as the one who asked sees it."""
    shown = net.client_json("researcher", "query", "show", query)
    said = next(s for s in shown["sites"] if s["site"] == site)
    return shown["state"], (said.get("reason") or {}).get("code"), shown


def ends(net, site, query):
    net.wait_for("the query's end", lambda: fate(net, site, query)[0] != "running", seconds=60)
    net.wait_for("the inbox to empty", lambda: waiting(net, site) == [], seconds=60)
    return fate(net, site, query)


def of_task(net, site, task):
    return [e["type"] for e in journal(net, site) if e.get("task") == task and e["type"] != "asked"]


def while_it_waits(c, net, site):
    """Time runs out, and permits are suspended, resumed and end, while an answer waits."""
    clock = Clock(net.path("clock"))
    net.build = running.hooks_build()
    start_all(net, clock)
    permit = net.state["permit"]
    set_rules(net, site, {"release": "ask", "release_hours": 1})

    # nobody decides in time; once with the agent away when the hour strikes
    for away in (False, True):
        _, query = ask_held(net, 60 + away)
        task = waiting(net, site)[0]["task"]
        if away:
            net.stop("agent-" + site)
        clock.to(clock.shift + 61 * 60)
        if away:
            net.start_agent(site)
        later(net, clock, 0)
        state, code, shown = ends(net, site, query)
        c.that(state == "done" and code == "release_lapsed" and "result" in shown, f"an hour later{', the agent away,' if away else ''} it has lapsed: {code}")
        c.that(of_task(net, site, task)[:3] == ["held", "lapsed", "answered"], f"the journal: {of_task(net, site, task)}")
        c.that(len(entries(net, "site_result", task=task, status="refused", code="release_lapsed")) == 1, "the log has it, once")
        done = inbox(net, site, "release", task, check=False)
        c.that(done.returncode != 0, "and it cannot be released any more")

    # suspended while it waits, and resumed: nothing leaves of what waited, a new question waits anew
    _, query = ask_held(net, 63)
    task = waiting(net, site)[0]["task"]
    net.client("officer1", "permit", "suspend", permit, "--reason", "A question first.")
    state, _, shown = ends(net, site, query)
    c.that(state == "cancelled" and "result" not in shown, f"its permit suspended: the query is {state}")
    c.that(of_task(net, site, task) == ["held", "cancelled"], f"the journal: {of_task(net, site, task)}")
    net.client("officer1", "permit", "resume", permit, "--reason", "Answered.")
    c.that(net.client("researcher", "query", "show", query, check=False).returncode == 0 and waiting(net, site) == [], "resumed: what was taken back does not come again")
    _, query = ask_held(net, 63)
    task = waiting(net, site)[0]["task"]
    inbox(net, site, "release", task)
    state, code, shown = ends(net, site, query)
    c.that(state == "done" and code is None and shown["result"]["by_site"][site]["count"] > 0, "asked again, released: answered")

    # the permit's end comes before the holder's
    begins, until = clock.shift, time.time() + clock.shift + 40 * 60
    short = net.permit(net.application(people=("researcher",), begins=stamp(time.time() + begins - 60), ends=stamp(until)))
    _, query = ask_held(net, 64, permit=short)
    item = waiting(net, site)[0]
    c.that(item["until"] <= stamp(until), f"it waits no longer than the permit lasts: {item['until']}")
    later(net, clock, 41 * 60)
    state, code, shown = ends(net, site, query)
    c.that("held" in of_task(net, site, item["task"]) and not {"released", "withheld"} & set(of_task(net, site, item["task"])) and
           (state, code) in (("cancelled", None), ("cancelled", "release_lapsed"), ("done", "release_lapsed")) and
           (shown.get("result") or {"by_site": {}})["by_site"].get(site) is None, f"the permit has expired meanwhile: {state}, {code}")

    # a broker that lets it go on although the permit is suspended: the site looks itself
    start_all(net, clock, INNSYN_TEST_MISBEHAVE="keep_running")
    _, query = ask_held(net, 65)
    task = waiting(net, site)[0]["task"]
    net.client("officer1", "permit", "suspend", permit, "--reason", "Another question.")
    serial = entries(net, "permit_status", permit=permit)[-1]["serial"]
    net.wait_for("the site to hear of it", lambda: heard(net, site, permit) == ("suspended", serial), seconds=60)
    inbox(net, site, "release", task)
    state, code, _ = ends(net, site, query)
    c.that(code == "permit_not_live" and of_task(net, site, task)[:2] == ["held", "withheld"], f"a broker that does not take it back: the release is withheld, {code}")
    net.client("officer1", "permit", "resume", permit, "--reason", "Answered.")


def stamp(moment):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def heard(net, site, permit):
    """The permit's status that the site remembers: (state, serial)."""
    with open(net.path("agents", site, "guard", "state.json"), encoding="utf-8") as f:
        statuses = json.load(f)["statuses"]
    found = [s for s in statuses if s["permit"] == permit]
    return (found[0]["state"], found[0]["serial"]) if found else None


def main():
    c = running.Checks()
    with running.running() as net:
        site = net.sites[0]
        others = net.sites[1:]
        free = net.ask_json(question(net, 50))
        set_rules(net, site, {"release": "ask"})

        done, query = ask_held(net, 50)
        c.that(done.returncode == 3 and "waits for data holders" in done.stderr, f"the client says who is waited for: {done.stderr.strip()}")
        shown = net.client_json("researcher", "query", "show", query)
        states = {s["site"]: s["status"] for s in shown["sites"]}
        reason = next(s["reason"] for s in shown["sites"] if s["site"] == site)
        c.that(states[site] == "waiting" and all(states[s] == "answered" for s in others) and reason["code"] == "release_by_hand",
               f"the broker shows the task as waiting, the others as answered: {states}")
        c.that("result" not in shown and shown["state"] == "running", "nothing is released meanwhile")
        items = waiting(net, site)
        c.that(len(items) == 1 and items[0]["query"] == query and items[0]["account"] == "researcher", "the inbox names task, account and permit")
        task = items[0]["task"]
        seen = json.loads(inbox(net, site, "show", task, "--json").stdout)
        c.that(seen["answer"]["statistic"]["total"] == free["by_site"][site]["count"], f"show prints what would leave: {seen['answer']['statistic']}")

        # a crash of the agent and of the broker loses nothing
        pids = [*net.role_pids("broker").values(), *net.role_pids(os.path.join("agents", site)).values()]
        net.stop("agent-" + site, kill=True)
        net.stop("broker", kill=True)
        net.wait_for("their processes' end", lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), seconds=15)
        net.start_broker()
        net.start_agent(site)
        net.wait_for("the agent", lambda: [i for i in net.client_json("auditor", "site", "list")["items"] if i["site"] == site][0]["connected"])
        after = waiting(net, site)
        c.that(after == items, "kill -9 of agent and broker: the same answer waits")

        wrong = inbox(net, site, "release", task, "--sha256", "0" * 64, check=False)
        c.that(wrong.returncode == 1 and "not what you were shown" in wrong.stderr, "a release of other bytes than were shown is refused")
        inbox(net, site, "release", task, "--sha256", items[0]["result_sha256"])
        net.wait_for("the result", lambda: net.client_json("researcher", "query", "show", query)["state"] == "done", seconds=20)
        result = net.client_json("researcher", "query", "show", query)["result"]
        sent = next(s["result_sha256"] for s in result["receipt"]["sites"] if s["site"] == site)
        c.that(sent == items[0]["result_sha256"] and result["by_site"][site] == free["by_site"][site],
               f"what left has the SHA-256 that was shown: {sent[:16]}...")
        types = [e["type"] for e in journal(net, site) if e.get("task") == task]
        c.that([t for t in types if t != "asked"] == ["held", "released", "answered", "sent"], f"the journal: {types}")
        c.that(len(entries(net, "site_waits", task=task)) == 1 and len(entries(net, "site_result", task=task, status="answered")) == 1,
               "the log: one site_waits, one site_result")
        c.that(waiting(net, site) == [], "nothing waits any more")

        # refused by the holder
        _, query = ask_held(net, 51)
        task = waiting(net, site)[0]["task"]
        empty = inbox(net, site, "refuse", task, check=False)
        inbox(net, site, "refuse", task, "--reason", "not before the board has met")
        net.wait_for("the end", lambda: net.client_json("researcher", "query", "show", query)["state"] == "done", seconds=20)
        said = next(s for s in net.client_json("researcher", "query", "show", query)["sites"] if s["site"] == site)
        c.that(empty.returncode == 2 and said["status"] == "refused" and said["reason"]["code"] == "release_refused" and
               "the board has met" in said["reason"]["text"], f"refused with a reason: {said['reason']}")

        # cancelled while it waits: gone at the site
        _, query = ask_held(net, 52)
        net.client("researcher", "query", "cancel", query)
        net.wait_for("the site", lambda: waiting(net, site) == [], seconds=20)
        c.that([e["type"] for e in journal(net, site)][-1] in ("cancelled", "trust") or "cancelled" in [e["type"] for e in journal(net, site)][-3:],
               "a query that is cancelled leaves the inbox")

        # under ck: the noise is drawn once, and what waits is what leaves
        _, query = ask_held(net, 53, dataset=net.data.name + "-ck")
        held = waiting(net, site)
        first = json.loads(inbox(net, site, "show", held[0]["task"], "--json").stdout)["answer"]["statistic"]
        _, again = ask_held(net, 53, dataset=net.data.name + "-ck")
        second = next(i for i in waiting(net, site) if i["query"] == again)
        c.that(json.loads(inbox(net, site, "show", second["task"], "--json").stdout)["answer"]["statistic"] == first,
               "asked again it waits again, with the same noise")
        for item in waiting(net, site):
            inbox(net, site, "release", item["task"])
        net.wait_for("both", lambda: all(net.client_json("researcher", "query", "show", q)["state"] == "done" for q in (query, again)), seconds=20)

        # stop buttons
        permit = net.state["permit"]
        set_rules(net, site, {"release": "ask", "release_hours": 1})
        _, query = ask_held(net, 54)
        task = waiting(net, site)[0]["task"]
        net.agent("block", net.path("agents", site), permit)
        net.wait_for("the log", lambda: entries(net, "site_block", site=site, permit=permit, blocked=True), seconds=10)
        c.that([e for e in journal(net, site) if e["type"] == "block"][-1]["permit"] == permit, "a blocked permit: in the journal and in the log")
        inbox(net, site, "release", task)
        net.wait_for("the end", lambda: net.client_json("researcher", "query", "show", query)["state"] == "done", seconds=20)
        said = next(s for s in net.client_json("researcher", "query", "show", query)["sites"] if s["site"] == site)
        c.that(said["reason"] and said["reason"]["code"] == "permit_blocked", f"a release under a blocked permit does not leave: {said['reason']}")
        said = {s["site"]: s for s in net.ask_json(question(net, 55), check=False)["sites"]}
        c.that(said[site]["reason"]["code"] == "permit_blocked" and all(said[s]["status"] == "answered" for s in others),
               f"and nothing new is answered there: {said[site]['reason']}")
        net.agent("unblock", net.path("agents", site), permit)
        net.wait_for("the log", lambda: entries(net, "site_block", site=site, permit=permit, blocked=False), seconds=10)
        set_rules(net, site, {"release": "auto"})
        c.that(net.ask_json(question(net, 55))["by_site"][site]["count"] > 0, "unblocked, and released by itself: it answers again")
        begin = time.monotonic()
        net.agent("pause", net.path("agents", site))
        net.wait_for("the log", lambda: entries(net, "site_pause", site=site, paused=True), seconds=10)
        took = time.monotonic() - begin
        net.agent("resume", net.path("agents", site))
        net.wait_for("the log", lambda: entries(net, "site_pause", site=site, paused=False), seconds=10)
        kinds = [e["type"] for e in journal(net, site)]
        c.that("pause" in kinds and "resume" in kinds, f"pause and resume stand in the journal and in the log ({took:.1f} s after the command)")
        rules_tighten(c, net, site)
        refused_rules(c, net, site, others[0])
        set_rules(net, site, {"release": "auto"})
        # most witnesses away: nobody is asked, and who asks reads which are missing
        for name in others:
            net.stop("agent-" + name)
        path = net.path("people", "q.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(question(net, 57), f)
        done = net.client("researcher", "query", "run", path, "--timeout", "4", "--json", check=False)
        said = json.loads(done.stdout)["sites"]
        c.that(all(s["status"] == "missing" and s["reason"]["code"] == "not_cosigned" and s["reason"]["field"] == "/checkpoint" for s in said) and
               all("innsyn.site." + name in said[0]["reason"]["text"] for name in others), f"witnesses away: {said[0]['reason']['text']}")
        for name in others:
            net.start_agent(name)
        net.wait_for("the agents", lambda: all(i["connected"] for i in net.client_json("auditor", "site", "list")["items"]))
        net.client("auditor", "audit", "verify")
        path = net.path("journal.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            f.write(net.agent("journal", net.path("agents", site), "--json").stdout)
        met = net.client("auditor", "audit", "reconcile", f"{site}={path}", check=False)
        c.that(met.returncode == 0, f"log and journal agree: {met.stdout.strip()}")
        while_it_waits(c, net, site)
    c.end()


main()
