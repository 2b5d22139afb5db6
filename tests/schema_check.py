"""Checks documents against the schemas of proto/schema with the standard library only.

    import schema_check
    errors = schema_check.validate(instance, "result")          # [] when it is one
    errors = schema_check.answer("GET", "/v1/queries/q-1", 200, instance)

Only the keywords that the schemas use are known; an unknown keyword is an error of the schema, so that
nothing is skipped in silence.
"""
import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "proto" / "schema"
_documents = {}
_NOTES = {"$schema", "$id", "$defs", "title", "description"}
_TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "integer": lambda v: (isinstance(v, int) and not isinstance(v, bool)) or (isinstance(v, float) and v.is_integer()),
}


def load(name):
    """The parsed file proto/schema/<name>.json."""
    if name not in _documents:
        _documents[name] = json.loads((FOLDER / (name + ".json")).read_text(encoding="utf-8"))
    return _documents[name]


def resolve(reference, base):
    """(schema, the file it is in) of a $ref met in the file `base`; KeyError when it leads nowhere."""
    file, _, pointer = reference.partition("#")
    name = file[: -len(".json")] if file else base
    target = load(name)
    for part in [p for p in pointer.split("/") if p]:
        target = target[part.replace("~1", "/").replace("~0", "~")]
    return target, name


def _same(a, b):
    return type(a) is type(b) and a == b or (_TYPES["number"](a) and _TYPES["number"](b) and a == b)


def check(value, schema, base, at=""):
    """Errors of value against a schema met in the file `base`."""
    if schema is True or schema == {}:
        return []
    if schema is False:
        return [at + ": nothing is allowed here"]
    errors = []
    for keyword, rule in schema.items():
        if keyword in _NOTES or keyword in ("then", "else"):
            continue
        if keyword == "$ref":
            target, name = resolve(rule, base)
            errors += check(value, target, name, at)
        elif keyword == "type":
            kinds = rule if isinstance(rule, list) else [rule]
            if not any(_TYPES[k](value) for k in kinds):
                errors.append(f"{at}: is not {' or '.join(kinds)}")
        elif keyword == "const":
            if not _same(value, rule):
                errors.append(f"{at}: is not {json.dumps(rule)}")
        elif keyword == "enum":
            if not any(_same(value, r) for r in rule):
                errors.append(f"{at}: {json.dumps(value)[:60]} is none of {json.dumps(rule)}")
        elif keyword in ("anyOf", "oneOf"):
            tried = [check(value, s, base, at) for s in rule]
            fitting = sum(not t for t in tried)
            if not fitting:
                errors.append(f"{at}: fits none of {len(rule)} forms: " + "; ".join(t[0] for t in tried)[:400])
            elif keyword == "oneOf" and fitting > 1:
                errors.append(f"{at}: fits {fitting} forms, not one")
        elif keyword == "allOf":
            for s in rule:
                errors += check(value, s, base, at)
        elif keyword in ("pattern", "minLength", "maxLength"):
            if not isinstance(value, str):
                continue
            if keyword == "pattern" and not re.search(rule.replace("$", r"\Z") if rule.endswith("$") else rule, value):
                errors.append(f"{at}: {value[:60]!r} does not match {rule}")
            if keyword == "minLength" and len(value) < rule or keyword == "maxLength" and len(value) > rule:
                errors.append(f"{at}: has {len(value)} characters ({keyword} {rule})")
        elif keyword in ("minimum", "maximum", "exclusiveMinimum"):
            if not _TYPES["number"](value):
                continue
            if (keyword == "minimum" and value < rule or keyword == "maximum" and value > rule
                    or keyword == "exclusiveMinimum" and value <= rule):
                errors.append(f"{at}: {value} breaks {keyword} {rule}")
        elif keyword in ("items", "minItems", "maxItems", "uniqueItems"):
            if not isinstance(value, list):
                continue
            if keyword == "items":
                for i, item in enumerate(value):
                    errors += check(item, rule, base, f"{at}/{i}")
            elif keyword == "uniqueItems":
                texts = [json.dumps(v, sort_keys=True) for v in value]
                if rule and len(set(texts)) != len(texts):
                    errors.append(f"{at}: holds an item twice")
            elif keyword == "minItems" and len(value) < rule or keyword == "maxItems" and len(value) > rule:
                errors.append(f"{at}: has {len(value)} items ({keyword} {rule})")
        elif keyword in ("properties", "required", "additionalProperties", "propertyNames", "maxProperties"):
            if not isinstance(value, dict):
                continue
            if keyword == "properties":
                for name, s in rule.items():
                    if name in value:
                        errors += check(value[name], s, base, f"{at}/{name}")
            elif keyword == "required":
                errors += [f"{at}: lacks {name}" for name in rule if name not in value]
            elif keyword == "additionalProperties":
                for name in value:
                    if name not in schema.get("properties", {}):
                        errors += (check(value[name], rule, base, f"{at}/{name}") if rule is not False
                                   else [f"{at}/{name}: unknown field"])
            elif keyword == "propertyNames":
                for name in value:
                    errors += check(name, rule, base, f"{at}/{name}")
            elif len(value) > rule:
                errors.append(f"{at}: has more than {rule} members")
        else:
            errors.append(f"schema {base}: unknown keyword {keyword}")
    return errors


def validate(instance, schema_name):
    """A list of errors, each beginning with its path; empty when the instance is such a document."""
    return check(instance, load(schema_name), schema_name)


def operation(method, path):
    """The openapi.json operation of a call; what is spelled out wins over {..}.  None: there is none."""
    path = path.split("?")[0]
    for pattern, operations in sorted(load("openapi")["paths"].items(), key=lambda p: ("{" in p[0], -p[0].find("{"))):
        if method.lower() in operations and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", re.sub(r"\{\w+\*\}", ".+", pattern)), path):
            return operations[method.lower()]
    return None


def answer(method, path, status, instance):
    """Errors of a server's JSON answer against openapi.json."""
    op = operation(method, path)
    if op is None:
        return [f"openapi.json has no {method} {path}"]
    response = op["responses"].get(str(status), op["responses"]["default"] if status >= 400 else None)
    if response is None:
        return [f"{method} {path}: status {status} is not described"]
    content = response["content"]
    media = "application/problem+json" if status >= 400 else "application/json"
    return check(instance, content[media]["schema"], "openapi") if media in content else []
