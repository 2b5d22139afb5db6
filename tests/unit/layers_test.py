#!/usr/bin/env python3
"""Holds the architecture's text rules: who may include whom, which file sees which foreign library, tidiness.

usage: layers_test.py TOP    Prints file:line and the rule of every offence; ends with 1 if there is any.
"""
import os
import re
import sys

# A folder's files may include headers of these folders (design: dependencies point one way).
LAYERS = {
    "base": {"base"},
    "proto": {"base", "proto"},
    "policy": {"base", "proto", "policy"},
    "stats": {"base", "proto", "stats"},
    "broker": {"base", "proto", "policy", "stats", "broker"},
    "agents": {"base", "proto", "policy", "stats", "agents"},
    "client": {"base", "proto", "policy", "stats", "client"},
}

# Within such a folder, a room's files may include headers of the rooms before it, its own, and the folder's top.
ROOMS = {
    "broker": ("store", "call", "audit", "accounts", "sites", "outbox", "permits", "applications", "core"),
    "agents": ("snapshot", "engine", "disclosure", "loader", "link", "guard", "commands"),
    "client": ("log", "show", "commands"),
}

# Headers of a foreign library, and the only files that may see them.
FOREIGN = [
    (r"jansson(_config)?\.h", r"proto/json\.c"),
    (r"openssl/.*", r"proto/crypto\w*\.c|proto/certificate\.c|proto/tls\.c|broker/net/http\.c"),
    (r"(event2/.*|event\.h|evhttp\.h|evutil\.h)", r"base/loop\.c|broker/net/http\.c"),
    (r"curl/.*", r"agents/link/transport\.c|client/transport\.c|broker/mail/smtp\.c"),
    (r"sqlite3\.h", r"broker/store/sqlite\.c"),
    (r"(libpq-fe|postgres_ext|libpq/.*|pg_config.*)(\.h)?", r"broker/store/postgres\.c"),
    (r"argon2\.h", r"broker/call/password\.c"),
    (r"libsmartcols(/.*|\.h)", r"client/show/table_print\.c"),
    (r"seccomp\.h", r"base/sandbox\.c"),
]

# What comes with the C library and the kernel: every file may see it.
SYSTEM = re.compile(
    r"(sys|linux|arpa|netinet|net|asm)/[\w/]+\.h|"
    r"(assert|complex|ctype|dirent|dlfcn|endian|err|errno|fcntl|fenv|float|fnmatch|ftw|getopt|glob|grp|inttypes|"
    r"langinfo|limits|locale|malloc|math|memory|netdb|poll|pthread|pwd|sched|semaphore|setjmp|signal|spawn|"
    r"stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|termios|tgmath|"
    r"threads|time|uchar|unistd|wchar|wctype|immintrin|x86intrin|byteswap)\.h")

COLUMNS_MAX = 120
# Folders that are held to that width (others are brought to it one by one).
COLUMNS_HELD = ("base",)
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|gets|strtok|atoi|system|popen)\s*\(")
INCLUDE = re.compile(r'\s*#\s*include\s*(<([^>]+)>|"([^"]+)"|(.*))')
# This workplace's own folder, spelt so that this line does not offend.
PLACE = "/" + "work" + "/"
SKIPPED = {".git", "run", "node_modules", "__pycache__"}
TEXT = (".c", ".h", ".py", ".sh", ".md", ".json", ".js", ".mjs", ".css", ".html", ".build", ".txt", ".yaml", ".yml",
        ".toml", ".service", ".conf", ".sql", ".1", ".5", ".7", ".8")


def without_comments_and_strings(text):
    """The code, with comments and the insides of literals blanked, line by line as before."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def include_offence(path, folder, line):
    match = INCLUDE.match(line)
    if not match:
        return None
    system, own, macro = match.group(2), match.group(3), match.group(4)
    if macro is not None:
        return "an #include names its header plainly"
    if own is not None:
        target = own.split("/")[0]
        if ".." in own.split("/") or target not in LAYERS:
            return f'"{own}": our own headers are named from the top folder ("base/slice.h")'
        if target not in LAYERS[folder]:
            return f"{folder}/ may not include {target}/ (allowed: {', '.join(sorted(LAYERS[folder]))})"
        rooms, parts, to = ROOMS.get(target, ()), path.split("/"), own.split("/")
        if target == folder and len(to) > 2 and to[1] in rooms:
            if len(parts) > 2 and parts[1] in rooms and rooms.index(to[1]) > rooms.index(parts[1]):
                return f"{folder}/{parts[1]}/ may not include {folder}/{to[1]}/: the rooms stand {' < '.join(rooms)}"
        return None
    for headers, files in FOREIGN:
        if re.fullmatch(headers, system):
            return None if re.fullmatch(files, path) else f"<{system}> is seen only by {files}"
    if not SYSTEM.fullmatch(system):
        return f"<{system}> is no system header and on no list of foreign libraries"
    return None


# An early return ends what was not begun yet: not every compiler puts zeros there.
NOT_BEGUN = re.compile(r"^[ ]+struct buffer [^;]*CLEANUP\([^;]*;", re.M)
UNSET = re.compile(r"CLEANUP\(\w+\)(?!\s*=)")


def offences(path, text):
    """(line number, rule) for each offence of the file `path`, relative to the top."""
    lines = text.split("\n")
    folder = path.split("/")[0]
    is_c = path.endswith((".c", ".h"))
    if is_c:
        code = without_comments_and_strings(text).split("\n")
        for number, line in enumerate(lines, 1):
            # A directive inside a comment is none; inside a literal it cannot begin a line.
            if folder in LAYERS and code[number - 1].lstrip().startswith("#"):
                rule = include_offence(path, folder, line)
                if rule:
                    yield number, rule
            if len(line) > COLUMNS_MAX and folder in COLUMNS_HELD:
                yield number, f"a line of {len(line)} columns (at most {COLUMNS_MAX})"
            if "\t" in line:
                yield number, "a tab"
            banned = BANNED.search(code[number - 1])
            if banned and (folder in LAYERS or banned.group(1) in ("system", "popen")):
                yield number, f"{banned.group(1)}() is banned"
        for declared in NOT_BEGUN.finditer("\n".join(code)):
            if UNSET.search(declared.group(0)):
                yield "\n".join(code).count("\n", 0, declared.start()) + 1, "a buffer that ends by itself begins empty: = {0}"
    for number, line in enumerate(lines, 1):
        if PLACE in line:
            yield number, f"{PLACE} is named: the project stands alone"


def files(top):
    for folder, names, found in os.walk(top):
        names[:] = sorted(n for n in names if n not in SKIPPED and not n.startswith("build"))
        for name in sorted(found):
            full = os.path.join(folder, name)
            if not os.path.islink(full) and (name.endswith(TEXT) or "." not in name) and os.path.isfile(full):
                yield os.path.relpath(full, top)


def self_test():
    """Each rule finds what it is for, and lets its nearest neighbour pass."""
    cases = [
        ("proto/a.c", '#include "policy/rule.h"', True),
        ("policy/a.c", '#include "proto/json.h"', False),
        ("stats/a.c", '#include "proto/json.h"', False),
        ("stats/a.c", '#include "policy/scope.h"', True),
        ("proto/a.c", '#include "stats/aggregate.h"', True),
        ("broker/core/a.c", '#include "agents/guard/rules.h"', True),
        ("agents/guard/a.c", '#include "broker/store.h"', True),
        ("agents/guard/a.c", '#include "agents/guard/rules.h"', False),
        ("broker/permits/a.c", '#include "broker/applications/applications.h"', True),
        ("broker/applications/a.c", '#include "broker/permits/permits.h"', False),
        ("agents/engine/a.c", '#include "agents/parameters.h"', False),
        ("base/a.c", '#include "a.h"', True),
        ("base/a.c", '#include "../proto/json.h"', True),
        ("base/a.c", "/*\n#include \"proto/json.h\"\n*/", False),
        ("base/a.c", "#include <event2/event.h>", True),
        ("base/loop.c", "#include <event2/event.h>", False),
        ("proto/crypto_ed25519.c", "# include <openssl/evp.h>", False),
        ("proto/json.c", "#include <openssl/evp.h>", True),
        ("proto/json.c", "#include <jansson.h>", False),
        ("base/a.c", "#include <zlib.h>", True),
        ("base/a.c", "#include <sys/mman.h>", False),
        ("base/a.c", "#include HEADER", True),
        ("base/a.c", "    x = " + "sprintf" + "(to, text);", True),
        ("base/a.c", "    x = snprintf(to, 3, \"" + "gets" + "(\");", False),
        ("base/a.c", "    /* " + "system" + "() is banned */", False),
        ("base/a.c", "x" * 121, True),
        ("base/a.c", "\u00e5" * 120, False),
        ("base/a.c", "    struct buffer a CLEANUP(buffer_done) = {0}, b CLEANUP(buffer_done);", True),
        ("base/a.c", "    struct buffer a CLEANUP(buffer_done) = {0}, b CLEANUP(buffer_done) = {0};", False),
        ("base/a.c", "\tx", True),
        ("docs/a.md", "see " + PLACE + "x", True),
        ("docs/a.md", "see /works/x and the net" + "work/", False),
    ]
    for path, text, offends in cases:
        if bool(list(offences(path, text))) != offends:
            sys.exit(f"layers_test.py: the rules misjudge {path}: {text!r}")


def main():
    self_test()
    top = sys.argv[1]
    found = count = 0
    for path in files(top):
        try:
            with open(os.path.join(top, path), encoding="utf-8") as f:
                text = f.read()
        except UnicodeDecodeError:
            if path.endswith((".c", ".h")):
                print(f"{path}:1: not UTF-8")
                found += 1
            continue
        count += 1
        for number, rule in offences(path, text):
            print(f"{path}:{number}: {rule}")
            found += 1
    print(f"{count} files, {found} offences")
    sys.exit(1 if found else 0)


main()
