#!/usr/bin/env python3
"""The manual page and the completion name each verb of the nouns below with each of its options.

usage: commands_doc_test.py TOP    The table of commands is client/main.c."""
import os
import re
import sys

NOUNS = ("application", "audit", "enquiry", "permit", "register", "result")
FILTERS = "account organisation dataset variable purpose permit query site outcome type from to".split()


def read(*parts):
    with open(os.path.join(sys.argv[1], *parts), encoding="utf-8") as f:
        return f.read()


def main():
    page = re.sub(r"\\f[A-Z]|\\", "", read("docs", "man", "innsyn.1"))
    completion = read("deploy", "completion", "innsyn.bash")
    lacking = []
    count = 0
    table = read("client", "main.c")
    for noun, verb, options in re.findall(r'\{"(\w+)", "([\w-]*)", \d+, \d+, \w+, ((?:LOG_FILTERS *)?(?:"[^"]*")?),', table):
        if noun not in NOUNS:
            continue
        count += 1
        names = [o.rstrip("+=") for o in re.findall(r"[\w-]+=?\+?", "".join(re.findall(r'"([^"]*)"', options)))]
        if "LOG_FILTERS" in options:
            names += FILTERS
        if f"{noun} {verb}" not in page:
            lacking.append(f"the manual page lacks: {noun} {verb}")
        for name in names:
            if f"--{name}" not in page:
                lacking.append(f"the manual page lacks --{name} of {noun} {verb}")
        if not re.search(rf'\[{noun}\]="[^"]*\b{verb}\b', completion):
            lacking.append(f"the completion lacks: {noun} {verb}")
        said = re.search(rf'\["{noun} {verb}"\]="([^"]*)"', completion)
        said = (said.group(1) if said else "").replace("$log_filters", " ".join("--" + f for f in FILTERS)).split()
        lacking += [f"the completion lacks --{name} of {noun} {verb}" for name in names if f"--{name}" not in said]
    print("\n".join(lacking) or f"{count} verbs are described")
    sys.exit(1 if lacking or count < 10 else 0)


main()
