"""The attacks that go through the public API of a running federation."""
import arithmetic
import breaking
import reconstruction
import refusals
import repeating
import small_cells
import subtracting
from federation import CLOCKED, KINDS, PER_KIND, PER_KIND_FULL, SEED, federation
from report import Report

# (names, whether also in the short form, what to call with the federation, the report and whether it is full)
RUNS = (
    (("A1",), True, lambda f, r, full: subtracting.a1(f, r, 4 if full else 1)),
    (("A2",), True, lambda f, r, full: subtracting.a2(f, r, 13 if full else 1)),
    (("B2",), True, lambda f, r, full: arithmetic.b2(f, r)),
    (("A5",), False, lambda f, r, full: subtracting.a5(f, r)),
    (("A6",), False, lambda f, r, full: repeating.a6(f, r)),
    (("A7",), True, lambda f, r, full: subtracting.a7(f, r, 12 if full else 1)),
    (("A8",), True, lambda f, r, full: subtracting.a8(f, r, 13 if full else 1)),
    (("A9",), True, lambda f, r, full: small_cells.a9(f, r, 13 if full else 1)),
    (("A12",), True, lambda f, r, full: small_cells.a12(f, r, 12 if full else 1, full)),
    (("B3",), True, lambda f, r, full: small_cells.b3(f, r)),
    (("A15", "A16"), False, lambda f, r, full: reconstruction.a15_a16(f, r)),
    (("A17", "A18"), True, lambda f, r, full: arithmetic.a17_a18(f, r, 200 if full else 3)),
    (("A21",), True, lambda f, r, full: refusals.a21(f, r, 3 if full else 1)),
    (("A22",), True, lambda f, r, full: repeating.a22(f, r, 4 if full else 1)),
    (("A24",), False, lambda f, r, full: arithmetic.a24(f, r, 20 if full else 3)),
    (("B1",), False, lambda f, r, full: subtracting.b1(f, r, 10 if full else 2)),
    (("B4",), False, lambda f, r, full: subtracting.b4(f, r, 5 if full else 1)),
    (("A23",), False, lambda f, r, full: breaking.a23(f, r, *((200, 64) if full else (12, 16)))),
    (("A3",), True, lambda f, r, full: repeating.a3(f, r, 400 if full else 12)),
    (("A4",), True, lambda f, r, full: repeating.a4(f, r, 200 if full else 12)),
)
ATTACKS = tuple(name for names, _, _ in RUNS for name in names)
SHORT = tuple(name for names, short, _ in RUNS if short for name in names)


def attack(f, chosen, full):
    """Runs those of ATTACKS that are chosen; the names of what failed."""
    report = Report()
    for names, _, run_it in RUNS:
        if chosen & set(names):
            if full:
                f.forget()  # each by itself, as at new sites
            run_it(f, report, full)
    return report.failed


def started(chosen, full):
    """The federation that these attacks need, as a context."""
    return federation(PER_KIND_FULL if full else PER_KIND, SEED, KINDS + (CLOCKED if "A23" in chosen else ""))


def run(chosen, full):
    with started(chosen, full) as f:
        return attack(f, chosen, full)
