#!/usr/bin/env python3
"""Holds what the portal promises without a browser: one catalogue of texts in both languages, no markup from
strings, nothing inline, nothing from elsewhere, vendored files unchanged.

usage: portal_test.py TOP    Prints every offence; ends with 1 if there is any.
"""
import glob
import hashlib
import json
import os
import re
import sys

LANGUAGES = ("nb", "en")
KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
PLACE = re.compile(r"\{(\w+)\}")
# Families whose keys are made from codes: `codeWords("state", …)`, `problem.<code>`.
MADE = ("class.", "problem.", "profile.name.", "profile.text.", "state.", "type.")
MARKUP = re.compile(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|DOMParser|srcdoc)\b|new Function")


def read_pairs(path):
    """The catalogue; a key that is there twice is an offence of its own."""
    def pairs(items):
        names = [name for name, _ in items]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{path}: twice: {', '.join(sorted(twice))}")
        return dict(items)
    with open(path, encoding="utf-8") as f:
        return json.load(f, object_pairs_hook=pairs)


def catalogue_offences(texts):
    first, *others = LANGUAGES
    for language in others:
        for key in sorted(texts[first].keys() ^ texts[language].keys()):
            yield f"{key}: is in one language only"
    for language in LANGUAGES:
        if list(texts[language]) != sorted(texts[language]):
            yield f"{language}.json: the keys are not sorted"
        for key, text in texts[language].items():
            if not KEY.fullmatch(key):
                yield f"{key}: keys are lower-case words joined by dots"
            if not isinstance(text, str) or not text.strip():
                yield f"{language}: {key}: is no text"
    for key in sorted(texts[first].keys() & texts["en"].keys()):
        if set(PLACE.findall(texts["nb"][key])) != set(PLACE.findall(texts["en"][key])):
            yield f"{key}: the languages name different values"
        if key.endswith(".one") and key[:-4] + ".other" not in texts[first]:
            yield f"{key}: has no .other"
    for key in texts[first]:
        if re.fullmatch(r"problem\.[a-z_]+", key) and key not in ("problem.detail", "problem.field", "problem.request") \
                and key + ".next" not in texts[first]:
            yield f"{key}: does not say what to do next ({key}.next)"


def use_offences(texts, sources):
    """Every key that the code names exists, and every key of the catalogue has a use."""
    code = "\n".join(sources.values())
    plurals = set(re.findall(r'\bplural\(\s*"([^"]+)"', code))
    for name in plurals:
        for form in (".one", ".other"):
            if name + form not in texts:
                yield f"plural({name}): there is no {name + form}"
    named = set(re.findall(r'"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)"', code))
    for call in re.findall(r'\bt\(([^()]*)\)?', code):
        head = call.split(",")[0] if "?" not in call.split(",")[0] else call
        for key in re.findall(r'"([^"]+)"', head):
            if key not in texts and "{" not in head:
                yield f't("{key}"): there is no such text'
    for key in texts:
        stem = re.sub(r"\.(one|other)$", "", key)
        if key not in named and stem not in plurals and not key.startswith(MADE):
            yield f"{key}: nothing uses it"


def source_offences(sources, html):
    for path, text in sources.items():
        for number, line in enumerate(text.split("\n"), 1):
            if MARKUP.search(line):
                yield f"{path}:{number}: text becomes nodes, never markup or code"
            if re.search(r"""["'`](https?:)?//""", line):
                yield f"{path}:{number}: the portal talks to its own origin only"
            if re.search(r"""setAttribute\(["']style|\bstyle:""", line):
                yield f"{path}:{number}: a style attribute is refused by the security policy; use a class"
    for path, text in html.items():
        if re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text):
            yield f"{path}: an inline script or style, which the security policy refuses"
        if re.search(r"""(src|href)=["'](https?:)?//""", text):
            yield f"{path}: the portal talks to its own origin only"


def vendor_offences(top):
    found = 0
    for folder in (os.path.join(top, "broker/portal/vendor"), os.path.join(top, "tests/browser/vendor")):
        for name in sorted(os.listdir(folder)):
            place = os.path.join(folder, name)
            if not os.path.exists(os.path.join(place, "LICENSE")):
                yield f"{place}: no LICENSE"
            with open(os.path.join(place, "VERSION"), encoding="utf-8") as f:
                for wanted, file in re.findall(r"sha256 ([0-9a-f]{64})  (\S+)", f.read()):
                    found += 1
                    with open(os.path.join(place, file), "rb") as held:
                        if hashlib.sha256(held.read()).hexdigest() != wanted:
                            yield f"{place}/{file}: is not what VERSION says"
    if found == 0:
        yield "no vendored file is held to its sum"


def main():
    top = sys.argv[1]
    portal = os.path.join(top, "broker", "portal")
    texts = {language: read_pairs(os.path.join(portal, "texts", language + ".json")) for language in LANGUAGES}

    def sources_of(pattern):
        held = {}
        for path in sorted(glob.glob(os.path.join(portal, pattern), recursive=True)):
            if "/vendor/" not in path:
                with open(path, encoding="utf-8") as f:
                    held[os.path.relpath(path, top)] = f.read()
        return held

    scripts, html = sources_of("**/*.js"), sources_of("**/*.html")
    found = [*catalogue_offences(texts), *use_offences(texts["nb"], scripts), *source_offences(scripts, html),
             *vendor_offences(top)]
    if not scripts or not html:
        found.append("no scripts or pages were found")
    for line in found:
        print(line)
    print(f"{len(texts['nb'])} texts, {len(scripts)} scripts, {len(found)} offences")
    sys.exit(1 if found else 0)


main()
