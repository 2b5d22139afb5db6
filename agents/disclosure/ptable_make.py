#!/usr/bin/env python3
"""Writes ptable_sets.inc from the p-tables' vectors:
   agents/disclosure/ptable_make.py tests/data/vectors/sdc/ptable.json > agents/disclosure/ptable_sets.inc
The unit test holds the two files together."""
import json, sys

tables = json.load(open(sys.argv[1]))["tables"]
print("/* Made by ptable_make.py from ptable.json.  Do not edit. */")
for t, table in enumerate(tables):
    print("static const struct ptable_row rows_%d[] = { /* %s: D=%d, V=%g, js=%d */"
          % (t, table["name"], table["D"], table["V"], table["js"]))
    for row in table["rows"]:
        assert row["cum_u64"][-1] == 2 ** 32
        print("{ .count = %d,\n  .v = {%s},\n  .cumulative = {%s} }," % (
            len(row["v"]), ", ".join(map(str, row["v"])),
            ", ".join("UINT64_C(%d)" % c for c in row["cum_u64"])))
    print("};")
print("static const struct ptable sets[] = {")
for t, table in enumerate(tables):
    print('{"%s", %d, %g, %d, %d, rows_%d},' % (
        table["name"], table["D"], table["V"], table["js"] + 1, table["n_rows"], t))
print("};")
