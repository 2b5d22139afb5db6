#!/usr/bin/env python3
"""The independent verifier against published logs: every published checkpoint holds, every changed byte is found."""
import base64
import contextlib
import importlib.util
import io
import json
import os
import shutil
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("verify_log", os.path.join(TOP, "client", "verify_log.py"))
verify_log = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify_log)
VECTORS = os.path.join(TOP, "tests", "data", "vectors")


def find(name):
    for folder, _, files in os.walk(VECTORS):
        if name in files:
            return os.path.join(folder, name)
    raise FileNotFoundError(name)


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = verify_log.main(list(words))
    return status, out.getvalue() + err.getvalue()


class VerifyLog(unittest.TestCase):
    def setUp(self):
        with open(find("vectors.json"), encoding="utf-8") as f:
            self.notes = json.load(f)
        self.log = os.path.dirname(find("checkpoint.15"))
        self.vkey = next(n["vkey"] for n in self.notes["published"] if "testdata" in n["vkey"])

    def test_every_published_checkpoint_extends_every_earlier_one(self):
        for new in range(16):
            status, said = run(self.log, self.vkey, "--checkpoint", f"{self.log}/checkpoint.{new}", "--old", f"{self.log}/checkpoint.{new // 2}")
            self.assertEqual(status, 0, said)

    def test_published_notes(self):
        for case in self.notes["published"]:
            if case["want"].startswith("reject"):
                with self.assertRaises(verify_log.Wrong):
                    verify_log.VerifierKey(case["vkey"])
            elif case["note"].endswith("\n"):
                key = verify_log.VerifierKey(case["vkey"])
                text, signatures = verify_log.note_open(case["note"].encode())
                self.assertTrue(any(verify_log.ed25519_verify(key.key, text, s) for n, i, s in signatures if i == key.id))

    def test_a_cosignature_counts_and_its_absence_too(self):
        made = self.notes["self_generated_not_official"]
        note = made["signed_checkpoint"].encode()
        key, witness = verify_log.VerifierKey(made["log_vkey"]), verify_log.VerifierKey(made["cosigner_vkey"])
        size, root, text, signatures = verify_log.checkpoint_read(note, key)
        self.assertEqual(verify_log.cosigners(text, signatures, [witness]), [witness.name])
        self.assertEqual(verify_log.cosigners(text, signatures[:1], [witness]), [])
        tree = verify_log.Tree()
        for entry in made["entries"]:
            tree.append(verify_log.leaf_hash(entry.encode()))
        self.assertEqual((tree.size, tree.root()), (size, root))

    def test_every_changed_byte_is_found(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        copy = os.path.join(folder, "log")
        shutil.copytree(self.log, copy)
        source = verify_log.Source(copy, None, None)
        with open(os.path.join(self.log, "checkpoint.15"), "rb") as f:
            note = f.read()
        key = verify_log.VerifierKey(self.vkey)
        size, root = verify_log.checkpoint_read(note, key)[:2]
        for path in ("tile/entries/000.p/15", "tile/0/000.p/15"):
            full = os.path.join(copy, path)
            with open(full, "rb") as f:
                good = f.read()
            os.unlink(full)
            for at in range(len(good)):
                with open(full, "wb") as f:
                    f.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
                with self.assertRaises(verify_log.Wrong, msg=f"{path} byte {at}"):
                    verify_log.verify(source, size, root)
            with open(full, "wb") as f:
                f.write(good)
            verify_log.verify(source, size, root)
        for at in range(len(note)):
            changed = note[:at] + bytes([note[at] ^ 1]) + note[at + 1:]
            with self.assertRaises(verify_log.Wrong, msg=f"checkpoint byte {at}"):
                verify_log.checkpoint_read(changed, key)

    def test_tile_numbers(self):
        for n, text in ((0, "000"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")):
            self.assertEqual(verify_log.tile_number(n), text)

    def test_signatures_that_only_lax_verifiers_take(self):
        key = base64.b64decode(self.vkey.split("+", 2)[2])[1:]
        self.assertFalse(verify_log.ed25519_verify(key, b"x", bytes(64)))
        self.assertFalse(verify_log.ed25519_verify(key, b"x", bytes(32) + verify_log.L.to_bytes(32, "little")))


unittest.main()
