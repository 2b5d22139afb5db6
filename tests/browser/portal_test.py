#!/usr/bin/env python3
"""The portal in a browser, against a running network: a researcher signs in, looks through the catalogue, finds
the queries asked with the client and reads their results; an officer sees that they were asked, not the answers.

Every page is checked by axe-core (WCAG 2.1 A and AA), in both languages, light and dark, wide and at 360 px.
Numbers on the page are compared with the result documents that the client got.

usage: tests/browser/portal_test.py [--pictures DIR]     Needs chromium and chromium-driver.
"""
import argparse
import json
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(TOP, "tests", "e2e")]
import running  # noqa: E402
import webdriver  # noqa: E402

WIDE, PHONE = 1280, 360
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
ENTER, TAB = "\ue007", "\ue004"
BAR_PIXELS_MIN = 500
DOWNLOAD_SECONDS_MAX = 20
# Answers that the walk provokes; the browser reports each refused request on its console.
EXPECTED = ("/v1/me - Failed to load resource: the server responded with a status of 401",
            "/v1/login - Failed to load resource: the server responded with a status of 401",
            "/v1/queries - Failed to load resource: the server responded with a status of 401",
            "/v1/catalogue/no-such-dataset - Failed to load resource: the server responded with a status of 404")


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as f:
        return f.read()


TEXTS = {language: json.loads(read(TOP, "broker", "portal", "texts", language + ".json")) for language in ("nb", "en")}
AXE = read(HERE, "vendor", "axe-core", "axe.min.js")


class Walk:
    """A browser, what it found, and where its pictures go."""

    def __init__(self, browser, url, checks, pictures):
        self.browser, self.url, self.checks, self.pictures = browser, url, checks, pictures
        self.language = "en"

    def text(self, key, **values):
        return TEXTS[self.language][key].format(**values)

    def that(self, holds, text):
        return self.checks.that(bool(holds), text)

    def says(self, text, where="main"):
        said = self.browser.script("return document.querySelector(arguments[0])?.textContent ?? ''", where)
        if not self.that(text in said, f"says “{text[:70]}”"):
            print("        it says: " + " ".join(said.split())[:400])

    def go(self, page):
        self.browser.open(f"{self.url}/#/{page}")
        self.settle()

    def settle(self):
        self.browser.wait("a page", "return document.querySelector('main h1') && !document.querySelector('.waiting')")

    def speak(self, language):
        if language == self.language and self.browser.script("return document.documentElement.lang") == language:
            return  # the page would be drawn again with nothing to wait for
        self.browser.click(f"#language-{language}")
        self.browser.wait("the language", "return document.querySelector(`#language-${arguments[0]}[aria-pressed=true]`)"
                          " && document.querySelector('main h1') && !document.querySelector('.waiting')", language)
        self.language = language

    def examine(self, name):
        """axe, width and console of the page at hand, with a picture."""
        b = self.browser
        b.script(AXE + "; return 1")
        found = b.script("return axe.run(document, {runOnly: arguments[0]}).then(r => r.violations.map(v =>"
                         " `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`))", AXE_RULES)
        self.that(not found, f"{name}: axe finds no violation" + "".join("\n        " + f for f in found))
        widths = b.script("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        self.that(widths[0] <= widths[1], f"{name}: does not scroll sideways ({widths[0]} of {widths[1]} px)")
        said = [c for c in b.complaints() if not any(e in c for e in EXPECTED)]
        self.that(not said, f"{name}: the console is quiet" + "".join("\n        " + c[:300] for c in said))
        self.that(b.script("return document.documentElement.lang") == self.language, f"{name}: lang is {self.language}")
        b.picture(os.path.join(self.pictures, name.replace(" ", "-") + ".png"))

    def numbers(self):
        """The numbers of the page's first table, row by row, as texts without marks."""
        return self.browser.script("return [...document.querySelectorAll('table.numbers')[0].tBodies[0].rows].map(r =>"
                                   " [...r.querySelectorAll('td')].map(d => (d.firstChild?.firstChild ?? d.firstChild)?.textContent ?? ''))")

    def bar_pixels(self):
        """How many pixels of the chart have the first series' colour."""
        return self.browser.script("""
            const hex = getComputedStyle(document.documentElement).getPropertyValue('--series-1').trim().slice(1);
            const want = [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16));
            const canvas = document.querySelector('.chart canvas');
            if (!canvas) return 0;
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            let n = 0;
            for (let i = 0; i < data.length; i += 4)
              if (data[i + 3] > 200 && want.every((w, k) => Math.abs(data[i + k] - w) < 6)) n += 1;
            return n;""")

    def sign_in(self, account, password):
        self.browser.wait_for("#account")
        self.browser.type("#account", account)
        self.browser.type("#password", password)
        self.browser.press(ENTER)

    def sign_out(self):
        self.browser.click("#sign-out")
        self.browser.wait_for("#account")


def shown(value):
    return "–" if value is None else f"{value:,}"


def walk_signing_in(w, account, password):
    b = w.browser
    b.size(WIDE)
    b.scheme("light")
    b.open(w.url + "/")
    b.wait_for("#account")
    w.language = b.script("return document.documentElement.lang")
    w.speak("nb")
    w.says(TEXTS["nb"]["sign_in"], "main h1")
    w.examine("sign-in nb")
    w.speak("en")
    w.says(TEXTS["en"]["sign_in"], "main h1")
    w.that(b.script("return document.title").startswith(w.text("sign_in")), "the title names the page")
    first = b.script("const e = document.querySelector('a[href], button, input, select, [tabindex=\"0\"]'); e.focus();"
                     "return [e.className, e.getBoundingClientRect().top]")
    w.that(first[0] == "skip" and first[1] >= 0, "the first tab stop skips to the content, and is seen")
    b.press(ENTER)
    w.that(b.script("return document.activeElement.id") == "main", "and Enter goes there")
    b.press(TAB)
    b.press(TAB)
    b.press(TAB)
    w.that(b.script("return document.activeElement.textContent") == w.text("sign_in"),
           "Tab goes through account and password to the button")
    w.sign_in(account, password + "x")
    b.wait_for(".problem")
    w.says(w.text("problem.wrong_password"))
    w.says(w.text("problem.wrong_password.next"))
    w.examine("sign-in refused")
    w.sign_in(account, password)
    b.wait_for(".cards")
    w.that(b.script("return document.cookie") == "", "the session cookie is out of scripts' reach")
    w.that(b.script("return document.activeElement.tagName") == "H1", "the focus is on the new page's heading")


def walk_catalogue(w, data, datasets):
    b = w.browser
    for dataset in datasets:
        w.says(dataset, ".cards")
    w.says(w.text("profile.name.ck"), ".cards")
    w.says(w.text("count.sites.other", n=len(data.sites)), ".cards")
    w.examine("catalogue")
    variable = next(v for v in data.dictionary["variables"] if v.get("levels"))
    b.type(".search input", variable["label"])
    w.that(len(b.texts(".cards > li")) == len(datasets), f"a search for “{variable['label']}” finds the datasets")
    w.says(variable["label"], ".cards")
    b.type(".search input", "no such thing at all")
    w.says(w.text("catalogue.none_found"), ".found")
    w.go("catalogue/" + datasets[-1])
    for v in data.dictionary["variables"]:
        if v["type"] == "id":
            continue
        row = next((t for t in b.texts("table.variables tbody tr") if v["label"] in t), "")
        words = [v["name"], v.get("unit") or ""] + [level["label"] for level in v.get("levels") or []]
        if not all(word in row for word in words):
            w.that(False, f"{v['name']}: label, unit and levels are shown: {row[:200]}")
    w.says(w.text("profile.text.ck"))
    w.examine("dataset")
    w.go("catalogue/no-such-dataset")
    w.says(w.text("problem.unknown_dataset"))
    w.examine("dataset unknown")


def walk_count(w, result, site_titles):
    """The count over open data, by site."""
    b = w.browser
    count, sites = result["result"]["count"], result["by_site"]
    w.says(shown(count), ".big-number")
    rows = w.numbers()
    w.that([r[0] for r in rows[:-1]] == [shown(v["count"]) for v in sites.values()], "every site's count is in the table")
    w.that(rows[-1] == [shown(count)], f"and their sum {count}")
    w.that(w.bar_pixels() > BAR_PIXELS_MIN, f"the chart is drawn ({w.bar_pixels()} pixels of bars)")
    w.says(w.text("profile.text.open"), ".protection")
    w.that(b.texts(".sites .badge") == [w.text("state.answered")] * len(result["sites"]), "every site answered")
    w.says(shown(result["receipt"]["entry"]["index"]), "#entry-index")
    w.examine("result count")
    first = next(iter(sites))
    b.script("const s = document.querySelector('.numbers-holder').parentNode.querySelector('select');"
             "s.value = arguments[0]; s.dispatchEvent(new Event('change')); return 1", first)
    w.says(shown(sites[first]["count"]), ".big-number")
    for site, title in site_titles.items():
        w.says(title, ".sites")


def walk_download(w, result, verify):
    b = w.browser
    b.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=b.downloads)
    b.click("#download")
    path = os.path.join(b.downloads, result["receipt"]["query"] + ".json")
    end = time.monotonic() + DOWNLOAD_SECONDS_MAX
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.1)
    if w.that(os.path.exists(path), "the answer is downloaded"):
        held = json.loads(read(path))
        same = all(held[k] == result[k] for k in ("question", "protection", "sites", "result"))
        w.that(same and held["receipt"]["entry"] == result["receipt"]["entry"], "and is the document the client got")
        verify(path)


def walk_table(w, result):
    """A protected table of two dimensions, by site."""
    b = w.browser
    values = result["result"]
    dimensions = values["dimensions"]
    across = len(dimensions[1]["levels"])
    rows = w.numbers()
    cells = [c for row in rows[:-1] for c in row[:across]]
    w.that(cells == [shown(v) for v in values["cells"]], f"the {len(cells)} cells are the result's")
    margins = [values["margins"][d["variable"]] for d in dimensions]
    w.that([row[across] for row in rows[:-1]] == [shown(v) for v in margins[0]], "so are the rows' sums")
    w.that(rows[-1] == [shown(v) for v in margins[1]] + [shown(values["total"])], "and the columns', and the total")
    w.that(w.bar_pixels() > BAR_PIXELS_MIN, f"the chart is drawn ({w.bar_pixels()} pixels of the first series)")
    w.says(w.text("protection.zero"), ".protection")
    w.says("2.65" if w.language == "en" else "2,65", ".protection")
    withheld = result["protection"]["withheld"]
    if withheld:
        listed = b.texts(".protection details li")
        w.that(len(listed) == min(len(withheld), 101), f"{len(listed)} withheld numbers are listed: {listed[:2]}")
        partial = [x for x in withheld if "cell" in x and "margin" not in x and values["cells"][x["cell"]] is not None]
        marked = len(b.texts("table.numbers tbody td:not(.sum) .mark-part"))
        sums = [x for x in withheld if "margin" in x and margins[x["margin"]][x["cell"]] is not None]
        total = [x for x in withheld if x.get("total") and values["total"] is not None]
        w.that(marked <= len(partial) + len(sums) + len(total) and (marked > 0 or not partial),
               f"the partial sums are marked ({len(partial)} cells)")
    else:
        w.says(w.text("protection.nothing_withheld"), ".protection")
    zeros = sum(v == 0 for v in values["cells"])
    if zeros:
        w.says(w.text("cell.floor"), "table.numbers")


def walk_everywhere(w, pages):
    """Each page in the other language, dark, and on a phone."""
    b = w.browser
    for language, scheme, width in (("nb", "dark", WIDE), ("nb", "light", PHONE), ("en", "dark", PHONE)):
        b.size(width)
        b.scheme(scheme)
        w.speak(language)
        for name, page in pages.items():
            w.go(page)
            w.examine(f"{name} {language} {scheme} {width}")
    b.size(WIDE)
    b.scheme("light")
    w.speak("en")


def walk(w, net, data, datasets, results, site_titles, verify):
    """results: {"count": result of open data, "table": result of protected data}; net: has password(account)."""
    b = w.browser
    ids = {name: r["receipt"]["query"] for name, r in results.items()}
    walk_signing_in(w, "researcher", net.password("researcher"))
    walk_catalogue(w, data, datasets)

    b.click('a[href="#/queries"]')
    b.wait_for(".queries")
    w.says(w.text("queries.mine"), "main h1")
    for name, query in ids.items():
        w.says(query, ".queries")
    w.says(w.text("question.count", dataset=data.dictionary["title"]), ".queries")
    w.examine("queries")

    b.click(f'a[href="#/queries/{ids["count"]}"]')
    b.wait_for(".big-number")
    walk_count(w, results["count"], site_titles)
    walk_download(w, results["count"], verify)

    w.go("queries/" + ids["table"])
    b.wait_for("table.numbers")
    walk_table(w, results["table"])
    w.examine("result table")
    w.speak("nb")
    w.says(TEXTS["nb"]["protection.zero"], ".protection")
    w.examine("result table nb")
    w.speak("en")

    walk_everywhere(w, {"catalogue": "catalogue", "dataset": "catalogue/" + datasets[-1], "queries": "queries",
                        "count": "queries/" + ids["count"], "table": "queries/" + ids["table"]})

    w.sign_out()
    w.examine("signed out")
    w.that(b.script("return fetch('/v1/queries').then(r => r.status)") == 401, "after signing out the API answers nothing")

    b.open(f"{w.url}/?again#/queries/{ids['count']}")  # another address: the page is loaded anew
    w.settle()
    w.sign_in("officer1", net.password("officer1"))
    b.wait("the page that was wanted", "return !document.querySelector('#account') && document.querySelector('main h1')"
           " && !document.querySelector('.waiting')")
    w.says(w.text("result.not_for_you"))
    w.that(not b.texts(".big-number") and not b.texts("table.numbers") and not b.texts("#download"),
           "an officer sees no numbers")
    w.examine("officer")
    w.go("queries")
    w.says(w.text("queries.all"), "main h1")
    w.says(w.text("queries.by", account="researcher"), ".queries")
    w.sign_out()


class People:
    """The passwords that the network gave its people."""

    def __init__(self, net):
        self.net = net

    def password(self, account):
        return read(self.net.path("people", account, "password")).strip()


def questions(data):
    """A count over the open set and a two-way table over the protected one, whatever the data."""
    by = [v["name"] for v in data.dictionary["variables"] if v["type"] in ("categorical", "category")
          and 2 <= len(v.get("levels") or []) <= 6][:2]
    ask = lambda dataset, statistic: {"innsyn": "question/1", "dataset": dataset, "statistic": statistic, "by_site": True}
    return {"count": ask(data.name, {"count": {}}), "table": ask(data.name + "-ck", {"table": {"by": by}})}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pictures", metavar="DIR", help="where the pictures go (default: a temporary folder)")
    options = parser.parse_args()
    pictures = options.pictures or tempfile.mkdtemp(prefix="innsyn-pictures-")
    os.makedirs(pictures, exist_ok=True)
    checks = running.Checks()
    with running.running() as net:
        results = {name: net.ask_json(question) for name, question in questions(net.data).items()}
        titles = {s["site"]: s["title"] for s in net.client_json("researcher", "site", "list").get("items", [])}

        def verify(path):
            done = net.client("researcher", "result", "verify", path, check=False)
            checks.that(done.returncode == 0, f"innsyn result verify holds ({(done.stdout + done.stderr).strip()[:200]})")

        with webdriver.Browser() as browser:
            w = Walk(browser, net.state["url"], checks, pictures)
            try:
                walk(w, People(net), net.data, list(net.datasets()), results, titles, verify)
            except webdriver.BrowserFailed as e:
                checks.that(False, f"the walk goes to its end: {e}")
                browser.picture(os.path.join(pictures, "failed.png"))
    print(f"pictures: {pictures}")
    checks.end()


if __name__ == "__main__":
    main()
