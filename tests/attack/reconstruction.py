"""Attacks that put everybody together again from many tables, as long as the budget lasts."""
import math
import statistics

from people import CELL, PARTS, PERSONS
from report import phi, sigma

VARIANCE = 7  # of a published count


def a15_a16(f, report):
    """All partitions, as long as the budget lasts, then least squares within [0, 1]; A15: with a second permit's budget.
    The second asks the partitions in the other order, so that what the first was told comes free and the rest is new."""
    f.forget("do")
    tables = {site: {} for site in f.sites("do", "town")}
    permits = []
    for order in (range(PARTS), reversed(range(PARTS))):
        f.new_permit("town", "do")
        permits.append(f.permit)
        for k in order:
            if all(k in tables[s] for s in f.sites("d") + f.sites("o")):
                continue
            said = f.answers({}, {"table": {"by": [f"p{k}", "secret"]}}, sites=f.sites("d") + (f.sites("o") if len(permits) == 1 else []))
            exhausted = all(said.get(s) in ("budget_exhausted", "disclosure", "permit_locked") for s in f.sites("d"))
            for site, answer in said.items():
                if isinstance(answer, dict):
                    tables[site][k] = ill_of(answer["cells"])
            if exhausted and len(permits) == 2:
                break
        charges = [sum(f.spent(s, "secret", p) for p in permits) for s in f.sites("d")]
        accuracy = {kind: statistics.mean(least_squares(f.people["town"][s], tables[s], VARIANCE / 2 if kind == "d" else 0) for s in f.sites(kind)) for kind in "do"}
        runs = PERSONS * len(f.sites("d"))
        bound = phi(math.sqrt(max(charges)) / 2) + 0.03 + 3 * sigma(runs)
        count = statistics.mean(len(tables[s]) for s in f.sites("d"))
        report.line("A16" if len(permits) == 1 else "A15", accuracy["o"], 0.95, accuracy["d"], bound, runs, max(charges),
                    f"reconstruction from {count:.0f} tables, cells of {CELL}, {len(permits)} permit{'s' * (len(permits) - 1)}, through the API (off: {PARTS} tables)")


def ill_of(cells):
    """The ill of each part by both of its cells: who is not in the one is in the other, and each has noise of its own."""
    pairs = [(CELL - healthy if healthy is not None else None, ill) for healthy, ill in zip(cells[::2], cells[1::2])]
    return [statistics.mean(known) if (known := [v for v in pair if v is not None]) else None for pair in pairs]


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
