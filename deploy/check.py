"""Builds everything and runs the tests; ends with 'N passed, N failed'.

usage: deploy/check [--long] [--clang]

  units      under ASan and UBSan, sandbox off, test hooks on (build-asan/)
  e2e        on the hardened release, sandbox on (build/); tests/show scripts in their short form
  --clang    also builds the release with clang (build-clang/) and runs the unit tests there
  --long     also fuzzing, every data set, the whole of each show, clang-tidy, cppcheck, benches
"""
import argparse
import concurrent.futures
import glob
import json
import os
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STEP_SECONDS_MAX = 1500
LONG_SECONDS_MAX = 6 * 3600
FUZZ_SECONDS = 60
# Not run here: the first would run deploy/check again, the others are benches for a quiet machine (--long has them).
SHOWS_APART = {"main-job-7", "main-job-9", "disclosure-4"}
# These hold times or ratios of times: nothing runs beside them.
SHOWS_ALONE = {"audit-log-3", "audit-log-4", "audit-log-5", "governance-5"}
SCRIPTS_AT_ONCE = 2  # the others wait more than they compute


class Tally:
    def __init__(self):
        self.passed, self.failed = 0, []

    def add(self, name, good, detail=""):
        if good:
            self.passed += 1
        else:
            self.failed.append(name)
            print(f"FAILED {name}\n{detail}", flush=True)


def run(argv, env=None, timeout=STEP_SECONDS_MAX):
    try:
        return subprocess.run(argv, cwd=TOP, env=dict(os.environ, **(env or {})), capture_output=True, text=True,
                              timeout=timeout, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as e:
        text = lambda held: held.decode(errors="replace") if isinstance(held, bytes) else held or ""
        return subprocess.CompletedProcess(argv, 124, text(e.stdout), text(e.stderr) + f"\n{timeout} s were not enough")


def step(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def build(tally, folder, *options, env=None):
    step(f"building {folder}")
    path = os.path.join(TOP, folder)
    if not os.path.exists(os.path.join(path, "build.ninja")):
        done = run(["meson", "setup", path, *options], env=env)
        if done.returncode != 0:
            tally.add(f"{folder}: meson setup", False, done.stdout + done.stderr)
            return False
    done = run(["ninja", "-C", path])
    tally.add(f"{folder}: build", done.returncode == 0, done.stdout[-6000:] + done.stderr)
    return done.returncode == 0


def meson_tests(tally, folder, suite):
    step(f"{suite} tests in {folder}")
    done = run(["meson", "test", "-C", folder, "--no-rebuild", "--suite", suite, "--print-errorlogs"])
    log = os.path.join(TOP, folder, "meson-logs", "testlog.json")
    seen = 0
    if os.path.exists(log):
        with open(log, encoding="utf-8") as f:
            for line in f:
                test = json.loads(line)
                seen += 1
                tally.add(f"{folder}: {test['name']}", test["result"] in ("OK", "SKIP"),
                          (test.get("stdout") or "")[-3000:] + (test.get("stderr") or "")[-3000:])
    if not seen:
        tally.add(f"{folder}: {suite} tests", False, done.stdout[-3000:] + done.stderr)


def script(tally, path, env, timeout=STEP_SECONDS_MAX):
    name = os.path.relpath(path, TOP)
    begin = time.monotonic()
    done = run([path], env=env, timeout=timeout)
    tally.add(name, done.returncode == 0, (done.stdout + done.stderr)[-6000:])
    print(f"  {name}: exit {done.returncode}, {time.monotonic() - begin:.0f} s", flush=True)
    if env.get("INNSYN_LONG") == "1" and done.returncode == 0:
        print(done.stdout, flush=True)


def end_to_end(tally, long):
    env = {"INNSYN_BUILD": os.path.join(TOP, "build"), "INNSYN_HOOKS": os.path.join(TOP, "build-asan"),
           "PYTHONDONTWRITEBYTECODE": "1", "INNSYN_LONG": "1" if long else "0"}
    if not long:
        env["INNSYN_TIMES"] = "60"
    meson_tests(tally, "build", "e2e")
    step("end to end")
    tests = sorted(glob.glob(os.path.join(TOP, "tests", "e2e", "*_test.py"))) + sorted(
        glob.glob(os.path.join(TOP, "tests", "browser", "*_test.py")))
    tests = [path for path in tests if os.access(path, os.X_OK)]  # the others are meson's
    shows = [path for path in sorted(glob.glob(os.path.join(TOP, "tests", "show", "*")))
             if os.path.basename(path) not in SHOWS_APART or (long and not path.endswith("main-job-7"))]
    alone = [path for path in shows if long or os.path.basename(path) in SHOWS_ALONE]
    seconds = LONG_SECONDS_MAX if long else STEP_SECONDS_MAX
    with concurrent.futures.ThreadPoolExecutor(SCRIPTS_AT_ONCE) as pool:
        list(pool.map(lambda path: script(tally, path, env, seconds), tests + [path for path in shows if path not in alone]))
    for path in alone:
        script(tally, path, env, seconds)


def fuzz(tally):
    if not build(tally, "build-fuzz", "-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                 "-Dsandbox=false", "-Dtest_hooks=true", env={"CC": "clang"}):
        return
    for target in sorted(glob.glob(os.path.join(TOP, "build-fuzz", "fuzz_*"))):
        if os.path.isfile(target) and os.access(target, os.X_OK):
            name = os.path.basename(target)
            corpus = os.path.join(TOP, "tests", "fuzz", "corpus", name.removeprefix("fuzz_"))
            found = os.path.join(TOP, "build-fuzz", "found", name)
            os.makedirs(found, exist_ok=True)
            done = run([target, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", f"-artifact_prefix={found}/", found]
                       + ([corpus] if os.path.isdir(corpus) else []), timeout=FUZZ_SECONDS * 5)
            tally.add(f"fuzz: {name}", done.returncode == 0, done.stderr[-3000:])
            print(f"  {name}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ''}", flush=True)


def linters(tally):
    step("cppcheck")
    # It does not know the cleanup attribute (leaks are LeakSanitizer's), nor that NULL is a pointer here.
    done = run(["cppcheck", "--enable=warning,portability", "--std=c17", "--inline-suppr", "--error-exitcode=1", "-q", "-I", TOP,
                "-j2", "--suppress=missingIncludeSystem", "--suppress=memleak",
                "--suppress=varFuncNullUB", "base", "proto", "policy", "stats", "broker", "agents", "client"])
    tally.add("cppcheck", done.returncode == 0, done.stdout + done.stderr)
    step("clang-tidy")
    sources = [p for top in ("base", "proto", "policy", "stats", "broker", "agents", "client")
               for p in glob.glob(os.path.join(TOP, top, "**", "*.c"), recursive=True)]
    done = run(["clang-tidy", "-p", "build-clang", "--quiet", *sources], timeout=LONG_SECONDS_MAX)
    tally.add("clang-tidy", done.returncode == 0, done.stdout[-6000:])


def main():
    parser = argparse.ArgumentParser(prog="deploy/check")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--clang", action="store_true")
    options = parser.parse_args()
    begin = time.monotonic()
    tally = Tally()
    sanitized = build(tally, "build-asan", "-Db_sanitize=address,undefined", "-Dsandbox=false", "-Dtest_hooks=true", "-Db_lundef=false")
    if sanitized:
        meson_tests(tally, "build-asan", "unit")
    release = build(tally, "build", "--buildtype=release", "-Db_ndebug=false")
    if options.clang or options.long:
        if build(tally, "build-clang", "--buildtype=release", "-Db_ndebug=false", env={"CC": "clang"}):
            meson_tests(tally, "build-clang", "unit")
    if sanitized and release:
        end_to_end(tally, options.long)
    if options.long:
        fuzz(tally)
        linters(tally)
    print(f"{time.monotonic() - begin:.0f} s")
    for name in tally.failed:
        print("failed: " + name)
    print(f"{tally.passed} passed, {len(tally.failed)} failed", flush=True)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
