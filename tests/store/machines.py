"""How the state machines are run: by how many examples, and whether a failure is made small."""

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def run_machine(
    machine: type[RuleBasedStateMachine], world: Any, *, examples: int, steps: int = 40, shrink: bool = False
) -> None:
    """Run `machine` on a world. A failure is shown as it was found: to make it small takes minutes."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        type(machine.__name__, (machine,), {"world": world}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            report_multiple_bugs=False,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
