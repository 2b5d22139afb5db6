"""A browser driven over the W3C WebDriver protocol, with nothing but Python's standard library.

Needs Debian's chromium and chromium-driver.  INNSYN_CHROMEDRIVER names another driver.
"""
import base64
import http.client
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

START_SECONDS_MAX = 60
CALL_SECONDS_MAX = 90
WAIT_SECONDS_MAX = 30
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for an element's reference


class BrowserFailed(Exception):
    """The driver refused a command, or what was waited for never came."""


class Browser:
    """Headless, with a profile of its own that ends with it.  Use as a context."""

    def __init__(self):
        self.driver = self.session = self.folder = None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="innsyn-browser-")
        program = os.environ.get("INNSYN_CHROMEDRIVER") or shutil.which("chromedriver")
        if not program:
            raise BrowserFailed("no chromedriver: install the packages chromium and chromium-driver")
        self.downloads = os.path.join(self.folder, "downloads")
        os.makedirs(self.downloads)
        environment = dict(os.environ, HOME=self.folder, TMPDIR=self.folder)
        self.driver = subprocess.Popen([program, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, env=environment)
        try:
            self.port = self.read_port()
            arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                         "--disable-background-networking", "--disable-component-update", "--disable-sync",
                         "--disable-dev-shm-usage", "--ignore-certificate-errors", "--window-size=1280,1000",
                         "--user-data-dir=" + os.path.join(self.folder, "profile")]
            answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "acceptInsecureCerts": True, "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {"args": arguments, "prefs": {"download.default_directory": self.downloads}}}}})
            self.session = answer["sessionId"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self.call("DELETE", f"/session/{self.session}")
        except (OSError, BrowserFailed, http.client.HTTPException):
            pass  # it goes with its driver
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait(10)
        self.driver.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read_port(self):
        """The driver says on which port it was started."""
        end = time.monotonic() + START_SECONDS_MAX
        said = b""
        while time.monotonic() < end:
            if select.select([self.driver.stdout], [], [], 1)[0]:
                got = os.read(self.driver.stdout.fileno(), 4096)
                if not got:
                    break
                said += got
                for line in said.decode(errors="replace").split("\n")[:-1]:
                    if "started successfully on port" in line:
                        return int(line.rsplit("port", 1)[1].strip(" ."))
        raise BrowserFailed(f"chromedriver did not start: {said.decode(errors='replace')}")

    # --- the protocol ---------------------------------------------------------------------------------
    def call(self, method, path, body=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_SECONDS_MAX)
        try:
            link.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            value = json.loads(link.getresponse().read())["value"]
        finally:
            link.close()
        if isinstance(value, dict) and value.get("error"):
            raise BrowserFailed(f"{method} {path.split('/', 3)[-1]}: {value['error']}: {value.get('message', '')[:600]}")
        return value

    def do(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def devtools(self, command, **parameters):
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    # --- what a test does ---------------------------------------------------------------------------------
    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def script(self, text, *arguments):
        """The value of `return …`; a promise is waited for."""
        return self.do("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def find(self, selector):
        return self.do("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.do("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector, text):
        element = self.find(selector)
        self.do("POST", f"/element/{element}/clear", {})
        self.do("POST", f"/element/{element}/value", {"text": text})

    def press(self, *keys):
        """Keys to whatever has the focus, as a person at the keyboard."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def text(self, selector="body"):
        return self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map(n => n.textContent.trim())", selector)

    def wait(self, what, script, *arguments):
        """Until the script returns something true; that is the answer."""
        end = time.monotonic() + WAIT_SECONDS_MAX
        while True:
            value = self.script(script, *arguments)
            if value:
                return value
            if time.monotonic() > end:
                raise BrowserFailed(f"{what}: nothing after {WAIT_SECONDS_MAX} s; the page says:\n{self.text()[:3000]}")
            time.sleep(0.1)

    def wait_for(self, selector):
        return self.wait(selector, "return document.querySelector(arguments[0]) !== null", selector)

    def complaints(self):
        """What the page wrote to the console since the last call: errors, refused resources."""
        entries = self.do("POST", "/se/log", {"type": "browser"})
        return [f"{e['level']} {e['message']}" for e in entries if e["level"] == "SEVERE" or "Content Security" in e["message"]]

    def size(self, width, height=900):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path):
        """The whole page, also what lies below the window's edge."""
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
