"""How the attacks report: what each reaches without the defences, what with them, and by how much it may."""
import math


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def sigma(runs):
    """Standard error of a share near a half."""
    return math.sqrt(0.25 / max(1, runs))


class Report:
    def __init__(self):
        self.failed = []

    def line(self, name, off, floor, on, bound, runs, charge, what, at_least=False):
        """off must reach floor, or the attack proves nothing; on must not pass bound (or, at_least, reach it)."""
        void, holds = off < floor, on >= bound if at_least else on <= bound
        word = "VOID" if void else "ok" if holds else "FAILED"
        if word != "ok":
            self.failed.append(f"{name} {what}")
        print(f"{word:7} {name:4} off {off:.4f} (at least {floor:.4f})  on {on:.4f} (at {'least' if at_least else 'most'} {bound:.4f})  "
              f"runs {runs:<6} charge {charge:.3f}  {what}", flush=True)


def near(share, runs):
    """A floor for a share that is known: four standard errors below it."""
    return share - 4 * math.sqrt(share * (1 - share) / max(1, runs))
