#!/usr/bin/env python3
"""The manual pages name each command of the three programs with each of its options; so does the completion of innsyn;
and the manual names no command or option that does not exist.

usage: commands_doc_test.py TOP    The tables of commands are client/main.c, agents/main.c, broker/main.c."""
import glob
import os
import re
import shlex
import sys

FILTERS = "account organisation dataset variable purpose permit query site outcome type from to".split()


def read(*parts):
    with open(os.path.join(sys.argv[1], *parts), encoding="utf-8") as f:
        return f.read()


def manual(program):
    """The page's text without its marks."""
    return re.sub(r"\\f[A-Z]|\\|^\.[A-Z]+ ", "", read("docs", "man", program + ".1"), flags=re.M)


def manual_lines():
    """(file, words) of each command of ours in the manual's shell blocks, comments taken away."""
    folder = os.path.join(sys.argv[1], "docs", "manual")
    for name in sorted(os.listdir(folder)):
        for block in re.findall(r"^```sh\n(.*?)^```", read("docs", "manual", name), re.M | re.S):
            for line in block.splitlines():
                words = shlex.split(line, comments=True)
                if words and words[0] in ("innsyn", "innsyn-agent", "innsyn-broker"):
                    yield name, words


def unknown(words, table, pages):
    """What of a command in the manual does not exist."""
    known, begin = {"--json", "--profile", "--ascii"}, 2
    if words[0] == "innsyn":
        begin = 2 if (words[1], "") in table else 3
        key = (words[1], "" if begin == 2 else words[2])
        if key not in table:
            return "no such command"
        known |= {"--" + option for option in table[key]}
    else:
        if not re.search(rf"^ *{words[1]}\b|, {words[1]} ", pages[words[0]], re.M):
            return "no such command"
        known |= set(re.findall(r"--[\w-]+", pages[words[0]]))
    return " ".join(w for w in words[begin:] if w.startswith("--") and w not in known)


def main():
    page = manual("innsyn")
    completion = read("deploy", "completion", "innsyn.bash")
    lacking = []
    count = 0
    source, table = read("client", "main.c"), {}
    for noun, verb, options in re.findall(r'\{"(\w+)", "([\w-]*)", \d+, \d+, \w+, ((?:LOG_FILTERS *)?(?:"[^"]*")?),', source):
        count += 1
        names = [o.rstrip("+=") for o in re.findall(r"[\w-]+=?\+?", "".join(re.findall(r'"([^"]*)"', options)))]
        if "LOG_FILTERS" in options:
            names += FILTERS
        table[noun, verb] = names
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
    pages = {program: manual(program) for program in ("innsyn-agent", "innsyn-broker")}
    lines = list(manual_lines())
    lacking += [f"docs/manual/{name}: {' '.join(words)}: {wrong}" for name, words in lines if (wrong := unknown(words, table, pages))]
    lacking += [] if len(lines) > 50 else ["docs/manual: too few commands found"]
    print("\n".join(lacking) or f"{count} verbs are described; {len(lines)} commands of the manual exist")
    sys.exit(1 if lacking or count < 90 else 0)


main()
