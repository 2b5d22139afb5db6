"""The elements that FHIR R4 (AuditEvent) and IHE BALP demand of what `audit export --format fhir` writes.

    errors = fhir_check.audit_event(resource)   # [] when nothing demanded is missing
"""
import base64
import re

INSTANT = re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
TYPES = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
QUERY = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Query"


def _coding(value, at):
    if not isinstance(value, dict) or not value.get("system") or not value.get("code"):
        return [f"{at}: a coding has system and code"]
    return []


def _reference(value, at):
    identifier = (value or {}).get("identifier") or {}
    return [] if identifier.get("system") and identifier.get("value") else [f"{at}: names nobody"]


def _agent_codes(agent):
    return {(c.get("system"), c.get("code")) for c in agent.get("type", {}).get("coding", [])}


def _query(e):
    errors, codes = [], [_agent_codes(a) for a in e["agent"]]
    for want, name in ((("110153"), "client"), (("110152"), "server")):
        here = [a for a, c in zip(e["agent"], codes) if (DICOM, want) in c]
        if len(here) != 1 or not here[0].get("network", {}).get("address"):
            errors.append(f"agent: one {name} (DCM {want}) with its network")
    users = [a for a in e["agent"] if a["requestor"]]
    if any("network" in a for a in users):
        errors.append("agent: the user has no network")
    if e["type"]["code"] != "rest" or "search" not in [s["code"] for s in e["subtype"]] or e.get("action") != "E" or e.get("outcome") != "0":
        errors.append("type rest, subtype search, action E, outcome 0")
    queries = [x for x in e.get("entity", []) if x.get("type", {}).get("code") == "2" and x.get("role", {}).get("code") == "24"]
    if len(queries) != 1 or not queries[0].get("query"):
        errors.append("entity: one query (type 2, role 24) with its bytes")
    else:
        base64.b64decode(queries[0]["query"], validate=True)
    return errors


def audit_event(e):
    errors = []
    if e.get("resourceType") != "AuditEvent" or not ID.fullmatch(e.get("id", "")):
        errors.append("resourceType AuditEvent with an id")
    errors += _coding(e.get("type"), "type")
    for i, s in enumerate(e.get("subtype", [])):
        errors += _coding(s, f"subtype[{i}]")
    if e.get("action", "E") not in "CRUDE" or e.get("outcome", "0") not in ("0", "4", "8", "12"):
        errors.append("action is one of C R U D E, outcome one of 0 4 8 12")
    if not INSTANT.fullmatch(e.get("recorded", "")):
        errors.append("recorded: an instant")
    if not e.get("agent"):
        errors.append("agent: at least one")
    for i, a in enumerate(e.get("agent", [])):
        if not isinstance(a.get("requestor"), bool):
            errors.append(f"agent[{i}].requestor: true or false")
        errors += _reference(a.get("who"), f"agent[{i}].who")
        if "network" in a and a["network"].get("type") not in ("1", "2", "3", "4", "5"):
            errors.append(f"agent[{i}].network.type")
    if sum(a.get("requestor") is True for a in e.get("agent", [])) != 1:
        errors.append("agent: one is the requestor")
    errors += _reference(e.get("source", {}).get("observer"), "source.observer")
    for i, x in enumerate(e.get("entity", [])):
        if "what" not in x and "name" not in x and "query" not in x:
            errors.append(f"entity[{i}]: says nothing")
        if "name" in x and "query" in x:
            errors.append(f"entity[{i}]: has name or query, not both (sev-1)")
        errors += _coding(x.get("type"), f"entity[{i}].type")
        if x.get("type", {}).get("system") == TYPES:  # BALP's transaction: the request's id, and no role
            if x["type"].get("code") != "XrequestId" or not x.get("what", {}).get("identifier", {}).get("value"):
                errors.append(f"entity[{i}]: a transaction has the X-Request-Id as identifier")
        else:
            errors += _coding(x.get("role"), f"entity[{i}].role")
    if not errors and QUERY in e.get("meta", {}).get("profile", []):
        errors += _query(e)
    return errors
