#!/usr/bin/env python3
"""Conditions of use and access rules, from the holder's dictionary to the answer of a site: in the catalogue, in
`policy explain` before anybody applies, in the assessment that officers read, in the permit as obligations, and at
each query.  A grant against the assessment needs a written reason.  A site whose holder adds a condition refuses by
itself, although the broker knows nothing of it."""
import json
import os
import secrets
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import running  # noqa: E402

CONDITIONS = [{"code": "DUO:0000006"}, {"code": "DUO:00000045"}, {"code": "DUO:0000024", "until": "2040-01-01", "note": "the cohort's paper comes first"}]
RULES = {"innsyn": "access-rules/1", "combinations": [{"variables": ["age", "sex"]}], "organisations": {"company": {"terms": ["industry-1"]}}}
COUNT = {"innsyn": "question/1", "dataset": "heart", "where": {"age": {"from": 40}}, "statistic": {"count": {}}}
BOTH = dict(COUNT, statistic={"table": {"by": ["sex"]}})


def put(net, name, value):
    path = net.path("people", name)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)
    return path


def person(net, name, organisation):
    """One more researcher, of this organisation."""
    folder = net.path("people", name)
    net.command([net.program("innsyn"), "profile", "create", folder, "--url", net.state["url"], "--ca", net.path("broker", "server-ca.pem"),
                 "--account", name, "--network", "demo"])
    net.client(name, "key", "new")
    net.write_secret(os.path.join(folder, "password"), secrets.token_urlsafe(18))
    net.client("operator", "account", "create", name, "--roles", "researcher", "--password-file", os.path.join(folder, "password"),
               "--organisation", organisation, "--key", net.client(name, "key", "show").stdout.split()[-1])
    net.login(name)


def verdicts(document):
    return {r["rule"]: r["verdict"] for r in document["rules"]}


def explain(net, who, application):
    done = net.client(who, "--json", "policy", "explain", put(net, "draft.json", application), check=False)
    return done.returncode, json.loads(done.stdout)


def main():
    checks = running.Checks()
    folder = tempfile.mkdtemp(prefix="innsyn-conditions-")
    data = os.path.join(folder, "heart")
    shutil.copytree(running.HEART, data)
    path = os.path.join(data, "dictionary.json")
    with open(path, encoding="utf-8") as f:
        dictionary = json.load(f)
    dictionary.update(sites=dictionary["sites"][:2], use_conditions=CONDITIONS, access_rules=RULES)

    def write(value):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(value, f)
    write(dictionary)
    try:
        with running.running(data, permit=False) as net:
            net.client("operator", "organisation", "add", "uni", "--name", "The university", "--kind", "research", "--country", "NO")
            net.client("operator", "organisation", "add", "acme", "--name", "Acme", "--kind", "company", "--country", "SE")
            person(net, "kari", "uni")
            person(net, "per", "acme")
            shown = net.client("kari", "catalogue", "heart").stdout
            published = net.client_json("kari", "catalogue", "heart")["dictionary"]["use_conditions"]
            checks.that("DUO:0000045 NPU" in shown and published[1] == {"code": "DUO:0000045"}, "the catalogue says what the data may be used for")

            dcat = net.client_json("kari", "catalogue", "heart", "--dcat")
            offer = dcat["odrl:hasPolicy"]
            checks.that([p["dct:source"]["@id"] for p in offer["odrl:permission"]] == ["obo:DUO_0000006"]
                        and [d["dct:source"]["@id"] for d in offer["odrl:obligation"]] == ["obo:DUO_0000045", "obo:DUO_0000024"]
                        and offer["odrl:obligation"][1]["odrl:constraint"]["odrl:rightOperand"] == "2040-01-01"
                        and len(net.client_json("kari", "catalogue", "--dcat")["dcat:dataset"]) == 2, "and so does its DCAT")

            # Before anybody applies.
            draft = lambda who, **more: dict(net.application(people=[who], datasets=["heart"]), **more)
            code, health = explain(net, "kari", draft("kari"))
            checks.that(code == 0 and health["verdict"] == "review" and verdicts(health)["data_use"] == "review",
                        f"health research of a university: {health['verdict']} (the moratorium is for people to look at)")
            code, ancestry = explain(net, "kari", draft("kari", research={"kinds": ["ancestry"]}))
            checks.that(code == 1 and verdicts(ancestry)["data_use"] == "deny", "ancestry research: deny")
            code, company = explain(net, "per", draft("per"))
            checks.that(code == 1 and verdicts(company)["data_use"] == "deny" and verdicts(company)["terms"] == "deny",
                        "a company: deny, by the not-for-profit condition and by terms that are not signed")
            net.client("per", "terms", "sign", "industry-1")
            _, company = explain(net, "per", draft("per"))
            checks.that(verdicts(company)["terms"] == "permit" and verdicts(company)["data_use"] == "deny", "the terms signed: the condition still denies")
            _, unknown = explain(net, "researcher", draft("researcher"))
            checks.that(unknown["verdict"] == "review" and verdicts(unknown)["organisation"] == "review", "an organisation that is not registered: review")

            # What officers read is what was explained; the permit carries it.
            application = net.apply(draft("kari"), "kari")
            net.prepare(application)
            net.opinions(application)
            read = net.client_json("officer2", "application", "assessment", application)
            checks.that(read["rules"] == health["rules"] and read["verdict"] == health["verdict"], "the officers' assessment is the one that was explained")
            permit = net.client_json("officer1", "application", "decide", application, "grant", "--reason", "in order")["permit"]
            words = net.client("officer1", "permit", "show", permit).stdout
            checks.that("DUO:0000024 MOR publication only" not in words and "obligation  DUO:0000024 MOR" in words and "2040-01-01" in words,
                        "the permit shows its obligations to those who sign")
            net.sign(permit)
            answer = net.ask_json(COUNT, "kari", permit=permit)
            checks.that(answer["result"]["count"] > 0, f"a question under it is answered: {answer['result']['count']}")
            question = put(net, "question.json", COUNT)
            done = net.client("kari", "--json", "policy", "explain", question, "--permit", permit, check=False)
            checks.that(done.returncode == 0 and json.loads(done.stdout)["verdict"] == "permit", "policy explain says so too")
            done = net.client("kari", "--json", "policy", "explain", put(net, "both.json", BOTH), "--permit", permit, check=False)
            reasons = json.loads(done.stdout)["reasons"]
            checks.that(done.returncode == 1 and [r["code"] for r in reasons] == ["rule_not_met"], "age and sex together in one question: deny, by the dataset's rules")
            done = net.ask(BOTH, "kari", check=False, permit=permit)
            checks.that(done.returncode == 1 and "rule_not_met" in done.stdout + done.stderr, "and it is refused when asked")

            # Against the assessment.
            application = net.apply(draft("per"), "per")
            net.prepare(application)
            net.opinions(application)
            done = net.client("officer1", "application", "decide", application, "grant", "--reason", "in order", check=False)
            checks.that(done.returncode == 1 and "deviation_unexplained" in done.stderr and "data_use" in done.stderr, "a grant against it is refused, naming the rule")
            why = "The registry's board has allowed this study; minute 12."
            permit_2 = net.client_json("officer1", "application", "decide", application, "grant", "--reason", "in order", "--deviation", why)["permit"]
            read = net.client_json("auditor", "application", "assessment", application)
            checks.that(read["decided"]["deviation"] == why and read["decided"]["assessment"]["verdict"] == "deny", "with a reason it is made, and both are kept")
            decided = [e for e in (x.get("entry", x) for x in net.log_entries()) if e.get("application") == application and e.get("decision") == "grant"]
            checks.that(len(decided) == 1 and decided[0]["assessment"] == "deny" and len(decided[0]["deviation_commitment"]) == 64 and why not in json.dumps(decided),
                        "the log has verdict, hash and commitment, and not the text")
            checks.that("LET PASS" in net.client("officer2", "permit", "show", permit_2).stdout, "the signers see what they let pass")
            net.sign(permit_2)
            answer = net.ask_json(COUNT, "per", permit=permit_2)
            checks.that(answer["result"]["count"] > 0, "every site lets it pass, by its own check of the permit's bytes")

            # A condition that one holder adds today: the broker does not know it, the site refuses by itself.
            write(dict(dictionary, use_conditions=CONDITIONS + [{"code": "DUO:0000021"}]))
            net.load(net.sites[0], "heart", "open")
            narrower = dict(COUNT, where={"age": {"from": 41}})
            found = {}

            def refused():
                done = net.ask(narrower, "kari", check=False, permit=permit)
                document = json.loads(done.stdout)
                found.update({s["site"]: (s.get("reason") or {}).get("code") for s in document["sites"]})
                narrower["where"]["age"]["from"] += 1
                return found[net.sites[0]] is not None
            net.wait_for("the site's new dictionary", refused)
            checks.that(found == {net.sites[0]: "use_condition", net.sites[1]: None}, f"a condition added at one site: {found}")

            # The network's rules, and what they say of questions.
            rules = {"innsyn": "access-rules/1", "statistics": ["table"]}
            net.client("operator", "policy", "publish", put(net, "rules.json", rules))
            done = net.ask(COUNT, "kari", check=False, permit=permit)
            checks.that(done.returncode == 1 and "rule_not_met" in done.stdout + done.stderr and "the network" in done.stdout + done.stderr,
                        "the network's rules are heard at each query")
            write(dict(dictionary, use_conditions=[{"code": "DUO:0000006"}, {"code": "DUO:0000042"}]))
            done = net.load(net.sites[0], "heart", "open", check=False)
            checks.that(done.returncode != 0 and "/use_conditions/1/code" in done.stderr, "two permissions are refused when they are loaded, with their place")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    checks.end()


main()
