"""Aim: the schemas are whole, and accept what they should and nothing beside it.
Method: every $ref is followed; every example of tests/data/documents is named <schema>.good.json or
<schema>.bad-<why>.json; openapi.json is held against the role table of policy/roles.c."""
import json
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests"))
import schema_check  # noqa: E402

failures = []
checks = 0


def expect(ok, what):
    global checks
    checks += 1
    if not ok:
        failures.append(what)


def walk(value, base):
    """Every $ref leads somewhere."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            try:
                schema_check.resolve(value["$ref"], base)
                expect(True, "")
            except (KeyError, OSError) as e:
                expect(False, f"{base}: $ref {value['$ref']}: {e}")
        for v in value.values():
            walk(v, base)
    elif isinstance(value, list):
        for v in value:
            walk(v, base)


for file in sorted(schema_check.FOLDER.glob("*.json")):
    walk(schema_check.load(file.stem), file.stem)
    if file.stem != "openapi":
        expect(schema_check.load(file.stem)["$id"] == file.name, f"{file.name}: its $id is another")

named = {f.stem for f in schema_check.FOLDER.glob("*.json")} - {"common", "openapi"}
good = set()
for file in sorted((TOP / "tests/data/documents").glob("*.json")):
    schema, kind = file.name.split(".")[:2]
    errors = schema_check.validate(json.loads(file.read_text(encoding="utf-8")), schema)
    unknown = [e for e in errors if "unknown keyword" in e]
    expect(not unknown, f"{file.name}: {unknown}")
    if kind == "good":
        good.add(schema)
        expect(not errors, f"{file.name}: {errors}")
    else:
        expect(errors, f"{file.name} was accepted")
expect(good == named, f"without a good example: {named - good}")

# The role table, read as text: {COMMAND_X, "METHOD", "/path", callers, relation},
SETS = {"SIGNED_IN": "researcher officer holder auditor operator desk", "FILE_READERS": "researcher officer holder auditor",
        "CALLER_ANYONE": "anyone", "CALLER_AGENT": "agent"}
table = {}
for name, method, path, callers in re.findall(r'\{COMMAND_(\w+), "(\w+)", "([^"]+)", ([^,]+),', (TOP / "policy/roles.c").read_text()):
    words = " ".join(SETS.get(c.strip(), c.strip().removeprefix("ROLE_").lower()) for c in callers.split("|"))
    table[(method.lower(), path)] = (name.lower(), set(words.split()))
described = {(m, p): (op["operationId"], set(op["x-innsyn-callers"]))
             for p, ops in schema_check.load("openapi")["paths"].items() for m, op in ops.items()}
expect(len(table) > 30, "the role table was not found in policy/roles.c")
for call in sorted(set(table) | set(described)):
    expect(table.get(call) == described.get(call), f"{call}: {table.get(call)} in policy/roles.c, {described.get(call)} in openapi.json")

# The list of problem codes in the protocol is the table of proto/problem.c.
protocol = (TOP / "docs/PROTOCOL.md").read_text(encoding="utf-8")
listed = set(re.findall(r"`(\w+)`", re.search(r"^Codes by class: (.*)$", protocol, re.M).group(1)))
coded = set(re.findall(r'\{"(\w+)", PROBLEM_', (TOP / "proto/problem.c").read_text()))
expect(listed == coded, f"problem codes: only in PROTOCOL.md {listed - coded}, only in problem.c {coded - listed}")

# The validator itself: both sides of what it knows.
base = "common"
for value, schema, ok in [
    (True, {"type": "integer"}, False), (1.0, {"type": "integer"}, True), (1.5, {"type": "integer"}, False),
    (1, {"const": True}, False), (None, {"enum": [None]}, True), ("a\n", {"pattern": "^a$"}, False),
    ({"a": 1}, {"additionalProperties": False}, False), ({"a": 1}, {"additionalProperties": {"type": "string"}}, False),
    ([1, 1], {"uniqueItems": True}, False), ([1, 2], {"uniqueItems": True}, True), (0, {"exclusiveMinimum": 0}, False),
    (1, {"oneOf": [{"type": "integer"}, {"type": "number"}]}, False), (1, {"madeUp": 1}, False), (1, False, False),
]:
    expect((not schema_check.check(value, schema, base)) == ok, f"validator: {value!r} against {schema}")
expect(schema_check.answer("GET", "/v1/log/inclusion?index=1&size=2", 200, {"proof": []}) == [], "answer")
expect(schema_check.answer("GET", "/v1/log/inclusion", 200, {"prof": []}), "answer accepts anything")
expect(schema_check.answer("POST", "/v1/queries/check", 200, {"verdict": "maybe", "reasons": []}), "check is taken for an id")
expect(schema_check.answer("GET", "/v1/nothing", 200, {}), "an unknown path is accepted")

for failure in failures:
    print("FAILED", failure)
print(f"{checks} checks, {len(failures)} failed")
sys.exit(bool(failures))
