#!/usr/bin/env python3
"""An independent verifier of transparency logs: standard library only, written from the public formats.

It shares no code with the rest of this project and trusts neither a broker nor us.  Formats: C2SP
signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature, tlog-proof; RFC 6962 section 2.1 (Merkle tree); RFC 8032
(Ed25519).

usage: verify_log.py LOG VKEY [--witness VKEY]... [--quorum K] [--checkpoint FILE] [--old FILE [--old-vkey VKEY]]
                              [--ca FILE] [--token FILE]
       verify_log.py --proof FILE VKEY [--witness VKEY]... [--quorum K]

  LOG           the log's prefix: a folder, or an https address (".../v1/log")
  --proof       FILE is a tlog-proof: its entry (`extra`) is in the log of the checkpoint that goes with it
  VKEY          the log's verifier key, "name+hash+key", or a file that holds it
  --witness     a witness's verifier key; with --quorum K at least K of them must have cosigned
  --checkpoint  a checkpoint to hold the log against (default LOG/checkpoint)
  --old         an older signed checkpoint: the log must be an extension of it
  --old-vkey    the key that signed the older one, where the log has succeeded another
  --ca, --token for an https address: the broker's certificate authority; an auditor's API token (entries are not public)

exit status: 0 the log is whole; 1 it is not (the first thing wrong is named); 2 usage or nothing to read.
"""
import argparse
import base64
import binascii
import hashlib
import os
import ssl
import sys
import urllib.request

ENTRY_BYTES_MAX = 65535
BUNDLE_BYTES_MAX = 256 * (ENTRY_BYTES_MAX + 2)
TIMEOUT_SECONDS = 60

# --- Ed25519, RFC 8032 section 5.1 (verification only) --------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_MINUS_1 % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if (x & 1) != sign else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_times(s, p):
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        s >>= 1
    return q


def point_read(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def ed25519_verify(key, message, signature):
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r = point_read(key), point_read(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = point_times(s, BASE), point_add(r, point_times(h, a))
    return ((left[0] * right[2] - right[0] * left[2]) % P == 0
            and (left[1] * right[2] - right[1] * left[2]) % P == 0)


# --- notes, keys, checkpoints ---------------------------------------------------------------------
class Wrong(Exception):
    """The log is not what it claims to be."""


def base64_strict(data):
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Unused bits of the last character must be zero, else two texts would mean the same bytes.
    return decoded if base64.b64encode(decoded) == (data if isinstance(data, bytes) else data.encode()) else None


class VerifierKey:
    """signed-note: name+hex8(SHA-256(name, newline, type, key)[:4])+base64(type, key)."""

    def __init__(self, text):
        parts = text.strip().split("+", 2)
        data = base64_strict(parts[2]) if len(parts) == 3 else None
        if data is None or len(parts[1]) != 8:
            raise Wrong(f"not a verifier key: {text.strip()[:80]!r}")
        self.name, self.type, self.key = parts[0], data[:1], data[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if self.type not in (b"\x01", b"\x04") or len(self.key) != 32:
            raise Wrong(f"verifier key {self.name}: not an Ed25519 or cosignature/v1 key")
        if self.id.hex() != parts[1]:
            raise Wrong(f"verifier key {self.name}: its hash does not fit its key")


def note_open(note):
    """(text with its last newline, [(name, key id, signature bytes)])"""
    at = note.rfind(b"\n\n")
    if at < 0 or not note.endswith(b"\n"):
        raise Wrong("the checkpoint is not a signed note: no empty line before its signatures")
    text, signatures = note[:at + 1], []
    for line in note[at + 2:-1].split(b"\n"):
        parts = line.split(b" ")
        data = base64_strict(parts[2]) if len(parts) == 3 and parts[0] == "\u2014".encode() else None
        if data is None or len(data) < 5:
            raise Wrong(f"the checkpoint has a signature line that cannot be read: {line[:80]!r}")
        signatures.append((parts[1].decode("utf-8", "replace"), data[:4], data[4:]))
    return text, signatures


def checkpoint_read(note, log_key):
    """(size, root, text, signatures) of a checkpoint with a good signature of the log."""
    text, signatures = note_open(note)
    own = [s for name, key_id, s in signatures if name == log_key.name and key_id == log_key.id]
    if not own:
        raise Wrong(f"the checkpoint has no signature of {log_key.name}")
    if not all(ed25519_verify(log_key.key, text, s) for s in own):
        raise Wrong(f"the checkpoint's signature of {log_key.name} does not hold")
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError:
        raise Wrong("the checkpoint is not UTF-8") from None
    if len(lines) < 4 or lines[0] != log_key.name:
        raise Wrong("the checkpoint's origin is not the log's name")
    if not (lines[1].isascii() and lines[1].isdigit() and str(int(lines[1])) == lines[1]):
        raise Wrong("the checkpoint's size is not a decimal number")
    root = base64_strict(lines[2])
    if root is None or len(root) != 32:
        raise Wrong("the checkpoint's root is not 32 bytes")
    return int(lines[1]), root, text, signatures


def cosigners(text, signatures, witnesses):
    """Which witnesses' cosignature/v1 over this checkpoint holds."""
    found = []
    for witness in witnesses:
        for name, key_id, data in signatures:
            if name == witness.name and key_id == witness.id and len(data) == 72:
                message = b"cosignature/v1\ntime %d\n" % int.from_bytes(data[:8], "big") + text
                if ed25519_verify(witness.key, message, data[8:]):
                    found.append(witness.name)
                    break
    return found


# --- the tree -------------------------------------------------------------------------------------
def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The right edge of a growing tree: complete subtrees, largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, leaf):
        n = self.size
        while n & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            n >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        whole = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            whole = node_hash(peak, whole)
        return whole


def inclusion_root(leaf, index, size, path):
    """The root that the audit path makes of the leaf (RFC 9162 section 2.1.3.2), or None if its length is wrong."""
    node, last = index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            leaf = node_hash(sibling, leaf)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        node, last = node >> 1, last >> 1
    return leaf if last == 0 else None


def proof_open(data):
    """tlog-proof: (entry, index, audit path, the checkpoint as a note)"""
    head, blank, note = data.partition(b"\n\n")
    lines = head.split(b"\n")
    extra = base64_strict(lines[1][6:]) if len(lines) > 2 and lines[1].startswith(b"extra ") else None
    if lines[0] != b"c2sp.org/tlog-proof@v1" or not blank or extra is None:
        raise Wrong("not a tlog-proof with its entry as `extra`")
    index = lines[2].removeprefix(b"index ")
    if not lines[2].startswith(b"index ") or not index.isdigit() or str(int(index)).encode() != index:
        raise Wrong("the proof has no line `index`")
    path = [base64_strict(line) for line in lines[3:]]
    if any(h is None or len(h) != 32 for h in path) or len(path) > 64:
        raise Wrong("a line of the proof is not the base64 of a hash")
    return extra, int(index), path, note


# --- the log --------------------------------------------------------------------------------------
def tile_number(n):
    """tlog-tiles: three-digit groups, all but the last with an x before: 1234067 is x001/x234/067."""
    groups = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        groups.insert(0, f"x{n % 1000:03d}")
    return "/".join(groups)


class Source:
    def __init__(self, prefix, ca, token):
        self.prefix, self.token = prefix.rstrip("/"), token
        self.context = ssl.create_default_context(cafile=ca) if prefix.startswith("https:") else None

    def read(self, path):
        try:
            if self.context is None:
                with open(os.path.join(self.prefix, path), "rb") as f:
                    return f.read(BUNDLE_BYTES_MAX + 1)
            request = urllib.request.Request(f"{self.prefix}/{path}")
            if self.token:
                request.add_header("Authorization", "Bearer " + self.token)
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=self.context) as answer:
                return answer.read(BUNDLE_BYTES_MAX + 1)
        except OSError as e:
            raise Wrong(f"{path}: cannot be read: {e}") from None


def bundle_entries(data, count, first):
    """tlog-tiles: (u16 big-endian length, entry) times count, and nothing after."""
    at, entries = 0, []
    for i in range(count):
        size = int.from_bytes(data[at:at + 2], "big")
        if at + 2 + size > len(data) or at + 2 > len(data):
            raise Wrong(f"entry {first + i}: the bundle ends in the middle of it")
        entries.append(data[at + 2:at + 2 + size])
        at += 2 + size
    if at != len(data):
        raise Wrong(f"entry {first + count - 1}: the bundle goes on after its last entry")
    return entries


def verify(source, size, root, old=None, progress=None):
    """Rebuilds the tree from the entries, holding each against its level-0 tile; old: (size, root)."""
    if old and old[0] > size:
        raise Wrong(f"the older checkpoint has {old[0]} entries, this one {size}: entries were taken away")
    tree = Tree()
    if old and old[0] == 0 and old[1] != tree.root():
        raise Wrong("the older checkpoint of size 0 has not the empty root")
    for n in range((size + 255) // 256):
        width = min(256, size - 256 * n)
        partial = "" if width == 256 else f".p/{width}"
        entries = bundle_entries(source.read(f"tile/entries/{tile_number(n)}{partial}"), width, 256 * n)
        hashes = source.read(f"tile/0/{tile_number(n)}{partial}")
        if len(hashes) != 32 * width:
            raise Wrong(f"tile/0/{tile_number(n)} has {len(hashes)} bytes, {32 * width} were due")
        for i, entry in enumerate(entries):
            leaf = leaf_hash(entry)
            if hashes[32 * i:32 * i + 32] != leaf:
                raise Wrong(f"entry {256 * n + i} is not the one whose hash stands in tile/0/{tile_number(n)}")
            tree.append(leaf)
            if old and tree.size == old[0] and tree.root() != old[1]:
                raise Wrong(f"the first {old[0]} entries are not those of the older checkpoint: history was rewritten")
        if progress:
            progress(tree.size, size)
    if tree.root() != root:
        raise Wrong(f"the {size} entries do not give the checkpoint's root")


def main(argv):
    before, _, forms = __doc__.partition("usage: ")
    parser = argparse.ArgumentParser(prog="verify_log.py", usage=forms, description=before, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     add_help=False)
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument("log", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("vkey", help=argparse.SUPPRESS)
    parser.add_argument("--witness", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--quorum", type=int, default=0, help=argparse.SUPPRESS)
    for name in ("--checkpoint", "--old", "--old-vkey", "--ca", "--token", "--proof"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if bool(options.log) == bool(options.proof):
        parser.error("give a log or a proof, and the log's key")

    def text_of(value):
        if os.path.isfile(value):
            with open(value, encoding="utf-8") as f:
                return f.read()
        return value

    def bytes_of(path):
        with open(path, "rb") as f:
            return f.read()

    try:
        log_key = VerifierKey(text_of(options.vkey))
        witnesses = [VerifierKey(text_of(w)) for w in options.witness]
        if options.proof:
            entry, index, path, note = proof_open(bytes_of(options.proof))
        else:
            source = Source(options.log, options.ca, text_of(options.token).strip() if options.token else None)
            note = bytes_of(options.checkpoint) if options.checkpoint else source.read("checkpoint")
        size, root, text, signatures = checkpoint_read(note, log_key)
        seen = cosigners(text, signatures, witnesses)
        if len(seen) < options.quorum:
            raise Wrong(f"cosigned by {len(seen)} of {len(witnesses)} witnesses, {options.quorum} are needed")
        if options.proof:
            if index >= size or inclusion_root(leaf_hash(entry), index, size, path) != root:
                raise Wrong(f"entry {index} is not proven to be in the log of {size} entries")
            print(f"{log_key.name}: entry {index} is in the log of {size} entries"
                  + (f"; cosigned by {', '.join(seen)}" if seen else "") + "\n" + entry.decode("utf-8", "replace"))
            return 0
        old_key = VerifierKey(text_of(options.old_vkey)) if options.old_vkey else log_key
        old = checkpoint_read(bytes_of(options.old), old_key)[:2] if options.old else None
        show = sys.stderr.isatty()
        verify(source, size, root, old, lambda at, of: print(f"\r{at} of {of}", end="", file=sys.stderr) if show else None)
        print(f"{log_key.name}: {size} entries give the signed root {base64.b64encode(root).decode()}"
              + (f"; cosigned by {', '.join(seen)}" if seen else "")
              + (f"; extends the checkpoint of size {old[0]}" if old else ""))
        return 0
    except Wrong as e:
        print(f"verify_log: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"verify_log: {e}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
