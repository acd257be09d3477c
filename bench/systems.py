"""Who is measured, and how much work each gets: enough for a second or two, so that a round stays short."""

import sys
from pathlib import Path
from typing import Final, NamedTuple

ENVIRONMENTS: Final = Path(".bench")
NODE: Final = ENVIRONMENTS / "node"
PEERS: Final = Path(__file__).parent / "peers"


class System(NamedTuple):
    """One queue.

    Args:
        name: of its adapter in `peers`.
        title: what people read.
        drain: jobs of a drain.
        enqueue: jobs enqueued one by one.
        many: jobs enqueued concurrently or in bulk.
        concurrent: whether 100 tasks can enqueue at once; not so with blocking clients.
        acknowledges: whether a worker's crash loses no job.
        keeps_status: whether a waiting job can be asked for its state by its id.
    """

    name: str
    title: str
    drain: int
    enqueue: int = 3_000
    many: int = 10_000
    concurrent: bool = True
    acknowledges: bool = True
    keeps_status: bool = True

    @property
    def command(self) -> list[str]:
        """What its adapter is started with."""
        if self.name == "bullmq":
            return ["node", str(PEERS / "bullmq.mjs")]
        return [str(self.python), "-m", f"bench.peers.{self.name}"]

    @property
    def python(self) -> Path:
        """The Python of its environment; our own system needs no other than this one."""
        return (
            Path(sys.executable) if self.name == "queuecore" else ENVIRONMENTS / self.name / "bin" / "python"
        )

    @property
    def settings(self) -> str:
        """What its adapter says of its settings: the first line of the file's text."""
        if self.name == "bullmq":
            return (PEERS / "bullmq.mjs").read_text().splitlines()[0].removeprefix("// ")
        return (PEERS / f"{self.name}.py").read_text().split('"""')[1]


QUEUECORE: Final = System("queuecore", "queuecore", drain=60_000, enqueue=5_000, many=50_000)
SAQ: Final = System("saq", "SAQ", drain=4_000)
BULLMQ: Final = System("bullmq", "BullMQ (Node)", drain=20_000, many=20_000)
PEERS_OF_FULL_RUN: Final = (
    BULLMQ,
    SAQ,
    System("arq", "arq", drain=4_000),
    System("taskiq", "taskiq-redis", drain=3_000, keeps_status=False),
    System("docket", "docket", drain=3_000),
    System("streaq", "streaq", drain=3_000),
    System("huey", "huey", drain=4_000, concurrent=False, acknowledges=False, keeps_status=False),
    System("dramatiq", "dramatiq", drain=2_000, concurrent=False, keeps_status=False),
    System("celery", "Celery", drain=2_000, concurrent=False, keeps_status=False),
    System("rq", "RQ", drain=600, enqueue=1_500, many=2_000, concurrent=False),
)
FULL: Final = (QUEUECORE, *PEERS_OF_FULL_RUN)
QUICK: Final = (QUEUECORE, SAQ, BULLMQ)
