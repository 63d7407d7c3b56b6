"""The three processors that carry the promise, put together from their steps: what the batch loop runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from exchange.core import census
from exchange.core.admission import ABOUT, IntakeStep
from exchange.core.codec import Codec
from exchange.core.disclosure import Projector
from exchange.core.dossier_step import DossierStep
from exchange.core.fanout_step import LIMIT, FanoutStep
from exchange.core.rules import Rules
from exchange.core.schemas import SchemaSet
from exchange.core.seals import Sealed
from exchange.core.step import Processor
from exchange.core.timing import published_ms
from exchange.topics import Topics

NAMES = ("intake", "dossier", "fanout")


def inputs(topics: Topics) -> dict[str, str]:
    """The one topic each processor reads, by processor."""
    return dict(zip(NAMES, (topics.submissions, topics.journal, topics.decisions), strict=True))


STATE_RECORDS = {
    "party": "Registration",
    "dossier": "Dossier",
    "line": "LineState",
    "stake": "Stake",
    "mark": "Mark",
    "owner": "Mark",
    "told": "Told",
    "queue": "Pending",
}
"""Record kept under each kind of state key."""

WRITTEN = tuple(
    dict.fromkeys(
        (
            *ABOUT,
            *("EdgeDeclared", "EdgeDropped", "UpstreamMessage", "Tick", "RulesActivated", "Decision", "LineResumed"),
            *("Notice", "Receipt", "DeadLetter", "LetterHandled"),
            *STATE_RECORDS.values(),
        )
    )
)
"""Every record that is the value of a record in Kafka: what a registry must know."""

RulesOf = Callable[[str], Rules]


def intake(codec: Codec, topics: Topics) -> Processor:
    """Submissions to journal, receipts and dead letters."""
    step = IntakeStep(codec, topics)
    encode, decode = state_codec(codec)
    published = partial(published_ms, submissions=topics.submissions)
    return Processor("intake", topics.submissions, topics.parties, step, step.broken, encode, decode, published=published)


def dossier(codec: Codec, topics: Topics, rules: RulesOf) -> Processor:
    """Journal to dossiers and decisions."""
    step = DossierStep(codec, topics, rules)
    encode, decode = state_codec(codec)

    def hold(key: str, value: Any, raw: bytes) -> Any:
        return Sealed(raw, partial(codec.unseal, "Dossier")).filled(value) if key.startswith("dossier/") else value

    return Processor(
        "dossier",
        topics.journal,
        topics.dossiers,
        step,
        step.broken,
        encode,
        decode,
        hold,
        census=census.of_state,
        timed=(topics.decisions,),
        published=partial(published_ms, submissions=topics.submissions),
    )


def fanout(codec: Codec, topics: Topics, rules: RulesOf, schemas: SchemaSet, limit: int = LIMIT) -> Processor:
    """Decisions to notices, upstream messages and edges."""
    whole = partial(FanoutStep, codec, topics, rules, Projector(schemas), limit)
    return _fanout(whole(), _fanout(whole(short=True)))


def _fanout(step: FanoutStep, short: Processor | None = None) -> Processor:
    codec, topics = step.codec, step.topics
    encode, decode = state_codec(codec)
    return Processor(
        "fanout",
        topics.decisions,
        topics.stakes,
        step,
        step.broken,
        encode,
        decode,
        drain=step.drain,
        queue=step.queue,
        census=census.of_queue,
        timed=(topics.journal,),
        published=partial(published_ms, submissions=topics.submissions),
        queue_prefix="queue/",
        short=short,
        covers=step.covers,
    )


def state_codec(codec: Codec) -> tuple[Callable[[str, Any], bytes], Callable[[str, bytes], Any]]:
    """How state values are written and read, by the kind of their key."""

    def encode(key: str, value: Any) -> bytes:
        name = STATE_RECORDS[key.partition("/")[0]]
        return codec.seal(name, value) if name == "Dossier" else codec.encode(name, value)  # its decision carries it too

    def decode(key: str, value: bytes) -> Any:
        name = STATE_RECORDS[key.partition("/")[0]]
        if name == "Dossier":
            return Sealed(value, partial(codec.unseal, name))
        return codec.unseal(name, value)

    return encode, decode
