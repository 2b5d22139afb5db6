"""Attacks that ask again: the same question, equal forms of it, sums that are the same, the next edition."""
import json
import math
import random
import statistics

from people import BITS, ZIPS
from report import sigma
from subtracting import value


def a3(f, report, times):
    """One question, again and again, by two people, two permits, over restarts."""
    f.forget("dm")
    f.new_permit("town", "dm")
    first = f.permit
    f.new_permit("town", "dm")
    seen = {site: set() for site in f.permitted}
    for i in range(times):
        if i == times // 2:
            for site in f.permitted:
                f.net.stop("agent-" + site, kill=True)
                f.net.start_agent(site)
        said = f.answers({"b0": ["1"]}, {"table": {"by": ["secret"]}}, person=("researcher", "researcher2")[i % 2], permit=(first, f.permit)[i // 2 % 2])
        for site, answer in said.items():
            seen[site].add(json.dumps(answer, sort_keys=True))
    report.line("A3", len(seen["m0"]), 2, max(len(seen[s]) for s in f.sites("d")), 1, times, 0,
                "distinct answers to one question, two people and permits, agents killed (off: no memory)")


def a4(f, report, forms):
    draw = random.Random(4)
    f.new_permit("town", "dm")
    seen = {site: set() for site in f.permitted}
    for _ in range(forms):
        cut = draw.randrange(10, 40)
        where = {"age": draw.sample(["1", "2", "3"], 3) + (["2"] if draw.random() < 0.5 else []),
                 "x": draw.choice([{"from": 5, "to": 45}, [{"from": cut, "to": 45}, {"from": 5, "to": cut}]])}
        if draw.random() < 0.5:
            where["b1"] = draw.sample(["0", "1", None], 3)
        as_table = draw.random() < 0.5
        if not as_table:
            where["secret"] = ["1"]
        items = list(where.items())
        draw.shuffle(items)
        said = f.answers(dict(items), {"table": {"by": ["secret"]}} if as_table else None)
        for site, answer in said.items():
            seen[site].add(answer["cells"][1] if isinstance(answer, dict) and "cells" in answer else value(answer))
    report.line("A4", len(seen["m0"]), 2, max(len(seen[s]) for s in f.sites("d")), 1, forms, 0, "distinct counts of equal forms, through the API (off: no memory)")


def a6(f, report):
    """The ill of a zip by six bits, in turn: the mean of six sums, rounded."""
    right, runs, admitted = {"d": 0, "o": 0}, {"d": 0, "o": 0}, []
    for begin in range(0, ZIPS, 2):  # a permit's budget carries two zips
        f.new_permit("town", "do")
        for z in range(begin, begin + 2):
            sums = {}
            for b in range(BITS):
                for site, answer in f.answers({"zip": [str(z)], "secret": ["1"]}, {"table": {"by": [f"b{b}"]}}).items():
                    if isinstance(answer, dict) and None not in answer["cells"]:
                        sums.setdefault(site, []).append(sum(answer["cells"]))
            for site in f.sites("d") + f.sites("o"):
                truth = sum(p["zip"] == z and p["secret"] for p in f.people["town"][site])
                got = sums.get(site)
                right[site[0]] += bool(got) and round(statistics.mean(got)) == truth
                runs[site[0]] += 1
                if site[0] == "d":
                    admitted.append(len(got or []))
    m = max(1, statistics.mean(admitted))
    bound = math.erf(0.5 / math.sqrt(2 * 2 * 7 / m)) + 3 * sigma(runs["d"])
    report.line("A6", right["o"] / runs["o"], 1, right["d"] / runs["d"], bound, runs["d"], statistics.mean(f.spent(s, "secret") for s in f.sites("d")) / 2,
                f"mean over partitions is the truth, through the API; {m:.1f} tables admitted")


def a22(f, report, batches):
    """One person more in each zip, in the next edition: ill or not?"""
    draw = random.Random(22)
    right, runs, charge = {"d": 0, "o": 0}, 0, 0
    for b in range(batches):
        f.forget("do")
        f.new_permit("town", "do")
        sites = f.sites("d") + f.sites("o")
        before = [f.answers({"zip": [str(z)], "secret": ["1"]}, sites=sites) for z in range(ZIPS)]
        old, added = f.editions(sites), {}
        for site in f.sites("d"):
            new = [dict(draw.choice(f.people["town"][site]), pid=f"n{b}-{z}", zip=z, age=draw.randrange(7), secret=draw.randrange(2), ill2=0) for z in range(ZIPS)]
            added[site[1:]] = [p["secret"] for p in new]
            for twin in (site, "o" + site[1:]):
                f.reload(twin, [dict(p) for p in f.people["town"][twin]] + new)
        f.net.wait_for("the new editions", lambda: all(e and e != old[s] for s, e in f.editions(sites).items()))
        after = [f.answers({"zip": [str(z)], "secret": ["1"]}, sites=sites) for z in range(ZIPS)]
        for site in sites:
            for z in range(ZIPS):
                x, y = value(before[z].get(site)), value(after[z].get(site))
                guess = draw.randrange(2) if x is None or y is None else int(y - x > 0.5)
                right[site[0]] += guess == added[site[1:]][z]
        runs += ZIPS * len(f.sites("d"))
        charge = max(f.spent(s, "secret") for s in f.sites("d"))
    report.line("A22", right["o"] / runs, 0.99, right["d"] / runs, 0.553 + 3 * sigma(runs), runs, charge, "one person more in the next edition, through the API")
