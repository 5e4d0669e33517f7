"""Each public name, with each argument wrong in turn: refused in words, at once, as before."""

import signal
from collections import Counter

import numpy as np
import pytest
from matplotlib import pyplot
from test_bad_input import DECLARED, public_names
from world import World
from wrong_arguments import ANYWAY, OF_ALL, OTHER_FORMS, WRONG, kind_of, targets

import nn
from autograd_lite import AutogradError, Tensor
from autograd_lite.table import COMPOSED, TABLE

SECONDS = 2
"""Of computing, for one call."""
STATEFUL = {"model", "optimizer", "parameters", "base", "schedule", "rng"}
"""Arguments that a call may change."""


class TooLong(BaseException):
    pass


def too_long(number, frame):
    raise TooLong


class Attack:
    """Calls what is public with wrong arguments, and keeps what was bad."""

    def __init__(self, folder):
        self.folder = folder
        self.counts, self.bad = Counter(), []
        self.rows, self.composed = dict(TABLE), dict(COMPOSED)
        self.begin()

    def world(self):
        return World(self.folder)

    def begin(self):
        """Forget what the last call may have changed."""
        pyplot.close("all")
        for table, kept in ((TABLE, self.rows), (COMPOSED, self.composed)):
            if len(table) != len(kept):
                table.clear()
                table.update(kept)
        self.now = self.world()
        self.before = self.now.state()

    def refused(self, call, shown, may_pass):
        """A call that is wrong has to be refused."""
        outcome = self._outcome(call, shown)
        if outcome == "passed" and not may_pass:
            self.bad.append(f"{shown}: nothing was said")
        self.counts[outcome] += 1
        if outcome != "refused":
            self.begin()

    def _outcome(self, call, shown):
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            with np.errstate(all="ignore"):  # infinities go through some, as in NumPy
                call(self.now)
        except AutogradError as error:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            if len(error.args) != 3 or not all(isinstance(x, str) and x for x in error.args):
                self.bad.append(f"{shown}: {error.args}")
            return "refused"
        except TooLong:
            self.bad.append(f"{shown}: takes more than {SECONDS} s")
        except Exception as error:
            self.bad.append(f"{shown}: {error!r}")
        else:
            return "passed"
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return "bad"

    def unchanged(self, shown):
        """What was refused has to have left all as it was."""
        after = self.now.state()
        changed = [part for part in after if after[part] != self.before[part]]
        if changed:
            self.bad.append(f"{shown}: after refusals {', '.join(changed)} changed")
            self.begin()

    def equal_or_refused(self, target, name, forms, place, may_pass):
        """What is right, given otherwise, gives the same, or is refused."""
        of_right, right = self._given(target, name, lambda right: right)
        for number, form in enumerate(forms):
            given = of_right == "equal"
            outcome, found = self._given(target, name, form) if given else (of_right, right)
            self.counts[outcome] += 1
            shown = f"{place}: form {number} of what is right)"
            if outcome == "bad":
                self.bad.append(f"{shown}: {found!r}")
            elif outcome == "equal" and not may_pass and not equal(right, found):
                self.bad.append(f"{shown}: {found} in place of {right}")

    def _given(self, target, name, make):
        """What comes of a call: equal, and its result, or refused or bad, and the error."""
        nn.manual_seed(0)
        world = self.world() if STATEFUL.intersection(target.arguments) else self.now
        value = make(target.right[name](world))
        try:
            return "equal", target.call(world, **{name: value})
        except AutogradError as error:
            return "refused", error
        except Exception as error:
            return "bad", error
        finally:
            pyplot.close("all")


def equal(one, other):
    """Whether results are the same, as far as they are numbers."""
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return equal(np.array(getattr(one, "data", one)), np.array(getattr(other, "data", other)))
    if isinstance(one, np.ndarray | np.generic | float | int):
        one, other = np.asarray(one), np.asarray(other)
        return one.dtype.kind == other.dtype.kind and repr(one.tolist()) == repr(other.tolist())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return True


def short(value):
    return f"{type(value).__name__} {value!r}"[:60] if not isinstance(value, int) else "a number"


@pytest.mark.exhaustive
@pytest.mark.parametrize("package", ["autograd_lite", "nn", "viz"])
def test_each_argument_that_is_wrong_is_refused_and_changes_nothing(
    package, tmp_path, tmp_path_factory, monkeypatch
):
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))  # some names of files are right
    attack = Attack(tmp_path)
    before = signal.signal(signal.SIGVTALRM, too_long)
    try:
        names = [n for n in public_names() if DECLARED[n].calls and n.split(".")[0] == package]
        assert names
        for name, target in targets(names, attack.world):
            attack.begin()
            if target is None:
                attack.bad.append(f"{name}: no call is known that is right; add to RIGHT")
                continue
            for parameter in target.signature.parameters.values():
                attack_argument(attack, target, parameter)
    finally:
        signal.signal(signal.SIGVTALRM, before)
        pyplot.close("all")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(attack.counts.items()))
    print(f"generated calls: {counts}, {len(attack.bad)} bad")
    assert not attack.bad, "\n".join(attack.bad[:200])


def attack_argument(attack, target, parameter):
    right = target.right.get(parameter.name)
    starred = parameter.kind is parameter.VAR_POSITIONAL
    if parameter.kind is parameter.VAR_KEYWORD or (starred and not right):
        return
    kind = kind_of(parameter, right(attack.now) if right else None)
    place = f"{target.name}({parameter.name}"
    may_pass = any(each == parameter.name or place.endswith(each) for each in ANYWAY)
    for value in [*OF_ALL, *WRONG[kind]]:
        # A function in place of data is called, and raises what it raises.
        is_called = parameter.name == "validation" and callable(value)
        if value is not parameter.default and not is_called:
            call = lambda w, value=value: target.call(w, **{parameter.name: value})
            attack.refused(call, f"{place}={short(value)})", may_pass)
    attack.unchanged(place)
    forms = OTHER_FORMS[kind] if right else []
    if forms:
        attack.equal_or_refused(target, parameter.name, forms, place, may_pass)
        attack.begin()
