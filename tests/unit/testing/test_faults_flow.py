"""When the flow is at rest, by offsets that move while they are asked for; and the fold in several processes."""

from __future__ import annotations

from aiokafka.structs import TopicPartition

from exchange.adapters.resources import load_rule_texts
from exchange.audit import fold_here
from exchange.core.rules import bundle
from exchange.core.step import Output
from exchange.runtime import load_codec
from exchange.testing.bus import Bus
from exchange.testing.faults.flow import Flow
from exchange.testing.faults.folding import fold_apart
from exchange.testing.faults.workload import Sent, make_workload

JOURNAL, DECISIONS = TopicPartition("journal", 0), TopicPartition("decisions", 0)


class Moving(Flow):
    """A journal record becomes a decision between two questions, and the decision is worked off much later."""

    def __init__(self) -> None:
        self._queued = set()
        self.asked = 0
        self.done = {JOURNAL: 0, DECISIONS: 0}

    def _move(self) -> None:
        self.asked += 1
        if self.asked == 3:
            self.done[JOURNAL] = 1
        if self.asked == 12:
            self.done[DECISIONS] = 1

    async def _read(self) -> dict[TopicPartition, int]:
        found = {JOURNAL: 1, DECISIONS: self.done[JOURNAL]}
        self._move()
        return found

    async def _worked_off(self) -> dict[TopicPartition, int]:
        found = dict(self.done)
        self._move()
        return found


async def test_it_is_not_at_rest_while_a_decision_waits() -> None:
    flow = Moving()
    await flow.until_rest(10.0)
    assert flow.done[DECISIONS] == 1


def test_the_fold_apart_is_the_fold() -> None:
    _, codec = load_codec()
    bus = Bus(partitions=3, profiles=())
    for step in make_workload(3, 120, codec, bus.topics):
        if isinstance(step, Sent):
            bus.write(Output(bus.topics.submissions, step.partition, step.key, step.value, step.headers))
    bus.run()
    journal = {partition: bus.logs[(bus.topics.journal, partition)] for partition in range(3)}
    content = bundle(load_rule_texts().only(()), ())
    rules = {bus.rules.digest: content}
    assert fold_apart(journal, bus.topics, rules) == fold_here(journal, bus.topics, rules)
