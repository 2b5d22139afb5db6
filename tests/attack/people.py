"""The people whom the attacks are about, drawn by a seed, and the dictionaries of their data sets.

  town     small: each zip has one target; partitions for reconstruction
  county   many zips and streets with a target each, so that one table attacks all of them at once; also under profile dp
  edges    groups that are alike but for one person's number, which is at the edge of what a number can be
"""
import math

ZIPS, IN_A_ZIP, BITS, PARTS, CELL = 8, 50, 6, 60, 50
PERSONS = ZIPS * IN_A_ZIP
AGES = [str(a) for a in range(8)]
WITHOUT_7 = AGES[:7]

COUNTY_ZIPS, COUNTY_STREETS, COUNTY_PERSONS = 60, 300, 6000
TOP_LEAST, TOP_PROBES = 40, 64  # the largest value of a zip is one person's, somewhere among so many
LONE_FROM, LONES = 40, 10       # values of `lone` that one person of the county has; nobody is above
ELSEWHERE_ZIPS, ELSEWHERE = 10, 20  # zips where nobody's w is so much

EDGES = ("30", "9223372036854775807", "-9223372036854775808", "1.7976931348623157e308", "-1.7976931348623157e308", "-0", "5e-324")
IN_AN_EDGE = 400


def town(draw):
    """Every zip has one person of age 7, the target, and four others who are ill2."""
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


def county(draw):
    """One person of age 7 in each zip, one marked in each street; who is the last by `top` in a zip; lone values; a zip
    in which part of w is nobody's; and `spare`, of which all but 0 is nobody's."""
    persons = []
    few = [draw.randrange(1, 10) for _ in range(COUNTY_ZIPS)]
    for i in range(COUNTY_PERSONS):
        zip_, in_zip = i % COUNTY_ZIPS, i // COUNTY_ZIPS
        w = 1 + draw.randrange(ELSEWHERE - 1) if zip_ < ELSEWHERE_ZIPS else ELSEWHERE + draw.randrange(40)
        if in_zip == 2 or (in_zip == 3 and zip_ < 2 * ELSEWHERE_ZIPS and zip_ >= ELSEWHERE_ZIPS):
            w = 0  # the target in a zip of those, and as many elsewhere that 0 is a group of its own
        persons.append({
            "pid": f"c{i:05d}", "zip": zip_, "street": i % COUNTY_STREETS, "age": 7 if in_zip == 0 else draw.randrange(7),
            "mark": int(i < COUNTY_STREETS), "dx": 7 if COUNTY_STREETS <= i < 2 * COUNTY_STREETS and i % 12 == 0 else draw.randrange(7),
            "secret": draw.randrange(2), "x": draw.randrange(40),
            "band": 0 if 1 <= in_zip <= few[zip_] else 1 + draw.randrange(3),
            "top": TOP_LEAST + draw.randrange(TOP_PROBES) if in_zip == 1 else draw.randrange(30),
            "lone": LONE_FROM + i - 2 * COUNTY_ZIPS if 0 <= i - 2 * COUNTY_ZIPS < LONES else draw.randrange(LONE_FROM),
            "w": w, "spare": 0, **{f"b{k}": draw.randrange(2) for k in range(BITS)}})
    return persons


def edges(draw):
    """Values about 30, spread so that no other person makes a sum or a variance, but for the first person's of each group;
    `odd` is a number whose sum hangs on the order."""
    return [{"pid": f"e{group}-{i}", "edge": group, "y": text if i == 0 else ("25", "30", "35")[i % 3],
             "odd": repr(30 + math.sin(i * 7 + group) / 7)} for group, text in enumerate(EDGES) for i in range(IN_AN_EDGE)]


def category(name, levels):
    return {"name": name, "label": name, "type": "categorical", "missing_codes": [""], "role": "covariate",
            "levels": [{"code": str(l), "label": str(l)} for l in range(levels)]}


def whole(name, most):
    return {"name": name, "label": name, "type": "integer", "missing_codes": [""], "role": "covariate", "clamps": [0, most]}


def real(name, least, most):
    return {"name": name, "label": name, "type": "real", "missing_codes": [""], "role": "covariate", "clamps": [least, most]}


BIT_VARIABLES = [category(f"b{k}", 2) for k in range(BITS)]
TOWN_VARIABLES = ([category("zip", ZIPS), category("age", 8), category("secret", 2), whole("x", 60)] + BIT_VARIABLES
                  + [category("ill2", 2)] + [category(f"p{k}", PERSONS // CELL) for k in range(PARTS)])
COUNTY_VARIABLES = ([category("zip", COUNTY_ZIPS), category("street", COUNTY_STREETS), category("age", 8), category("mark", 2),
                     category("dx", 8), category("secret", 2), whole("x", 60), category("band", 4), whole("top", 120), whole("lone", 60),
                     whole("w", 60), category("spare", 8)] + BIT_VARIABLES)
EDGES_VARIABLES = [category("edge", len(EDGES)), real("y", 0, 60), real("odd", 0, 60)]


def dictionary(dataset, variables, sites, rows):
    person = {"name": "pid", "label": "person", "type": "id", "missing_codes": [""], "role": "id"}
    return {"dataset": dataset, "title": "Persons who do not exist", "description": "synthetic", "source": "drawn", "version": "1",
            "license": "CC0", "attribution": "none", "encoding": "UTF-8", "site_split_rule": "none", "note": None,
            "csv": {"separator": ",", "quote": "\"", "header": True, "line_end": "LF", "missing": ""},
            "sites": [{"id": s, "file": s + ".csv", "rows": rows, "label": s} for s in sites], "variables": [person, *variables]}


def write_csv(path, persons):
    names = list(persons[0])
    with open(path, "w", encoding="ascii") as f:
        f.write(",".join(names) + "\n")
        f.writelines(",".join(str(p[n]) for n in names) + "\n" for p in persons)
