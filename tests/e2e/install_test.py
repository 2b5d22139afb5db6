#!/usr/bin/env python3
"""What `meson install` puts on a machine works from there: programs, portal, manual pages, completion, services.

The services are read by systemd-analyze where there is one; nothing is started."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import running

PROGRAMS = ("innsyn", "innsyn-agent", "innsyn-broker")


def run(*argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, **more)


def units(checks, root, prefix):
    """systemd-analyze reads each unit against the installed tree."""
    if not shutil.which("systemd-analyze"):
        print("        no systemd-analyze here: the units are not checked")
        return
    for unit in ("innsyn-broker@.service", "innsyn-agent@.service"):
        path = os.path.join(prefix, "lib", "systemd", "system", unit)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        program = next(line for line in text.splitlines() if line.startswith("ExecStart=")).split("=")[1].split()[0]
        checks.that(os.access(root + program, os.X_OK), f"{unit} starts {program}")
        # The tree lies elsewhere in the test, and no user is made for it: neither is the unit's fault.
        there = os.path.join(root, unit.replace("@", "@test"))
        with open(there, "w", encoding="utf-8") as f:
            f.write(text.replace(program, root + program).replace("User=innsyn", "User=daemon"))
        done = run("systemd-analyze", "verify", "--man=no", there)
        said = [line for line in (done.stdout + done.stderr).splitlines() if unit.split("@")[0] in line]
        checks.that(not said, f"{unit}: systemd finds nothing to say{''.join(said)}")


def main():
    checks = running.Checks()
    with tempfile.TemporaryDirectory(prefix="innsyn-install-") as root:
        done = run("meson", "install", "--no-rebuild", "-C", running.release_build(), "--destdir", root)
        checks.that(done.returncode == 0, "installed" + done.stderr[-500:])
        prefix = os.path.join(root, "usr", "local")
        for program in PROGRAMS:
            path = os.path.join(prefix, "bin", program)
            said = run(path, "version" if program == "innsyn-broker" else "--version")
            checks.that(said.returncode == 0 and said.stdout.strip(), f"{program}: {said.stdout.strip()}")
            checks.that(os.path.exists(os.path.join(prefix, "share", "man", "man1", program + ".1")), f"its manual page {program}(1)")
        folder = os.path.join(root, "broker")
        done = run(os.path.join(prefix, "bin", "innsyn-broker"), "init", folder, "--network", "north", "--people", "127.0.0.1:0",
                   "--agents", "127.0.0.1:0")
        with open(os.path.join(folder, "broker.json"), encoding="utf-8") as f:
            portal = json.load(f)["portal_dir"]
        checks.that(portal == os.path.realpath(os.path.join(prefix, "share", "innsyn", "portal"))
                    and os.path.exists(os.path.join(portal, "index.html")), "a new broker finds the installed portal")
        done = run(sys.executable, os.path.join(prefix, "share", "innsyn", "verify_log.py"), "--help")
        checks.that(done.returncode == 0, "the auditors' verifier runs from there")
        checks.that(os.path.exists(os.path.join(prefix, "share", "bash-completion", "completions", "innsyn")), "the completion is where bash looks")
        units(checks, root, prefix)
    checks.end()


main()
