#!/usr/bin/env python3
"""Holds docs/DISCLOSURE.md: its parameters are parameters.inc's, and each function and test that it names exists.

usage: disclosure_doc_test.py TOP [--write]    --write puts the parameters into the document.
"""
import os
import re
import sys

RULES_MIN = 35
SENTENCES_MIN = 95
PARTS = ["1"] + [f"1.{k}" for k in range(1, 11)]


def read(top, name):
    with open(os.path.join(top, name), encoding="utf-8") as f:
        return f.read()


def parameters(top):
    rows = ["| name | value | unit | what it does | what it costs | what it protects |", "| --- | --- | --- | --- | --- | --- |"]
    for line in read(top, "agents/parameters.inc").splitlines():
        if line.startswith("PARAMETER("):
            name, value, rest = re.fullmatch(r"PARAMETER\((\w+), (\d+), (.*)\)", line).groups()
            texts = [t.replace('\\"', '"') for t in re.findall(r'"((?:\\.|[^"\\])*)"', rest)]
            assert len(texts) == 4, line
            rows.append("| `" + name + "` | " + " | ".join([value] + texts) + " |")
    return "\n".join(rows)


def between(document, name):
    return re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", document, re.S)


def defined(top, place):
    """`path: name` where the file holds a definition of that function."""
    path, name = place.split(": ")
    if not os.path.isfile(os.path.join(top, path)):
        return False
    return re.search(rf"^[a-z].*\b{name}\(", read(top, path), re.M) is not None


def is_run(top, test):
    """A unit test stands in its program's list; an attack's or a script's function is named again where it is run."""
    path, name = test.split(": ")
    if path.startswith("tests/unit/"):
        return f"cmocka_unit_test({name})" in read(top, path)
    runner = "api.py" if path.endswith(".py") else "attacks.c"
    places = {path} | ({f"tests/attack/{runner}"} if path.startswith("tests/attack/") else set())
    return sum(len(re.findall(rf"\b{name}\b", read(top, place))) for place in places) >= 2


def sentences(top, document):
    """What is wrong with the table of the design's sentences."""
    place = re.compile(r"`([^`]+: \w+)`")
    rows = [[c.strip() for c in line.strip("|").split(" | ")] for line in between(document, "sentences").group(1).splitlines()[2:]]
    failed = [f"{row}: not four columns" for row in rows if len(row) != 4]
    for part, text, kept, shown in (row for row in rows if len(row) == 4):
        if kept.startswith(("not built", "figure", "why")):
            continue
        function, test = place.fullmatch(kept), place.fullmatch(shown)
        if not function or not test:
            failed.append(f"{part} {text}: names no function and test")
            continue
        failed += [f"{one}: there is no such function" for one in (function.group(1),) if not defined(top, one)]
        if not defined(top, test.group(1)) or not is_run(top, test.group(1)):
            failed.append(f"{test.group(1)}: is no test that is run")
    failed += [f"section {part} has no sentence" for part in PARTS if part not in {row[0] for row in rows}]
    if len(rows) < SENTENCES_MIN:
        failed.append(f"only {len(rows)} sentences are read")
    return failed


def main():
    top = sys.argv[1]
    document = read(top, "docs/DISCLOSURE.md")
    wanted = parameters(top)
    if "--write" in sys.argv:
        document = document.replace(between(document, "parameters").group(0), f"<!-- parameters -->\n{wanted}\n<!-- end -->")
        with open(os.path.join(top, "docs/DISCLOSURE.md"), "w", encoding="utf-8") as f:
            f.write(document)
    failed = []
    if between(document, "parameters").group(1).strip() != wanted:
        failed.append("the parameters are not parameters.inc's: run this test with --write")
    others = document.replace(between(document, "sentences").group(0), "")
    rules = re.findall(r"^\| [01][^|]*\| [^|]+ \| `([^`]+)` \| `([^`]+)` \|$", others, re.M)
    for function, test in rules:
        failed += [f"{place}: there is no such function" for place in (function, test) if not defined(top, place)]
        path, name = test.split(": ")
        if f"cmocka_unit_test({name})" not in read(top, path) and f"({name}," not in read(top, path) and f"({name})" not in read(top, path) and not (
                path.startswith("tests/attack/") and is_run(top, test)):
            failed.append(f"{test}: is not run")
    if len(rules) < RULES_MIN:
        failed.append(f"only {len(rules)} rules are read")
    failed += sentences(top, document)
    for text in failed:
        print(text)
    print(f"{len(rules)} rules, {wanted.count(chr(10)) - 1} parameters, {len(failed)} offences")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
