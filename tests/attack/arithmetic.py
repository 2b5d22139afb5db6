"""Attacks on the arithmetic itself: the law of profile dp's noise, weights that are the same, numbers at the edge."""
import itertools
import json
import math
import random

from people import AGES, BITS, COUNTY_ZIPS, EDGES, IN_AN_EDGE, WITHOUT_7
from report import phi, sigma
from subtracting import county_targets

BIN_MOST, SIGMA2, RHO = 30, 100, 0.005
QUESTIONS_A_PERMIT, QUESTIONS_A_YEAR = 20, 200
ORDERS_A_PERMIT = 3


# --- profile dp -----------------------------------------------------------------------------------------

def bin_of(v):
    return max(-BIN_MOST - 1, min(BIN_MOST + 1, v)) + BIN_MOST + 1


def chi_square(seen):
    law = [0.0] * (2 * BIN_MOST + 3)
    for v in range(-400, 401):
        law[bin_of(v)] += math.exp(-v * v / (2 * SIGMA2))
    all_, runs = sum(law), sum(seen)
    return sum((n - runs * p / all_) ** 2 / (runs * p / all_) for n, p in zip(seen, law))


def critical():
    """Of chi-square at 10^-6, by Wilson and Hilferty."""
    df, z = 2 * BIN_MOST + 2, 4.753424
    return df * (1 - 2 / (9 * df) + z * math.sqrt(2 / (9 * df))) ** 3


def lottery(f):
    """Questions that each ask for every zip, age, secret and one bit, among everybody, however it is put."""
    for most in itertools.count(61):  # nobody's x is so much
        for bit in range(BITS):
            yield bit, {"x": {"to": most}}, {"table": {"by": ["zip", "age", "secret", f"b{bit}"]}}


def cells_of(p, bit):
    """Where a person stands in such a table."""
    return ((p["zip"] * len(AGES) + p["age"]) * 2 + p["secret"]) * 2 + p[f"b{bit}"]


def a17_a18(f, report, questions):
    """As many tables as asked for, of 1,920 cells each: every one of their noises, at sites whose people are known."""
    truth = {}
    for site in f.sites("doc", "lottery"):
        for bit in range(BITS):
            counts = truth[site, bit] = [0] * (COUNTY_ZIPS * len(AGES) * 4)
            for p in f.people["lottery"][site]:
                counts[cells_of(p, bit)] += 1
    seen = {kind: [0] * (2 * BIN_MOST + 3) for kind in "dc"}
    certain, near_none, right, runs, right_20, runs_20 = ({"d": 0, "o": 0} for _ in range(6))
    whole, ask, sums, permits = True, lottery(f), {}, 0
    for n in range(questions):
        if n % QUESTIONS_A_PERMIT == 0:
            f.new_permit("lottery", "doc" if n < QUESTIONS_A_PERMIT else "d")
            sums, permits = {}, permits + 1
        bit, where, statistic = next(ask)
        for site, answer in f.answers(where, statistic).items():
            if not isinstance(answer, dict):
                raise RuntimeError(f"question {n + 1} at {site}: {answer}")
            cells, counts = answer["cells"], truth[site, bit]
            whole = whole and all(type(c) is int for c in cells)
            if site[0] in "dc":
                for c, t in zip(cells, counts):
                    seen[site[0]][bin_of(c - t)] += 1
            if site[0] in "do":
                for c, t in zip(cells, counts):
                    if t <= 1:  # with noise each of 0 and 1 stays possible; without, one of them is ruled out
                        near_none[site[0]] += 1
                        certain[site[0]] += site[0] == "o" or abs(2 * c - 1) / (2 * SIGMA2) > 2
            if site[0] in "do":
                for z, target in county_targets(f, site, "lottery").items():
                    c = cells[cells_of(dict(target, secret=1), bit)]
                    right[site[0]] += (c > 0) == target["secret"]
                    runs[site[0]] += 1
                    sums[site, z] = sums.get((site, z), 0) + c
        if n % QUESTIONS_A_PERMIT == QUESTIONS_A_PERMIT - 1:
            draw, known = random.Random(n), {site: county_targets(f, site, "lottery") for site in f.sites("do")}
            for (site, z), s in sums.items():
                half = QUESTIONS_A_PERMIT // 2
                guess = s > half or (s == half and draw.random() < 0.5)
                right_20[site[0]] += guess == bool(known[site][z]["secret"])
                runs_20[site[0]] += 1
    rho = min(questions, QUESTIONS_A_PERMIT) * RHO
    report.line("A17", certain["o"] / near_none["o"], 0.60, certain["d"] + (not whole), 0, near_none["d"], rho,
                "outputs that exclude a count of 0 or 1, or are not whole, through the API (off: true counts)")
    draws = sum(seen["d"])
    report.line("A18", chi_square(seen["c"]) / critical(), 1, chi_square(seen["d"]) / critical(), 1, draws, rho,
                f"chi-square over its critical value at 10^-6, through the API (off: a cast Gaussian, {sum(seen['c'])} draws)")
    report.line("A18", right["o"] / runs["o"], 0.99, right["d"] / runs["d"], phi(math.sqrt(RHO / 2)) + 0.005 + 3 * sigma(runs["d"]), runs["d"], RHO, "0 or 1 from one answer, through the API (off: the count itself)")
    if runs_20["d"]:
        report.line("A18", right_20["o"] / runs_20["o"], 0.99, right_20["d"] / runs_20["d"],
                    phi(math.sqrt(QUESTIONS_A_PERMIT * RHO / 2)) + 0.005 + 3 * sigma(runs_20["d"]), runs_20["d"],
                    QUESTIONS_A_PERMIT * RHO, "0 or 1 from a permit's 20 answers, through the API")
    if questions >= QUESTIONS_A_PERMIT:
        ends(f, report, ask, questions)


def ends(f, report, ask, questions):
    """The permit's budget, and after 200 questions the dataset's of the year, are at their end."""
    refusals = {answer if isinstance(answer, str) else "answered" for _, where, statistic in [next(ask)]
                for answer in f.answers(where, statistic, sites=f.sites("d")).values()}
    report.line("A18", 1, 1, float(refusals != {"budget_exhausted"}), 0, len(f.sites("d")), QUESTIONS_A_PERMIT * RHO, "a permit's 21st question is answered")
    if questions >= QUESTIONS_A_YEAR:
        f.new_permit("lottery", "d")
        _, where, statistic = next(ask)
        refusals = {answer if isinstance(answer, str) else "answered" for answer in f.answers(where, statistic).values()}
        report.line("A18", 1, 1, float(refusals != {"budget_exhausted"}), 0, len(f.sites("d")), QUESTIONS_A_YEAR * RHO, "a dataset's 201st of the year is answered")


# --- weights --------------------------------------------------------------------------------------------

def b2(f, report):
    """The mean of x among the ill of each zip with and without the one of age 7: the same mean, so he is not ill."""
    f.new_permit("county", "ds")
    draw, right, runs = random.Random(22), {"d": 0, "s": 0}, {"d": 0, "s": 0}
    mean = {"summary": {"variables": ["x"], "by": "zip"}}
    said = [f.answers(where, mean) for where in ({"secret": ["1"]}, {"secret": ["1"], "age": WITHOUT_7})]
    for site in f.permitted:
        for z, target in county_targets(f, site).items():
            m = [a[site]["groups"][z]["variables"][0] if isinstance(a.get(site), dict) else {} for a in said]
            there = all(one.get("mean") is not None for one in m)
            guess = int((m[0]["mean"], m[0]["variance"]) != (m[1]["mean"], m[1]["variance"])) if there else draw.randrange(2)
            right[site[0]] += guess == target["secret"]
            runs[site[0]] += 1
    report.line("B2", right["s"] / runs["s"], 0.94, right["d"] / runs["d"], 0.553 + 3 * sigma(runs["d"]), runs["d"], max(f.spent(s, "secret") for s in f.sites("d")),
                "equal means, so not ill, through the API (off: weights keyed by persons only)")


# --- edges ----------------------------------------------------------------------------------------------

def means_of(said, site, variable):
    """A group's mean after another, as it was sent."""
    if not isinstance(said.get(site), dict):
        return []
    return [group["variables"][variable].get("mean") for group in said[site]["groups"]]


def a24(f, report, orders):
    """Groups that differ by one person's number; files that hold it, and others that no number can hold; and the same
    persons in another order."""
    f.new_permit("edges", "do")
    mean = {"summary": {"variables": ["y", "odd"], "by": "edge"}}
    old = f.editions(f.permitted)
    for site in f.sites("o"):  # where numbers leave as they are, what has no square cannot leave at all
        f.reload(site, [dict(p, y=p["y"].replace("e308", "e100")) for p in f.people["edges"][site]], "edges")
    f.net.wait_for("the test build's own numbers", lambda: changed(f, old, f.sites("o")))
    said = f.answers({}, mean)
    most, least_off, none = 0, math.inf, 0
    for site in f.permitted:
        means = means_of(said, site, 0)
        given = [m for m in means if m is not None]  # a mean that rules withhold is none that moved; most must be there
        none += len(means) != len(EDGES) or len(given) < (len(EDGES) + 1) // 2
        for text, m in zip(EDGES, means):
            if site[0] == "d" and m is not None:
                most = max(most, abs(m - given[0]))
            elif site[0] == "o" and abs(float(text)) > 100:
                least_off = min(least_off, abs(m - means[0]))
    small = 5 / math.sqrt(IN_AN_EDGE)
    report.line("A24", float(least_off > 1e6), 1, math.inf if none else most, 60 * (1 + small) / IN_AN_EDGE / (1 - small) + 0.1, len(EDGES) * len(f.sites("d")),
                f.spent(f.sites("d")[0], "y"), "one person's number moves a mean between 0 and 60, through the API (off: by 10^6 and more)")
    refused(f, report)
    draw, distinct = random.Random(24), {"d": set(), "o": set()}
    for n in range(orders):
        if n % ORDERS_A_PERMIT == ORDERS_A_PERMIT - 1:  # each edition is charged anew, and more where a permit saw another
            f.new_permit("edges", "do")
        old = f.editions(f.sites("d"))
        for site in f.sites("d"):
            persons = list(f.people["edges"][site])
            draw.shuffle(persons)
            f.reload(site, persons, "edges")
            distinct["o"].add(json.dumps([sum(float(p["odd"]) for p in persons if p["edge"] == e) / IN_AN_EDGE for e in range(len(EDGES))]))
        f.net.wait_for("the other order", lambda: changed(f, old, f.sites("d")))
        said = f.answers({}, mean, sites=f.sites("d"))
        for site in f.sites("d"):
            distinct["d"].add(json.dumps(means_of(said, site, 1)))
    report.line("A24", len(distinct["o"]), 2, len(distinct["d"]), 1, orders * len(f.sites("d")), 0,
                "distinct means of one set in another order, through the API (off: a sum in floating point)")


def changed(f, old, sites):
    return all(e and e != old[s] for s, e in f.editions(sites).items())


def refused(f, report):
    """What no number can hold does not come in, and what was there stays."""
    site, read = f.sites("d")[0], 0
    whole = f.people["edges"][site]
    words = []
    for text in ("NaN", "inf", "1e400", "9" * 400, "0x10"):
        done = f.reload(site, [dict(whole[0], y=text)] + whole[1:], "edges", check=False)
        read += done.returncode == 0
        words.append((done.stdout + done.stderr).strip().splitlines()[-1][:80])
    f.people["edges"][site] = whole
    f.reload(site, whole, "edges")
    report.line("A24", 1, 1, read, 0, 5, 0, f"files with a number that is none are loaded ({words[0]!r})")
