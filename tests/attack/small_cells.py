"""Attacks on small cells: a cell from its margins, who has the largest value, which cells are blank."""
import math
import random
import statistics

from people import COUNTY_STREETS, COUNTY_ZIPS, TOP_LEAST, TOP_PROBES, WITHOUT_7
from report import phi, sigma
from subtracting import box_of, is_in, narrowings

BULK = [0, 10, 20, 30]  # cuts of `top` below which all are but one person of each zip
TOP_END = TOP_LEAST + TOP_PROBES


def a9(f, report, tables):
    """A cell of 1 to 9 persons in each zip, from the zip's margin less its other cells."""
    squares, runs = {"d": [], "o": []}, 0
    for n, narrowing in enumerate(narrowings(tables)):
        if n % 4 == 0:
            f.new_permit("county", "do")
        said = f.answers(box_of(narrowing, {}), {"table": {"by": ["zip", "band"]}})
        for site in f.permitted:
            if not isinstance(said.get(site), dict):
                continue
            truth = [0] * COUNTY_ZIPS
            for p in f.people["county"][site]:
                truth[p["zip"]] += p["band"] == 0 and is_in(narrowing, p)
            cells, margin = said[site]["cells"], said[site]["margins"]["zip"]
            for z in range(COUNTY_ZIPS):
                others = cells[4 * z + 1:4 * z + 4]
                if margin[z] is not None and None not in others and truth[z]:
                    squares[site[0]].append((margin[z] - sum(others) - truth[z]) ** 2)
    runs = len(squares["d"])
    error = {kind: math.sqrt(statistics.fmean(squares[kind])) if squares[kind] else math.inf for kind in "do"}
    report.line("A9", float(error["o"] == 0), 1, error["d"], math.sqrt(7) * (1 - 3 / math.sqrt(2 * max(1, runs))), runs, max(f.spent(s, "band") for s in f.sites("d")),
                "error of a cell from its margin, through the API (off: exact)", at_least=True)


def a12(f, report, tables, search):
    """The largest of a zip is one person's: the cell that holds him alone, and a search for its lower end by 64 probes."""
    told, positive, charge = {"d": 0, "o": 0}, {"d": 0, "o": 0}, 0
    for n in range(tables):
        if n % 4 == 0:
            f.new_permit("county", "do")
        breaks = BULK + [TOP_END + n]
        said = f.answers({}, {"table": {"by": ["zip", {"variable": "top", "breaks": breaks}]}})
        for site in f.permitted:
            if isinstance(said.get(site), dict):
                last = [c for c in said[site]["cells"][len(BULK) - 1::len(BULK)] if c is not None]
                told[site[0]] += len(last)
                positive[site[0]] += sum(c > 0 for c in last)
        charge = max(charge, *(f.spent(s, "top") for s in f.sites("d")))
    report.line("A12", positive["o"] / max(1, told["o"]), 0.99, positive["d"] / max(1, told["d"]), 0.164 + 3 * sigma(told["d"]), told["d"], charge,
                "a single person's bin is not empty, through the API")
    status, document, _ = f.ask({"top": {"from": 58.5}})
    said = [s.get("reason") or {} for s in document.get("sites", [])]
    words = [document.get("detail", "")] if status >= 400 else [s.get("text", "") for s in said]
    refused = all("58" in w and "59" in w for w in words) and (status >= 400 or all(s.get("class") == "grammar" for s in said))
    report.line("A12", 1, 1, 0 if refused else 1, 0, 1, 0, f"a cut off the grid is read (it says: {words[0][:120]})")
    if search:
        a12_search(f, report)


def a12_search(f, report):
    """From the top downwards: the first threshold with a figure above 0 is his."""
    f.forget("do")
    f.new_permit("county", "do")
    found, answered = {}, {"d": 0, "o": 0}
    for t in range(TOP_END - 1, TOP_LEAST - 1, -1):
        for site, cells in f.by("zip", {"top": {"from": t}}).items():
            answered[site[0]] += 1
            for z, v in enumerate(cells):
                if v:
                    found.setdefault((site, z), t)
    right, runs = {"d": 0, "o": 0}, {"d": 0, "o": 0}
    for site in f.permitted:
        for p in f.people["county"][site]:
            if p["top"] >= TOP_LEAST:
                runs[site[0]] += 1
                right[site[0]] += found.get((site, p["zip"])) == p["top"]
    probes = answered["d"] / len(f.sites("d"))
    report.line("A12", right["o"] / runs["o"], 0.99, right["d"] / runs["d"], 0.164 + 3 * sigma(runs["d"]), runs["d"], max(f.spent(s, "top") for s in f.sites("d")),
                f"64 probes name the step of a zip's largest, {probes:.0f} of them answered, through the API")


def b3(f, report):
    """By true counts a cell is blank on one side of 10: blank without the marked person of a street and not with him, he is
    ill, or not ill, for certain."""
    draw, right, runs, told, told_right = random.Random(3), {"d": 0, "o": 0}, {"d": 0, "o": 0}, 0, 0
    f.new_permit("county", "do")
    boxes = ({"dx": WITHOUT_7}, {"dx": WITHOUT_7, "mark": ["0"]})
    said = [f.answers(box, {"table": {"by": ["street", "secret"]}}) for box in boxes]
    for site in f.permitted:
        within, without = (a[site]["cells"] if isinstance(a.get(site), dict) else [None] * 2 * COUNTY_STREETS for a in said)
        for p in f.people["county"][site]:
            if not p["mark"]:
                continue
            guess, tells = draw.randrange(2), False
            for c in (0, 1):
                x, y = within[2 * p["street"] + c], without[2 * p["street"] + c]
                if (x != y) if site[0] == "o" else (x is not None and y is None):
                    guess, tells = c, True
            right[site[0]] += guess == p["secret"]
            runs[site[0]] += 1
            told += tells and site[0] == "d"
            told_right += tells and site[0] == "d" and guess == p["secret"]
    charge = max(f.spent(s, "secret") for s in f.sites("d"))
    report.line("B3", right["o"] / runs["o"], 0.99, right["d"] / runs["d"], phi(math.sqrt(charge) / 2) + 0.03 + 3 * sigma(runs["d"]), runs["d"], charge,
                "a cell is blank without him and not with him, through the API")
    report.line("B3", right["o"] / runs["o"], 0.99, told_right / max(1, told), 0.75, told, charge, "right among those of whom blanks tell, through the API")
