"""Generated from schemas/*.avsc by `make generate`; do not edit."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Data(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    types: list[str] = Field(
        default=[], description='Kind and modality of training data.'
    )
    provenance: str | None = Field(
        default=None, description='Where the data came from.'
    )
    content_summary: str | None = Field(
        default=None,
        description='Public summary of the content used for training: text or link.',
    )
    collection: str | None = Field(
        default=None, description='How data were obtained and selected.'
    )
    curation: str | None = Field(
        default=None, description='Cleaning, filtering, labelling.'
    )
    points: float | None = Field(
        default=None,
        description='Number of data points for training, testing and validation.',
    )
    scope: str | None = Field(
        default=None,
        description='Scope and main characteristics: domains, languages, period, unit of a data point.',
    )
    bias_measures: str | None = Field(
        default=None,
        description='What was done about bias in training data and process.',
    )
    unsuitable_source_measures: str | None = Field(
        default=None, description='How unsuitable sources are found and kept out.'
    )
    personal_data: str | None = Field(
        default=None,
        description='Personal data in training, and what users must heed when entering some.',
    )


class DeadLetter(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    reason: str = Field(..., description='Reason code.')
    field: str | None = Field(default=None, description='Field that is wrong.')
    processor: str = Field(..., description='intake, dossier or fanout.')
    topic: str = Field(..., description='Where the record lies.')
    partition: int = Field(..., description='Where the record lies.')
    offset: int = Field(..., description='Where the record lies.')
    party: str | None = Field(
        default=None, description='Key of the record, if it is a party id.'
    )
    event_id: str | None = Field(
        default=None, description='`ce_id` of the record, if it has a well-formed one.'
    )
    size: int = Field(..., description='Size of the value in bytes.')
    sha256: str = Field(..., description='Of the value.')
    error: str | None = Field(
        default=None, description='Class name of the exception that broke a step.'
    )


class Disclosure(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    path: str = Field(
        ...,
        description='Dotted path of the field, for example `training.compute_flop` or `parents`.',
    )
    audience: (
        Literal['UNKNOWN', 'public', 'user', 'provider', 'authority', 'owner'] | None
    ) = Field(default=None, description="Narrower audience than the field's label; null: withheld from everybody but the owner.")
    reason: str = Field(..., description='Why, shown in place of the value.')
    rough: bool = Field(
        default=False,
        description='Whether those whom the label would let read the number are told its range in place of it.',
    )


class Evidence(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    link: str = Field(..., description='Address of the document.')
    digest: str | None = Field(
        default=None, description='`sha256:...` of the document.'
    )


class Governance(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    organisation: str | None = Field(
        default=None,
        description='Who is responsible for development, quality and risk.',
    )
    records: str | None = Field(
        default=None, description='Work records kept for later checking.'
    )
    development_process: str | None = Field(
        default=None,
        description='Documents on the development process, labelling, algorithms; third-party checkable as far as possible.',
    )
    terms_of_service: str | None = Field(default=None, description='Text or link.')
    privacy_policy: str | None = Field(default=None, description='Text or link.')
    risk_policy: str | None = Field(default=None, description='Text or link.')
    copyright_policy: str | None = Field(
        default=None,
        description='Policy to comply with copyright, reservations of rights included: text or link.',
    )
    security: str | None = Field(
        default=None,
        description='How weights, algorithms, servers and data are kept safe, also against insiders; fit to be published.',
    )
    monitoring: str | None = Field(
        default=None,
        description='How vulnerabilities, misuse and incidents are found after release, can be reported, and are handled.',
    )
    research: str | None = Field(
        default=None,
        description='Research and investment on safety, security and societal risks.',
    )
    contribution: str | None = Field(
        default=None,
        description='What it contributes to global challenges, such as climate, health and education.',
    )
    incident_contact: str | None = Field(
        default=None, description='Where to report incidents.'
    )
    standards: list[str] = Field(default=[], description='Standards followed.')
    certifications: list[str] = Field(default=[], description='Certificates held.')


class Grant(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    target: str = Field(..., description='`party/name` or `party/name@version`.')
    grantee: str | None = Field(
        default=None, description='Party id; null: all subscribers of the line.'
    )
    audience: (
        Literal['UNKNOWN', 'public', 'user', 'provider', 'authority', 'owner'] | None
    ) = Field(default=None, description='Audience the grantee counts as: user, provider or authority.')
    fields: list[str] = Field(
        default=[], description='Single field paths, beyond the audience.'
    )
    purpose: str | None = Field(default=None, description='What for.')
    until: AwareDatetime | None = Field(
        default=None, description='End; null: until revoked.'
    )


class GrantRevocation(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    target: str = Field(..., description="The grant's target.")
    grant: str = Field(..., description='Event id of the grant.')


class InheritedRow(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    profile: str = Field(..., description='Id of the rule profile.')
    row: str = Field(..., description='Id of the row.')
    status: str = Field(..., description='provided, inherited or withheld.')
    origin: str = Field(..., description='Release that provides it.')
    hops: int = Field(
        default=0,
        description='Releases on the longest way by which it comes down, the origin not counted; more than 64 are not inherited.',
    )
    audience: Literal['UNKNOWN', 'public', 'user', 'provider', 'authority', 'owner'] = (
        Field(..., description='Lowest audience that may read it.', title='Audience')
    )
    digest: str | None = Field(default=None, description='SHA-256 of the value.')
    value: str | None = Field(
        default=None,
        description='The value, only for union and recompute, at most 4 kB.',
    )


class LineResumed(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    line: str = Field(..., description='The line.')


class LineState(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    line: str = Field(..., description='`party/name`.')
    claimed: bool = Field(
        ..., description='Whether the owner has published a card in it.'
    )
    released: list[str] = Field(
        default=[],
        description='Releases in the order in which they first reached stage released.',
    )
    current: str | None = Field(
        default=None, description='What an unpinned reference means now.'
    )
    resolution: int = Field(default=0, description='How often `current` has changed.')


class Makeup(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    architecture: str | None = Field(
        default=None, description='Model family and design, about 20 words.'
    )
    parameters: int | None = Field(default=None, description='Number of parameters.')
    input_modalities: list[str] = Field(
        default=[], description='text, image, audio, video, ...'
    )
    output_modalities: list[str] = Field(
        default=[], description='text, image, audio, video, ...'
    )
    context_length: int | None = Field(
        default=None, description='Largest input, in tokens.'
    )
    input_limits: str | None = Field(
        default=None,
        description='Largest input of each modality that tokens do not measure.',
    )
    output_limits: str | None = Field(
        default=None, description='Largest output of each modality.'
    )
    integration: str | None = Field(
        default=None,
        description='How to build it into a system: instructions, tools, infrastructure.',
    )
    required_software: str | None = Field(
        default=None, description='Software and versions it needs.'
    )
    required_hardware: str | None = Field(
        default=None, description='Hardware it needs.'
    )
    design: str | None = Field(
        default=None, description='Design choices, rationale, what is optimised.'
    )


class Mark(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    text: str | None = Field(default=None, description='The value.')
    time: AwareDatetime | None = Field(default=None, description='The time.')


class Metric(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    name: str = Field(..., description='Name of the measure.')
    value: str = Field(..., description='Result as written by its author, with unit.')
    dataset: str | None = Field(default=None, description='What it was measured on.')
    source: str | None = Field(
        default=None, description='Where the result is published.'
    )


class Provenance(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    watermark: str | None = Field(
        default=None, description='Watermark in output, for example SynthID.'
    )
    content_credentials: str | None = Field(
        default=None, description='C2PA or Originator Profile.'
    )
    labelling: str | None = Field(
        default=None,
        description='How people are told that AI is used and to what extent.',
    )


class Purpose(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    summary: str | None = Field(default=None, description='What it is and does.')
    intended_uses: list[str] = Field(default=[], description='Uses its maker intends.')
    out_of_scope_uses: list[str] = Field(
        default=[], description='Uses it is not made for.'
    )
    system_types: list[str] = Field(
        default=[], description='Types of AI systems it can be built into.'
    )
    acceptable_use_policy: str | None = Field(default=None, description='Text or link.')


class Recent(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    key: str = Field(..., description='SHA-256 of the idempotency key, 32 hex digits.')
    content: str = Field(..., description='SHA-256 of the content, 32 hex digits.')
    event_id: str = Field(..., description='Id of the accepted event.')
    switch: str | None = Field(
        default=None,
        description='What is switched on and off by such submissions (a subscription, a grant, the registration); null for other events.',
    )


class ReportRow(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    id: str = Field(..., description='Id of the row.')
    status: str = Field(
        ...,
        description='provided, inherited, withheld, not_applicable, missing, placeholder or stale.',
    )
    owed_by: str = Field(..., description='Role that owes it.')
    owed_by_party: str | None = Field(
        default=None, description='Party that owes it, where known.'
    )
    origin: str | None = Field(
        default=None, description='Release it is inherited from.'
    )
    reason: str | None = Field(default=None, description='Why withheld.')


class RulesActivated(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    digest: str = Field(
        ..., description='SHA-256 of the rules, whose content is in `exchange.rules`.'
    )
    note: str | None = Field(default=None, description='Why.')


class Source(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    way: int = Field(
        ...,
        description='How it comes: place, from 0, among the `ways` beside the profile.',
    )
    level: Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] = (
        Field(..., description='Level as it arrives.', title='Level')
    )
    event_id: str | None = Field(
        default=None, description='Id of the event that set it.'
    )
    token: str | None = Field(
        default=None,
        description='Stands for the event in `considers` where its id is withheld; null where it is told.',
    )
    considered: bool = Field(
        ..., description="Whether the release's own current assessments considered it."
    )


class Subscription(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    target: str = Field(..., description='`party/name` or `party/name@version`.')


class Tick(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    time: AwareDatetime = Field(..., description='The time it now is.')


class Told(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    n: int = Field(..., description='Number of the last notice.')


class Training(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    method: str | None = Field(
        default=None, description='Method, stages, responsible organisation.'
    )
    design: str | None = Field(
        default=None,
        description='Design of the training process: stages, key choices, assumptions, what is optimised.',
    )
    rationale: str | None = Field(
        default=None, description='Why these choices were made.'
    )
    compute_flop: float | None = Field(
        default=None, description='Training compute in floating-point operations.'
    )
    compute_method: str | None = Field(
        default=None, description='How compute was measured or estimated.'
    )
    duration_hours: float | None = Field(
        default=None, description='Wall-clock training time in hours.'
    )
    energy_mwh: float | None = Field(
        default=None, description='Energy used for training, in megawatt-hours.'
    )
    energy_method: str | None = Field(
        default=None,
        description='How energy was measured or estimated; or which information is missing and why.',
    )
    inference_flop: float | None = Field(
        default=None,
        description='Compute of one run of a benchmark task after release, in floating-point operations.',
    )
    inference_method: str | None = Field(
        default=None,
        description='The benchmark task, and how its compute was measured or estimated.',
    )
    learns_in_use: str | None = Field(
        default=None,
        description='Whether output or program may change by learning after release.',
    )


class Unsubscribe(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    target: str = Field(..., description='The same reference that was subscribed to.')


class Withheld(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    path: str = Field(..., description='Dotted path.')
    reason: str = Field(..., description='Why.')
    rough: str | None = Field(
        default=None, description='The range a withheld number lies in; null: not told.'
    )


class Carried(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    category: Literal['UNKNOWN', 'R01', 'R02', 'R03', 'R04', 'R05', 'R06', 'R07', 'R08', 'R09', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15'] = (
        Field(..., description='R01-R15.', title='RiskCategory')
    )
    level: Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] = (
        Field(
            ...,
            description='Level after what the relations on the path took away; unknown: the origin says nothing.',
            title='Level',
        )
    )
    event_id: str | None = Field(
        default=None,
        description='Id of the assessment that set it; null where the level is unknown.',
    )


class CategoryNote(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    category: Literal['UNKNOWN', 'R01', 'R02', 'R03', 'R04', 'R05', 'R06', 'R07', 'R08', 'R09', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15'] = (
        Field(..., description='R01-R15.', title='RiskCategory')
    )
    text: str = Field(..., description='The risk, in words.')
    mitigation: str | None = Field(
        default=None, description='What is done, or must be done, about it.'
    )


class ChangeEntry(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    event_id: str = Field(..., description='Id of the notice.')
    order: int = Field(..., description='Journal offset at which it was accepted.')
    kind: Literal['UNKNOWN', 'fine_tune', 'adapter', 'quantise', 'merge', 'distil', 'continue_pretraining', 'data', 'safeguards', 'configuration', 'use', 'other'] = (
        Field(..., description='What kind of change.', title='ChangeKind')
    )
    categories: list[Literal['UNKNOWN', 'R01', 'R02', 'R03', 'R04', 'R05', 'R06', 'R07', 'R08', 'R09', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15']] = (
        Field(default=[], description='Categories it touches.')
    )
    holds: Literal['unknown', 'yes', 'partly', 'no'] = Field(
        default='unknown', description='What its author claims.', title='Holds'
    )


class Evaluation(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    metrics: list[Metric] = Field(
        default=[], description='Measured results.', validate_default=True
    )
    method: str | None = Field(default=None, description='How it was measured.')
    red_teaming: str | None = Field(
        default=None, description='Adversarial testing done, and what came of it.'
    )


class Hop(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    release: str = Field(..., description='`party/name@version`; empty when withheld.')
    relation: (
        Literal[
            'UNKNOWN',
            'fine_tune',
            'adapter',
            'quantise',
            'merge',
            'distil',
            'continue_pretraining',
            'trained_on',
            'integrates',
        ]
        | None
    ) = Field(default=None, description='How the next release on the path came from this one; null on the last hop.')
    audience: Literal['UNKNOWN', 'public', 'user', 'provider', 'authority', 'owner'] = (
        Field(
            default='public',
            description="Who may see this hop: the label of the next release's `parents`.",
            title='Audience',
        )
    )


class LetterHandled(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    letter: int = Field(..., description='Number of the dead letter: its offset.')
    outcome: Literal['UNKNOWN', 'replayed', 'dropped', 'resumed'] = Field(
        ..., description='What was done.', title='LetterOutcome'
    )
    note: str | None = Field(default=None, description="Why, in the operator's words.")


class Mitigation(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    text: str = Field(..., description='What is done or must be done.')
    applied_by: (
        Literal['UNKNOWN', 'developer', 'provider', 'user', 'assessor', 'authority']
        | None
    ) = Field(default=None, description='Role that must apply it.')


class OwnFinding(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    category: Literal['UNKNOWN', 'R01', 'R02', 'R03', 'R04', 'R05', 'R06', 'R07', 'R08', 'R09', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15'] = (
        Field(..., description='R01-R15.', title='RiskCategory')
    )
    level: Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] = (
        Field(..., description='Residual level.', title='Level')
    )


class Parent(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    ref: str = Field(
        ...,
        description="`party/name@version` (pinned) or `party/name` (unpinned: the line's current release).",
    )
    relation: Literal['UNKNOWN', 'fine_tune', 'adapter', 'quantise', 'merge', 'distil', 'continue_pretraining', 'trained_on', 'integrates'] = (
        Field(
            ..., description='How this release came from the parent.', title='Relation'
        )
    )
    digest: str | None = Field(
        default=None, description='`sha256:...` of the parent artefact that was used.'
    )
    compute_share: float | None = Field(
        default=None,
        description='Compute of this modification divided by the training compute of the parent (no unit).',
    )
    note: str | None = Field(default=None, description='How the relation is known.')


class ParentLink(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    ref: str = Field(..., description='Reference as declared.')
    relation: Literal['UNKNOWN', 'fine_tune', 'adapter', 'quantise', 'merge', 'distil', 'continue_pretraining', 'trained_on', 'integrates'] = (
        Field(..., description='How the child came from it.', title='Relation')
    )
    digest: str | None = Field(default=None, description='Digest the child declared.')
    audience: Literal['UNKNOWN', 'public', 'user', 'provider', 'authority', 'owner'] = (
        Field(default='public', description='Who may see this link.', title='Audience')
    )
    resolution: int | None = Field(
        default=None, description='Of the newest upstream message; null: none yet.'
    )
    snapshot: bytes | None = Field(
        default=None, description="The newest upstream message's content."
    )
    edge: Literal['UNKNOWN', 'declared', 'confirmed', 'verified'] = Field(
        default='declared',
        description='declared, confirmed or verified.',
        title='EdgeState',
    )


class Party(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    party: str = Field(
        ...,
        description='Id of the party, [a-z0-9] with inner . and -, at most 63 characters.',
    )
    display_name: str = Field(..., description='Name for people.')
    roles: list[Literal['UNKNOWN', 'developer', 'provider', 'user', 'assessor', 'authority']] = (
        Field(..., description='Roles in which the party acts.')
    )
    contact: str | None = Field(default=None, description='Where to reach the party.')
    homepage: str | None = Field(
        default=None, description="Address of the party's site."
    )
    jurisdiction: str | None = Field(
        default=None, description='Country code, ISO 3166-1 alpha-2.'
    )


class ProfileChange(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    category: Literal['UNKNOWN', 'R01', 'R02', 'R03', 'R04', 'R05', 'R06', 'R07', 'R08', 'R09', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15'] = (
        Field(..., description='R01-R15.', title='RiskCategory')
    )
    from_level: Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] = (
        Field(..., description='Before.', title='Level')
    )
    to_level: Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] = (
        Field(..., description='After.', title='Level')
    )
    from_status: Literal['unknown', 'assessed', 'reassess', 'carried', 'carried_unverified'] = (
        Field(..., description='Before.', title='Status')
    )
    to_status: Literal['unknown', 'assessed', 'reassess', 'carried', 'carried_unverified'] = (
        Field(..., description='After.', title='Status')
    )
    from_partial: bool = Field(..., description='Before.')
    to_partial: bool = Field(..., description='After.')
    ask: str = Field(
        ...,
        description='What the reader is asked to do: nothing, reassess, review, assess or request-information.',
    )
    path: list[Hop] = Field(
        default=[],
        description="Way of the input that decides, origin first; empty when it is the release's own.",
        validate_default=True,
    )


class ProfileEntry(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    category: Literal['UNKNOWN', 'R01', 'R02', 'R03', 'R04', 'R05', 'R06', 'R07', 'R08', 'R09', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15'] = (
        Field(..., description='R01-R15.', title='RiskCategory')
    )
    level: Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] = (
        Field(..., description='Effective level.', title='Level')
    )
    status: Literal['unknown', 'assessed', 'reassess', 'carried', 'carried_unverified'] = (
        Field(..., description='How it came about.', title='Status')
    )
    partial: bool = Field(..., description='Whether an input is unknown.')
    own_level: (
        Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] | None
    ) = Field(default=None, description="Highest residual level of the release's own assessments.")
    own_event: str | None = Field(
        default=None, description='Id of the assessment that set it.'
    )
    sources: list[Source] = Field(
        default=[],
        description='What comes down its lineage, highest first, at most 16.',
        validate_default=True,
    )


class Receipt(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    submission_id: str = Field(
        ..., description='`ce_id` of the submission; empty when it had none.'
    )
    party: str = Field(..., description='Who submitted.')
    status: Literal['UNKNOWN', 'accepted', 'refused', 'repeat'] = Field(
        ..., description='accepted, refused or repeat.', title='ReceiptStatus'
    )
    reason: str | None = Field(default=None, description='Reason code when refused.')
    field: str | None = Field(default=None, description='Field that is wrong.')
    event_id: str | None = Field(
        default=None,
        description='Id of the accepted event; of the first one when a repeat.',
    )
    lane: int = Field(..., description='Submission partition.')
    offset: int = Field(..., description='Submission offset.')


class Registration(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    party: Party = Field(..., description='The registration in force.')
    event_id: str = Field(..., description='Event that made it.')
    recent: list[Recent] = Field(
        default=[],
        description='The last accepted submissions, newest last, at most 256.',
        validate_default=True,
    )


class Report(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    profile: str = Field(..., description='Id of the rule profile.')
    complete: bool = Field(
        ..., description='Whether no row that must be is missing, placeholder or stale.'
    )
    rows: list[ReportRow] = Field(
        default=[], description='Result by row.', validate_default=True
    )


class Risks(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    limits: str | None = Field(
        default=None, description='Technical traits and known limits.'
    )
    by_category: list[CategoryNote] = Field(
        default=[],
        description='Foreseeable risks of use and their mitigation, by category.',
        validate_default=True,
    )
    safeguards: list[str] = Field(default=[], description='Safety mechanisms built in.')
    instructions: str | None = Field(
        default=None, description='What those who build on it or use it must do.'
    )
    performance_variation: str | None = Field(
        default=None,
        description='That prediction performance or output quality may move after start or miss the target, and what that risks.',
    )
    operating_status: str | None = Field(
        default=None, description='Operating status, causes of defects and response.'
    )


class SafeguardChange(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    safeguard: str = Field(..., description='Which safeguard.')
    effect: Literal['UNKNOWN', 'added', 'kept', 'weakened', 'removed'] = (
        Field(
            ...,
            description='added, kept, weakened or removed.',
            title='SafeguardEffect',
        )
    )


class StageNews(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    origin: str = Field(..., description='The release.')
    stage: Literal['UNKNOWN', 'research', 'preview', 'released', 'deprecated', 'withdrawn'] = (
        Field(..., description='withdrawn or deprecated.', title='Stage')
    )
    event_id: str = Field(..., description='Id of the card that said so.')
    path: list[Hop] = Field(
        ..., description='From origin to the release that passes it on.'
    )


class Way(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    origin: str = Field(..., description='Release it comes from; empty when withheld.')
    path: list[Hop] = Field(
        default=[],
        description="From origin to this release's parent.",
        validate_default=True,
    )


class AssessmentEntry(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    event_id: str = Field(..., description='Id of the assessment.')
    assessor: str = Field(..., description='Party id.')
    independence: Literal['UNKNOWN', 'self', 'second_party', 'third_party'] = (
        Field(
            ..., description='Who the assessor is to the owner.', title='Independence'
        )
    )
    order: int = Field(..., description='Journal offset at which it was accepted.')
    valid_from: AwareDatetime | None = Field(default=None, description='Start.')
    valid_until: AwareDatetime | None = Field(default=None, description='End.')
    findings: list[OwnFinding] = Field(
        default=[], description='Residual level by category.', validate_default=True
    )
    considers: list[str] = Field(default=[], description='Ids or tokens considered.')


class Cause(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    event_id: str = Field(
        ...,
        description="Id of the party's event, or of the tick or rule activation, at the root.",
    )
    event_type: str = Field(..., description='Record name of that event.')
    publisher: str | None = Field(default=None, description='Party that published it.')
    release: str = Field(..., description='Release or line it was about.')
    path: list[Hop] = Field(
        default=[],
        description='From that release to this one; empty when it is about this one.',
        validate_default=True,
    )


class ChangeNotice(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    release: str = Field(
        ..., description='`party/name@version` that the change concerns.'
    )
    parent: str | None = Field(
        default=None, description='Reference of the parent it was changed from.'
    )
    kind: Literal['UNKNOWN', 'fine_tune', 'adapter', 'quantise', 'merge', 'distil', 'continue_pretraining', 'data', 'safeguards', 'configuration', 'use', 'other'] = (
        Field(..., description='What kind of change.', title='ChangeKind')
    )
    summary: str | None = Field(default=None, description='The change in words.')
    capability_changes: list[str] = Field(
        default=[], description='What it can now do, or no longer do.'
    )
    data_used: str | None = Field(default=None, description='Data used for the change.')
    compute_flop: float | None = Field(
        default=None, description='Compute of the change in floating-point operations.'
    )
    safeguards: list[SafeguardChange] = Field(
        default=[],
        description='Safeguards added, kept, weakened, removed.',
        validate_default=True,
    )
    affected_categories: list[Literal['UNKNOWN', 'R01', 'R02', 'R03', 'R04', 'R05', 'R06', 'R07', 'R08', 'R09', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15']] = (
        Field(default=[], description='Categories whose risk may have changed.')
    )
    assessments_hold: Literal['unknown', 'yes', 'partly', 'no'] = Field(
        default='unknown',
        description='Whether earlier assessments are claimed to hold.',
        title='Holds',
    )
    why: str | None = Field(default=None, description='Grounds for that claim.')
    effective_on: date | None = Field(
        default=None, description='Day from which it applies.'
    )


class Contribution(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    origin: str = Field(
        ...,
        description='Release where the finding was made; `others@<release>`: those beyond the bound, folded together there.',
    )
    path: list[Hop] = Field(
        ..., description='From origin to the release that passes it on.'
    )
    carried: list[Carried] = Field(..., description='Levels by category.')


class EdgeDeclared(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    parent: str = Field(..., description='Reference as declared, pinned or unpinned.')
    child: str = Field(..., description='`party/name@version`.')
    relation: Literal['UNKNOWN', 'fine_tune', 'adapter', 'quantise', 'merge', 'distil', 'continue_pretraining', 'trained_on', 'integrates'] = (
        Field(..., description='How the child came from the parent.', title='Relation')
    )
    digest: str | None = Field(default=None, description='Digest the child declared.')
    audience: Literal['UNKNOWN', 'public', 'user', 'provider', 'authority', 'owner'] = (
        Field(
            default='public',
            description='Who may see that the child stands on this parent.',
            title='Audience',
        )
    )
    cause: Cause = Field(..., description='The card that declared it.')


class EdgeDropped(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    parent: str = Field(..., description='Reference as it was declared.')
    child: str = Field(..., description='`party/name@version`.')
    cause: Cause = Field(..., description='The card that dropped it.')


class Finding(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    category: Literal['UNKNOWN', 'R01', 'R02', 'R03', 'R04', 'R05', 'R06', 'R07', 'R08', 'R09', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15'] = (
        Field(..., description='R01-R15.', title='RiskCategory')
    )
    level: Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] = (
        Field(..., description='Level before mitigation.', title='Level')
    )
    residual_level: (
        Literal['unknown', 'none', 'low', 'moderate', 'high', 'critical'] | None
    ) = Field(default=None, description='Level after mitigations; null: same as level.')
    likelihood: str | None = Field(
        default=None, description="In words or on the assessor's scale."
    )
    severity: str | None = Field(
        default=None, description="In words or on the assessor's scale."
    )
    mitigations: list[Mitigation] = Field(
        default=[],
        description='Measures the residual level counts on, and who must apply them.',
        validate_default=True,
    )
    conditions: str | None = Field(
        default=None, description='Under which conditions it holds.'
    )
    carries: str | None = Field(
        default=None,
        description="How the risk carries to derived releases, in the assessor's words.",
    )


class ModelCard(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    release: str = Field(..., description='`party/name@version`.')
    display_name: str | None = Field(
        default=None, description='The name as people spell it.'
    )
    kind: Literal['UNKNOWN', 'model', 'dataset', 'system'] = Field(
        default='model', description='model, dataset or system.', title='Kind'
    )
    stage: Literal['UNKNOWN', 'research', 'preview', 'released', 'deprecated', 'withdrawn'] = (
        Field(
            ...,
            description='research, preview, released, deprecated or withdrawn.',
            title='Stage',
        )
    )
    role: (
        Literal['UNKNOWN', 'developer', 'provider', 'user', 'assessor', 'authority']
        | None
    ) = Field(default=None, description='Role in which the owner publishes this release; null: provider if it has a parent that is not a dataset, else developer.')
    released_on: date | None = Field(default=None, description='Day of first release.')
    eu_released_on: date | None = Field(
        default=None,
        description='Day it was first placed on the market of the European Union.',
    )
    updated_on: date | None = Field(default=None, description='Day of this card.')
    updates: str | None = Field(
        default=None,
        description='What changed since the former card or release, and why.',
    )
    contact: str | None = Field(
        default=None, description='Contact for questions on this release.'
    )
    licence: str | None = Field(
        default=None, description='SPDX expression or name, with link.'
    )
    weights: Literal['UNKNOWN', 'open', 'on_request', 'closed'] | None = Field(
        default=None,
        description='Whether anybody can download the weights: open, on_request or closed.',
    )
    assets: str | None = Field(
        default=None,
        description='What else is handed out with it, such as code, data or tools, and under which licence.',
    )
    distribution: str | None = Field(
        default=None,
        description='Channels by which it is made available: download, API, products.',
    )
    digest: str | None = Field(
        default=None, description='`sha256:...` of the released artefact.'
    )
    parents: list[Parent] = Field(
        default=[], description='What it was made from.', validate_default=True
    )
    systemic_risk: bool | None = Field(
        default=None,
        description='Whether it is a general-purpose model with systemic risk in the sense of Art. 51 of the EU AI Act.',
    )
    purpose: Purpose | None = Field(default=None, description='What it is for.')
    makeup: Makeup | None = Field(default=None, description='What it is made of.')
    data: Data | None = Field(default=None, description='What data went in.')
    training: Training | None = Field(default=None, description='How it was trained.')
    evaluation: Evaluation | None = Field(
        default=None, description='How it was evaluated.'
    )
    risks: Risks | None = Field(
        default=None, description='Risks and limits as the author states them.'
    )
    provenance: Provenance | None = Field(
        default=None, description='How output can be told to be AI-made.'
    )
    governance: Governance | None = Field(
        default=None, description='Who answers for it.'
    )
    disclosure: list[Disclosure] = Field(
        default=[],
        description='Fields with a narrower audience than their label, each with a reason.',
        validate_default=True,
    )
    extensions: dict[str, str] = Field(
        default={},
        description='What an imported document said that has no field of its own.',
    )


class RiskAssessment(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    release: str = Field(..., description='`party/name@version`.')
    assessor: str = Field(..., description='Party id of the assessor: the publisher.')
    independence: Literal['UNKNOWN', 'self', 'second_party', 'third_party'] = (
        Field(
            ...,
            description='self (the owner), second_party or third_party.',
            title='Independence',
        )
    )
    method: str | None = Field(default=None, description='How it was assessed.')
    evidence: list[Evidence] = Field(
        default=[], description='Documents, by link and digest.', validate_default=True
    )
    valid_from: AwareDatetime | None = Field(
        default=None, description='Start; null: from acceptance.'
    )
    valid_until: AwareDatetime | None = Field(
        default=None, description='End; null: until superseded.'
    )
    findings: list[Finding] = Field(
        default=[], description='One per category.', validate_default=True
    )
    considers: list[str] = Field(
        default=[],
        description='Ids of the upstream and change events, or the tokens shown in their place, that the assessor had before it.',
    )
    supersedes: list[str] = Field(
        default=[],
        description='Ids of earlier assessments of the same assessor that this one replaces.',
    )
    withdraws: list[str] = Field(
        default=[],
        description='Ids of earlier assessments of the same assessor that are withdrawn.',
    )


class Snapshot(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    release: str = Field(
        ...,
        description='The parent; empty: an unpinned parent that resolves to nothing.',
    )
    seq: int = Field(..., description="The parent dossier's seq.")
    kind: Literal['UNKNOWN', 'model', 'dataset', 'system'] = Field(
        ...,
        description='model, dataset or system; UNKNOWN while unclaimed.',
        title='Kind',
    )
    stage: Literal['UNKNOWN', 'research', 'preview', 'released', 'deprecated', 'withdrawn'] = (
        Field(..., description='Stage; UNKNOWN while unclaimed.', title='Stage')
    )
    digest: str | None = Field(default=None, description="Of the parent's artefact.")
    compute_flop: float | None = Field(
        default=None,
        description='Training compute in floating-point operations, unless the card narrows it; for the one-third rule of releases made from this one.',
    )
    contributions: list[Contribution] = Field(
        default=[], description='Risk passed down.', validate_default=True
    )
    stage_news: list[StageNews] = Field(
        default=[],
        description='Withdrawn or deprecated releases, its own and further up.',
        validate_default=True,
    )
    rows: list[InheritedRow] = Field(
        default=[],
        description='Completeness rows that may be inherited.',
        validate_default=True,
    )


class Stake(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    kind: Literal['UNKNOWN', 'subscription', 'child', 'grant'] = Field(
        ..., description='What kind of stake.', title='StakeKind'
    )
    line: str = Field(..., description='`party/name`.')
    target: str = Field(..., description='Line or release it is about.')
    holder: str = Field(
        ..., description='Party id, child release, or grantee (empty: all subscribers).'
    )
    event_id: str = Field(..., description='Event that made it.')
    edge: EdgeDeclared | None = Field(default=None, description='For a child.')
    grant: Grant | None = Field(default=None, description='For a grant.')


class StakeChange(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    stake: Stake = Field(..., description='The stake.')
    ended: bool = Field(..., description='Whether it ended.')


class UpstreamMessage(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    child: str = Field(..., description='`party/name@version`.')
    parent: str = Field(..., description='Reference as the child declared it.')
    resolution: int = Field(
        ...,
        description="For an unpinned parent: how often the line's current release has changed; 0 when pinned.",
    )
    snapshot: bytes = Field(..., description="The parent's state.")
    edge: Literal['UNKNOWN', 'declared', 'confirmed', 'verified'] = Field(
        ..., description='declared, confirmed or verified.', title='EdgeState'
    )
    cause: Cause = Field(..., description='What made the parent pass it on.')


class View(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    release: str = Field(..., description='`party/name@version`.')
    seq: int = Field(..., description="The dossier's seq.")
    audience: Literal['UNKNOWN', 'public', 'user', 'provider', 'authority', 'owner'] = (
        Field(..., description='Audience the reader counts as.', title='Audience')
    )
    stage: Literal['UNKNOWN', 'research', 'preview', 'released', 'deprecated', 'withdrawn'] = (
        Field(..., description='Stage.', title='Stage')
    )
    claimed: bool = Field(
        ..., description='Whether its owner has published a card for it.'
    )
    parents: list[Hop] = Field(
        default=[],
        description='Parents and relations the reader may see.',
        validate_default=True,
    )
    profile: list[ProfileEntry] = Field(
        default=[], description='Effective risk by category.', validate_default=True
    )
    ways: list[Way] = Field(
        default=[],
        description="How the profile's sources come, each way once.",
        validate_default=True,
    )
    reports: list[Report] = Field(
        default=[], description='Completeness by rule profile.', validate_default=True
    )
    assessments: list[AssessmentEntry] = Field(
        default=[], description='Assessments the reader may see.', validate_default=True
    )
    stage_news: list[StageNews] = Field(
        default=[],
        description='Withdrawn or deprecated releases upstream.',
        validate_default=True,
    )
    change_notices: list[str] = Field(
        default=[], description='Ids of the change notices in force.'
    )


class Decision(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    lane: int = Field(..., description='Journal partition.')
    offset: int = Field(..., description='Journal offset.')
    index: int = Field(
        ...,
        description='Several decisions of one tick or rule activation are numbered from 0.',
    )
    kind: Literal['UNKNOWN', 'nothing', 'event', 'profile_change', 'upstream_news', 'completeness_change', 'stake', 'quarantined'] = (
        Field(..., description='What it says.', title='DecisionKind')
    )
    line: str = Field(..., description='`party/name`; empty when it is about no line.')
    release: str = Field(
        ..., description='`party/name@version`; empty when it is about a line.'
    )
    rules: str = Field(..., description='Digest of the rules in force.')
    time: AwareDatetime | None = Field(
        default=None, description="The partition's time."
    )
    cause: Cause | None = Field(default=None, description='What set it off.')
    event_type: str | None = Field(
        default=None,
        description="Record name of the party's event, when the record was one.",
    )
    event: bytes | None = Field(
        default=None,
        description="The event's original bytes, for those who follow the release.",
    )
    claims: bool = Field(
        default=False,
        description='Whether it claims the line: the owner gets a snapshot.',
    )
    dossier: bytes | None = Field(default=None, description='The new dossier.')
    changes: list[ProfileChange] = Field(
        default=[], description='What changed in the profile.', validate_default=True
    )
    stakes: list[StakeChange] = Field(
        default=[], description='Stakes that began or ended.', validate_default=True
    )
    declared: list[EdgeDeclared] = Field(
        default=[], description='New parents, for their lines.', validate_default=True
    )
    dropped: list[EdgeDropped] = Field(
        default=[],
        description='Former parents, for their lines.',
        validate_default=True,
    )
    snapshot: bytes | None = Field(
        default=None,
        description='For children pinned to this release; null: nothing to tell, or nobody to tell it to.',
    )
    line_snapshot: bytes | None = Field(
        default=None, description='For children of the line; null: nothing to tell.'
    )
    resolution: int = Field(default=0, description="The line's resolution number.")
    only_child: str | None = Field(
        default=None, description='When set, snapshots go to this child alone.'
    )
    reason: str | None = Field(
        default=None, description='Reason code when quarantined.'
    )


class Dossier(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    release: str = Field(..., description='`party/name@version`.')
    seq: int = Field(
        ..., description='Grows by one with every decision that changed something.'
    )
    claimed: bool = Field(
        ..., description='Whether its owner has published a card for it.'
    )
    card_event: str | None = Field(default=None, description='Id of the current card.')
    card: ModelCard | None = Field(default=None, description='The current card.')
    stage: Literal['UNKNOWN', 'research', 'preview', 'released', 'deprecated', 'withdrawn'] = (
        Field(
            default='UNKNOWN',
            description='Stage; UNKNOWN while there is no card.',
            title='Stage',
        )
    )
    parents: list[ParentLink] = Field(
        default=[],
        description='Parents and what came from them.',
        validate_default=True,
    )
    assessments: list[AssessmentEntry] = Field(
        default=[],
        description='Assessments in force, expired or waiting.',
        validate_default=True,
    )
    changes: list[ChangeEntry] = Field(
        default=[], description='Change notices.', validate_default=True
    )
    profile: list[ProfileEntry] = Field(
        default=[], description='Effective risk by category.', validate_default=True
    )
    ways: list[Way] = Field(
        default=[],
        description="How the profile's sources come, each way once.",
        validate_default=True,
    )
    reports: list[Report] = Field(
        default=[], description='Completeness by rule profile.', validate_default=True
    )
    seen: list[str] = Field(
        default=[], description='Root causes already told, newest last, at most 64.'
    )
    due: AwareDatetime | None = Field(
        default=None, description='Earliest time at which something changes by itself.'
    )
    passed: str = Field(
        default='',
        description='Digest of what it passes down, without its number: its children are told when this changes. Empty while its line has none.',
    )


class Notice(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    id: str = Field(..., description='Hash of party, line and n.')
    party: str = Field(..., description='Who is told.')
    line: str = Field(..., description='`party/name` it is about.')
    n: int = Field(..., description='Number within (party, line).')
    release: str = Field(
        ..., description='`party/name@version`; empty when about the line.'
    )
    seq: int = Field(..., description="The dossier's seq; 0 when about the line.")
    kind: Literal['UNKNOWN', 'result', 'event', 'profile_change', 'upstream_news', 'completeness_change', 'snapshot', 'downstream', 'quarantined'] = (
        Field(..., description='Why the party is told.', title='NoticeKind')
    )
    capacities: list[Literal['UNKNOWN', 'owner', 'subscriber', 'publisher']] = (
        Field(default=[], description='All the reasons why it is told.')
    )
    lane: int = Field(..., description='Journal partition of the decision.')
    offset: int = Field(..., description='Journal offset of the decision.')
    cause: Cause | None = Field(
        default=None, description='What set it off; null when withheld.'
    )
    view: View | None = Field(
        default=None, description='The dossier as this party may see it.'
    )
    changes: list[ProfileChange] = Field(
        default=[], description='What changed in the profile.', validate_default=True
    )
    card: ModelCard | None = Field(
        default=None, description='The card that is the news, projected.'
    )
    change_notice: ChangeNotice | None = Field(
        default=None, description='The change notice that is the news, projected.'
    )
    assessment: RiskAssessment | None = Field(
        default=None, description='The assessment that is the news, projected.'
    )
    child: EdgeDeclared | None = Field(
        default=None, description='A release that declared this one as its parent.'
    )
    withheld: list[Withheld] = Field(
        default=[],
        description='What is there but not for this reader.',
        validate_default=True,
    )


class Pending(BaseModel):
    model_config = ConfigDict(
        extra='forbid',
        frozen=True,
    )
    decision: Decision = Field(..., description='The decision.')
    after: str = Field(..., description='Key of the last stakeholder told.')
    started: bool = Field(..., description='Whether its stake changes are applied.')
    stopped: str | None = Field(
        default=None, description='Reason code: the line stopped at this decision.'
    )

