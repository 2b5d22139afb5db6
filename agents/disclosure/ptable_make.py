#!/usr/bin/env python3
"""Writes ptable_default.inc from the p-table's vectors:
   agents/disclosure/ptable_make.py tests/data/vectors/sdc/ptable.json > agents/disclosure/ptable_default.inc
The unit test holds the two files together."""
import json, sys

table = next(t for t in json.load(open(sys.argv[1]))["tables"] if t["name"] == "default_k5")
print("/* Made by ptable_make.py from ptable.json, table default_k5: D=%d, V=%g, js=%d.  Do not edit. */"
      % (table["D"], table["V"], table["js"]))
for row in table["rows"]:
    assert row["cum_u64"][-1] == 2 ** 32 and row["exact_zero_mean"]
    print("{ .count = %d,\n  .v = {%s},\n  .cumulative = {%s} }," % (
        len(row["v"]), ", ".join(map(str, row["v"])),
        ", ".join("UINT64_C(%d)" % c for c in row["cum_u64"])))
