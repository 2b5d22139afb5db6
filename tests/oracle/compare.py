"""Holds what the network answers under `open` against results that R computed on the same rows.

An Oracle turns one analysis of an oracle file into the questions that ask for it and walks the answers and
the oracle side by side.  Which fields are compared, and why others are not, is in map.json; `uncovered`
finds fields of an oracle file that the map does not speak of.
"""
import fnmatch
import json
import math
import os

HERE = os.path.dirname(os.path.abspath(__file__))
RELATIVE = 1e-9


def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


MAP = read_json(os.path.join(HERE, "map.json"))


def fields_of(analysis):
    """Every path of an analysis, list indexes left out and the names of sites and groups as '*'."""
    found = set()

    def walk(value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, path + (key,))
        elif not isinstance(value, list) or not any(isinstance(x, dict) for x in value):
            found.add(".".join(path))
        else:
            for inner in value:
                walk(inner, path)

    for key, value in analysis.items():
        if key in ("id", "kind", "spec"):
            continue
        if key == "sites" and isinstance(value, dict):
            for inner in value.values():
                walk(inner, ("sites", "*"))
        else:
            walk(value, (key,))
    return found


def rule_for(kind, field):
    """The map's line for a field: {"met": ...} or {"not": reason}; None when the map is silent."""
    for line in MAP["fields"]:
        if fnmatch.fnmatchcase(kind, line["kind"]) and fnmatch.fnmatchcase(field, line["field"]):
            return line
    return None


def uncovered(path):
    return sorted({f"{a['kind']}: {field}" for a in read_json(path)["analyses"] for field in fields_of(a)
                   if rule_for(a["kind"], field) is None})


def where_of(conditions, dictionary):
    """The oracle's filter (a conjunction of comparisons) as a box."""
    types = {v["name"]: v for v in dictionary["variables"]}
    box = {}
    for c in conditions or []:
        variable, op, value = types[c["var"]], c["op"], c["value"]
        if variable["type"] in ("categorical", "category"):
            levels = [level["code"] for level in variable["levels"]]
            values = value if isinstance(value, list) else [value]
            chosen = [x for x in levels if (x in values) == (op in ("==", "in"))]
            box[c["var"]] = [x for x in box.get(c["var"], levels) if x in chosen]
            continue
        after = value + 1 if variable["type"] == "integer" else math.nextafter(value, math.inf)
        limits = {">=": {"from": value}, ">": {"from": after}, "<": {"to": value}, "<=": {"to": after},
                  "==": {"from": value, "to": after}}[op]
        box.setdefault(c["var"], {}).update(limits)
    return box


def flat(nest):
    return [x for inner in nest for x in flat(inner)] if isinstance(nest, list) else [nest]


class Report:
    def __init__(self):
        self.compared = 0
        self.different = []

    def same(self, where, got, want):
        """Counts: exactly.  A list counts as so many comparisons."""
        self.compared += len(want) if isinstance(want, list) else 1
        if got != want:
            self.different.append(f"{where}: got {got}, R has {want}")

    def near(self, where, got, want):
        """Moments: to 1e-9 relative."""
        self.compared += 1
        if want is None or got is None:
            if want is not got:
                self.different.append(f"{where}: got {got!r}, R has {want!r}")
        elif abs(got - want) > RELATIVE * abs(want):
            self.different.append(f"{where}: got {got!r}, R has {want!r}")


class Oracle:
    """ask: question -> result document."""

    def __init__(self, ask, dataset, dictionary):
        self.ask, self.dataset, self.dictionary = ask, dataset, dictionary
        self.types = {v["name"]: v["type"] for v in dictionary["variables"]}

    def compare(self, analysis, report):
        """False when nothing of such an analysis is offered (the map says why)."""
        handler = getattr(self, "_" + analysis["kind"], None)
        if handler:
            handler(analysis, report)
        return handler is not None

    def answers(self, a, where, statistic, path=lambda holder: holder):
        """[(name, our answer, the oracle's)] for the pooled data and each site; path picks a part of the oracle's."""
        question = {"innsyn": "question/1", "dataset": self.dataset, "statistic": statistic, "by_site": True}
        if where:
            question["where"] = where
        got = self.ask(question)
        rows = [(a["id"], got["result"], path(a["pooled"]))]
        for site, holder in (a.get("sites") or {}).items():
            rows.append((f"{a['id']}.{site}", got["by_site"][site], path(holder)))
        return rows

    def _missingness(self, a, report):
        for name, got, want in self.answers(a, {}, {"count": {}}):
            report.same(name + ".n_rows", got["count"], want["n_rows"])
        for variable in a["pooled"]["missing"]:
            if self.types.get(variable) in ("categorical", "integer", "real", "date"):
                for name, got, want in self.answers(a, {variable: [None]}, {"count": {}}):
                    report.same(f"{name}.missing.{variable}", got["count"], want["missing"][variable])

    def _summary(self, a, where, path, report):
        spec = a["spec"]
        asked = {"variables": [spec["var"]]}
        points = spec.get("quantile_probs") or []
        if points:
            asked["quantiles"] = points
        for name, answer, holder in self.answers(a, where, {"summary": asked}, path):
            want = (holder or {}).get("moments")
            if want is None:
                continue
            got = answer["variables"][0]
            values = {q["p"]: q["value"] for q in got["quantiles"]}
            for point, value in zip(points, (holder.get("quantiles") or {}).get("type7") or []):
                report.near(f"{name}.quantiles.type7.{point}", values.get(point), value)
            report.same(name + ".n", got["n"], want["n"])
            report.same(name + ".n_missing", got["n_missing"], want["n_missing"])
            if want["n"] > 0:
                report.near(name + ".mean", got["mean"], want["mean"])
            if want["n"] > 1:
                report.near(name + ".var", got["variance"], want["var"])
                report.near(name + ".sd", got["sd"], want["sd"])

    def _numeric(self, a, report):
        spec = a["spec"]
        box = where_of(spec["filter"], self.dictionary)
        self._summary(a, box, lambda holder: holder, report)
        for level in a["pooled"].get("by_group") or {}:
            self._summary(a, dict(box, **{spec["by"]: [level]}),
                          lambda holder, at=level: (holder.get("by_group") or {}).get(at), report)
        if spec.get("histogram_breaks"):
            histogram = {"histogram": {"variable": spec["var"], "breaks": spec["histogram_breaks"]}}
            for name, got, want in self.answers(a, box, histogram, lambda holder: holder["histogram"]):
                report.same(name + ".histogram", got["counts"], want["left_closed"])
                for field in ("below", "above", "n_missing"):
                    report.same(f"{name}.histogram.{field}", got[field], want[field])

    def _crosstab(self, a, report):
        spec = a["spec"]
        for name, got, want in self.answers(a, where_of(spec["filter"], self.dictionary), {"table": {"by": spec["vars"]}}):
            report.same(name + ".counts", got["cells"], flat(want["counts"]))
            report.same(name + ".n", got["total"], want["n"])
            report.same(name + ".n_missing", got["n_missing"], want["n_missing"])
            if "row_totals" in want:
                report.same(name + ".row_totals", got["margins"][spec["vars"][0]], want["row_totals"])
                report.same(name + ".col_totals", got["margins"][spec["vars"][1]], want["col_totals"])

    def _proportion(self, a, report):
        spec = a["spec"]
        levels = [d["code"] for v in self.dictionary["variables"] if v["name"] == spec["var"] for d in v["levels"]]
        at = levels.index(spec["success_level"])
        for name, got, want in self.answers(a, where_of(spec["filter"], self.dictionary), {"table": {"by": [spec["var"]]}}):
            if "successes" in want:  # R has none where nobody is left
                report.same(name + ".successes", got["cells"][at], want["successes"])
            report.same(name + ".n", got["total"], want["n"])
            if "n_missing" in want:
                report.same(name + ".n_missing", got["n_missing"], want["n_missing"])

    def _year_counts(self, a, report):
        years = a["spec"]["years"]
        breaks = [f"{year}-01-01" for year in years] + [f"{years[-1]}-12-31"]
        for name, got, want in self.answers(a, {}, {"table": {"by": [{"variable": a["spec"]["var"], "breaks": breaks}]}}):
            report.same(name + ".counts", got["cells"], want["counts"])
            report.same(name + ".n", got["total"], want["n"])
