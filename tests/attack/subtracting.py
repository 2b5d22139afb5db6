"""Attacks that subtract one answer from another: a person more or less, a complement, a tracker, clones of a box."""
import collections
import math
import random
import statistics

from people import BITS, COUNTY_ZIPS, ELSEWHERE, ELSEWHERE_ZIPS, LONE_FROM, LONES, WITHOUT_7, ZIPS
from report import near, phi, sigma

CAP, REFUSAL = 1, 0.02  # what a refusal costs buys nothing, and is taken off what an attack had to spend
CLONES = 127  # subsets of the seven levels of `spare` that nobody has


def value(answer):
    """A count; None when it was refused or blank."""
    return answer.get("count") if isinstance(answer, dict) else None


def targets(f, site):
    return {p["zip"]: p["secret"] for p in f.people["town"][site] if p["age"] == 7}


def of_zips(f, site, holds):
    """How many of each zip of the county `holds` is true of."""
    found = [0] * COUNTY_ZIPS
    for p in f.people["county"][site]:
        found[p["zip"]] += bool(holds(p))
    return found


def county_targets(f, site, dataset="county"):
    return {p["zip"]: p for p in f.people[dataset][site] if p["age"] == 7}


def narrowings(count):
    """Boxes by a bit of the target's, one after the other; the first is everybody."""
    return [(None, None)] + [(k, v) for k in range(BITS) for v in (0, 1)][:count - 1]


def box_of(narrowing, more):
    bit, v = narrowing
    return dict(more, **({f"b{bit}": [str(v)]} if bit is not None else {}))


def is_in(narrowing, p):
    bit, v = narrowing
    return bit is None or p[f"b{bit}"] == v


def a1(f, report, batches):
    """G without the target and G, each with the secret: the second is refused; where nothing is, the difference tells."""
    right, runs, refused, asked, charge, arms = 0, 0, 0, 0, 0, {0: [0, 0], 1: [0, 0]}
    for b in range(batches):
        if b:
            f.forget("do")
        f.new_permit("town", "do")
        for z in range(ZIPS):
            first = f.answers({"zip": [str(z)], "secret": ["1"], "age": WITHOUT_7})
            second = f.answers({"zip": [str(z)], "secret": ["1"]})
            for site in f.sites("o"):
                x, y = value(first.get(site)), value(second.get(site))
                right += x is not None and y is not None and (y - x > 0.5) == targets(f, site)[z]
                runs += 1
            for site in f.sites("d"):
                if value(first.get(site)) is None:
                    continue
                no = second.get(site) == "disclosure"
                arm = arms[targets(f, site)[z]]
                arm[0] += no
                arm[1] += 1
                refused += no
                asked += 1
        charge += statistics.mean(f.spent(s, "secret") for s in f.sites("d")) / batches / ZIPS
    report.line("A1", right / runs, 0.99, 1 - refused / asked, 0, asked, charge, "second query answered, through the API")
    apart = abs(arms[0][0] / max(1, arms[0][1]) - arms[1][0] / max(1, arms[1][1]))
    report.line("A1", right / runs, 0.99, apart, 3 * math.sqrt(0.5 / max(1, min(arms[0][1], arms[1][1]))), asked, charge,
                "refusals of secret 1 and 0 apart, through the API")


def a2(f, report, pairs):
    """Each zip's ill with and without its one person of age 7: equal figures, so he is not ill.  One table is a pair for
    every zip, and none of the rules looks between the cells of two tables."""
    draw, right, runs, charge = random.Random(2), {"d": 0, "s": 0}, {"d": 0, "s": 0}, []
    for n, narrowing in enumerate(narrowings(pairs)):
        if n % 2 == 0:  # what a permit's budget carries
            f.new_permit("county", "ds")
        without = f.by("zip", box_of(narrowing, {"secret": ["1"], "age": WITHOUT_7}))
        within = f.by("zip", box_of(narrowing, {"secret": ["1"]}))
        for site in f.permitted:
            for z, target in county_targets(f, site).items():
                if not is_in(narrowing, target):
                    continue
                x, y = (told[site][z] if site in told else None for told in (without, within))
                guess = draw.randrange(2) if x is None or y is None else int(x != y)
                right[site[0]] += guess == target["secret"]
                runs[site[0]] += 1
        charge.append(max(f.spent(s, "secret") for s in f.sites("d")))
    report.line("A2", right["s"] / runs["s"], near(0.947, runs["s"]), right["d"] / runs["d"], 0.553 + 3 * sigma(runs["d"]), runs["d"], max(charge),
                "equal, so not ill, by tables of zips, through the API (off: noise keyed by persons only)")


def ended(answer):
    return answer in ("permit_locked", "budget_exhausted", "permit_frozen")


def a5(f, report):
    """Boxes that differ by levels nobody has: one set of persons, as many draws of noise as boxes that are answered."""
    f.forget("dn")
    f.new_permit("county", "dn")
    sums, told, open_to, refused = {}, {}, set(f.permitted), collections.Counter()
    for k in range(CLONES):
        spare = ["0"] + [str(b + 1) for b in range(7) if k >> b & 1]
        sites = [s for s in f.permitted if s in open_to]
        said = f.answers({"secret": ["1"], "spare": spare}, {"table": {"by": ["zip"]}}, sites=sites)
        for site, answer in said.items():
            if isinstance(answer, dict):
                for z, v in enumerate(answer["cells"]):
                    if v is not None:
                        sums[site, z] = sums.get((site, z), 0) + v
                        told[site, z] = told.get((site, z), 0) + 1
            elif ended(answer):
                open_to.discard(site)
            refused[site] += answer == "disclosure"
    right, runs, clones = {"d": 0, "n": 0}, {"d": 0, "n": 0}, {"d": [], "n": []}
    for site in f.permitted:
        ill = of_zips(f, site, lambda p: p["secret"])
        for z, target in county_targets(f, site).items():
            m = told.get((site, z), 0)
            guess = m > 0 and sums[site, z] / m > ill[z] - target["secret"] + 0.5
            right[site[0]] += guess == bool(target["secret"])
            runs[site[0]] += 1
            clones[site[0]].append(m)
    charge = max(f.spent(s, "secret") - REFUSAL * refused[s] for s in f.sites("d"))
    report.line("A5", right["n"] / runs["n"], near(0.95, runs["n"]), right["d"] / runs["d"], phi(math.sqrt(min(charge, CAP)) / 2) + 0.03 + 3 * sigma(runs["d"]),
                runs["d"], charge, f"clones admitted {statistics.mean(clones['d']):.1f}, through the API (off: noise alone, {statistics.mean(clones['n']):.0f})")


def a7(f, report, trackers):
    """Denning's tracker: those of dx k in a zip are (C or T) and (C or not T) less C."""
    errors, asked = {"d": [], "o": []}, 0
    for n, narrowing in enumerate(narrowings(trackers)):
        if n % 3 == 0:
            f.new_permit("county", "do")
        wanted, mask = 1 + n % 6, [str(d) for d in range(2 + n % 6, 8) if d % 2]
        rest = [str(d) for d in range(8) if d != wanted and str(d) not in mask]
        boxes = ({"dx": [str(wanted)] + mask}, {"dx": [str(wanted)] + rest}, {})
        told = [f.by("zip", box_of(narrowing, box)) for box in boxes]
        for site in f.permitted:
            truth = of_zips(f, site, lambda p: p["dx"] == wanted and is_in(narrowing, p))
            for z in range(COUNTY_ZIPS):
                v = [t[site][z] if site in t else None for t in told]
                asked += site[0] == "d"
                if None not in v:
                    errors[site[0]].append(v[0] + v[1] - v[2] - truth[z])
    variance = {kind: statistics.fmean(e * e for e in errors[kind]) if errors[kind] else math.inf for kind in "do"}
    runs = len(errors["d"])
    report.line("A7", float(variance["o"] == 0), 1, variance["d"], 21 * (1 - 3 * math.sqrt(2 / max(2, runs))), runs, max(f.spent(s, "dx") for s in f.sites("d")),
                f"variance of the tracker's estimate, {asked - runs} refused, through the API (off: exact)", at_least=True)


def a8(f, report, pairs):
    """A zip less those of it who are not ill, less the ill whom the attacker knows: the target."""
    draw, right, runs = random.Random(8), {"d": 0, "o": 0}, {"d": 0, "o": 0}
    for n, narrowing in enumerate(narrowings(pairs)):
        if n % 4 == 0:
            f.new_permit("county", "do")
        all_, healthy = f.by("zip", box_of(narrowing, {})), f.by("zip", box_of(narrowing, {"secret": ["0"]}))
        for site in f.permitted:
            ill = of_zips(f, site, lambda p: p["secret"] and is_in(narrowing, p))
            for z, target in county_targets(f, site).items():
                if not is_in(narrowing, target):
                    continue
                x, y = (told[site][z] if site in told else None for told in (all_, healthy))
                known = ill[z] - target["secret"]
                guess = draw.randrange(2) if x is None or y is None or x - y - known == 0.5 else int(x - y - known > 0.5)
                right[site[0]] += guess == target["secret"]
                runs[site[0]] += 1
    report.line("A8", right["o"] / runs["o"], 0.99, right["d"] / runs["d"], 0.575 + 3 * sigma(runs["d"]), runs["d"], max(f.spent(s, "secret") for s in f.sites("d")),
                "N - count(not x), by tables of zips, through the API")


def averages_apart(f, report, name, what, targets_a_permit, permits, ask, asked_max, from_):
    """A target in and out of a box, in turn and ever other boxes, as long as a site answers; the means less one another,
    and from_ on he is ill.  ask(permit's number, turn, with the target or without) gives (where, statistic, {target: what
    the answer's cells say of him}); targets_a_permit(site, permit's number) gives {target: secret}."""
    draw, right, runs, charges, asked = random.Random(len(what)), {"d": 0, "o": 0}, {"d": 0, "o": 0}, [], []
    for permit in range(permits):
        f.forget("do")
        f.new_permit("county", "do")
        sums, open_to, turns, refused = {}, set(f.permitted), 0, collections.Counter()
        while turns < asked_max and any(s[0] == "d" for s in open_to):
            where, statistic, cells = ask(permit, turns // 2, turns % 2)
            said = f.answers(where, statistic, sites=sorted(s for s in open_to if s[0] == "d" or turns < 2))
            for site, answer in said.items():
                if ended(answer):
                    open_to.discard(site)
                refused[site] += answer == "disclosure"
                if not isinstance(answer, dict):
                    continue
                for target, of_cells in cells.items():
                    v = of_cells(answer["cells"])
                    if v is not None:
                        sums.setdefault((site, target, turns % 2), []).append(v)
            turns += 1
        for site in f.permitted:
            for target, secret in targets_a_permit(site, permit).items():
                without, within = sums.get((site, target, 0)), sums.get((site, target, 1))
                guess = int(statistics.mean(within) - statistics.mean(without) > from_) if without and within else draw.randrange(2)
                right[site[0]] += guess == secret
                runs[site[0]] += 1
        charges += [f.spent(s, "secret") - REFUSAL * refused[s] for s in f.sites("d")]
        asked.append(turns)
    charge = max(charges)
    report.line(name, right["o"] / runs["o"], 0.99, right["d"] / runs["d"], phi(math.sqrt(min(charge, CAP)) / 2) + 0.03 + 3 * sigma(runs["d"]), runs["d"],
                charge, f"{what}; {statistics.mean(asked):.0f} asked, through the API")


def b1(f, report, lones):
    """A value of `lone` that one person has: boxes with and without it that name it alone, written in ever other ways by
    values that nobody has; the secret is the table's dimension."""
    def who(site, permit):
        return {permit: next(p["secret"] for p in f.people["county"][site] if p["lone"] == LONE_FROM + permit)}

    def ask(permit, clone, within):
        value_, end = LONE_FROM + permit, LONE_FROM + LONES + 1 + clone
        box = {"from": 0, "to": end} if within else [{"from": 0, "to": value_}, {"from": value_ + 1, "to": end}]
        return {"lone": box}, {"table": {"by": ["secret"]}}, {permit: lambda c: None if None in c else c[1] - c[0]}
    averages_apart(f, report, "B1", "a lone value, cloned boxes", who, min(lones, LONES), ask, 60, 0)


def b4(f, report, permits):
    """Boxes that differ in half of the county, and in some zips by one person or by nobody: there they are clones."""
    draw = random.Random(4)

    def who(site, _permit):
        return {p["zip"]: p["secret"] for p in f.people["county"][site] if p["w"] == 0 and p["zip"] < ELSEWHERE_ZIPS}

    def boxes(within):
        halves = [{"from": ELSEWHERE + i, "to": ELSEWHERE + i + 1} for i in range(40) if draw.random() < 0.7]
        return {"w": [{"from": 1 - within, "to": ELSEWHERE}] + halves}

    def narrowed(_permit, _clone, within):
        return dict(boxes(within), secret=["1"]), {"table": {"by": ["zip"]}}, {z: lambda c, z=z: c[z] for z in range(ELSEWHERE_ZIPS)}

    def divided(_permit, _clone, within):
        def ill_less_healthy(z):
            return lambda c: None if None in c[2 * z:2 * z + 2] else c[2 * z + 1] - c[2 * z]
        return boxes(within), {"table": {"by": ["zip", "secret"]}}, {z: ill_less_healthy(z) for z in range(ELSEWHERE_ZIPS)}
    averages_apart(f, report, "B4", "boxes that differ elsewhere", who, permits, narrowed, 120, 0.5)
    averages_apart(f, report, "B4", "the same, the secret as dimension", who, permits, divided, 120, 0)
