#!/usr/bin/env python3
"""The command's way to its server and its exit codes, against a server that misbehaves on purpose.

usage: client_cli_test.py INNSYN    The server here is a fake and stands for nothing but broken transport:
what the real broker answers is tested end to end.  Ends with 77 (skipped) where openssl is not installed.
"""
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

INNSYN = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "innsyn"
COMMAND_SECONDS_MAX = 40
MB = 1024 * 1024


def run(*words, env=None, stdin=subprocess.DEVNULL):
    return subprocess.run([INNSYN, *words], capture_output=True, stdin=stdin, timeout=COMMAND_SECONDS_MAX, check=False,
                          start_new_session=True,  # no terminal to ask
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **(env or {})})


def answer(status, body, kind="application/json", more=""):
    return (f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nX-Request-Id: r-test\r\n{more}"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + body


class Server:
    """Listens on loopback; `script` is what each connection gets: bytes, None (hang up at once), or a function."""

    def __init__(self, folder, script, tls="1.3", certificate="server"):
        self.script, self.seen = script, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.minimum_version = self.context.maximum_version = (
                ssl.TLSVersion.TLSv1_3 if tls == "1.3" else ssl.TLSVersion.TLSv1_2)
            self.context.load_cert_chain(os.path.join(folder, certificate + ".pem"), os.path.join(folder, certificate + ".key"))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(raw,), daemon=True).start()

    def one(self, raw):
        number = len(self.seen)
        self.seen.append(b"")
        link = raw
        try:
            raw.settimeout(20)
            script = self.script[min(number, len(self.script) - 1)]
            if script == "silence":
                raw.recv(65536)
                threading.Event().wait(15)
                return
            link = self.context.wrap_socket(raw, server_side=True) if self.context else raw
            while self.context and b"\r\n\r\n" not in self.seen[number]:
                got = link.recv(65536)
                if not got:
                    return
                self.seen[number] += got
            if script is not None:
                for piece in [script] if isinstance(script, bytes) else script():
                    link.sendall(piece)
            link.unwrap() if self.context else None
        except OSError:
            pass
        finally:
            link.close()

    def close(self):
        self.socket.close()


def endless():
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(30):
        yield b"100000\r\n" + b" " * MB + b"\r\n"
    yield b"0\r\n\r\n"


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="innsyn-cli-")
        for name, host in (("server", "DNS:localhost,IP:127.0.0.1"), ("other", "DNS:other.example"),
                           ("stranger", "DNS:localhost,IP:127.0.0.1")):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=" + host,
                            "-keyout", f"{cls.dir}/{name}.key", "-out", f"{cls.dir}/{name}.pem"],
                           check=True, capture_output=True, timeout=30)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def profile(self, port, ca="server", scheme="https"):
        folder = tempfile.mkdtemp(dir=self.dir)
        with open(folder + "/profile.json", "w", encoding="utf-8") as f:
            json.dump({"url": f"{scheme}://127.0.0.1:{port}", "ca": f"{self.dir}/{ca}.pem", "account": "anna"}, f)
        with open(folder + "/token", "w", encoding="utf-8") as f:
            f.write("secret-token\n")
        return folder

    def ask(self, script, *words, ca="server", **more):
        server = Server(self.dir, script if isinstance(script, list) else [script], **more)
        self.addCleanup(server.close)
        self.folder = self.profile(server.port, ca)
        return run("--profile", self.folder, *(words or ("account", "me"))), server

    def ends(self, done, code, *texts):
        said = done.stderr.decode()
        self.assertEqual(done.returncode, code, said)
        for text in texts:
            self.assertIn(text, said)

    # --- what holds -------------------------------------------------------------------------------
    def test_an_answer(self):
        done, server = self.ask(answer(200, b'{"roles":["researcher"],"account":"anna"}'))
        self.ends(done, 0)
        self.assertEqual(done.stdout.decode(), "account       anna\nroles         researcher\n")
        self.assertIn(b"Authorization: Bearer secret-token\r\n", server.seen[0])

    def test_json_is_the_document_alone(self):
        done, _ = self.ask(answer(200, b'{ "roles" : [1.50] , "account":"\\u001b[2J\\u009b" }'), "account", "me", "--json")
        self.ends(done, 0)
        self.assertEqual(done.stdout, b'{"account":"\\u001b[2J\\u009b","roles":[1.5]}\n')
        self.assertEqual(done.stderr, b"")

    def test_escape_sequences_are_shown_not_obeyed(self):
        done, _ = self.ask(answer(200, b'{"account":"\\u001b]0;owned\\u0007","x\\u001b[31m":"\\u202e"}'))
        self.ends(done, 0)
        self.assertNotIn(b"\x1b", done.stdout)
        self.assertNotIn("\u202e".encode(), done.stdout)
        self.assertIn(rb"\x1b]0;owned\x07", done.stdout)

    def test_login_keeps_the_token_private(self):
        password = self.dir + "/password"
        with open(password, "w", encoding="utf-8") as f:
            f.write("tr0ub4dor\n")
        done, server = self.ask(answer(200, b'{"token":"fresh","account":"anna","roles":[],"expires":"x"}'), "login", "--password-file", password)
        self.ends(done, 0)
        self.assertNotIn(b"fresh", done.stdout + done.stderr)
        self.assertEqual(os.stat(self.folder + "/token").st_mode & 0o777, 0o600)
        with open(self.folder + "/token", encoding="utf-8") as f:
            self.assertEqual(f.read(), "fresh")
        self.assertNotIn(b"Authorization", server.seen[0])

    # --- exit 1: a rule says no --------------------------------------------------------------------
    def test_a_refusal(self):
        problem = json.dumps({"type": "urn:innsyn:problem:wrong_role", "title": "Wrong role", "status": 403, "detail": "only an operator\u001b[2J",
                              "code": "wrong_role", "class": "access"}).encode()
        done, _ = self.ask(answer(403, problem, "application/problem+json"))
        self.ends(done, 1, "refused: only an operator\\x1b[2J", "wrong_role", "next", "innsyn policy roles", "r-test")
        self.assertEqual(done.stdout, b"")
        done, _ = self.ask(answer(403, problem, "application/problem+json"), "account", "me", "--json")
        self.ends(done, 1)
        self.assertEqual(json.loads(done.stdout)["code"], "wrong_role")

    def test_a_redirect_is_not_followed(self):
        done, server = self.ask(answer(302, b"", more="Location: https://127.0.0.1:1/\r\n"))
        self.ends(done, 1, "302")
        self.assertEqual(len(server.seen), 1)

    def test_not_signed_in(self):
        folder = self.profile(1)
        os.unlink(folder + "/token")
        self.ends(run("--profile", folder, "account", "me"), 1, "innsyn login")

    # --- exit 2: nothing was sent ------------------------------------------------------------------
    def test_usage(self):
        folder = self.profile(1)
        for words in ((), ("frobnicate",), ("permit",), ("permit", "frobnicate"), ("permit", "show"), ("permit", "show", "p-1"),
                      ("account", "me", "--frob"), ("account", "me", "too", "many"), ("query", "run", "/nonexistent"),
                      ("application", "opinion", "a-1", "maybe", "--site", "x"), ("token", "create", "x", "--days", "0"),
                      ("site", "add", "oslo")):
            self.ends(run("--profile", folder, *words), 2, "innsyn: ")
        self.ends(run("account", "me"), 2, "profile create")
        self.ends(run("help"), 0)
        self.ends(run("help", "permit"), 0)
        self.ends(run("--version"), 0)

    def test_profiles_are_strict(self):
        for text in ('{"url":"https://h:1","ca":"ca.pem","account":"a","extra":1}', '{"url":"https://h:1","ca":"ca.pem"}', "{", "[]",
                     '{"url":"https://h:1","url":"https://h:1","ca":"c","account":"a"}', '{"url":"http://h:1","ca":"c","account":"a"}',
                     '{"url":"https://h:1/x","ca":"c","account":"a"}', '{"url":"https://h:1","ca":"c","account":"../a"}'):
            folder = self.profile(1)
            with open(folder + "/profile.json", "w", encoding="utf-8") as f:
                f.write(text)
            self.ends(run("--profile", folder, "account", "me"), 2)

    def test_a_key_that_others_may_read(self):
        folder = self.profile(1)
        self.ends(run("--profile", folder, "key", "new"), 0)
        self.assertEqual(os.stat(folder + "/key.pem").st_mode & 0o777, 0o600)
        self.ends(run("--profile", folder, "key", "show"), 0)
        self.ends(run("--profile", folder, "key", "new"), 2, "already")
        os.chmod(folder + "/key.pem", 0o640)
        self.ends(run("--profile", folder, "key", "show"), 2, "chmod 600")

    # --- exit 3: no answer -------------------------------------------------------------------------
    def test_a_server_under_another_ca(self):
        done, server = self.ask(answer(200, b"{}"), certificate="stranger")
        self.ends(done, 3, "certificate")
        self.assertNotIn(b"Bearer", b"".join(server.seen))

    def test_a_server_with_another_name(self):
        done, _ = self.ask(answer(200, b"{}"), ca="other", certificate="other")
        self.ends(done, 3, "certificate")

    def test_older_tls(self):
        self.ends(self.ask(answer(200, b"{}"), tls="1.2")[0], 3, "TLS 1.3")

    def test_no_tls(self):
        self.ends(self.ask(answer(200, b"{}"), tls=None)[0], 3)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        self.ends(run("--profile", self.profile(port), "account", "me"), 3, "cannot reach")

    def test_silence(self):
        # A call that may not be repeated: one connection, one wait.
        password = self.dir + "/password2"
        with open(password, "w", encoding="utf-8") as f:
            f.write("x\n")
        done, server = self.ask("silence", "login", "--password-file", password)
        self.ends(done, 3, "in time")
        self.assertEqual(len(server.seen), 1)

    def test_too_large(self):
        self.ends(self.ask(answer(200, b" " * (25 * MB)))[0], 3, "larger than")
        self.ends(self.ask(endless)[0], 3, "larger than")

    def test_nonsense(self):
        self.ends(self.ask(answer(200, b"<html>"))[0], 3)
        self.ends(self.ask(answer(200, b'{"a":1,"a":2}'))[0], 3)
        self.ends(self.ask(answer(500, b"{}", "application/problem+json"))[0], 3)

    def test_only_what_is_safe_to_repeat_is_repeated(self):
        done, server = self.ask([None, answer(503, b"{}"), answer(200, b"{}")])
        self.ends(done, 0)
        self.assertEqual(len(server.seen), 3)
        done, server = self.ask([None, answer(200, b"{}")], "logout")
        self.ends(done, 3)
        self.assertEqual(len(server.seen), 1)

    # --- exit 4: not verified ----------------------------------------------------------------------
    def test_nothing_is_believed_without_a_pin(self):
        done, _ = self.ask(answer(200, b'{"payload":"e30=","payloadType":"application/vnd.innsyn.trust.v1+json","signatures":[]}'), "audit", "verify")
        self.ends(done, 4, "NOT VERIFIED", "trust pin")
        done, _ = self.ask(answer(200, b'{"payload":"e30=","payloadType":"application/vnd.innsyn.trust.v1+json","signatures":[]}'), "trust", "show")
        self.ends(done, 4, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")


if __name__ == "__main__":
    if not shutil.which("openssl"):
        sys.exit(77)
    unittest.main()
