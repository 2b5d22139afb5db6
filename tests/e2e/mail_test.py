#!/usr/bin/env python3
"""Notifications, sent to a real SMTP server (TLS, login): the right people hear of the right things in their language,
with nothing of the case in the mail; refusals are tried again or given up; no mail comes twice, wherever the broker
is killed; deadlines and a permit's end are told of before they come.

The programs are a build with test hooks: the hour is moved for all of them at once.
"""
import contextlib
import json
import os
import re
import signal
import sqlite3
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mail_server  # noqa: E402
import running  # noqa: E402

DAY, MINUTE = 86400, 60
SECONDS_MAX = 90


def move_clock(path, seconds):
    with open(path, "r+b" if os.path.exists(path) else "wb") as f:
        f.write(struct.pack("=q", int(seconds * 1000)))


def address(person):
    return f"{person}@example.org"


def text_of(message):
    return message.get_content()


class Case:
    def __init__(self, net, checks):
        self.net, self.checks, self.shift = net, checks, 0
        self.clock = net.path("clock")

    def configure(self, server, tls="required"):
        """Mail on, the clock movable, the broker anew."""
        net = self.net
        net.stop_all()
        move_clock(self.clock, 0)
        net.environment["INNSYN_TEST_CLOCK_FILE"] = self.clock
        password = net.path("mail-password")
        net.write_secret(password, mail_server.PASSWORD + "\n")
        words = ["mail", net.path("broker"), "--url", f"smtp://localhost:{server.port}", "--from", "innsyn@example.org", "--tls", tls]
        if tls == "required":
            words += ["--user", mail_server.USER, "--password-file", password, "--ca", server.ca]
        net.broker(*words)
        self.start()

    def start(self):
        net = self.net
        net.start_broker()
        for person in net.people:
            net.login(person)

    def at(self, seconds):
        """So many seconds later, everybody signed in again."""
        self.shift += seconds
        move_clock(self.clock, self.shift)
        for person in self.net.people:
            self.net.login(person)

    def until(self, what, condition):
        try:
            self.net.wait_for(what, condition, seconds=SECONDS_MAX)
            return True
        except Exception as e:  # the check that follows says what is missing
            print(f"        {what}: {e}")
            return False

    def rest(self):
        """Until nothing is due or under way any more: what has not come by then does not come."""
        self.until("the outbox to rest", lambda: self.due() == 0)

    def due(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.net.path('broker', 'innsyn.db')}?mode=ro", uri=True, timeout=10)) as store:
            now = int((time.time() + self.shift) * 1000)
            return store.execute("SELECT count(*) FROM outbox WHERE state = 1 OR (state = 0 AND (next_ms <= ? OR (tries > 0 AND done_ms = 0)))", (now,)).fetchone()[0]

    def notifications(self):
        _, found = self.net.call("auditor", "GET", "/v1/log/search?type=notification&limit=1000&order=up")
        return [item["entry"] for item in found["items"]]

    def kill_core(self):
        """As if the power had failed: every process at once."""
        pids = self.net.role_pids("broker").values()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.net.stop("broker", kill=True)
        # Until then the ports are still theirs, and who connects is cut off.
        self.net.wait_for("their processes' end", lambda: not any(runs(pid) for pid in pids))


def runs(pid):
    """Also a process that nobody has reaped yet runs no more."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def life(case, server):
    """Who hears of what."""
    net, that = case.net, case.checks.that
    for person in net.people:
        language = "en" if person in ("researcher2", "officer2") else "nb"
        net.client(person, "account", "mail", address(person), "--lang", language)
    checks_mail = net.client_json("researcher", "account", "me")
    that(checks_mail["mail"] == address("researcher"), "an account says where it wants its mail")
    title = "Secret study of rare hearts"
    application = net.apply(dict(net.application(), title=title))
    net.client("researcher2", "application", "accept", application)
    net.client("officer1", "application", "screen", application)
    net.client("officer1", "application", "ask", application, "--text", "Which safeguards, Kari Nordmann?")
    net.client("researcher", "application", "answer", application, "--text", "Two people.")
    net.client("officer1", "application", "complete", application)
    net.opinions(application)
    permit = net.client_json("officer1", "application", "decide", application, "grant", "--reason", "In order, says Ola.")["permit"]
    net.sign(permit)
    net.client("officer2", "permit", "revoke", permit, "--reason", "Breach of terms.")
    wanted = {  # who, what its first line says
        "researcher": ["En deltaker har sagt ja", "En sak har fått ny status.", "Det er stilt et spørsmål", "En sak har fått ny status.", "En sak er avgjort.",
                       "En tillatelse gjelder nå.", "En tillatelse er trukket tilbake."],
        "researcher2": ["You were named as a member in an application", "A case has a new status.", "A question was asked", "A case has a new status.", "A case was decided.",
                        "A permit is in force now.", "A permit was revoked."],
        "officer1": ["En søknad er kommet inn.", "Det er svart i en sak."],
        "officer2": ["An application has come in.", "A question in a case was answered.", "A permit awaits your signature."],
        f"holder-{net.sites[0]}": ["Du er bedt om en uttalelse", "En tillatelse venter på signaturen din.", "En tillatelse gjelder nå.",
                                   "En tillatelse er trukket tilbake."],
    }
    count = lambda: sum(len(server.to(address(p))) for p in wanted)
    case.until("the mails", lambda: count() >= sum(len(w) for w in wanted.values()))
    case.rest()
    for person, lines in wanted.items():
        got = [text_of(m).splitlines()[0] for m in server.to(address(person))]
        that(len(got) == len(lines) and all(any(g.startswith(w) for g in got) for w in lines), f"{person} hears: {' / '.join(got)}")
    that(not server.to(address("auditor")) and not server.to(address("desk")), "who has no part in it hears nothing")
    everything = "\n".join(str(m["Subject"]) + "\n" + str(m["To"]) + "\n" + text_of(m) for _, m in server.messages)
    named = [p for p in net.people if re.search(rf"\b{p}\b(?!@example)", everything)]
    that(not any(word in everything for word in (title, "rare", "Kari", "Ola", "Breach", "safeguards", "heart", "53.1")) and not named,
         f"{len(server.messages)} mails hold no title, question, reason, dataset, purpose or name")
    that(all(application in str(m["Subject"]) or permit in str(m["Subject"]) for _, m in server.messages)
         and all(f"{net.state['url']}/#/" in text_of(m) for _, m in server.messages), "each has the case's number and a link")
    asked = [m for m in server.to(address("researcher")) if "stilt et spørsmål" in text_of(m)][0]
    that("Frist: 20" in text_of(asked), "the question's mail has the deadline")
    ids = [m["Message-ID"] for _, m in server.messages]
    that(len(ids) == len(set(ids)) and all(i.startswith("<n-") for i in ids), f"{len(ids)} message ids, each once")
    that(server.plain_logins == 0, "the password went over TLS only")
    case.until("the log", lambda: len(case.notifications()) >= len(server.messages))
    noted = case.notifications()
    that(len(noted) == len(server.messages) and all(n["state"] == "sent" for n in noted), f"{len(noted)} notifications in the log, all sent")
    that("example.org" not in str(noted), "no address is in the log")
    return application


def asking(case, server):
    """An enquiry, and people who are named in an application: who hears, once, and nothing of what was said."""
    net, that = case.net, case.checks.that
    server.messages.clear()
    first = lambda person: [text_of(m).splitlines()[0] for m in server.to(address(person))]

    def hears(what, **wanted):
        """Exactly these first lines since the last look, and nobody else."""
        case.rest()
        got = {p: first(p) for p in net.people if first(p)}
        want = {p.replace("_", "-"): lines for p, lines in wanted.items()}
        that(got.keys() == want.keys() and all(len(got[p]) == len(want[p]) and all(g.startswith(w) for g, w in zip(got[p], want[p])) for p in want),
             f"{what}: {got}")
        everything = "\n".join(str(m["Subject"]) + "\n" + text_of(m) for _, m in server.messages)
        that(not any(word in everything for word in ("Rare", "Nordmann", "heart", "Maybe", "ages")), "  and nothing of what was said")
        server.messages.clear()
        return everything

    enquiry = net.client_json("researcher2", "enquiry", "ask", "--title", "Rare things", "--question", "Of Kari Nordmann?", "--dataset", "heart")["id"]
    seen = hears("an enquiry comes in", officer1=["En henvendelse er kommet inn."], officer2=["An enquiry has come in."])
    that(f"Henvendelse: {enquiry}" in seen and f"{net.state['url']}/#/enquiries/{enquiry}" in seen, "it names the enquiry and where it is")
    net.client("officer1", "enquiry", "answer", enquiry, "--text", "Maybe: which ages?")
    seen = hears("it is answered, with the estimate", researcher2=["An enquiry was answered. The answer is in it, with an estimate"])
    net.client("researcher2", "enquiry", "reply", enquiry, "--text", "All ages.")
    hears("who asked asks on", officer1=["Det er spurt videre i en henvendelse."], officer2=["More was asked in an enquiry."])
    net.client("officer1", "enquiry", "answer", enquiry, "--text", "Maybe, then.")
    net.client("officer2", "enquiry", "close", enquiry)
    hears("answered again and closed", researcher2=["An enquiry was answered.", "An enquiry was closed."])

    def draft(*people):
        path = net.path("people", "researcher", "draft.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(dict(net.application(people=people), title="Rare things"), f)
        return path

    application = net.client_json("researcher", "application", "create", draft("researcher", "researcher2"))["id"]
    hears("named in a draft", researcher2=["You were named as a member in an application"])
    net.client("researcher", "application", "edit", application, draft("researcher"))
    net.client("researcher", "application", "edit", application, draft("researcher", "researcher2"))
    hears("taken out and named again the same day")
    net.client("researcher2", "application", "decline", application)
    hears("declined", researcher=["En deltaker har sagt nei"])
    case.at(DAY)
    net.client("researcher", "application", "edit", application, draft("researcher", "researcher2"))
    hears("named anew the next day", researcher2=["You were named as a member in an application"])
    net.client("researcher2", "application", "accept", application)
    hears("accepted", researcher=["En deltaker har sagt ja"])
    net.client("researcher", "application", "withdraw", application)
    case.rest()


def failing(case, server):
    """Not now, never, and a text that is refused."""
    net, that = case.net, case.checks.that
    server.messages.clear()
    server.refuse = {address("officer1"): "450 later", address("officer2"): "550 no such mailbox"}
    application = net.apply()
    case.until("the refusal", lambda: any(n["state"] == "failed" for n in case.notifications()))
    failed = [n for n in case.notifications() if n["state"] == "failed"]
    that([n["account"] for n in failed] == ["officer2"] and failed[0]["tries"] == 1, "a mailbox that does not exist is given up at once, and noted")
    case.rest()
    that(not server.to(address("officer1")), "the one who may come later has got nothing yet")
    server.refuse = {}
    server.refuse_data = "451 try again"
    case.at(2 * MINUTE)
    case.rest()
    server.refuse_data = None
    case.at(6 * MINUTE)
    case.until("the mail", lambda: server.to(address("officer1")))
    mine = lambda: [n for n in case.notifications() if n["account"] == "officer1" and n["document"] == application]
    case.until("its entry", mine)
    last = mine()[-1]
    that(len(server.to(address("officer1"))) == 1 and last["tries"] == 3, f"after two refusals for now it comes, once (try {last['tries']})")


def killed(case, server):
    """kill -9 before the text leaves: it comes once.  After: it does not come again."""
    net, that = case.net, case.checks.that
    server.messages.clear()
    net.client("officer2", "account", "mail", "--lang", "en")
    server.waiting.clear()
    server.hold_rcpt.clear()
    before = net.apply(net.application(people=("researcher",)))
    that(server.waiting.wait(SECONDS_MAX), "the server holds the addressee's turn")
    case.kill_core()
    server.hold_rcpt.set()
    case.start()
    case.at(2 * MINUTE)
    case.until("the mail", lambda: server.to(address("officer1")))
    case.rest()
    that(len(server.to(address("officer1"))) == 1 and before in server.to(address("officer1"))[0]["Subject"],
         "killed before the text left: the mail comes, once")

    server.messages.clear()
    server.waiting.clear()
    server.hold_data.clear()
    after = net.apply(net.application(people=("researcher",)))
    that(server.waiting.wait(SECONDS_MAX), "the server has the text and holds its answer")
    case.kill_core()
    server.hold_data.set()
    case.start()
    for _ in range(3):
        case.at(6 * MINUTE)
        case.rest()
    noted = [n for n in case.notifications() if n["document"] == after and n["account"] == "officer1"]
    that(len(server.to(address("officer1"))) == 1, "killed between sending and marking: the mail came once, and not again")
    that([n["state"] for n in noted] == ["unknown"], f"the log says that nobody knows: {[n['state'] for n in noted]}")
    return after


def reminders(case, server, application):
    """Deadlines and a permit's end, once each."""
    net, that = case.net, case.checks.that
    net.client("officer2", "account", "mail", address("officer2"), "--lang", "en")
    net.client("officer1", "application", "screen", application)
    net.client("officer1", "application", "ask", application, "--text", "?")
    other = net.apply()
    net.prepare(other)
    for person in ["researcher"] + [f"holder-{site}" for site in net.sites]:
        case.until(f"the mail of what happened to {person}", lambda: any(other in m["Subject"] for m in server.to(address(person))))
    case.rest()
    server.messages.clear()

    def lines(person):
        return [text_of(m).splitlines()[0] for m in server.to(address(person))]

    case.at(22 * DAY)
    case.until("the reminders", lambda: lines("researcher") and lines(f"holder-{net.sites[0]}"))
    that(lines("researcher") == ["Fristen for å svare i en sak er nær."], f"six days before, the applicant is reminded: {lines('researcher')}")
    that(lines(f"holder-{net.sites[0]}") == ["Fristen for uttalelsen i en sak er nær."], "and the holder who has not spoken")
    case.at(DAY)
    case.rest()
    that(len(lines("researcher")) == 1 and len(lines(f"holder-{net.sites[0]}")) == 1, "each once")
    case.at(60 * DAY)
    case.until("the officers' reminder", lambda: lines("officer2"))
    that(lines("officer2") == ["The deadline for deciding a case is near."] and lines("officer1") == ["Fristen for å avgjøre en sak er nær."],
         f"before three months are over the officers are: {lines('officer1')}")


def ending(case, server):
    net, that = case.net, case.checks.that
    stamp = lambda t: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))
    now = time.time() + case.shift
    permit = net.permit(net.application(begins=stamp(now - 60), ends=stamp(now + 60 * DAY)))
    case.rest()
    server.messages.clear()
    mine = lambda: [text_of(m).splitlines()[0] for m in server.to(address("researcher")) if permit in m["Subject"]]
    case.at(20 * DAY)
    case.until("the warning", lambda: mine())
    that(mine() == ["En tillatelse utløper snart."], f"forty days before the end: {mine()}")
    case.at(41 * DAY)
    case.until("the end", lambda: len(mine()) > 1)
    that(mine()[1:] == ["En tillatelse er utløpt."], f"and at the end: {mine()}")


def main():
    checks = running.Checks()
    with running.running(permit=False, build_folder=running.hooks_build()) as net:
        server = mail_server.Server(net.run)
        try:
            case = Case(net, checks)
            case.configure(server)
            life(case, server)
            asking(case, server)
            failing(case, server)
            left = killed(case, server)
            reminders(case, server, left)
            ending(case, server)
            copy = net.path("people", "auditor", "log.ndjson")
            net.client("auditor", "audit", "export", "--format", "ndjson", "--out", copy)
            checks.that(net.client("auditor", "audit", "verify", "--file", copy, check=False).returncode == 0, "the log verifies")
        finally:
            server.close()
    checks.end()


main()
