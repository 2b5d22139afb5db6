#!/usr/bin/env python3
"""What a dataset's own rules ask of the one who asks is looked at with each question, and not only on the day of the grant:
training that ends or is withdrawn, terms that are taken back, and how many questions a permit has.  The last is counted
by every site for itself: a broker that lets more through (a build with test hooks, made to) gets a refusal from each,
also after the agents started anew.
"""
import json
import os
import shutil
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import running  # noqa: E402

RULES = {"innsyn": "access-rules/1", "training": ["privacy"], "terms": ["use-1"], "questions_max": 3}
HOUR = 3600


def question(start):
    return {"innsyn": "question/1", "dataset": "heart", "where": {"age": {"from": start}}, "statistic": {"count": {}}}


def journal(net, site, kind):
    out = net.agent("journal", net.path("agents", site), "--json").stdout
    return [e for e in map(json.loads, out.splitlines()) if e["type"] == kind]


def start(net, clock, **env):
    """Every program anew, the clock movable."""
    net.stop_all()
    net.environment.update(env, INNSYN_TEST_CLOCK_FILE=clock)
    net.start_broker()
    for site in net.sites:
        net.start_agent(site)
    for person in net.people:
        net.login(person)
    net.wait_for("the agents", lambda: all(s["connected"] for s in net.client_json("operator", "site", "list")["items"]))


def to(clock, seconds):
    with open(clock, "r+b" if os.path.exists(clock) else "wb") as f:
        f.write(struct.pack("=q", seconds * 1000))  # in place: the programs have the file mapped


def main():
    checks = running.Checks()
    folder = tempfile.mkdtemp(prefix="innsyn-rights-")
    data = os.path.join(folder, "heart")
    shutil.copytree(running.HEART, data)
    path = os.path.join(data, "dictionary.json")
    with open(path, encoding="utf-8") as f:
        dictionary = json.load(f)
    dictionary.update(sites=dictionary["sites"][:2], access_rules=RULES)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(dictionary, f)
    try:
        with running.running(data, permit=False, build_folder=running.hooks_build()) as net:
            clock = os.path.join(folder, "clock")
            to(clock, 0)
            start(net, clock)
            until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2 * HOUR))
            net.client("operator", "training", "record", "researcher", "privacy", "--until", until)
            net.client("researcher", "terms", "sign", "use-1")
            first_site = net.sites[0]
            for dataset, more in (("heart", ["open", "--public-data"]), ("heart-ck", ["ck"])):
                net.agent("load", net.path("agents", first_site), path, net.data.files[first_site], "--as", dataset, "--publish-persons", "--profile", *more)
            people = sum(1 for _ in open(net.data.files[first_site], encoding="utf-8")) - 1
            enquiry = net.client_json("researcher", "enquiry", "ask", "--title", "t", "--question", "q", "--dataset", "heart", "--dataset", "heart-ck")["id"]
            estimate = lambda: [d["persons"] for d in net.client_json("researcher", "enquiry", "show", enquiry)["feasibility"]["datasets"]]
            net.wait_for("the new catalogue", lambda: estimate()[0]["sites"] == 1 and estimate()[1]["fewer_than_1000"] == 1)
            checks.that(estimate() == [{"count": people, "sites": 1, "fewer_than_1000": 0, "not_published": 1},
                                       {"sites": 0, "fewer_than_1000": 1, "not_published": 1}], f"an enquiry's estimate counts persons as the holder publishes them: {estimate()}")
            shown = net.agent("metadata", "preview", net.path("agents", first_site)).stdout
            checks.that(f"  {people} persons" in shown and "  fewer than 1000 persons" in shown and
                        f"({people} persons)" in net.client("researcher", "catalogue", "heart").stdout, "the holder's preview and the catalogue say so")
            permit = net.permit(net.application(people=("researcher",)))
            said = lambda done: done.stdout + done.stderr
            put = net.path("people", "researcher", "look.json")
            with open(put, "w", encoding="utf-8") as f:
                json.dump(question(40), f)

            def explained():
                done = net.client("researcher", "policy", "explain", put, "--permit", permit, check=False)
                return done.returncode, said(done)

            def ask(start):
                return net.ask(question(start), check=False, permit=permit)

            first = ask(40)
            checks.that(first.returncode == 0 and explained()[0] == 0, "trained, terms signed: the first question is answered, as explained before")
            net.client("operator", "training", "withdraw", "researcher", "privacy")
            done, (code, text) = ask(41), explained()
            checks.that(done.returncode == 1 and "has not done the training 'privacy', or it is no longer valid" in said(done), "training withdrawn: refused in words")
            checks.that(code == 1 and "no longer valid" in text, "and explained so")
            net.client("operator", "training", "record", "researcher", "privacy", "--until", until)
            net.client("researcher", "terms", "withdraw", "use-1")
            done = ask(41)
            checks.that(done.returncode == 1 and "has not signed the terms 'use-1'" in said(done), "a signature taken back: refused in words")
            net.client("researcher", "terms", "sign", "use-1")
            checks.that(ask(41).returncode == 0, "trained and signed again: answered")
            to(clock, 3 * HOUR)
            for person in net.people:
                net.login(person)
            net.wait_for("the agents", lambda: all(s["connected"] for s in net.client_json("operator", "site", "list")["items"]))
            done = ask(42)
            checks.that(done.returncode == 1 and "no longer valid" in said(done), "three hours later the training has ended: refused")
            net.client("operator", "training", "record", "researcher", "privacy")
            checks.that(ask(42).returncode == 0, "renewed: the third question is answered, the refused ones did not count")
            before = net.client_json("researcher", "permit", "show", permit)["used"]
            answered = net.ask(dict(question(44), dataset="heart-ck"), permit=permit)
            told = json.loads(answered.stdout)["protection"]["budget"]
            used = {who: net.client_json(who, "permit", "show", permit)["used"] for who in ("researcher", "officer2", f"holder-{first_site}")}
            checks.that(before["budgets"] == [] and used["officer2"] == used["researcher"] and used["researcher"]["questions"] == 4 and
                        {b["site"]: (b["variable"], b["left"]) for b in used["researcher"]["budgets"]} == {b["site"]: (b["variable"], b["left"]) for b in told},
                        f"what is used of the permit, as told with the answers: {used['researcher']['budgets']}")
            checks.that([b["site"] for b in used[f"holder-{first_site}"]["budgets"]] == [first_site], "a holder sees the own site's")
            with open(put, "w", encoding="utf-8") as f:
                json.dump(dict(question(44), dataset="heart-ck"), f)
            code, text = explained()
            checks.that(code == 0 and f"left        heart-ck at {first_site}: age " in text, "and policy explain says what is left for a question")
            with open(put, "w", encoding="utf-8") as f:
                json.dump(question(43), f)
            code, text = explained()
            checks.that(code == 1 and "3 questions under one permit, 3 were asked" in text, "it says, too, that the open one's questions are used up")
            done = ask(43)
            checks.that(done.returncode == 1 and "questions_used_up" in said(done) and "3 questions under one permit, 3 were asked" in said(done) and "can allow more" in said(done),
                        "the fourth is refused by the broker: limit, used, and what to do")
            refused = [e for e in (x.get("entry", x) for x in net.log_entries()) if e.get("type") == "query_refused"]
            checks.that([e["code"] for e in refused] == ["rule_not_met"] * 3 + ["questions_used_up"], f"{len(refused)} refusals in the log")

            start(net, clock, INNSYN_TEST_MISBEHAVE="skip_checks")  # the same sites, and a broker that lets everything through
            done = ask(43)
            found = json.loads(done.stdout)["sites"]
            checks.that([(s["reason"] or {}).get("code") for s in found] == ["questions_used_up"] * 2 and all("3 were asked" in s["reason"]["text"] for s in found),
                        "a broker that does not count: each site refuses, after a restart")
            codes = [[e["code"] for e in journal(net, site, "refused")] for site in net.sites]
            checks.that(codes == [["questions_used_up"]] * 2, f"and its journal says so: {codes}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    checks.end()


main()
