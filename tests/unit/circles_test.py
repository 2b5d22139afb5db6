#!/usr/bin/env python3
"""No files use each other in a circle: what a file defines for others is used only by files above it.

usage: circles_test.py TOP    Prints each circle, and who takes what from whom in it; ends with 1 if there is any.

The text is read, not compiled: a function that is not static and named once in the tree belongs to its file; a file whose
code (comments, strings and include lines apart) holds that name uses it.  A header counts as its source."""
import os
import re
import sys

FOLDERS = ("base", "proto", "policy", "stats", "broker", "agents", "client")
FILES_MIN, NAMES_MIN = 150, 1000  # fewer were found: the reading is wrong, not the tree right
DEFINITION = re.compile(r"^(?!static|typedef|struct \w+ \{|enum|return|else)[a-z_][\w \*]*?\b(\w+)\([^;{}]*\)\n\{", re.M)
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^\s*#\s*include[^\n]*', re.S | re.M)


def code_of(path):
    with open(path, encoding="utf-8") as f:
        return NO_CODE.sub(" ", f.read())


def read(top):
    """{file: its code} of every C source below the folders."""
    found = {}
    for folder in FOLDERS:
        for where, _, names in os.walk(os.path.join(top, folder)):
            for name in sorted(names):
                if name.endswith(".c"):
                    path = os.path.join(where, name)
                    found[os.path.relpath(path, top)] = code_of(path)
    return found


def uses(sources):
    """{(user, owner): names} between files, and how many names are owned by one file."""
    owners = {}
    for path, code in sources.items():
        for name in DEFINITION.findall(code):
            owners.setdefault(name, set()).add(path)
    owned = {name: paths.pop() for name, paths in owners.items() if len(paths) == 1}
    found = {}
    for path, code in sources.items():
        for name in set(re.findall(r"(?<!enum )(?<!struct )\b\w+\b", code)) & owned.keys():
            if owned[name] != path:
                found.setdefault((path, owned[name]), []).append(name)
    return found, len(owned)


def circles(paths, edges):
    """The groups of files that reach each other (Tarjan 1972), two files or more."""
    below = {path: [b for a, b in edges if a == path] for path in paths}
    index, low, stack, groups = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in below[v]:
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            at = stack.index(v)
            if len(stack) - at > 1:
                groups.append(sorted(stack[at:]))
            del stack[at:]

    for path in paths:
        if path not in index:
            visit(path)
    return groups


def self_test():
    a, b = "int one(void)\n{\n    return two();\n}\n", "int two(void)\n{\n    return 2;\n}\n"
    back = b.replace("2;", "one();")
    for second, wanted in ((b, []), (back, [["a.c", "b.c"]]), (b.replace("2;", '2; /* one() */'), [])):
        sources = {"a.c": NO_CODE.sub(" ", a), "b.c": NO_CODE.sub(" ", second)}
        if circles(sources, uses(sources)[0]) != wanted:
            sys.exit(f"circles_test.py: misjudges {second!r}")


def main():
    self_test()
    sys.setrecursionlimit(10000)
    sources = read(sys.argv[1])
    edges, names = uses(sources)
    found = circles(sources, edges)
    for group in found:
        print("a circle: " + " ".join(group))
        for (user, owner), what in sorted(edges.items()):
            if user in group and owner in group:
                print(f"  {user} takes from {owner}: {' '.join(sorted(what))}")
    print(f"{len(sources)} files, {names} names, {len(edges)} uses between files, {len(found)} circles")
    sys.exit(1 if found or len(sources) < FILES_MIN or names < NAMES_MIN else 0)


main()
