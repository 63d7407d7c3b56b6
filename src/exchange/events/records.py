"""Generated from schemas/*.avsc by `make generate`; do not edit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypedDict

Audience = Literal["UNKNOWN", "public", "user", "provider", "authority", "owner"]
"""Who may read: public < user < provider < authority < owner."""

Availability = Literal["UNKNOWN", "open", "on_request", "closed"]
"""Who can get something."""

Capacity = Literal["UNKNOWN", "owner", "subscriber", "publisher"]
"""Why a party is told."""

ChangeKind = Literal["UNKNOWN", "fine_tune", "adapter", "quantise", "merge", "distil", "continue_pretraining", "data", "safeguards", "configuration", "use", "other"]
"""What kind of change."""


class Data(TypedDict):
    """What data went in."""

    types: list[str]
    provenance: str | None
    content_summary: str | None
    collection: str | None
    curation: str | None
    points: float | None
    scope: str | None
    bias_measures: str | None
    unsuitable_source_measures: str | None
    personal_data: str | None


class DeadLetter(TypedDict):
    """What could not be accepted. Holds no payload: it names where the record lies."""

    reason: str
    field: str | None
    processor: str
    topic: str
    partition: int
    offset: int
    party: str | None
    event_id: str | None
    size: int
    sha256: str
    error: str | None

DecisionKind = Literal["UNKNOWN", "nothing", "event", "profile_change", "upstream_news", "completeness_change", "stake", "quarantined"]
"""What a decision says."""


class Disclosure(TypedDict):
    """Narrows who may read one field of this card."""

    path: str
    audience: Audience | None
    reason: str
    rough: bool

EdgeState = Literal["UNKNOWN", "declared", "confirmed", "verified"]
"""How well a lineage edge is founded: declared by the child, confirmed by the parent's owner, verified by artefact digest."""


class Evidence(TypedDict):
    """Where the evidence lies."""

    link: str
    digest: str | None


class Governance(TypedDict):
    """Who answers for it."""

    organisation: str | None
    records: str | None
    development_process: str | None
    terms_of_service: str | None
    privacy_policy: str | None
    risk_policy: str | None
    copyright_policy: str | None
    security: str | None
    monitoring: str | None
    research: str | None
    contribution: str | None
    incident_contact: str | None
    standards: list[str]
    certifications: list[str]


class Grant(TypedDict):
    """The owner lets a party, or all subscribers of the line, read more than the public."""

    target: str
    grantee: str | None
    audience: Audience | None
    fields: list[str]
    purpose: str | None
    until: datetime | None


class GrantRevocation(TypedDict):
    """Ends a grant."""

    target: str
    grant: str

Holds = Literal["unknown", "yes", "partly", "no"]
"""Whether earlier assessments are claimed to hold."""

Independence = Literal["UNKNOWN", "self", "second_party", "third_party"]
"""Who the assessor is to the owner."""


class InheritedRow(TypedDict):
    """One completeness row that a derived release may inherit."""

    profile: str
    row: str
    status: str
    origin: str
    hops: int
    audience: Audience
    digest: str | None
    value: str | None

Kind = Literal["UNKNOWN", "model", "dataset", "system"]
"""What a release is."""

LetterOutcome = Literal["UNKNOWN", "replayed", "dropped", "resumed"]
"""What an operator did about a dead letter."""

Level = Literal["unknown", "none", "low", "moderate", "high", "critical"]
"""Risk level; ordered none < low < moderate < high < critical. `unknown` says nothing is known."""


class LineResumed(TypedDict):
    """An operator starts a line again that fan-out had to stop. Written to the line's partition of `exchange.decisions`, fan-out's one input."""

    line: str


class LineState(TypedDict):
    """What the dossier processor keeps of one line."""

    line: str
    claimed: bool
    released: list[str]
    current: str | None
    resolution: int


class Makeup(TypedDict):
    """What the release is made of and how it is built in."""

    architecture: str | None
    parameters: int | None
    input_modalities: list[str]
    output_modalities: list[str]
    context_length: int | None
    input_limits: str | None
    output_limits: str | None
    integration: str | None
    required_software: str | None
    required_hardware: str | None
    design: str | None


class Mark(TypedDict):
    """A small fact a processor keeps: its time, its rules, a cursor."""

    text: str | None
    time: datetime | None


class Metric(TypedDict):
    """One measured result."""

    name: str
    value: str
    dataset: str | None
    source: str | None

NoticeKind = Literal["UNKNOWN", "result", "event", "profile_change", "upstream_news", "completeness_change", "snapshot", "downstream", "quarantined"]
"""Why the party is told; the first that fits."""


class Provenance(TypedDict):
    """How output can be told to be AI-made."""

    watermark: str | None
    content_credentials: str | None
    labelling: str | None


class Purpose(TypedDict):
    """What the release is for."""

    summary: str | None
    intended_uses: list[str]
    out_of_scope_uses: list[str]
    system_types: list[str]
    acceptable_use_policy: str | None

ReceiptStatus = Literal["UNKNOWN", "accepted", "refused", "repeat"]
"""What intake says of a submission."""


class Recent(TypedDict):
    """One of a party's recent submissions, so that a repeat is known."""

    key: str
    content: str
    event_id: str
    switch: str | None

Relation = Literal["UNKNOWN", "fine_tune", "adapter", "quantise", "merge", "distil", "continue_pretraining", "trained_on", "integrates"]
"""How a release came from its parent."""


class ReportRow(TypedDict):
    """Result of one completeness row."""

    id: str
    status: str
    owed_by: str
    owed_by_party: str | None
    origin: str | None
    reason: str | None

RiskCategory = Literal["UNKNOWN", "R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R15"]
"""Risk categories R01-R14 of the source report, figure 3, and R15 (CBRN). The rules hold the laws each touches."""

Role = Literal["UNKNOWN", "developer", "provider", "user", "assessor", "authority"]
"""The role in which a party acts."""


class RulesActivated(TypedDict):
    """From here on these rules are in force."""

    digest: str
    note: str | None

SafeguardEffect = Literal["UNKNOWN", "added", "kept", "weakened", "removed"]
"""What a change did to a safeguard."""


class Source(TypedDict):
    """One higher or unknown input of a profile entry, for those who ask why."""

    way: int
    level: Level
    event_id: str | None
    token: str | None
    considered: bool

Stage = Literal["UNKNOWN", "research", "preview", "released", "deprecated", "withdrawn"]
"""Life-cycle stage of a release."""

StakeKind = Literal["UNKNOWN", "subscription", "child", "grant"]
"""What kind of stake."""

Status = Literal["unknown", "assessed", "reassess", "carried", "carried_unverified"]
"""How an effective level came about, and so what a person does next (docs/risk.md)."""


class Subscription(TypedDict):
    """A party asks to be told about a line or a release."""

    target: str


class Tick(TypedDict):
    """Time, as a record: one per partition, an hour at the finest. A tick not later than the last does nothing."""

    time: datetime


class Told(TypedDict):
    """What a party was last told about a line."""

    n: int


class Training(TypedDict):
    """How it was trained."""

    method: str | None
    design: str | None
    rationale: str | None
    compute_flop: float | None
    compute_method: str | None
    duration_hours: float | None
    energy_mwh: float | None
    energy_method: str | None
    inference_flop: float | None
    inference_method: str | None
    learns_in_use: str | None


class Unsubscribe(TypedDict):
    """Ends a subscription."""

    target: str


class Withheld(TypedDict):
    """A field that is there but not for this reader."""

    path: str
    reason: str
    rough: str | None


class Carried(TypedDict):
    """One risk level as it arrives from one origin."""

    category: RiskCategory
    level: Level
    event_id: str | None


class CategoryNote(TypedDict):
    """What the author says about one risk category."""

    category: RiskCategory
    text: str
    mitigation: str | None


class ChangeEntry(TypedDict):
    """A change notice, as a dossier keeps it."""

    event_id: str
    order: int
    kind: ChangeKind
    categories: list[RiskCategory]
    holds: Holds


class Evaluation(TypedDict):
    """How it was evaluated."""

    metrics: list[Metric]
    method: str | None
    red_teaming: str | None


class Hop(TypedDict):
    """One release on the way of a risk, origin first."""

    release: str
    relation: Relation | None
    audience: Audience


class LetterHandled(TypedDict):
    """An operator dealt with a dead letter. Lies behind it in the same topic, so that it is dealt with once."""

    letter: int
    outcome: LetterOutcome
    note: str | None


class Mitigation(TypedDict):
    """One measure against a risk."""

    text: str
    applied_by: Role | None


class OwnFinding(TypedDict):
    """One category of one assessment, as a dossier keeps it."""

    category: RiskCategory
    level: Level


class Parent(TypedDict):
    """One thing a release was made from."""

    ref: str
    relation: Relation
    digest: str | None
    compute_share: float | None
    note: str | None


class ParentLink(TypedDict):
    """A parent as the dossier of its child knows it."""

    ref: str
    relation: Relation
    digest: str | None
    audience: Audience
    resolution: int | None
    snapshot: Snapshot | None
    edge: EdgeState


class Party(TypedDict):
    """Registers a party, or changes its registration. A party registers itself: the record's key is its id."""

    party: str
    display_name: str
    roles: list[Role]
    contact: str | None
    homepage: str | None
    jurisdiction: str | None


class ProfileChange(TypedDict):
    """One category whose level, status or flag changed."""

    category: RiskCategory
    from_level: Level
    to_level: Level
    from_status: Status
    to_status: Status
    from_partial: bool
    to_partial: bool
    ask: str
    path: list[Hop]


class ProfileEntry(TypedDict):
    """Effective risk of one release in one category (DESIGN section 5, docs/risk.md)."""

    category: RiskCategory
    level: Level
    status: Status
    partial: bool
    own_level: Level | None
    own_event: str | None
    sources: list[Source]


class Receipt(TypedDict):
    """Intake's answer to one submission."""

    submission_id: str
    party: str
    status: ReceiptStatus
    reason: str | None
    field: str | None
    event_id: str | None
    lane: int
    offset: int


class Registration(TypedDict):
    """What intake keeps of a party."""

    party: Party
    event_id: str
    recent: list[Recent]


class Report(TypedDict):
    """Completeness of a release against one rule profile."""

    profile: str
    complete: bool
    rows: list[ReportRow]


class Risks(TypedDict):
    """Risks and limits as the author states them."""

    limits: str | None
    by_category: list[CategoryNote]
    safeguards: list[str]
    instructions: str | None
    performance_variation: str | None
    operating_status: str | None


class SafeguardChange(TypedDict):
    """What a change did to one safeguard."""

    safeguard: str
    effect: SafeguardEffect


class StageNews(TypedDict):
    """A withdrawn or deprecated release upstream."""

    origin: str
    stage: Stage
    event_id: str
    path: list[Hop]


class Way(TypedDict):
    """How what one release says comes to another. One way serves every risk category that comes along it."""

    origin: str
    path: list[Hop]


class AssessmentEntry(TypedDict):
    """An assessment that was neither superseded nor withdrawn."""

    event_id: str
    assessor: str
    independence: Independence
    order: int
    valid_from: datetime | None
    valid_until: datetime | None
    findings: list[OwnFinding]
    considers: list[str]


class Cause(TypedDict):
    """What set a change off."""

    event_id: str
    event_type: str
    publisher: str | None
    release: str
    path: list[Hop]


class ChangeNotice(TypedDict):
    """The owner of a line tells that a release changed what it can do, or was changed from its parent."""

    release: str
    parent: str | None
    kind: ChangeKind
    summary: str | None
    capability_changes: list[str]
    data_used: str | None
    compute_flop: float | None
    safeguards: list[SafeguardChange]
    affected_categories: list[RiskCategory]
    assessments_hold: Holds
    why: str | None
    effective_on: date | None


class Contribution(TypedDict):
    """What one origin passes down along one path."""

    origin: str
    path: list[Hop]
    carried: list[Carried]


class EdgeDeclared(TypedDict):
    """A child release names a parent; goes to the parent's line."""

    parent: str
    child: str
    relation: Relation
    digest: str | None
    audience: Audience
    cause: Cause


class EdgeDropped(TypedDict):
    """A child release no longer names a parent; goes to the parent's line."""

    parent: str
    child: str
    cause: Cause


class Finding(TypedDict):
    """What an assessor found for one risk category."""

    category: RiskCategory
    level: Level
    residual_level: Level | None
    likelihood: str | None
    severity: str | None
    mitigations: list[Mitigation]
    conditions: str | None
    carries: str | None


class ModelCard(TypedDict):
    """What the owner of a line states about one release. The newest accepted card of a release replaces the earlier ones."""

    release: str
    display_name: str | None
    kind: Kind
    stage: Stage
    role: Role | None
    released_on: date | None
    eu_released_on: date | None
    updated_on: date | None
    updates: str | None
    contact: str | None
    licence: str | None
    weights: Availability | None
    assets: str | None
    distribution: str | None
    digest: str | None
    parents: list[Parent]
    systemic_risk: bool | None
    purpose: Purpose | None
    makeup: Makeup | None
    data: Data | None
    training: Training | None
    evaluation: Evaluation | None
    risks: Risks | None
    provenance: Provenance | None
    governance: Governance | None
    disclosure: list[Disclosure]
    extensions: dict[str, str]


class RiskAssessment(TypedDict):
    """What an assessor found about one release."""

    release: str
    assessor: str
    independence: Independence
    method: str | None
    evidence: list[Evidence]
    valid_from: datetime | None
    valid_until: datetime | None
    findings: list[Finding]
    considers: list[str]
    supersedes: list[str]
    withdraws: list[str]


class Snapshot(TypedDict):
    """All that a release passes down to those made from it."""

    release: str
    seq: int
    kind: Kind
    stage: Stage
    digest: str | None
    compute_flop: float | None
    contributions: list[Contribution]
    stage_news: list[StageNews]
    rows: list[InheritedRow]


class Stake(TypedDict):
    """Somebody's stake in a line: a subscription, a child release, or a grant."""

    kind: StakeKind
    line: str
    target: str
    holder: str
    event_id: str
    edge: EdgeDeclared | None
    grant: Grant | None


class StakeChange(TypedDict):
    """A stake that began or ended."""

    stake: Stake
    ended: bool


class UpstreamMessage(TypedDict):
    """A full snapshot of one parent for one child; goes to the child's line. The highest (resolution, seq) wins, gaps are fine."""

    child: str
    parent: str
    resolution: int
    snapshot: Snapshot
    edge: EdgeState
    cause: Cause


class View(TypedDict):
    """A dossier as one reader may see it."""

    release: str
    seq: int
    audience: Audience
    stage: Stage
    claimed: bool
    parents: list[Hop]
    profile: list[ProfileEntry]
    ways: list[Way]
    reports: list[Report]
    assessments: list[AssessmentEntry]
    stage_news: list[StageNews]
    change_notices: list[str]


class Decision(TypedDict):
    """What one journal record changed."""

    lane: int
    offset: int
    index: int
    kind: DecisionKind
    line: str
    release: str
    rules: str
    time: datetime | None
    cause: Cause | None
    event_type: str | None
    event: bytes | None
    claims: bool
    dossier: Dossier | None
    changes: list[ProfileChange]
    stakes: list[StakeChange]
    declared: list[EdgeDeclared]
    dropped: list[EdgeDropped]
    snapshot: Snapshot | None
    line_snapshot: Snapshot | None
    resolution: int
    only_child: str | None
    reason: str | None


class Dossier(TypedDict):
    """What the exchange knows about one release."""

    release: str
    seq: int
    claimed: bool
    card_event: str | None
    card: ModelCard | None
    stage: Stage
    parents: list[ParentLink]
    assessments: list[AssessmentEntry]
    changes: list[ChangeEntry]
    profile: list[ProfileEntry]
    ways: list[Way]
    reports: list[Report]
    seen: list[str]
    due: datetime | None
    passed: str


class Notice(TypedDict):
    """One message to one party. Numbered n = 1, 2, 3, ... per (party, line) without gaps."""

    id: str
    party: str
    line: str
    n: int
    release: str
    seq: int
    kind: NoticeKind
    capacities: list[Capacity]
    lane: int
    offset: int
    cause: Cause | None
    view: View | None
    changes: list[ProfileChange]
    card: ModelCard | None
    change_notice: ChangeNotice | None
    assessment: RiskAssessment | None
    child: EdgeDeclared | None
    withheld: list[Withheld]


class Pending(TypedDict):
    """A decision that waits in its line's queue, and how far it was told."""

    decision: Decision
    after: str
    started: bool
    stopped: str | None
