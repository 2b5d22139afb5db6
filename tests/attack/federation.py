"""A running federation for the attacks of docs/ATTACKS.md: sites of several kinds, people with a live permit, and what they
ask through the public API.

Sites whose name begins with d run the release's agent.  The others run the test build's with one defence taken out
(INNSYN_TEST_DEFENCES_OFF, which no release build knows; agents/weakened.h) on the same data, and every question goes to
all of them, so an attack is seen to win and to lose by the same answers.
"""
import contextlib
import glob
import json
import os
import random
import shutil
import struct
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "e2e"), os.path.dirname(os.path.abspath(__file__))]
import people  # noqa: E402
import running  # noqa: E402
import network  # noqa: E402

WEAKENED = {"o": "all", "m": "memory", "a": "alike", "n": "noise", "s": "set", "c": "cast"}  # by a site's first letter
CLOCKED = "k"                   # the test build with all defences, and a clock that a test can move
SEVERAL = "do"                  # kinds of which there are several sites; of the others one
KINDS = SEVERAL + "mansc"
PER_KIND, PER_KIND_FULL, SEED = 2, 4, 2026
WAIT_MS = 20000


class Holding:
    """A dataset, by which kinds of site it is held, and who is in it."""

    def __init__(self, profile, kinds, variables, draw_people):
        self.profile, self.kinds, self.variables, self.draw_people = profile, kinds, variables, draw_people


HOLDINGS = {
    "town": Holding("ck", "domak", people.TOWN_VARIABLES, people.town),
    "county": Holding("ck", "dons", people.COUNTY_VARIABLES, people.county),
    "lottery": Holding("dp", "doc", people.COUNTY_VARIABLES, people.county),
    "edges": Holding("ck", "do", people.EDGES_VARIABLES, people.edges),
}


class Town(network.Network):
    hooks = None  # the test build

    def datasets(self):
        return {name: h.profile for name, h in HOLDINGS.items()}

    def holders(self, dataset, kinds=None):
        return [s for s in self.sites if s[0] in HOLDINGS[dataset].kinds and (kinds is None or s[0] in kinds)]

    def load(self, site, dataset, profile, check=True):
        if site not in self.holders(dataset):
            return None
        words = ["load", self.path("agents", site), os.path.join(self.data.folder, dataset + ".json"), self.file(site, dataset),
                 "--as", dataset, "--profile", profile]
        return self.agent(*words, check=check, timeout=900)

    def file(self, site, dataset):
        """A weakened site has the data of the defended one with its number, until it is given its own."""
        own = os.path.join(self.data.folder, f"{site}.{dataset}.csv")
        return own if os.path.exists(own) else os.path.join(self.data.folder, f"d{site[1:]}.{dataset}.csv")

    def wait_for_catalogue(self):
        def complete():
            items = self.client_json("researcher", "catalogue")["items"]
            seen = {i["dataset"]: {s["site"] for s in i["sites"]} for i in items}
            return all(seen.get(d, set()) >= set(self.holders(d)) for d in HOLDINGS)
        self.wait_for("every site's datasets in the catalogue", complete)

    def start_agent(self, site, env=None):
        if site[0] in WEAKENED:
            env = {"INNSYN_TEST_DEFENCES_OFF": WEAKENED[site[0]]}
        elif site[0] in CLOCKED:
            env = {"INNSYN_TEST_CLOCK_FILE": self.clock(site)}
        else:
            super().start_agent(site, env)
            return
        self.start("agent-" + site, [os.path.join(self.hooks, "innsyn-agent"), "run", self.path("agents", site)], env=env)

    def clock(self, site):
        path = self.path("agents", site + ".clock")
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(bytes(8))
        return path

    def set_clock(self, site, shift_ms):
        with open(self.clock(site), "r+b") as f:
            f.write(struct.pack("=q", shift_ms))


class Federation:
    """dataset and permit: those at hand, by the last new_permit.  people[dataset][site]: who is there."""

    def __init__(self, net, drawn):
        self.net, self.people = net, drawn
        self.dataset = self.permit = None

    def sites(self, kind, dataset=None):
        return self.net.holders(dataset or self.dataset or "town", kind)

    def new_permit(self, dataset="town", kinds=None):
        """Another permit of the same people: a budget of its own, the same cohorts behind it."""
        sites = self.net.holders(dataset, kinds)
        application = self.net.application(people=("researcher", "researcher2"), datasets=[dataset])
        application["datasets"][0]["sites"] = sites
        self.dataset, self.permit = dataset, self.net.decide(self.net.apply(application), sites)
        self.permitted = sites
        self.net.sign(self.permit, sites)

    def ask(self, where, statistic=None, sites=None, person="researcher", permit=None, wait_ms=WAIT_MS):
        """(status, document, seconds) of one question, as the API gives it."""
        q = {"innsyn": "question/1", "dataset": self.dataset, "by_site": True, "statistic": statistic or {"count": {}}}
        if where:
            q["where"] = where
        name, envelope = self.net.signed_query(person, q, permit or self.permit, sites=sites or self.permitted)
        begin = time.monotonic()
        status, document = self.net.call(person, "POST", f"/v1/queries?wait_ms={wait_ms}", {"query": envelope})
        if status < 400 and document.get("state") not in ("done", "failed"):
            status, document = self.net.call(person, "GET", f"/v1/queries/{name}?wait_ms={wait_ms}")
        return status, document, time.monotonic() - begin

    def answers(self, where, statistic=None, **more):
        """{site: its result, or the class of its refusal as text}"""
        _, document, _ = self.ask(where, statistic, **more)
        found = {}
        for site in document.get("sites", []):
            reason = site.get("reason") or {}
            found[site["site"]] = reason.get("code", site["status"])
        for site, result in ((document.get("result") or {}).get("by_site") or {}).items():
            found[site] = result
        return found

    def by(self, variable, where, statistic=None, **more):
        """{site: one cell a level, None where it is blank} of a table by one variable; no entry for a site that refused."""
        said = self.answers(where, statistic or {"table": {"by": [variable]}}, **more)
        return {site: a["cells"] for site, a in said.items() if isinstance(a, dict)}

    def editions(self, sites):
        """Each site's edition, by a question that names no variable and so is free."""
        _, document, _ = self.ask({}, sites=sites)
        return {s["site"]: s.get("edition") for s in document.get("sites", [])}

    def spent(self, site, variable, permit=None):
        shown = json.loads(self.net.agent("ledger", "show", self.net.path("agents", site), "--json").stdout)
        return sum(a["spent"] for a in shown["accounts"] if a["permit"] == (permit or self.permit) and a["variable"] == variable)

    def forget(self, kinds=None):
        """Ledgers and answer stores are emptied, as at a new site: so that batches are runs of their own."""
        sites = [s for s in self.net.sites if kinds is None or s[0] in kinds]
        for site in sites:
            self.net.stop("agent-" + site)
        for site in sites:
            for path in glob.glob(self.net.path("agents", site, "guard", "ledger", "*")) + glob.glob(
                    self.net.path("agents", site, "guard", "statistics", "*")):
                os.unlink(path)
            self.net.start_agent(site)

    def reload(self, site, persons, dataset="town", check=True):
        people.write_csv(os.path.join(self.net.data.folder, f"{site}.{dataset}.csv"), persons)
        self.people[dataset][site] = persons
        return self.net.load(site, dataset, HOLDINGS[dataset].profile, check=check)


def draw_people(folder, sites, seed):
    """{dataset: {site: persons}}, with a file for each defended site."""
    draw, drawn = random.Random(seed), {}
    for name, holding in HOLDINGS.items():
        drawn[name] = {site: holding.draw_people(draw) for site in sites if site[0] == "d"}
        for site, persons in drawn[name].items():
            people.write_csv(os.path.join(folder, f"{site}.{name}.csv"), persons)
        drawn[name].update({site: drawn[name]["d" + site[1:]] for site in sites if site[0] in holding.kinds and site[0] != "d"})
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
            json.dump(people.dictionary(name, holding.variables, list(drawn[name]), len(persons)), f)
    return drawn


def data_set(folder, sites):
    """What Network wants to know: the sites."""
    shutil.copyfile(os.path.join(folder, "town.json"), os.path.join(folder, "dictionary.json"))
    with open(os.path.join(folder, "dictionary.json"), "w", encoding="utf-8") as f:
        json.dump(people.dictionary("town", people.TOWN_VARIABLES, sites, people.PERSONS), f)
    for site in sites:
        if not os.path.exists(os.path.join(folder, site + ".csv")):
            os.symlink(f"d{site[1:]}.town.csv", os.path.join(folder, site + ".csv"))
    return network.DataSet(folder)


@contextlib.contextmanager
def federation(per_kind, seed, kinds):
    sites = [f"{kind}{i}" for kind in kinds for i in range(per_kind if kind in SEVERAL else 1)]
    folder = tempfile.mkdtemp(prefix="innsyn-town-")
    drawn = draw_people(folder, sites, seed)
    Town.hooks = running.hooks_build()
    release = running.release_build()
    with open(os.path.join(release, "innsyn-agent"), "rb") as f:
        if b"INNSYN_TEST_DEFENCES_OFF" in f.read():
            sys.exit(f"{release}: a release build that knows the switch")
    net = Town(os.path.join(folder, "run"), release, data=data_set(folder, sites))
    good = False
    try:
        net.create()
        yield Federation(net, drawn)
        good = True
    finally:
        net.stop_all()
        if good:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"kept for a look: {folder}", file=sys.stderr)
