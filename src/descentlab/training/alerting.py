"""Alerts of a run: pass its rows to the rules, and report what they find."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from descentlab.diagnostics.alerts.alert import Alert, History, Rule
from descentlab.training.clock import Clock
from descentlab.training.curves import Row, Sink
from descentlab.training.events import CONTINUE, Decision, Ended, StepsDone, Validated
from descentlab.training.observers import Observer
from descentlab.training.outcome import Outcome


class AlertSink(Sink, Protocol):
    """A sink that also receives alerts, and provides the rows of an earlier process of the run."""

    def alert(self, alert: Alert) -> None: ...

    def kept(self) -> tuple[list[Row], list[Row]]:
        """Return the rows of the curves and those about layers that were written before the run resumed."""
        ...


class Alerting(Observer):
    """A sink between the curves and the run's sinks, whose rows it shows to the rules after each event.

    Args:
        rules: each reports at most once.
        history: of the run; empty.
        outcome: its summary receives the alerts.
        sink: receives the rows, and the alerts.
        clock: the run's clock; paused while rules read the rows.
        features: a function that returns the root mean square of each input feature; called once, before the first step.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        history: History,
        outcome: Outcome,
        sink: AlertSink,
        clock: Clock,
        features: Callable[[], Sequence[float]] = tuple,
    ) -> None:
        self.rules, self.history, self.outcome, self.sink, self.clock = list(rules), history, outcome, sink, clock
        self.features = features
        self.found: list[Alert] = []
        self.has_new_rows = False  # that the rules have not read
        self.alive, self.positions = sink.alive, sink.positions

    def restore(self) -> Decision:
        """Find the alerts of the rows that an earlier process wrote, which has reported them."""
        if self.rules:
            self.history.features = self.features()
        rows, layers = self.sink.kept()
        self.history.add(rows)
        self.history.add_layers(layers)
        self._check(is_reported=bool(rows or layers))
        return CONTINUE

    def write(self, rows: list[Row]) -> None:
        self.sink.write(rows)
        self.history.add(rows)
        self.has_new_rows = True

    def write_layers(self, rows: list[Row]) -> None:
        self.sink.write_layers(rows)
        self.history.add_layers(rows)
        self.has_new_rows = True

    def steps_done(self, event: StepsDone) -> Decision:
        return self._read_rows()

    def validated(self, event: Validated) -> Decision:
        return self._read_rows()

    def _read_rows(self) -> Decision:
        if self.has_new_rows:
            with self.clock.paused():
                self._check()
        return CONTINUE

    def ended(self, event: Ended) -> None:
        summary = self.outcome.summary
        self.history.is_over, self.history.diverged_step = True, summary["diverged_step"]
        self.history.nonfinite = summary.get("nonfinite")
        self._check()
        summary["alerts"] = [alert.stored() for alert in self.found]

    def _check(self, is_reported: bool = False) -> None:
        self.has_new_rows = False
        for rule in list(self.rules):
            if (alert := self._alert_of(rule)) is not None:
                self.rules.remove(rule)
                self.found.append(alert)
                if not is_reported:
                    self.sink.alert(alert)

    def _alert_of(self, rule: Rule) -> Alert | None:
        """Return the alert of a rule, if there is one. A rule that fails is reported and left out: no run depends on it."""
        try:
            return rule.check(self.history)
        except Exception:
            self.rules.remove(rule)
            print(f"the alert rule {rule.name} is left out, the run continues:", file=sys.stderr)
            traceback.print_exc()
            return None
