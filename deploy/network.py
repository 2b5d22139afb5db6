"""A whole network on loopback: one broker, an agent a site, the people.

Used by deploy/demo, which shows it, and by the end-to-end tests, which try to break it.  Everything is
done through the three programs as their users would; nothing here reaches into their files, except to
start, stop and kill the processes it started itself.
"""
import base64
import contextlib
import hashlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMAND_SECONDS_MAX = 120
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 15
PORT_FIRST, PORT_TRIES_MAX = 10240, 200
SITES_MAX = 20
BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
QUERY_TYPE = "application/vnd.innsyn.query.v1+json"


class CommandFailed(Exception):
    """A program ended with another status than 0; holds what it said."""

    def __init__(self, argv, status, out, err):
        super().__init__(f"{' '.join(argv)}: exit {status}\n{out}{err}")
        self.status, self.out, self.err = status, out, err


def free_ports(count):
    """Ports nobody listens on now.  They are kept for the network's life, so that restarts find them: they lie below
    those that the kernel gives to connections, or on a busy machine one could be taken while its program is down."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        end = int(f.read().split()[0])
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(PORT_TRIES_MAX):
            port = PORT_FIRST + secrets.randbelow(end - PORT_FIRST) if end > 2 * PORT_FIRST else 0
            s = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                ports.append(s.getsockname()[1])
            if len(ports) == count:
                return ports
    raise RuntimeError("no free ports on 127.0.0.1")


def der_integers(der):
    """r and s of an ECDSA-Sig-Value."""
    found, at = [], 2
    for _ in range(2):
        size = der[at + 1]
        found.append(int.from_bytes(der[at + 2:at + 2 + size], "big"))
        at += 2 + size
    return found


def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


class DataSet:
    """A folder in the form of deploy/data/heart: dictionary.json and one CSV file a site."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        path = os.path.join(self.folder, "dictionary.json")
        if not os.path.isfile(path):
            sys.exit(f"{self.folder}: no dictionary.json; give a folder in the form of deploy/data/heart")
        self.dictionary = read_json(path)
        self.name = self.dictionary["dataset"]
        self.sites = [s["id"] for s in self.dictionary["sites"]]
        if not 1 <= len(self.sites) <= SITES_MAX:
            sys.exit(f"{path}: sites: 1 to {SITES_MAX} are allowed, this has {len(self.sites)}")
        self.files = {s["id"]: os.path.join(self.folder, s["file"]) for s in self.dictionary["sites"]}
        for site, path in self.files.items():
            if not os.path.isfile(path):
                sys.exit(f"{path}: the data of site {site} are missing (see the data set's README)")


class Network:
    def __init__(self, run, build, store="sqlite", data=None):
        self.run = os.path.abspath(run)
        self.build = os.path.abspath(build)
        self.store = store
        self.data = data
        self.processes = {}
        self.state_path = os.path.join(self.run, "demo.json")
        self.state = read_json(self.state_path) if os.path.exists(self.state_path) else {}
        self.environment = dict(os.environ, LC_ALL="C.UTF-8")
        self.environment.pop("INNSYN_PROFILE", None)
        # A command that ends leaves its memory to the kernel; leaks are looked for in the unit tests.
        self.environment.setdefault("ASAN_OPTIONS", "detect_leaks=0")

    # --- small things -------------------------------------------------------------------------
    def path(self, *parts):
        return os.path.join(self.run, *parts)

    def program(self, name):
        return os.path.join(self.build, name)

    def command(self, argv, check=True, env=None, stdin=None, timeout=COMMAND_SECONDS_MAX):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL if stdin is None else None, input=stdin,
                              capture_output=True, text=True, timeout=timeout,
                              env=dict(self.environment, **(env or {})), cwd=self.run)
        if check and done.returncode != 0:
            raise CommandFailed(argv, done.returncode, done.stdout, done.stderr)
        return done

    def client(self, person, *words, check=True, timeout=COMMAND_SECONDS_MAX, env=None):
        return self.command([self.program("innsyn"), "--profile", self.path("people", person), *words],
                            check=check, timeout=timeout, env=env)

    def client_json(self, person, *words, **more):
        return json.loads(self.client(person, *words, "--json", **more).stdout)

    def agent(self, *words, check=True, timeout=COMMAND_SECONDS_MAX):
        return self.command([self.program("innsyn-agent"), *words], check=check, timeout=timeout)

    def broker(self, *words, check=True):
        return self.command([self.program("innsyn-broker"), *words], check=check)

    def save(self):
        temporary = self.state_path + ".new"
        with open(temporary, "w", encoding="utf-8") as f:
            json.dump(self.state, f, indent=1)
        os.replace(temporary, self.state_path)

    def write_secret(self, path, text):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text)

    @property
    def sites(self):
        return self.state["sites"]

    @property
    def people(self):
        return (["researcher", "researcher2", "officer1", "officer2", "auditor", "desk", "operator"]
                + [f"holder-{site}" for site in self.sites])

    # --- processes ----------------------------------------------------------------------------
    def start(self, name, argv, env=None):
        os.makedirs(self.path("logs"), exist_ok=True)
        with open(self.path("logs", name + ".log"), "ab") as log:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.run,
                                     env=dict(self.environment, **(env or {})), start_new_session=True)
        self.processes[name] = child
        self.state.setdefault("pids", {})[name] = child.pid
        self.save()
        return child

    def is_alive(self, name):
        child = self.processes.get(name)
        return child is not None and child.poll() is None

    def stop(self, name, kill=False):
        """Ends a program that this network started: TERM first, KILL after STOP_SECONDS_MAX.

        Returns when its roles are gone too: a killed one's still hold its ports and locks for a moment,
        and whoever asks then would be answered by the dead.
        """
        child = self.processes.pop(name, None)
        pid = self.state.get("pids", {}).pop(name, None)
        self.save()
        if child is None:
            stop_pid(pid, self.run)
            return
        if child.poll() is None:
            roles = self.roles_of(child.pid)
            child.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                child.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(STOP_SECONDS_MAX)
            self.wait_for(f"the end of {name}'s roles", lambda: all(map(has_ended, roles)),
                          seconds=STOP_SECONDS_MAX)

    def roles_of(self, pid):
        """The processes that a running program started, now."""
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                return [int(word) for word in f.read().split()]
        except OSError:
            return []

    def stop_all(self):
        names = list(self.state.get("pids", {}))
        for name in sorted(names, key=lambda n: (n == "postgres", n == "broker")):
            if name != "postgres":
                self.stop(name)
        if self.state.get("postgres"):
            self.command(["bash", os.path.join(TOP, "tests", "pg_private.sh"), "stop", self.state["postgres"]],
                         check=False)

    def remove_store(self):
        """Removes a PostgreSQL server's files, which may lie outside of the run's folder."""
        folder = self.state.pop("postgres", None)
        if folder and os.path.isdir(folder):
            self.command(["bash", os.path.join(TOP, "tests", "pg_private.sh"), "remove", folder], check=False)
        self.save()

    def broker_env(self):
        return {}

    def start_broker(self, env=None):
        self.start("broker", [self.program("innsyn-broker"), "run", self.path("broker")], env=env)
        self.wait_for("the broker", lambda: self.is_listening(self.state["people_port"])
                      and self.is_listening(self.state["agents_port"]), "broker")

    def start_agent(self, site, env=None):
        self.start("agent-" + site, [self.program("innsyn-agent"), "run", self.path("agents", site)], env=env)

    def role_pids(self, folder):
        """{role: pid} of a running program, from its pid file, which is written once all roles are there."""
        self.wait_for(f"{folder}/pids", lambda: os.path.exists(self.path(folder, "pids")))
        with open(self.path(folder, "pids"), encoding="utf-8") as f:
            return {words[1]: int(words[0]) for words in (line.split() for line in f) if len(words) >= 2}

    def is_listening(self, port):
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", port)) == 0

    def wait_for(self, what, condition, process=None, seconds=START_SECONDS_MAX):
        seconds = max(seconds, START_SECONDS_MAX)  # a busy machine takes its time; who waits in vain may as well wait longer
        end = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except (CommandFailed, OSError, json.JSONDecodeError, subprocess.TimeoutExpired) as e:
                last = str(e)
            else:
                last = ""
            if process and not self.is_alive(process):
                raise RuntimeError(f"{process} ended while waiting for {what}:\n{self.log_tail(process)}")
            if time.monotonic() > end:
                tail = self.log_tail(process) if process else ""
                raise RuntimeError(f"{what}: nothing after {seconds} s\n{last}\n{tail}")
            time.sleep(0.1)

    def log_tail(self, name, lines=30):
        try:
            with open(self.path("logs", name + ".log"), encoding="utf-8", errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return ""

    # --- the network's beginning ------------------------------------------------------------------
    def make_broker(self):
        os.makedirs(self.run, mode=0o700, exist_ok=True)
        agents_port, people_port = free_ports(2)
        self.state.update(agents_port=agents_port, people_port=people_port,
                          url=f"https://127.0.0.1:{people_port}", sites=self.data.sites, data=self.data.folder,
                          dataset=self.data.name, build=self.build, store=self.store)
        if self.store == "postgres":
            folder = self.path("postgres")
            self.state["postgres"] = folder
            self.save()
            where = self.command(["bash", os.path.join(TOP, "tests", "pg_private.sh"), "start", folder]).stdout
            store = "postgres:" + where.strip()
        else:
            store = "sqlite:" + self.path("broker", "innsyn.db")
        self.save()
        self.broker("init", self.path("broker"), "--network", "demo", "--agents", f"127.0.0.1:{agents_port}",
                    "--people", f"127.0.0.1:{people_port}", "--store", store, "--names", "localhost,127.0.0.1")

    def make_agents(self):
        for site in self.sites:
            self.agent("init", self.path("agents", site), "--site", site, "--network", "demo")

    def make_people(self):
        """A profile with a key of its own for everyone; passwords are random and stay in the profiles."""
        ca = self.path("broker", "server-ca.pem")
        public = read_json(self.path("broker", "broker-public.json"))
        with open(ca, "w", encoding="ascii") as f:
            f.write(public["server_ca"])
        os.makedirs(self.path("people"), mode=0o700, exist_ok=True)
        for person in self.people:
            folder = self.path("people", person)
            self.command([self.program("innsyn"), "profile", "create", folder, "--url", self.state["url"],
                          "--ca", ca, "--account", person, "--network", "demo"])
            self.client(person, "key", "new")
            self.write_secret(os.path.join(folder, "password"), secrets.token_urlsafe(18))

    def public_key_file(self, person):
        path = self.path("people", person, "key.spki")
        with open(path, "w", encoding="ascii") as f:
            f.write(self.client(person, "key", "show").stdout.split()[-1] + "\n")
        return path

    def make_trust(self, version=1, broker_public=None, successions=(), signers=(1, 3), witnesses=()):
        """The offline ceremony: three root keys, two of them sign; witnesses: verifier keys of standalone ones."""
        ceremony = self.path("ceremony")
        os.makedirs(ceremony, mode=0o700, exist_ok=True)
        innsyn = self.program("innsyn")
        words = [innsyn, "trust", "make", "--network", "demo", "--version", str(version), "--threshold", "2"]
        for i in (1, 2, 3):
            root = os.path.join(ceremony, f"root{i}.pem")
            if not os.path.exists(root):
                out = self.command([innsyn, "trust", "root-key", root]).stdout
                with open(os.path.join(ceremony, f"root{i}.spki"), "w", encoding="ascii") as f:
                    f.write(out.split()[-1] + "\n")
            words += ["--root-public", os.path.join(ceremony, f"root{i}.spki")]
        for officer in ("officer1", "officer2"):
            words += ["--officer", f"{officer}={self.public_key_file(officer)}"]
        words += ["--desk", f"desk={self.public_key_file('desk')}"]
        for site in self.sites:
            holder = f"holder-{site}"
            words += ["--holder", f"{holder}@{site}={self.public_key_file(holder)}"]
            words += ["--site-public", self.path("agents", site, "site-public.json")]
        for vkey in witnesses:
            words += ["--witness", vkey]
        trust = os.path.join(ceremony, f"trust-{version}.json")
        words += ["--broker-public", broker_public or self.path("broker", "broker-public.json"), "--out", trust]
        words += [w for s in successions for w in ("--succession", s)]
        self.command(words)
        for i in signers:
            signed = self.command([innsyn, "trust", "sign", trust, "--key", os.path.join(ceremony, f"root{i}.pem")])
        if version == 1:  # what people take home from the ceremony: the hash they trust first
            for person in self.people:
                self.client(person, "trust", "pin", signed.stdout.split()[-1])
        return trust

    def login(self, person):
        self.client(person, "login", "--password-file", self.path("people", person, "password"))

    def make_accounts(self):
        roles = {"researcher": "researcher", "researcher2": "researcher", "officer1": "officer",
                 "officer2": "officer", "auditor": "auditor", "desk": "desk"}
        for person in self.people:
            if person == "operator":
                continue
            words = ["account", "create", person, "--roles", roles.get(person, "holder"),
                     "--password-file", self.path("people", person, "password"),
                     "--organisation", "Demo University" if person.startswith("researcher") else "Demo"]
            words += ["--key", self.client(person, "key", "show").stdout.split()[-1]]
            self.client("operator", *words)
        for person in self.people:
            if person != "operator":
                self.login(person)

    def enrol(self, site):
        label = next(s.get("label") or site for s in self.data.dictionary["sites"] if s["id"] == site)
        out = self.client("operator", "site", "add", site, "--title", label).stdout
        token = next(word for word in out.split() if word.startswith("innsyn-enrol:"))
        self.agent("enrol", self.path("agents", site), "--token", token)

    def load(self, site, dataset, profile, check=True):
        words = ["load", self.path("agents", site), os.path.join(self.data.folder, "dictionary.json"),
                 self.data.files[site], "--as", dataset, "--profile", profile]
        if profile == "open":
            words.append("--public-data")
        return self.agent(*words, check=check, timeout=900)

    def datasets(self):
        return {self.state["dataset"]: "open", self.state["dataset"] + "-ck": "ck"}

    def wait_for_catalogue(self):
        def complete():
            items = self.client_json("researcher", "catalogue")["items"]
            seen = {i["dataset"]: {s["site"] for s in i["sites"]} for i in items}
            return all(seen.get(d, set()) >= set(self.sites) for d in self.datasets())
        self.wait_for("every site's dataset in the catalogue", complete)

    # --- raw calls, for tests that look behind the client -----------------------------------------------
    def call(self, person, method, path, body=None):
        """(status, document) of one call with the person's token."""
        with open(self.path("people", person, "token"), encoding="ascii") as f:
            headers = {"Authorization": "Bearer " + f.read().strip(), "Content-Type": "application/json"}
        context = ssl.create_default_context(cafile=self.path("broker", "server-ca.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.state["people_port"], context=context, timeout=60)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def head_status(self, method, path, headers):
        """The status of a call whose body is announced and not sent; 0: no answer."""
        context = ssl.create_default_context(cafile=self.path("broker", "server-ca.pem"))
        with socket.create_connection(("127.0.0.1", self.state["people_port"]), timeout=30) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as s:
            lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"] + [f"{k}: {v}" for k, v in headers.items()]
            s.sendall("\r\n".join(lines + ["", ""]).encode())
            words = s.recv(4096).split()
            return int(words[1]) if len(words) > 1 else 0

    def signed_query(self, person, question, permit, sites=None, seconds=3600):
        """(id, envelope) of a query signed with the person's key by another program than ours."""
        now = time.time()
        stamp = lambda t: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))
        number = int.from_bytes(os.urandom(16), "big") << 2
        name = "q-" + "".join(BASE32[(number >> (125 - 5 * i)) & 31] for i in range(26))
        payload = json.dumps({"innsyn": "query/1", "id": name, "network": "demo", "permit": permit,
                              "sites": sorted(sites or self.sites), "issued": stamp(now), "expires": stamp(now + seconds),
                              "question": question}, sort_keys=True, separators=(",", ":")).encode()
        signed = b"DSSEv1 %d %s %d " % (len(QUERY_TYPE), QUERY_TYPE.encode(), len(payload)) + payload
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path("people", person, "key.pem")], input=signed,
                             capture_output=True, check=True, timeout=COMMAND_SECONDS_MAX).stdout
        r, s = der_integers(der)
        key = subprocess.run(["openssl", "pkey", "-in", self.path("people", person, "key.pem"), "-pubout", "-outform", "DER"],
                             capture_output=True, check=True, timeout=COMMAND_SECONDS_MAX).stdout
        return name, {"payload": base64.b64encode(payload).decode(), "payloadType": QUERY_TYPE,
                      "signatures": [{"keyid": hashlib.sha256(key).hexdigest(),
                                      "sig": base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()}]}

    # --- the main job's decisions -------------------------------------------------------------------
    def application(self, people=("researcher", "researcher2"), datasets=None, statistics=None, begins=None, ends=None):
        now = time.time()
        stamp = lambda t: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))
        return {"title": f"What {self.data.name} shows", "summary": "Counts, tables and distributions over all sites.",
                "statistical_content": "Counts, tables, summaries and histograms of all variables.",
                "safeguards": "Two people, anonymised statistics only.",
                "purpose": "53.1.e", "legal_basis": "GDPR 6(1)(e), 9(2)(j)", "ethics": "not required: anonymised statistics",
                "from": begins or stamp(now - 60), "to": ends or stamp(now + 365 * 86400),
                "datasets": [{"dataset": d, "sites": self.sites, "variables": ["*"],
                              "statistics": statistics or ["count", "table", "summary", "histogram"]}
                             for d in (datasets or self.datasets())],
                "people": list(people)}

    def apply(self, application=None, person="researcher"):
        path = self.path("people", person, "application.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(application or self.application(), f, indent=1)
        return self.client_json(person, "application", "submit", path)["id"]

    def prepare(self, application):
        """Everyone named accepts, the unit finds it complete."""
        for member in self.client_json("officer1", "application", "show", application)["members"]:
            if not member["accepted"]:
                self.client(member["account"], "application", "accept", application)
        self.client("officer1", "application", "screen", application)
        self.client("officer1", "application", "complete", application)

    def opinions(self, application, sites=None):
        for site in sites or self.sites:
            self.client(f"holder-{site}", "application", "opinion", application, "--site", site, "approve",
                        "--text", "Within the purpose of the registry.")

    def decide(self, application, sites=None):
        self.prepare(application)
        self.opinions(application, sites)
        return self.client_json("officer1", "application", "decide", application, "grant",
                                "--reason", "Purpose and safeguards are in order.")["permit"]

    def sign(self, permit, sites=None):
        for person in ["officer1", "officer2"] + [f"holder-{site}" for site in sites or self.sites]:
            self.client(person, "permit", "sign", permit, "--yes")

    def permit(self, application=None):
        permit = self.decide(self.apply(application))
        self.sign(permit)
        return permit

    def ask(self, question, person="researcher", check=True, **more):
        path = self.path("people", person, f"q-{base64.b32encode(os.urandom(5)).decode().lower()}.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(question, f)
        words = ["query", "run", path, "--json"]
        for key, value in more.items():
            words += ["--" + key, str(value)]
        done = self.client(person, *words, check=False, timeout=180)
        os.unlink(path)
        if check and done.returncode != 0:
            raise CommandFailed(words, done.returncode, done.stdout, done.stderr)
        return done

    def ask_json(self, question, person="researcher", **more):
        return json.loads(self.ask(question, person, **more).stdout)

    def log_entries(self):
        """Every entry of the broker's log, as the auditor reads it."""
        return self.client_json("auditor", "audit", "show", "--from", "0")["entries"]

    # --- all of it --------------------------------------------------------------------------------------
    def create(self, say=lambda text: None):
        """From nothing to a running network with loaded data and a live permit.  `say` tells the steps."""
        if os.path.exists(self.run) and os.listdir(self.run):
            if not os.path.exists(self.state_path):
                sys.exit(f"{self.run}: is not empty and not a run of the demo; give another --dir")
            self.stop_all()
            self.remove_store()
            shutil.rmtree(self.run)
        self.state = {}
        os.makedirs(self.run, mode=0o700)
        say("keys: the broker's, one set a site, one key a person")
        self.make_broker()
        self.make_agents()
        self.make_people()
        say("trust: the root quorum signs which key means what (2 of 3, offline)")
        trust = self.make_trust()
        self.broker("bootstrap", self.path("broker"), "--account", "operator",
                    "--password-file", self.path("people", "operator", "password"))
        self.start_broker()
        self.login("operator")
        self.client("operator", "trust", "publish", trust)
        say("accounts: researchers, officers, holders, auditor, desk")
        self.make_accounts()
        for site in self.sites:
            self.enrol(site)
            for dataset, profile in self.datasets().items():
                self.load(site, dataset, profile)
            self.start_agent(site)
            say(f"site {site}: enrolled, {self.data.name} loaded twice (open, ck), agent running")
        self.wait_for_catalogue()

    def create_permit(self):
        permit = self.permit()
        with open(self.path("permit"), "w", encoding="ascii") as f:
            f.write(permit + "\n")
        self.state["permit"] = permit
        self.save()
        return permit


def is_running(pid, run):
    """Whether the process with that number is one of this run's: its command line names the folder."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return any(run.encode() in word for word in f.read().split(b"\0"))
    except OSError:
        return False


def has_ended(pid):
    """Whether a process has let go of all it held (its command line is empty earlier than its sockets are closed)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def stop_pid(pid, run):
    """Ends a process of an earlier run, if the process with that number still is one (its command line names the run)."""
    if not pid or not is_running(pid, run):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS_MAX
        while time.monotonic() < end:
            if not os.path.exists(f"/proc/{pid}"):
                return
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
