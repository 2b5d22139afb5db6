"""Networks for end-to-end tests and the tests/show scripts: made in a folder of their own, ended with the test.

INNSYN_BUILD names the release programs (default build/), INNSYN_HOOKS those with test hooks (default
build-asan/); both are built when they are not there.
"""
import contextlib
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "deploy"), os.path.join(TOP, "tests", "oracle"), os.path.join(TOP, "tests")]
import network  # noqa: E402

BUILD_SECONDS_MAX = 1500
HEART = os.path.join(TOP, "deploy", "data", "heart")
LONG = os.environ.get("INNSYN_LONG") == "1"


def build(folder, *options):
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        subprocess.run(["meson", "setup", folder, TOP, *options], check=True, capture_output=True,
                       timeout=BUILD_SECONDS_MAX)
    subprocess.run(["ninja", "-C", folder], check=True, capture_output=True, timeout=BUILD_SECONDS_MAX)
    return folder


def release_build():
    return build(os.environ.get("INNSYN_BUILD") or os.path.join(TOP, "build"), "--buildtype=release", "-Db_ndebug=false")


def hooks_build():
    """Sanitized, sandbox off, test hooks on: the broker that can be made to lie, the clock that can be moved."""
    return build(os.environ.get("INNSYN_HOOKS") or os.path.join(TOP, "build-asan"), "-Db_sanitize=address,undefined",
                 "-Dsandbox=false", "-Dtest_hooks=true", "-Db_lundef=false")


def data_sets():
    """Folders of every data set at hand: INNSYN_DATA_ROOT's, or the copies in the tree."""
    root = os.environ.get("INNSYN_DATA_ROOT")
    if root:
        found = sorted(os.path.dirname(p) for p in glob.glob(os.path.join(root, "*", "dictionary.json")))
    else:
        found = [HEART] + sorted(os.path.dirname(p) for p in
                                 glob.glob(os.path.join(TOP, "tests", "data", "sets", "*", "dictionary.json")))
    return found


@contextlib.contextmanager
def running(data=HEART, build_folder=None, store="sqlite", permit=True, keep_on_error=True):
    """A network with loaded data and (by default) a live permit for everything."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a test that is ended ends its network too
    folder = tempfile.mkdtemp(prefix="innsyn-net-")
    net = network.Network(os.path.join(folder, "run"), build_folder or release_build(), store=store,
                          data=network.DataSet(data))
    good = False
    try:
        net.create()
        if permit:
            net.create_permit()
        yield net
        good = True
    finally:
        net.stop_all()
        if good or not keep_on_error:
            net.remove_store()
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"kept for a look: {folder}", file=sys.stderr)


class Checks:
    """What a show script found: figures are printed, the exit status is 0 only if every check held."""

    def __init__(self):
        self.failed = []

    def that(self, holds, text):
        print(("ok      " if holds else "FAILED  ") + text, flush=True)
        if not holds:
            self.failed.append(text)
        return holds

    def end(self):
        print(f"{len(self.failed)} failed" if self.failed else "all held")
        sys.exit(1 if self.failed else 0)


def problem_of(done):
    """The code and class a refused client call printed: (exit status, text)."""
    return done.returncode, done.stdout + done.stderr
