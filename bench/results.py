"""The numbers of a run: what each system reached in each round, and what is made of it."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from bench.measures import Values


class Results:
    """Samples by system and measure.

    Attributes:
        failures: what could not be measured, and why.
    """

    def __init__(self) -> None:
        self._samples: dict[str, dict[str, list[float]]] = {}
        self.failures: list[str] = []

    def add(self, system: str, values: Values) -> None:
        """Add what one round measured."""
        measures = self._samples.setdefault(system, {})
        for measure, value in values.items():
            measures.setdefault(measure, []).append(value)

    def systems(self) -> list[str]:
        """The names of the systems, in the order they were measured first."""
        return list(self._samples)

    def samples(self, system: str, measure: str) -> list[float]:
        """The values of all rounds; none where it was not measured."""
        return self._samples.get(system, {}).get(measure, [])

    def median(self, system: str, measure: str) -> float | None:
        """The middle value, None where it was not measured."""
        samples = self.samples(system, measure)
        return median(samples) if samples else None

    def ratio(self, measure: str, system: str, other: str) -> float | None:
        """How many times as much a system has as another."""
        one, two = self.median(system, measure), self.median(other, measure)
        return one / two if one is not None and two else None

    def best(self, measure: str, systems: Iterable[str], *, lowest: bool = False) -> float | None:
        """The best median of several systems, None where none has any."""
        medians = [value for system in systems if (value := self.median(system, measure)) is not None]
        return (min if lowest else max)(medians, default=None)

    def ratios(self) -> dict[str, float]:
        """The few figures that changes of the code are judged by."""
        found = {
            "drain_vs_saq": self.ratio("drain_per_s", "queuecore", "saq"),
            "drain_vs_bullmq": self.ratio("drain_per_s", "queuecore", "bullmq"),
            "drain_vs_limit": self.ratio("drain_per_s", "queuecore", "limit"),
            "enqueue_vs_saq": self.ratio("enqueue_one_per_s", "queuecore", "saq"),
            "latency_p50_ms": self.median("queuecore", "start_p50_ms"),
        }
        return {name: round(value, 4) for name, value in found.items() if value is not None}

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "systems": {
                system: {
                    measure: {
                        "median": _short(median(values)),
                        "min": _short(min(values)),
                        "max": _short(max(values)),
                        "rounds": [_short(value) for value in values],
                    }
                    for measure, values in measures.items()
                }
                for system, measures in self._samples.items()
            },
            "ratios": self.ratios(),
            "failures": self.failures,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Results":
        """What `as_json` gave, for writing a report again."""
        results = cls()
        for system, measures in content["systems"].items():
            results._samples[system] = {name: list(each["rounds"]) for name, each in measures.items()}
        results.failures = list(content["failures"])
        return results


def _short(value: float) -> float:
    """Five digits are more than any of it is worth."""
    return float(f"{value:.5g}")
