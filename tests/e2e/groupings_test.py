#!/usr/bin/env python3
"""Registered groupings, from the holder's dictionary to the result: the catalogue shows them; under open a question by a
grouping is the sum of what the levels say, at each site and together, and a box may name a group; under ck a group of
one level has that level's figure; other groupings are refused with the names of those that are registered; what a
holder or a reader wants rounded to multiples of 5 is; a site whose dictionary has other groups by the same name is not let into the catalogue, and refuses by itself."""
import csv
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import running  # noqa: E402

KIND = {"name": "kind", "label": {"nb": "Slags smerter", "en": "Kind of pain"}, "groups": [
    {"code": "angina", "label": {"nb": "Angina", "en": "Angina of either kind"}, "levels": ["1", "2"]},
    {"code": "other", "levels": ["3"]}, {"code": "none", "label": "No pain", "levels": ["4"]}]}
PAIN = {"name": "pain", "groups": [{"code": "any", "levels": ["angina", "other"]}, {"code": "none", "levels": ["none"]}]}
DECADES = {"name": "decades", "label": {"nb": "Tiår", "en": "Decades"}, "breaks": [20, 30, 40, 50, 60, 70, 80]}
COARSE = {"name": "coarse", "breaks": [20, 40, 60, 80]}
GROUPS = {"kind": [["1", "2"], ["3"], ["4"]], "pain": [["1", "2", "3"], ["4"]]}


def question(statistic, where=None, dataset="heart"):
    q = {"innsyn": "question/1", "dataset": dataset, "statistic": statistic, "by_site": True}
    return dict(q, where=where) if where else q


def by(variable, grouping):
    return {"variable": variable, "grouping": grouping}


def rows_of(folder, dictionary):
    """The sites' own rows, as the test reads them."""
    found = {}
    for site in dictionary["sites"]:
        with open(os.path.join(folder, site["file"]), encoding="utf-8", newline="") as f:
            found[site["id"]] = list(csv.DictReader(f))
    return found


def sums(table, groups, width):
    """Cells by level, added up by groups of levels "1" to "4"; `width` cells behind each level."""
    return [sum(table["cells"][(int(l) - 1) * width + k] for l in group) for group in groups for k in range(width)]


def open_tables(net, rows, checks):
    fine = net.ask_json(question({"table": {"by": ["cp", "sex"]}}))
    for name, groups in GROUPS.items():
        coarse = net.ask_json(question({"table": {"by": [by("cp", name), "sex"]}}))
        same = all(coarse["by_site"][s]["cells"] == sums(fine["by_site"][s], groups, 2) for s in fine["by_site"])
        own = [sum(r["cp"] in g and r["sex"] == x for all_rows in rows.values() for r in all_rows) for g in groups for x in ("0", "1")]
        checks.that(same and coarse["result"]["cells"] == sums(fine["result"], groups, 2) == own and coarse["result"]["total"] == fine["result"]["total"]
                    and coarse["result"]["margins"]["sex"] == fine["result"]["margins"]["sex"] and coarse["result"]["n_missing"] == fine["result"]["n_missing"],
                    f"open, by {name}: {coarse['result']['cells']} are the sums of the levels and of the files' rows, at each site too")
    kind = net.ask_json(question({"table": {"by": [by("cp", "kind")]}}))["result"]["dimensions"][0]
    checks.that(kind["grouping"] == "kind" and kind["label"] == KIND["label"] and kind["levels"] == ["angina", "other", "none"]
                and kind["groups"] == KIND["groups"], "the result says which groups and levels, with the dictionary's labels")
    page = net.client("researcher", "query", "run", put(net, question({"table": {"by": [by("cp", "kind"), "sex"]}}))).stdout
    checks.that("Kind of pain" in page and "Angina of either kind" in page and "No pain" in page, "and so does the page")


def put(net, q):
    path = net.path("people", "q.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(q, f)
    return path


def open_others(net, rows, checks):
    named = net.ask_json(question({"count": {}}, {"cp": ["any"]}))
    levels = net.ask_json(question({"count": {}}, {"cp": ["3", "1", "2"]}))
    own = sum(r["cp"] in ("1", "2", "3") for all_rows in rows.values() for r in all_rows)
    checks.that(named["result"]["count"] == levels["result"]["count"] == own and named["receipt"]["question_sha256"] == levels["receipt"]["question_sha256"],
                f"a box by a group's code is the box by its levels: {own}, one hash")
    summary = net.ask_json(question({"summary": {"variables": ["age"], "by": by("cp", "pain")}}))["result"]
    fine = net.ask_json(question({"summary": {"variables": ["age"], "by": "cp"}}))["result"]
    right = summary["grouping"] == "pain"
    for group, codes in zip(summary["groups"], GROUPS["pain"]):
        parts = [g["variables"][0] for g in fine["groups"] if g["level"] in codes]
        n = sum(p["n"] for p in parts)
        mean = sum(p["n"] * p["mean"] for p in parts) / n
        right = right and group["levels"] == codes and group["variables"][0]["n"] == n and abs(group["variables"][0]["mean"] - mean) < 1e-9
    checks.that(right, f"a summary by pain: n and mean are put together from the levels ({[g['level'] for g in summary['groups']]})")
    named = net.ask_json(question({"histogram": {"variable": "age", "grouping": "decades"}}))
    breaks = net.ask_json(question({"histogram": {"variable": "age", "breaks": DECADES["breaks"]}}))
    coarse = net.ask_json(question({"histogram": {"variable": "age", "grouping": "coarse"}}))
    two = named["result"]["counts"]
    checks.that(named["result"] == breaks["result"] and named["result"]["grouping"] == "decades" and named["result"]["label"]["nb"] == "Tiår"
                and coarse["result"]["counts"] == [two[0] + two[1], two[2] + two[3], two[4] + two[5]],
                f"named breaks are those breaks: {two}, and coarser ones their sums")


def refusals(net, checks):
    for statistic, words in (({"table": {"by": [by("cp", "kinds")]}}, "it has kind, pain"), ({"table": {"by": [by("sex", "kind")]}}, "no groupings are registered"),
                             ({"table": {"by": [{"variable": "cp", "groups": [["1", "4"]]}]}}, "groups"),
                             ({"table": {"by": [dict(by("cp", "kind"), definition="0" * 64)]}}, "other groups")):
        code, text = running.problem_of(net.ask(question(statistic), check=False))
        checks.that(code != 0 and words in text, f"refused: {text.strip().splitlines()[0][:110]}")


def protected(net, checks):
    level = net.ask_json(question({"table": {"by": ["cp"]}}, dataset="heart-ck"))
    kind = net.ask_json(question({"table": {"by": [by("cp", "kind")]}}, dataset="heart-ck"))
    pain = net.ask_json(question({"table": {"by": [by("cp", "pain")]}}, dataset="heart-ck"))
    box = net.ask_json(question({"count": {}}, {"cp": ["any"]}, "heart-ck"))
    sites = list(level["by_site"])
    of = lambda answer, s, cell: answer["by_site"][s]["cells"][cell]
    checks.that(all(of(kind, s, 1) == of(level, s, 2) and of(kind, s, 2) == of(level, s, 3) == of(pain, s, 1) for s in sites),
                f"ck: a group of one level has that level's figure: {[of(kind, s, 2) for s in sites]}")
    checks.that(all(of(pain, s, 0) == box["by_site"][s]["count"] for s in sites), "and a group its box's")


def rounded(net, checks):
    """The holder asked for round5: in force under ck, not under open; a reader may ask for it when printing."""
    q = question({"table": {"by": [by("cp", "kind"), "sex"]}}, dataset="heart-ck")
    told = net.ask_json(q)
    numbers = told["result"]["cells"] + [told["result"]["total"], told["result"]["n_missing"]] + sum((t["cells"] for t in told["by_site"].values()), [])
    checks.that(all(v is None or v % 5 == 0 for v in numbers) and told["protection"]["rounded_to"] == 5 and told["protection"]["noise_sd_per_site"] == 3.32,
                f"round5: every count leaves as a multiple of 5: {told['result']['cells']}, total {told['result']['total']}")
    page = net.client("researcher", "query", "run", put(net, q)).stdout
    checks.that("multiples of 5" in page, "and the page says so")
    plain = question({"table": {"by": ["sex"]}})
    exact = net.ask_json(plain)["result"]
    page = net.client("researcher", "query", "run", put(net, plain), "--round5").stdout
    shown = [int(w) for line in page.splitlines() for w in line.split() if w.isdigit()]
    near = [v for v in exact["cells"] + [exact["total"]] if any(abs(s - v) < 5 and s % 5 == 0 for s in shown)]
    checks.that(len(near) == 3 and "rounded to multiples of 5 here" in page and "rounded_to" not in net.ask_json(plain)["protection"],
                f"--round5 prints open counts {exact['cells']} so, and what was released stays")
    code, text = running.problem_of(net.client("researcher", "--json", "query", "run", put(net, plain), "--round5", check=False))
    checks.that(code != 0 and "for printing" in text, "not with --json")


def disagreement(net, folder, dictionary, checks):
    """The second site loads a dictionary with other groups by the same names."""
    site = dictionary["sites"][1]["id"]
    agent = "agent-" + site
    other = json.loads(json.dumps(dictionary))
    cp = next(v for v in other["variables"] if v["name"] == "cp")
    cp["groupings"][0]["groups"][0]["levels"], cp["groupings"][0]["groups"][1]["levels"] = ["1"], ["2", "3"]
    with open(os.path.join(folder, "dictionary.json"), "w", encoding="utf-8") as f:
        json.dump(other, f)
    net.load(site, "heart", "open")
    net.wait_for("the refusal", lambda: "groupings of the variable 'cp' differs" in net.log_tail(agent, 1000))
    checks.that(True, "a site whose groups are others is not let into the catalogue, and is told that groupings of 'cp' differ")
    answer = json.loads(net.ask(question({"table": {"by": [by("cp", "kind")]}}), check=False).stdout)
    said = {s["site"]: (s["status"], (s.get("reason") or {}).get("code")) for s in answer["sites"]}
    checks.that(said[site] == ("refused", "unknown_grouping") and all(v[0] == "answered" for k, v in said.items() if k != site), f"and does not answer by the other's groups: {said[site]}")
    plain = net.ask_json(question({"table": {"by": ["cp"]}}))
    checks.that(all(s["status"] == "answered" for s in plain["sites"]), "what needs no grouping it answers")


def main():
    checks = running.Checks()
    folder = tempfile.mkdtemp(prefix="innsyn-groupings-")
    data = os.path.join(folder, "heart")
    shutil.copytree(running.HEART, data)
    path = os.path.join(data, "dictionary.json")
    with open(path, encoding="utf-8") as f:
        dictionary = json.load(f)
    dictionary["sites"] = dictionary["sites"][:2]
    dictionary["round5"] = True
    for v in dictionary["variables"]:
        if v["name"] == "cp":
            v["groupings"] = [KIND, PAIN]
        if v["name"] == "age":
            v["groupings"] = [DECADES, COARSE]
    with open(path, "w", encoding="utf-8") as f:
        json.dump(dictionary, f)
    try:
        with running.running(data) as net:
            shown = net.client("researcher", "catalogue", "heart").stdout
            published = {v["name"]: v.get("groupings") for v in net.client_json("researcher", "catalogue", "heart")["dictionary"]["variables"]}
            checks.that("cp by kind (Kind of pain): angina, other, none" in shown and "age by decades (Decades): 20, 30" in shown
                        and [g["name"] for g in published["cp"]] == ["kind", "pain"] and published["cp"][1]["groups"][0]["levels"] == ["1", "2", "3"]
                        and published["sex"] is None, "the catalogue shows the registered groupings")
            preview = net.agent("metadata", "preview", net.path("agents", dictionary["sites"][0]["id"])).stdout
            checks.that("grouping  kind: angina (2) other (1) none (1)" in preview, "and the holder's preview did so before")
            rows = rows_of(data, dictionary)
            open_tables(net, rows, checks)
            open_others(net, rows, checks)
            refusals(net, checks)
            protected(net, checks)
            rounded(net, checks)
            disagreement(net, data, dictionary, checks)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    checks.end()


main()
