"""An SMTP submission server for tests: STARTTLS, AUTH, and ways to fail.  It keeps what it was given."""
import base64
import email
import email.policy
import os
import socketserver
import ssl
import subprocess
import threading

SECONDS_MAX = 120
USER, PASSWORD = "innsyn", "not-a-real-password"


class Server:
    def __init__(self, folder, tls=True):
        self.messages = []      # (addressee, email.message) taken over, each as often as it came
        self.refuse = {}        # addressee: "450 ..." or "550 ...", said to RCPT
        self.refuse_data = None # said after the text
        self.hold_rcpt = threading.Event()
        self.hold_data = threading.Event()  # set: go on; cleared: wait before the answer to the text
        self.hold_rcpt.set()
        self.hold_data.set()
        self.waiting = threading.Event()    # somebody stands in a hold
        self.plain_logins = 0
        self.context = None
        self.ca = os.path.join(folder, "mail-ca.pem")
        if tls:
            key = os.path.join(folder, "mail-key.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", self.ca],
                           check=True, capture_output=True, timeout=30)
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(self.ca, key)
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    outer.talk(self.request)
                except (OSError, ValueError):
                    pass

        class Threads(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.hold_rcpt.set()
        self.hold_data.set()
        self.server.shutdown()
        self.server.server_close()

    def to(self, address):
        return [m for a, m in self.messages if a == address]

    def hold(self, event):
        if not event.is_set():
            self.waiting.set()
            event.wait(SECONDS_MAX)

    def talk(self, connection):
        connection.settimeout(SECONDS_MAX)
        secure = logged_in = False
        rcpt = None
        stream = connection.makefile("rwb", 0)
        say = lambda text: stream.write(text.encode() + b"\r\n")
        say("220 localhost ESMTP")
        while line := stream.readline(4096):
            word = line.decode("ascii").strip()
            verb = word.split(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                say("250-localhost")
                if self.context and not secure:
                    say("250-STARTTLS")
                if secure or not self.context:
                    say("250-AUTH PLAIN")
                say("250 SIZE 100000")
            elif verb == "STARTTLS":
                say("220 go on")
                connection = self.context.wrap_socket(connection, server_side=True)
                stream = connection.makefile("rwb", 0)
                secure = True
            elif verb == "AUTH":
                words = word.split(" ")
                if len(words) == 2:
                    say("334 ")
                    words.append(stream.readline(4096).decode().strip())
                self.plain_logins += not secure
                logged_in = base64.b64decode(words[2]) == f"\0{USER}\0{PASSWORD}".encode()
                say("235 welcome" if logged_in else "535 no")
            elif verb == "MAIL":
                say("250 ok" if logged_in or not self.context else "530 log in first")
            elif verb == "RCPT":
                rcpt = word[word.index("<") + 1:word.index(">")]
                self.hold(self.hold_rcpt)
                say(self.refuse.get(rcpt, "250 ok"))
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (line := stream.readline(4096)) != b".\r\n":
                    if not line:
                        return
                    lines.append(line[1:] if line.startswith(b".") else line)
                if self.refuse_data:
                    say(self.refuse_data)
                    continue
                self.messages.append((rcpt, email.message_from_bytes(b"".join(lines), policy=email.policy.default)))
                self.hold(self.hold_data)
                say("250 taken over")
            elif verb == "RSET":
                say("250 ok")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("500 what?")
