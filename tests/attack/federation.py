"""The attacks of docs/ATTACKS.md against a running federation, through the public API, as people with a live permit.

One federation, two kinds of site with the same data: `d…` run the release's agent, `o…` the test build's with the
defences taken out (INNSYN_TEST_DEFENCES_OFF, which no release build knows).  Every question goes to all of them, so an
attack is seen to win and to lose by the same answers.
"""
import contextlib
import glob
import json
import math
import os
import random
import shutil
import statistics
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "e2e")]
import running  # noqa: E402
import network  # noqa: E402

ZIPS, IN_A_ZIP, BITS, PARTS, CELL = 8, 50, 6, 60, 50
PERSONS = ZIPS * IN_A_ZIP
AGES = [str(a) for a in range(8)]
WITHOUT_7 = AGES[:7]
PERMUTATIONS = 2000
WEAKENED = {"o": "all", "m": "memory", "a": "alike"}  # by a site's first letter


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def sigma(runs):
    return math.sqrt(0.25 / runs)


# --- the town ---------------------------------------------------------------------------------------

def population(draw):
    """Every zip has one person of age 7, the target, and four others who are ill2; x = 60 is one person's of the town."""
    persons = []
    for i in range(PERSONS):
        zip_, in_zip = i % ZIPS, i // ZIPS
        p = {"pid": f"p{i:05d}", "zip": zip_, "age": 7 if in_zip == 0 else draw.randrange(7), "secret": draw.randrange(2),
             "x": draw.randrange(60), **{f"b{k}": draw.randrange(2) for k in range(BITS)}}
        p["ill2"] = p["secret"] if in_zip == 0 else int(in_zip <= 4)
        persons.append(p)
    for k in range(PARTS):  # partitions into cells of CELL, for reconstruction
        order = list(range(PERSONS))
        draw.shuffle(order)
        for place, i in enumerate(order):
            persons[i][f"p{k}"] = place // CELL
    return persons


def write_csv(path, persons):
    names = list(persons[0])
    with open(path, "w", encoding="ascii") as f:
        f.write(",".join(names) + "\n")
        f.writelines(",".join(str(p[n]) for n in names) + "\n" for p in persons)


def category(name, levels):
    return {"name": name, "label": name, "type": "categorical", "missing_codes": [""], "role": "covariate",
            "levels": [{"code": str(l), "label": str(l)} for l in range(levels)]}


def dictionary(sites):
    variables = [{"name": "pid", "label": "person", "type": "id", "missing_codes": [""], "role": "id"},
                 category("zip", ZIPS), category("age", 8), category("secret", 2),
                 {"name": "x", "label": "x", "type": "integer", "missing_codes": [""], "role": "covariate", "clamps": [0, 60]}]
    variables += [category(f"b{k}", 2) for k in range(BITS)] + [category("ill2", 2)]
    variables += [category(f"p{k}", PERSONS // CELL) for k in range(PARTS)]
    return {"dataset": "town", "title": "A town that does not exist", "description": "synthetic", "source": "drawn", "version": "1",
            "license": "CC0", "attribution": "none", "encoding": "UTF-8", "site_split_rule": "none", "note": None,
            "csv": {"separator": ",", "quote": "\"", "header": True, "line_end": "LF", "missing": ""},
            "sites": [{"id": s, "file": s + ".csv", "rows": PERSONS, "label": s} for s in sites], "variables": variables}


class Town(network.Network):
    """Sites whose name begins with a letter of WEAKENED run the test build's agent, without that defence."""

    hooks = None

    def datasets(self):
        return {"town": "ck"}

    def start_agent(self, site, env=None):
        if site[0] not in WEAKENED:
            super().start_agent(site, env)
            return
        self.start("agent-" + site, [os.path.join(self.hooks, "innsyn-agent"), "run", self.path("agents", site)],
                   env={"INNSYN_TEST_DEFENCES_OFF": WEAKENED[site[0]]})


class Federation:
    def __init__(self, net, people, folder):
        self.net, self.people, self.folder = net, people, folder
        self.permit = None

    def sites(self, kind):
        return [s for s in self.net.sites if s[0] == kind]

    def new_permit(self):
        """Another permit of the same people: a budget of its own, the same cohorts behind it."""
        self.permit = self.net.permit(self.net.application(people=("researcher", "researcher2")))

    def ask(self, where, statistic=None, sites=None, person="researcher", permit=None):
        """(status, document, seconds) of one question, as the API gives it."""
        q = {"innsyn": "question/1", "dataset": "town", "by_site": True, "statistic": statistic or {"count": {}}}
        if where:
            q["where"] = where
        name, envelope = self.net.signed_query(person, q, permit or self.permit, sites=sites)
        begin = time.monotonic()
        status, document = self.net.call(person, "POST", "/v1/queries?wait_ms=20000", {"query": envelope})
        if status < 400 and document.get("state") not in ("done", "failed"):
            status, document = self.net.call(person, "GET", f"/v1/queries/{name}?wait_ms=20000")
        return status, document, time.monotonic() - begin

    def answers(self, where, statistic=None, **more):
        """{site: its result, or the class of its refusal as text}"""
        _, document, _ = self.ask(where, statistic, **more)
        found = {}
        for site in document.get("sites", []):
            reason = site.get("reason") or {}
            found[site["site"]] = reason.get("code", site["status"])
        for site, result in ((document.get("result") or {}).get("by_site") or {}).items():
            found[site] = result
        return found

    def spent(self, site, variable, permit=None):
        shown = json.loads(self.net.agent("ledger", "show", self.net.path("agents", site), "--json").stdout)
        return sum(a["spent"] for a in shown["accounts"] if a["permit"] == (permit or self.permit) and a["variable"] == variable)

    def forget(self):
        """All ledgers and answer stores are emptied, as a new town: so that batches are runs of their own."""
        for site in self.net.sites:
            self.net.stop("agent-" + site)
        for site in self.net.sites:
            for path in glob.glob(self.net.path("agents", site, "guard", "ledger", "*")) + glob.glob(
                    self.net.path("agents", site, "guard", "statistics", "*")):
                os.unlink(path)
            self.net.start_agent(site)

    def reload(self, site, persons):
        path = self.net.data.files[site]
        write_csv(path, persons)
        self.people[site] = persons
        self.net.load(site, "town", "ck")


@contextlib.contextmanager
def federation(per_kind, seed):
    draw = random.Random(seed)
    sites = [f"d{i}" for i in range(per_kind)] + [f"o{i}" for i in range(per_kind)] + ["m0", "a0"]
    folder = tempfile.mkdtemp(prefix="innsyn-town-")
    people = {}
    for site in sites:
        twin = "d" + site[1:]  # the weakened have the defended's data
        people[site] = population(draw) if site == twin else [dict(p) for p in people[twin]]
        write_csv(os.path.join(folder, site + ".csv"), people[site])
    with open(os.path.join(folder, "dictionary.json"), "w", encoding="utf-8") as f:
        json.dump(dictionary(sites), f)
    Town.hooks = running.hooks_build()
    release = running.release_build()
    with open(os.path.join(release, "innsyn-agent"), "rb") as f:
        if b"INNSYN_TEST_DEFENCES_OFF" in f.read():
            sys.exit(f"{release}: a release build that knows the switch")
    net = Town(os.path.join(folder, "run"), release, data=network.DataSet(folder))
    good = False
    try:
        net.create()
        yield Federation(net, people, folder)
        good = True
    finally:
        net.stop_all()
        if good:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"kept for a look: {folder}", file=sys.stderr)


# --- attacks ------------------------------------------------------------------------------------------

class Report:
    def __init__(self):
        self.failed = []

    def line(self, name, off, floor, on, bound, runs, charge, what, at_least=False):
        void, holds = off < floor, on >= bound if at_least else on <= bound
        word = "VOID" if void else "ok" if holds else "FAILED"
        if word != "ok":
            self.failed.append(f"{name} {what}")
        print(f"{word:7} {name:4} off {off:.4f} (at least {floor:.4f})  on {on:.4f} (at {'least' if at_least else 'most'} {bound:.4f})  "
              f"runs {runs:<6} charge {charge:.3f}  {what}", flush=True)


def value(answer):
    """A count; None when it was refused or blank."""
    return answer.get("count") if isinstance(answer, dict) else None


def targets(f, site):
    return {p["zip"]: p["secret"] for p in f.people[site] if p["age"] == 7}


def a1(f, report, batches):
    """G without the target and G, each with the secret: the second is refused; where nothing is, the difference tells."""
    right, runs, refused, asked, charge, arms = 0, 0, 0, 0, 0, {0: [0, 0], 1: [0, 0]}
    for b in range(batches):
        if b:
            f.forget()
        f.new_permit()
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


def a3(f, report, times):
    """One question, again and again, by two people, two permits, over restarts."""
    f.forget()
    f.new_permit()
    first = f.permit
    f.new_permit()
    seen = {site: set() for site in f.net.sites}
    for i in range(times):
        if i == times // 2:
            for site in f.net.sites:
                f.net.stop("agent-" + site, kill=True)
                f.net.start_agent(site)
        said = f.answers({"b0": ["1"]}, {"table": {"by": ["secret"]}}, person=("researcher", "researcher2")[i % 2], permit=(first, f.permit)[i // 2 % 2])
        for site, answer in said.items():
            seen[site].add(json.dumps(answer, sort_keys=True))
    report.line("A3", len(seen["m0"]), 2, max(len(seen[s]) for s in f.sites("d")), 1, times, 0,
                "distinct answers to one question, two people and permits, agents killed (off: no memory)")


def a4(f, report, forms):
    draw = random.Random(4)
    f.new_permit()
    seen = {site: set() for site in f.net.sites}
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
        f.new_permit()
        for z in range(begin, begin + 2):
            sums = {}
            for b in range(BITS):
                for site, answer in f.answers({"zip": [str(z)], "secret": ["1"]}, {"table": {"by": [f"b{b}"]}}).items():
                    if isinstance(answer, dict) and None not in answer["cells"]:
                        sums.setdefault(site, []).append(sum(answer["cells"]))
            for site in f.sites("d") + f.sites("o"):
                truth = sum(p["zip"] == z and p["secret"] for p in f.people[site])
                got = sums.get(site)
                right[site[0]] += bool(got) and round(statistics.mean(got)) == truth
                runs[site[0]] += 1
                if site[0] == "d":
                    admitted.append(len(got or []))
    m = max(1, statistics.mean(admitted))
    bound = math.erf(0.5 / math.sqrt(2 * 2 * 7 / m)) + 3 * sigma(runs["d"])
    report.line("A6", right["o"] / runs["o"], 1, right["d"] / runs["d"], bound, runs["d"], statistics.mean(f.spent(s, "secret") for s in f.sites("d")) / 2,
                f"mean over partitions is the truth, through the API; {m:.1f} tables admitted")


def a15_a16(f, report):
    """All partitions, as long as the budget lasts, then least squares within [0, 1]; A15: with a second permit's budget.
    The second asks the partitions in the other order, so that what the first was told comes free and the rest is new."""
    f.forget()
    tables = {site: {} for site in f.net.sites}
    permits = []
    for order in (range(PARTS), reversed(range(PARTS))):
        f.new_permit()
        permits.append(f.permit)
        for k in order:
            if all(k in tables[s] for s in f.sites("d") + f.sites("o")):
                continue
            said = f.answers({}, {"table": {"by": [f"p{k}", "secret"]}}, sites=f.sites("d") + (f.sites("o") if len(permits) == 1 else []))
            exhausted = all(said.get(s) in ("budget_exhausted", "disclosure", "permit_locked") for s in f.sites("d"))
            for site, answer in said.items():
                if isinstance(answer, dict):
                    tables[site][k] = answer["cells"][1::2]
            if exhausted and len(permits) == 2:
                break
        charges = [sum(f.spent(s, "secret", p) for p in permits) for s in f.sites("d")]
        accuracy = {kind: statistics.mean(least_squares(f.people[s], tables[s], 7 if kind == "d" else 0) for s in f.sites(kind)) for kind in "do"}
        runs = PERSONS * len(f.sites("d"))
        bound = phi(math.sqrt(max(charges)) / 2) + 0.03 + 3 * sigma(runs)
        count = statistics.mean(len(tables[s]) for s in f.sites("d"))
        report.line("A16" if len(permits) == 1 else "A15", accuracy["o"], 0.95, accuracy["d"], bound, runs, max(charges),
                    f"reconstruction from {count:.0f} tables, cells of {CELL}, {len(permits)} permit{'s' * (len(permits) - 1)}, through the API (off: {PARTS} tables)")


def least_squares(persons, tables, variance):
    """Share of secrets guessed from {partition: ill in each part}: each part's remainder is laid upon its persons, table
    after table, as much as its noise leaves it worth (a person's own variance is 1/4)."""
    x = [0.5] * len(persons)
    parts = {k: [p[f"p{k}"] for p in persons] for k in tables}
    share = 0.25 / (0.25 * CELL + variance)
    for _ in range(3 if variance else 150):
        for k, counts in tables.items():
            rest = [c if c is not None else CELL / 2 for c in counts]
            for v, part in zip(x, parts[k]):
                rest[part] -= v
            x = [min(1, max(0, v + share * rest[part])) for v, part in zip(x, parts[k])]
    return sum((v > 0.5) == bool(p["secret"]) for v, p in zip(x, persons)) / len(persons)


def spread(values):
    return statistics.mean(values) if values else 0


def permutation_p(values, labels, draw):
    """How often labels shuffled tell the values apart as well as the true ones do."""
    def apart(marks):
        a, b = ([v for v, m in zip(values, marks) if m == arm] for arm in (0, 1))
        return abs(spread(a) - spread(b))
    seen, marks, at_least = apart(labels), list(labels), 0
    for _ in range(PERMUTATIONS):
        draw.shuffle(marks)
        at_least += apart(marks) >= seen - 1e-12
    return (at_least + 1) / (PERMUTATIONS + 1)


def a21(f, report, batches):
    """A refusal's status, bytes and time, asked of one site at a time: does any tell the target's secret?"""
    draw = random.Random(21)
    seen, labels, off_seen, off_right, kinds = [], [], [], 0, {}
    for _ in range(batches):
        f.forget()
        for site in f.sites("d"):
            f.new_permit()
            for z in range(ZIPS):
                truth = targets(f, site)[z]
                f.ask({"zip": [str(z)], "secret": ["1"], "age": WITHOUT_7}, sites=[site])
                status, document, seconds = f.ask({"zip": [str(z)], "secret": ["1"]}, sites=[site])
                reason = document.get("sites", [{}])[0].get("reason") or {}
                seen.append((status, reason.get("class"), len(json.dumps(dict(document, id="", created="", deadline="", receipt=""))), seconds * 1000))
                labels.append(truth)
                kinds.setdefault("refused", []).append(seconds * 1000)
            for _ in range(3):
                kinds.setdefault("told again", []).append(f.ask({"zip": ["0"], "secret": ["1"], "age": WITHOUT_7}, sites=[site])[2] * 1000)
        f.new_permit()
        for z in range(ZIPS):
            status, document, seconds = f.ask({"zip": [str(z)], "ill2": ["1"]}, sites=["a0"])
            off_seen.append((status, seconds * 1000))
            off_right += (document["sites"][0]["status"] == "answered") == bool(targets(f, "a0")[z])
    statuses = {(s, c) for s, c, _, _ in seen}
    sizes = {n for _, _, n, _ in seen}
    off = off_right / len(off_seen)
    report.line("A21", off, 0.99, len(statuses), 1, len(seen), 0, f"distinct statuses of a refusal, through the API {sorted(map(str, statuses))} (off: refusals that say why, at once)")
    report.line("A21", off, 0.99, len(sizes), 1, len(seen), 0, f"distinct lengths of its document: {sorted(sizes)}")
    tick = [t // 50 for _, _, _, t in seen]
    p = min(permutation_p(tick, labels, draw), permutation_p([t for _, _, _, t in seen], labels, draw))
    report.line("A21", off, 0.99, p, 0.001, len(seen), 0, "p of the secret by its latency and 50 ms bucket, by permutation", at_least=True)
    print("        latency, ms: " + "; ".join(f"{k} p10 {sorted(v)[len(v) // 10]:.0f} p50 {statistics.median(v):.0f} p90 {sorted(v)[9 * len(v) // 10]:.0f}"
                                            for k, v in kinds.items()) + f"; refused at once p50 {statistics.median(t for _, t in off_seen):.0f}")


def a22(f, report, batches):
    """One person more in each zip, in the next edition: ill or not?"""
    draw = random.Random(22)
    right, runs, charge = {"d": 0, "o": 0}, 0, 0
    for b in range(batches):
        f.forget()
        f.new_permit()
        sites = f.sites("d") + f.sites("o")
        before = [f.answers({"zip": [str(z)], "secret": ["1"]}, sites=sites) for z in range(ZIPS)]
        old, added = editions(f, sites), {}
        for site in f.sites("d"):
            new = [dict(draw.choice(f.people[site]), pid=f"n{b}-{z}", zip=z, age=draw.randrange(7), secret=draw.randrange(2), ill2=0) for z in range(ZIPS)]
            added[site[1:]] = [p["secret"] for p in new]
            for twin in (site, "o" + site[1:]):
                f.reload(twin, [dict(p) for p in f.people[twin]] + new)
        f.net.wait_for("the new editions", lambda: all(e and e != old[s] for s, e in editions(f, sites).items()))
        after = [f.answers({"zip": [str(z)], "secret": ["1"]}, sites=sites) for z in range(ZIPS)]
        for site in sites:
            for z in range(ZIPS):
                x, y = value(before[z].get(site)), value(after[z].get(site))
                guess = draw.randrange(2) if x is None or y is None else int(y - x > 0.5)
                right[site[0]] += guess == added[site[1:]][z]
        runs += ZIPS * len(f.sites("d"))
        charge = max(f.spent(s, "secret") for s in f.sites("d"))
    report.line("A22", right["o"] / runs, 0.99, right["d"] / runs, 0.553 + 3 * sigma(runs), runs, charge, "one person more in the next edition, through the API")


def editions(f, sites):
    """Each site's edition, by a question that names no variable and so is free."""
    _, document, _ = f.ask({}, sites=sites)
    return {s["site"]: s.get("edition") for s in document.get("sites", [])}


ATTACKS = ("A1", "A3", "A4", "A6", "A15", "A16", "A21", "A22")
LONG = {"A6", "A15", "A16"}  # of these only with --full, or by name
PER_KIND, PER_KIND_FULL, SEED = 2, 4, 2026


def attack(f, chosen, full):
    """Runs those of ATTACKS that are chosen; the names of what failed."""
    report = Report()
    if "A1" in chosen:
        a1(f, report, 4 if full else 1)
    if "A6" in chosen:
        f.forget()
        a6(f, report)
    if "A15" in chosen or "A16" in chosen:
        a15_a16(f, report)
    if "A21" in chosen:
        a21(f, report, 3 if full else 1)
    if "A22" in chosen:
        a22(f, report, 4 if full else 1)
    if "A3" in chosen:
        a3(f, report, 400 if full else 12)
    if "A4" in chosen:
        a4(f, report, 200 if full else 12)
    return report.failed


def run(chosen, full):
    with federation(PER_KIND_FULL if full else PER_KIND, SEED) as f:
        return attack(f, chosen, full)
