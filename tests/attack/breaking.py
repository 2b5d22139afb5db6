"""A23: the agents' own processes die at random moments under parallel askers, clocks jump, the disk is full.  What was
answered stays charged, no budget is overdrawn, no question has two answers."""
import collections
import contextlib
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

from people import BITS, ZIPS

ROLES = ("parent", "link", "guard", "engine")
PAUSE_SECONDS_MAX, END_SECONDS_MAX = 0.3, 20
MINUTE_MS, DAY_MS = 60 * 1000, 86400 * 1000
STEPS_MS = (0, 0, MINUTE_MS, -MINUTE_MS, 3 * DAY_MS, -3 * DAY_MS, 400 * DAY_MS)  # beyond two minutes a site answers nothing
DISK_ROOM, PAGE, FULL_WAIT_MS = 256 * 1024, 4096, 3000


def questions():
    found = []
    for z in range(ZIPS):
        found += [({"zip": [str(z)]}, {"table": {"by": [by]}}) for by in ["secret"] + [f"b{b}" for b in range(BITS)]]
        found.append(({"zip": [str(z)], "secret": ["1"]}, {"count": {}}))
    return found


class Seen:
    """What the askers were told, all of them together."""

    def __init__(self):
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.answers = collections.defaultdict(set)  # (site, question) -> what it was told
        self.least_left = {}                         # (site, permit, variable) -> the least that was shown
        self.codes = collections.Counter()
        self.told, self.wrong = 0, []

    def take(self, number, permit, said):
        status, document, _ = said
        results = (document.get("result") or {}).get("by_site") or {}
        with self.lock:
            if status >= 400:
                self.codes["-", document.get("code", str(status))] += 1
            for site in document.get("sites", []):
                name, code = site["site"], (site.get("reason") or {}).get("code", site["status"])
                self.codes[name[0], code] += 1
                if name in results:
                    self.answers[name, number].add(json.dumps(results[name], sort_keys=True))
                    self.told += name[0] == "d"
                elif code == "disclosure":
                    self.answers[name, number].add(code)
            for left in ((document.get("result") or {}).get("protection") or {}).get("budget") or []:
                key = (left["site"], permit, left.get("variable"))
                self.least_left[key] = min(left["left"], self.least_left.get(key, 1))

    def asks(self, f, permits, seed):
        draw, pool = random.Random(seed), questions()
        try:
            while not self.stop.is_set():
                number, permit = draw.randrange(len(pool)), draw.choice(permits)
                self.take(number, permit, f.ask(*pool[number], person=draw.choice(("researcher", "researcher2")), permit=permit))
        except Exception as e:  # an asker that ends early would make this easier than it says
            self.wrong.append(repr(e))


def kill_one(f, site, role):
    """SIGKILL to one process of a running agent; the program ends whole, and is started again."""
    net, name = f.net, "agent-" + site
    parent, pids = net.processes[name].pid, {}

    def there():
        pids.update(net.role_pids(os.path.join("agents", site)))
        return pids.get("parent") == parent
    net.wait_for(f"the processes of {name}", there, name)
    os.kill(next(pid for what, pid in pids.items() if what.startswith(role)), signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        net.processes[name].wait(END_SECONDS_MAX)
    net.stop(name, kill=True)
    net.start_agent(site)


def accounts(f, site):
    """(answers without an entry in the ledger, the most that a permit spent of a variable, what is left of each account,
    whether the accounts are the sums of the entries)"""
    folder, charged, sums, asked, bare = f.net.path("agents", site), set(), collections.Counter(), {}, 0
    for path in sorted(glob.glob(os.path.join(folder, "guard", "ledger", "*.jsonl"))):
        with open(path, encoding="utf-8") as lines:
            for entry in map(json.loads, lines):
                if entry["type"] == "spent":
                    charged.add((entry["question"], entry["edition"]))
                    for variable, micro in entry["charges"].items():
                        sums[entry["permit"], variable] += micro
    for entry in map(json.loads, f.net.agent("journal", folder, "--json").stdout.splitlines()):
        if entry["type"] == "asked" and entry["dataset"] == "town":
            asked[entry["task"]] = (entry["question_sha256"], entry["edition"])
        elif entry["type"] == "answered" and entry["task"] in asked:
            bare += asked[entry["task"]] not in charged
    shown = json.loads(f.net.agent("ledger", "show", folder, "--json").stdout)["accounts"]
    own = {(a["permit"], a["variable"]): a["spent"] for a in shown if a["permit"] != "*"}
    agree = all(abs(own.get(key, 0) - micro / 1e6) < 1e-6 for key, micro in sums.items())
    return bare, max(own.values(), default=0), {key: 1 - spent for key, spent in own.items()}, agree


def a23(f, report, kills, askers_):
    f.forget("dokm")
    f.new_permit("town", "dokm")
    permits = [f.permit]
    f.new_permit("town", "dokm")
    permits.append(f.permit)
    draw, seen, clocks = random.Random(23), Seen(), 0
    askers = [threading.Thread(target=seen.asks, args=(f, permits, k)) for k in range(askers_)]
    for t in askers:
        t.start()
    try:
        for n in range(kills):
            time.sleep(draw.uniform(0, PAUSE_SECONDS_MAX))
            kill_one(f, draw.choice(f.sites("d") + f.sites("k")), ROLES[n % len(ROLES)])
            for site in f.sites("k"):
                f.net.set_clock(site, draw.choice(STEPS_MS))
                clocks += 1
    finally:
        for site in f.sites("k"):
            f.net.set_clock(site, 0)
        seen.stop.set()
        for t in askers:
            t.join()
    if seen.wrong:
        raise RuntimeError(f"an asker ended: {seen.wrong[0]}")
    for number, question in enumerate(questions()):  # and all of it once more, with nothing broken
        seen.take(number, permits[0], f.ask(*question, permit=permits[0]))
    verdict(f, report, seen, f"{kills} kills, {clocks} clock steps, {askers_} askers, {seen.told} answers")
    full_disk(f, report)


def verdict(f, report, seen, what):
    kept = f.sites("dk")
    twice = {kind: sum(len(told) > 1 for (site, _), told in seen.answers.items() if site[0] in kind) for kind in ("dk", "m")}
    found = {site: accounts(f, site) for site in kept + f.sites("o")}
    questions_told = sum(site in kept for site, _ in seen.answers)
    spent = max(found[s][1] for s in kept)
    print("        what was said: " + "; ".join(f"{kind} {code} {n}" for (kind, code), n in sorted(seen.codes.items())))
    report.line("A23", twice["m"], 1, twice["dk"], 0, questions_told, spent, f"questions with two answers; {what} (off: no memory)")
    report.line("A23", sum(found[s][0] for s in f.sites("o")), 1, sum(found[s][0] for s in kept), 0, questions_told, spent,
                "answers that nothing was spent for (off: no ledger)")
    report.line("A23", 1, 1, spent, 1, len(kept), spent, "the most that a permit spent of a variable")
    exhausted = sum(seen.codes[kind, "budget_exhausted"] for kind in "dk")
    regained = sum(found[site][2].get((permit, variable), 1) > left + 1e-6 for (site, permit, variable), left in seen.least_left.items() if site in kept)
    wrong = sum(not found[s][3] for s in kept)
    report.line("A23", 1, 1, regained + wrong + (exhausted == 0), 0, len(seen.least_left), spent,
                f"budgets that grew again, or are not the sum of their entries ({exhausted} refusals at a cap)")


@contextlib.contextmanager
def small_disk(f, site):
    """The site's guard on a file system with DISK_ROOM left, of which nothing is left within."""
    guard, name = f.net.path("agents", site, "guard"), "agent-" + site
    f.net.stop(name)
    used = int(subprocess.run(["du", "-sk", "--apparent-size", guard], capture_output=True, text=True, check=True, timeout=60).stdout.split()[0]) * 1024
    files = sum(len(names) + 1 for _, _, names in os.walk(guard))
    os.rename(guard, guard + ".there")
    os.mkdir(guard, 0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + 4096 * files + DISK_ROOM},mode=700", "none", guard], capture_output=True,
                             text=True, check=False, timeout=60)
    if mounted.returncode:
        os.rmdir(guard)
    try:
        if mounted.returncode == 0:
            shutil.copytree(guard + ".there", guard, dirs_exist_ok=True, copy_function=shutil.copy2)
        else:
            os.rename(guard + ".there", guard)
        f.net.start_agent(site)
        yield None if mounted.returncode else os.path.join(guard, "filler")
    finally:
        f.net.stop(name)
        if mounted.returncode == 0:
            shutil.copytree(guard, guard + ".after", ignore=shutil.ignore_patterns("filler"))
            subprocess.run(["umount", guard], check=True, timeout=60)
            os.rmdir(guard)
            os.rename(guard + ".after", guard)
            shutil.rmtree(guard + ".there")
        f.net.start_agent(site)


def fill(path, pages):
    """Takes all room but so many pages."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as to:
        while True:
            to.write(bytes(PAGE))
    os.truncate(path, max(0, os.path.getsize(path) - pages * PAGE))


def full_disk(f, report):
    """Nothing leaves that cannot be written down; with room again, the same answers as ever.  A site that cannot write its
    journal ends, and is started again as a service is."""
    site = f.sites("d")[0]
    name, ended_ = "agent-" + site, 0
    f.new_permit("town", "d")
    pool = [({"b5": ["1"]}, {"table": {"by": [f"b{b}"]}}) for b in range(5)] + [({"b4": ["1"]}, {"table": {"by": [f"b{b}"]}}) for b in range(4)]

    def told(q, **more):
        return f.answers(*q, sites=[site], **more).get(site)
    with small_disk(f, site) as filler:
        if filler is None:
            print("        full disk: not run, this machine lets nobody mount a file system")
            return
        before, full = [told(q) for q in pool[:2]], []
        for pages, q in enumerate(pool):
            fill(filler, pages)
            full.append(told(q, wait_ms=FULL_WAIT_MS))
            os.unlink(filler)
            if not f.net.is_alive(name):
                f.net.stop(name)
                f.net.start_agent(site)
                ended_ += 1
        after = [told(q) for q in pool]
    again = [told(q) for q in pool]
    none = sum(not isinstance(a, dict) for a in before + after + again)
    answered = sum(isinstance(a, dict) for a in full)
    bare, most, _, agree = accounts(f, site)
    other = sum(a != b for a, b in zip(before + after, after[:2] + again)) + sum(isinstance(a, dict) and a != b for a, b in zip(full, after))
    codes = collections.Counter(a for a in full if isinstance(a, str))
    report.line("A23", 1, 1, none + other + bare + (not agree) + (answered == len(full)), 0, len(pool), most,
                f"a full disk: answers that are not written down or others later ({answered} of {len(full)} answered, else {dict(codes)}; ended {ended_} times)")
