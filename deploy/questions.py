"""Questions that fit a data set nobody has seen before, made from its dictionary and public ranges.

The demo asks them; it looks only at what a researcher sees (types, levels, labels) plus the smallest and
largest values of one numeric variable, which it reads from the files it was given to load.
"""
import csv
import math

CATEGORY_LEVELS_MAX = 12
BINS_WANTED = 10


def categories(data):
    """Categories with few levels, the person's own traits first."""
    found = [v for v in data.dictionary["variables"]
             if v["type"] in ("categorical", "category") and 2 <= len(v.get("levels") or []) <= CATEGORY_LEVELS_MAX]
    return sorted(found, key=lambda v: v.get("role") not in ("quasi_identifier", "outcome", "event"))


def numbers(data):
    return [v for v in data.dictionary["variables"] if v["type"] in ("integer", "real", "number")]


def value_range(data, name, missing):
    low, high = math.inf, -math.inf
    for path in data.files.values():
        with open(path, encoding="utf-8-sig", newline="") as f:
            for row in csv.DictReader(f):
                text = row.get(name) or ""
                if text not in missing and text != "":
                    low, high = min(low, float(text)), max(high, float(text))
    return low, high


def breaks(low, high):
    """About BINS_WANTED round cut points from below low to above high, whole numbers where the range allows."""
    width = max((high - low) / BINS_WANTED, 1e-9)
    step = 10 ** math.floor(math.log10(width))
    step = next(step * m for m in (1, 2, 5, 10) if step * m >= width)
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.floor(low / step), math.ceil(high / step)
    cuts = [round(i * step, digits) for i in range(first, last + 1)]
    cuts = [int(c) if float(c).is_integer() else c for c in cuts]
    return cuts if len(cuts) > 1 else [cuts[0], cuts[0] + 1]


def best_number(data):
    """The numeric variable with a range at hand that is not the same everywhere."""
    ranked = sorted(numbers(data), key=lambda v: (v.get("role") not in ("quasi_identifier", "covariate"),
                                                   v["type"] != "integer"))
    for variable in ranked:
        low, high = value_range(data, variable["name"], variable.get("missing_codes") or [""])
        if low < high:
            step = breaks(low, high)
            if variable["type"] == "integer" and any(not isinstance(c, int) for c in step):
                step = list(range(int(low), int(high) + 2))
            return variable, step
    return None, None


def for_data(data, dataset):
    """{title: question}: a count, a table, a histogram, a summary, as far as the data have such variables."""
    asked = {"count": {"innsyn": "question/1", "dataset": dataset, "statistic": {"count": {}}, "by_site": True}}
    groups = [v["name"] for v in categories(data)[:2]]
    number, cuts = best_number(data)
    by = list(groups)
    if not by and number:
        by = [{"variable": number["name"], "breaks": cuts}]
    if by:
        asked["table"] = {"innsyn": "question/1", "dataset": dataset, "statistic": {"table": {"by": by}}, "by_site": True}
    if number:
        asked["histogram"] = {"innsyn": "question/1", "dataset": dataset,
                              "statistic": {"histogram": {"variable": number["name"], "breaks": cuts}}}
        names = [number["name"]] + [v["name"] for v in numbers(data) if v is not number][:3]
        asked["summary"] = {"innsyn": "question/1", "dataset": dataset, "statistic": {"summary": {"variables": names}},
                            "by_site": True}
    return asked
