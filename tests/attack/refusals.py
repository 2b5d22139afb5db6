"""What a refusal tells by its status, its bytes and its time."""
import json
import random
import statistics

from people import WITHOUT_7, ZIPS
from subtracting import targets

PERMUTATIONS = 2000


def spread(values):
    return statistics.mean(values) if values else 0


def permutation_p(values, labels, draw):
    """How often labels shuffled tell the values apart as well as the true ones do."""
    def apart(marks):
        a, b = ([v for v, m in zip(values, marks) if m == arm] for arm in (0, 1))
        return abs(spread(a) - spread(b))
    seen, marks, at_least = apart(labels), list(labels), 0
    for _ in range(PERMUTATIONS):
        draw.shuffle(marks)
        at_least += apart(marks) >= seen - 1e-12
    return (at_least + 1) / (PERMUTATIONS + 1)


def a21(f, report, batches):
    """A refusal's status, bytes and time, asked of one site at a time: does any tell the target's secret?"""
    draw = random.Random(21)
    seen, labels, off_seen, off_right, kinds = [], [], [], 0, {}
    for _ in range(batches):
        f.forget("da")
        for site in f.sites("d"):
            f.new_permit("town", "da")
            for z in range(ZIPS):
                truth = targets(f, site)[z]
                f.ask({"zip": [str(z)], "secret": ["1"], "age": WITHOUT_7}, sites=[site])
                status, document, seconds = f.ask({"zip": [str(z)], "secret": ["1"]}, sites=[site])
                reason = document.get("sites", [{}])[0].get("reason") or {}
                seen.append((status, reason.get("class"), len(json.dumps(dict(document, id="", created="", deadline="", receipt=""))), seconds * 1000))
                labels.append(truth)
                kinds.setdefault("refused", []).append(seconds * 1000)
            for _ in range(3):
                kinds.setdefault("told again", []).append(f.ask({"zip": ["0"], "secret": ["1"], "age": WITHOUT_7}, sites=[site])[2] * 1000)
        f.new_permit("town", "da")
        for z in range(ZIPS):
            status, document, seconds = f.ask({"zip": [str(z)], "ill2": ["1"]}, sites=["a0"])
            off_seen.append((status, seconds * 1000))
            off_right += (document["sites"][0]["status"] == "answered") == bool(targets(f, "a0")[z])
    statuses = {(s, c) for s, c, _, _ in seen}
    sizes = {n for _, _, n, _ in seen}
    off = off_right / len(off_seen)
    report.line("A21", off, 0.99, len(statuses), 1, len(seen), 0, f"distinct statuses of a refusal, through the API {sorted(map(str, statuses))} (off: refusals that say why, at once)")
    report.line("A21", off, 0.99, len(sizes), 1, len(seen), 0, f"distinct lengths of its document: {sorted(sizes)}")
    tick = [t // 50 for _, _, _, t in seen]
    p = min(permutation_p(tick, labels, draw), permutation_p([t for _, _, _, t in seen], labels, draw))
    report.line("A21", off, 0.99, p, 0.001, len(seen), 0, "p of the secret by its latency and 50 ms bucket, by permutation", at_least=True)
    print("        latency, ms: " + "; ".join(f"{k} p10 {sorted(v)[len(v) // 10]:.0f} p50 {statistics.median(v):.0f} p90 {sorted(v)[9 * len(v) // 10]:.0f}"
                                            for k, v in kinds.items()) + f"; refused at once p50 {statistics.median(t for _, t in off_seen):.0f}")
