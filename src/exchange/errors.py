"""Every error the exchange raises on purpose, in one tree.

::

    ExchangeError
    ├── DocumentError            your document: what you wrote cannot be accepted
    │   ├── ParseError           not YAML/Markdown/Avro/JSON of the expected form
    │   │   └── UnknownSchemaError   Avro, but of a schema this release does not know
    │   ├── ValidationError      well-formed, but a field is wrong, missing or unknown
    │   ├── TooLargeError        beyond a size, depth or count limit
    │   └── RefusedError         the exchange answered "refused" (carries the reason code)
    └── PlumbingError            our plumbing: the document may be fine
        ├── BrokerError          Kafka (or the embedded broker) cannot be used
        │   ├── UnreachableError     nobody answers at the bootstrap address
        │   ├── AccessError          credentials or permissions are wrong
        │   └── TopicMissingError    the topic does not exist; `exchange topics apply`
        ├── StateError           state and committed position disagree, or are of another generation
        ├── QuarantinedError     an accepted event could not be worked off; operators are told
        ├── GapError             a reader saw notice n+2 after n
        ├── TimedOutError        no answer in the time allowed
        ├── ToolMissingError     a programme or package that the command needs is not installed
        └── ConfigError          a setting is missing or makes no sense

Each error can explain itself to a person (:meth:`ExchangeError.explain`); only ``exchange.cli.main`` prints and exits.
No message quotes a payload.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Fault(NamedTuple):
    """One thing that is wrong in a document.

    Attributes:
        path: dotted path of the field, with list indexes (``parents.0.ref``); empty when it is about the whole document.
        line: line in the file, from 1; 0 when there is no file.
        message: what is wrong; never quotes the value.
        hint: what to write instead, or empty.
    """

    path: str
    line: int
    message: str
    hint: str = ""


class ExchangeError(Exception):
    """Root of all errors raised on purpose.

    Args:
        message: what happened, without quoting anybody's payload.
        hint: what the reader can do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def explain(self) -> str:
        """What happened and what to do, for a person."""
        return f"{self.message}\n  what to do: {self.hint}" if self.hint else self.message


class DocumentError(ExchangeError):
    """What somebody wrote cannot be accepted; ``reason`` is the code used in receipts and dead letters.

    Args:
        message: what happened, without quoting anybody's payload.
        hint: what the reader can do about it.
        faults: every single fault, where the reader of the document found them all; ``message`` tells them in words.
    """

    reason = "invalid"

    def __init__(self, message: str, *, hint: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)


class ParseError(DocumentError):
    """Not of the expected form at all."""

    reason = "malformed"


class UnknownSchemaError(ParseError):
    """Avro, but of a schema this release does not know."""

    reason = "unknown-schema"


class ValidationError(DocumentError):
    """Well-formed, but a field is wrong, missing or unknown."""

    reason = "invalid"


class TooLargeError(DocumentError):
    """Beyond a size, depth or count limit."""

    reason = "too-large"


class RefusedError(DocumentError):
    """The exchange refused a submission.

    Args:
        message: what was refused.
        reason: the reason code of the receipt.
    """

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class PlumbingError(ExchangeError):
    """Something of ours, or of the platform, does not work."""


class BrokerError(PlumbingError):
    """Kafka, or the embedded broker, cannot be used."""


class UnreachableError(BrokerError):
    """Nobody answers at the bootstrap address."""


class AccessError(BrokerError):
    """Credentials or permissions are wrong."""


class TopicMissingError(BrokerError):
    """A topic that should exist does not."""


class StateError(PlumbingError):
    """State and committed position disagree, or belong to another generation."""


class QuarantinedError(PlumbingError):
    """An accepted event broke the step that works it off. It lies in the journal; nothing was changed, operators are told."""


class GapError(PlumbingError):
    """A reader saw a notice whose number does not follow the last one."""


class TimedOutError(PlumbingError):
    """No answer came in the time allowed."""


class ToolMissingError(PlumbingError):
    """A programme or package that a command needs is not installed; the hint is the line that installs it."""


class ConfigError(PlumbingError):
    """A setting is missing or makes no sense."""
