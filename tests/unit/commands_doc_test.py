#!/usr/bin/env python3
"""The manual pages name each command of the three programs with each of its options; so does the completion of innsyn.

usage: commands_doc_test.py TOP    The tables of commands are client/main.c, agents/main.c, broker/main.c."""
import glob
import os
import re
import sys

FILTERS = "account organisation dataset variable purpose permit query site outcome type from to".split()


def read(*parts):
    with open(os.path.join(sys.argv[1], *parts), encoding="utf-8") as f:
        return f.read()


def manual(program):
    """The page's text without its marks."""
    return re.sub(r"\\f[A-Z]|\\|^\.[A-Z]+ ", "", read("docs", "man", program + ".1"), flags=re.M)


def main():
    page = manual("innsyn")
    completion = read("deploy", "completion", "innsyn.bash")
    lacking = []
    count = 0
    table = read("client", "main.c")
    for noun, verb, options in re.findall(r'\{"(\w+)", "([\w-]*)", \d+, \d+, \w+, ((?:LOG_FILTERS *)?(?:"[^"]*")?),', table):
        count += 1
        names = [o.rstrip("+=") for o in re.findall(r"[\w-]+=?\+?", "".join(re.findall(r'"([^"]*)"', options)))]
        if "LOG_FILTERS" in options:
            names += FILTERS
        if f"{noun} {verb}".strip() not in page:
            lacking.append(f"the manual page lacks: {noun} {verb}")
        for name in names:
            if f"--{name}" not in page:
                lacking.append(f"the manual page lacks --{name} of {noun} {verb}")
        if not re.search(rf'\[{noun}\]="' if not verb else rf'\[{noun}\]="[^"]*(?<![\w-]){verb}(?![\w-])', completion):
            lacking.append(f"the completion lacks: {noun} {verb}")
        said = re.search(rf'\["{noun} {verb}"\]="([^"]*)"', completion)
        said = (said.group(1) if said else "").replace("$log_filters", " ".join("--" + f for f in FILTERS)).split()
        lacking += [f"the completion lacks --{name} of {noun} {verb}" for name in names if f"--{name}" not in said]
    for program, sources in (("innsyn-agent", ["agents/main.c", *glob.glob("agents/commands/*.c", root_dir=sys.argv[1])]), ("innsyn-broker", ["broker/main.c"])):
        page = manual(program)
        text = "".join(read(source) for source in sources)
        names = re.findall(r'\{"([\w-]+)", "[^"]*", "[^"]*", command_\w+\}', text) + re.findall(r'strcmp\(command, "([\w-]+)"\)', text)
        lacking += [f"the manual page of {program} lacks: {name}" for name in names if not re.search(rf"^ *{name}\b|, {name} ", page, re.M)]
        lacking += [f"the manual page of {program} lacks {option}" for option in set(re.findall(r'\{"(--[\w-]+)"', text)) if option not in page]
        lacking += [] if len(names) >= 6 else [f"{program}: no commands found"]
        count += len(names)
    print("\n".join(lacking) or f"{count} verbs are described")
    sys.exit(1 if lacking or count < 90 else 0)


main()
