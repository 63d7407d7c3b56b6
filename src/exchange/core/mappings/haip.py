"""The sections of a report under the Hiroshima Process reporting framework, and the fields of a card that speak to each."""

from __future__ import annotations

from typing import Final, NamedTuple


class Section(NamedTuple):
    """One section of the framework.

    Attributes:
        id: its number.
        en: its title.
        ja: its title in Japanese.
        paths: fields of a card that speak to it.
    """

    id: str
    en: str
    ja: str
    paths: tuple[str, ...]


SECTIONS: Final = (
    Section(
        "S1",
        "Risk identification and evaluation",
        "リスクの特定及び評価",
        ("risks.by_category", "risks.limits", "evaluation.method", "evaluation.metrics", "evaluation.red_teaming"),
    ),
    Section(
        "S2",
        "Risk management and information security",
        "リスク管理及び情報セキュリティ",
        (
            *("risks.safeguards", "risks.instructions", "data.curation", "data.bias_measures", "data.unsuitable_source_measures"),
            *("data.personal_data", "governance.risk_policy", "governance.security", "governance.monitoring"),
            "governance.copyright_policy",
        ),
    ),
    Section(
        "S3",
        "Transparency reporting on advanced AI systems",
        "高度AIシステムに関する透明性報告",
        (
            *(
                "purpose.summary",
                "purpose.intended_uses",
                "purpose.out_of_scope_uses",
                "purpose.acceptable_use_policy",
                "parents",
            ),
            *("makeup.architecture", "data.provenance", "data.collection", "data.content_summary"),
            *("training.method", "risks.performance_variation", "distribution", "weights", "systemic_risk"),
            *("governance.privacy_policy", "governance.terms_of_service", "licence", "updates"),
        ),
    ),
    Section(
        "S4",
        "Organizational governance, incident management, and transparency",
        "組織ガバナンス、インシデント管理及び透明性",
        (
            *(
                "governance.organisation",
                "governance.records",
                "governance.incident_contact",
                "contact",
                "risks.operating_status",
            ),
            *("governance.standards", "governance.certifications", "governance.development_process"),
        ),
    ),
    Section(
        "S5",
        "Content authentication & provenance mechanisms",
        "コンテンツ認証及び来歴管理の仕組み",
        ("provenance.watermark", "provenance.content_credentials", "provenance.labelling"),
    ),
    Section(
        "S6",
        "Research & investment to advance AI safety & mitigate societal risks",
        "研究及び投資",
        ("governance.research",),
    ),
    Section(
        "S7",
        "Advancing human and global interests",
        "人類と世界の利益の増進",
        ("governance.contribution", "training.energy_mwh"),
    ),
)
"""Sections in order. The Japanese titles of S6 and S7 are ours."""
