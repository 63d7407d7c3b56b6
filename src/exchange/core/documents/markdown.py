"""Markdown with front matter: a card's facts on top, its texts below, by heading.

A heading names its field by one of the words of :data:`HEADINGS`, in English or Japanese; what stands under it is the field's
text, or, for a field that holds a list, its bullet points.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final, NamedTuple

from exchange.core.documents.yamltext import parse_error

HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "purpose.summary": ("Summary", "Model summary", "Model description", "概要", "モデル概要"),
    "purpose.intended_uses": (
        "Intended uses",
        "Intended use",
        "Direct use",
        "Uses",
        "想定される利用",
        "想定用途",
        "利用目的",
        "用途",
    ),
    "purpose.out_of_scope_uses": ("Out-of-scope uses", "Out-of-scope use", "想定外の利用", "適用範囲外の利用", "禁止事項"),
    "purpose.acceptable_use_policy": ("Acceptable use policy", "許容される利用方針", "利用規定"),
    "makeup.architecture": ("Architecture", "Model architecture", "アーキテクチャ", "モデルアーキテクチャ", "モデルの構造"),
    "makeup.integration": ("Means of integration", "Integration", "統合方法"),
    "makeup.required_software": ("Required software", "Software", "必要なソフトウェア"),
    "makeup.required_hardware": ("Required hardware", "Hardware requirements", "必要なハードウェア"),
    "makeup.design": ("Design specification", "設計仕様"),
    "data.provenance": ("Data provenance", "データの出所"),
    "data.content_summary": ("Summary of training content", "学習内容の要約"),
    "data.collection": ("Data collection policy", "Training data", "データ収集ポリシー", "学習データ", "訓練データ"),
    "data.curation": ("Curation", "Preprocessing", "キュレーション方法", "前処理"),
    "data.scope": ("Data scope", "データの範囲と特性"),
    "data.bias_measures": ("Bias measures", "バイアスへの配慮"),
    "data.unsuitable_source_measures": ("Unsuitable-source measures", "不適切なデータ源への対応"),
    "data.personal_data": ("Personal data", "個人データ", "個人情報"),
    "training.method": ("Training method", "Training procedure", "学習方法", "学習手順"),
    "training.design": ("Training design", "学習過程の設計"),
    "training.learns_in_use": ("Change by learning in use", "利用中の学習による変化"),
    "evaluation.method": ("Evaluation method", "Evaluation", "評価方法", "評価"),
    "evaluation.red_teaming": ("Red-teaming", "Red teaming", "レッドチーミング"),
    "risks.limits": ("Risks and limits", "Limitations", "Risks", "リスクと限界", "制限事項", "限界"),
    "risks.safeguards": ("Safeguards", "安全機構", "安全対策"),
    "risks.instructions": ("Instructions", "Recommendations", "利用者への指示", "推奨事項", "注意事項"),
    "risks.performance_variation": ("Performance variation", "性能の変動"),
    "risks.operating_status": ("Operating status", "動作状況"),
    "governance.organisation": ("Organisation", "体制", "実施体制"),
    "governance.records": ("Records", "記録"),
    "governance.terms_of_service": ("Terms of service", "利用規約"),
    "governance.privacy_policy": ("Privacy policy", "プライバシーポリシー"),
    "governance.copyright_policy": ("Copyright policy", "著作権方針"),
    "governance.security": ("Security controls", "セキュリティ管理策"),
    "governance.monitoring": ("Monitoring after release", "市場投入後の監視"),
    "provenance.labelling": ("AI labelling", "AI利用の明示"),
    "updates": ("Updates", "Changes", "更新内容と理由", "更新履歴"),
    "distribution": ("Distribution channels", "提供経路"),
}
"""Field path by the headings that mean it, as docs/cards.md lists them."""

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)\Z")
_LONGEST_HEADING = 300
_SETEXT = re.compile(r"(=+|-{3,})[ \t]*\Z")
_FENCE = re.compile(r"[ \t]{0,3}(```|~~~)")
_BULLET = re.compile(r"[ \t]{0,3}(?:[-*+]|\d{1,3}[.)])[ \t]+(.*)")


class Section(NamedTuple):
    """A heading with what stands under it, up to the next heading."""

    level: int
    title: str
    line: int
    text: str


class Markdown(NamedTuple):
    """A Markdown file taken apart: front matter (None without any), lines before it, and sections; the first has no title."""

    front: str | None
    skipped: int
    sections: list[Section]


def heading_key(title: str) -> str:
    """A heading without what does not matter: letter case, width, marks, numbering; long ones count by their start."""
    linked = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title[:_LONGEST_HEADING])
    text = unicodedata.normalize("NFKC", linked).casefold().replace("&", " and ")
    text = "".join(char if unicodedata.category(char)[0] in "LN" else " " for char in text)
    return re.sub(r"^(\d+ )+", "", " ".join(text.split()))


BY_HEADING: Final[Mapping[str, str]] = {heading_key(title): path for path, titles in HEADINGS.items() for title in titles}
"""Field path by heading key."""


def split_markdown(text: str, filename: str) -> Markdown:
    """Front matter and sections of a Markdown text; line ends may be of any kind.

    Raises:
        ParseError: front matter that never ends.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if start == len(lines) or lines[start].rstrip() != "---":
        return Markdown(None, 0, _sections(lines, 0))
    end = next((number for number, line in enumerate(lines[start + 1 :], start + 1) if line.rstrip() in ("---", "...")), None)
    if end is None:
        raise parse_error(filename, start + 1, "front matter begins here and never ends", "close it with a line ---")
    return Markdown("\n".join(lines[start + 1 : end]), start + 1, _sections(lines[end + 1 :], end + 1))


def _sections(lines: list[str], skipped: int) -> list[Section]:
    sections = [Section(0, "", skipped + 1, "")]
    body: list[str] = []
    fence = ""

    def close() -> None:
        sections[-1] = sections[-1]._replace(text="\n".join(body).strip())
        body.clear()

    for number, line in enumerate(lines, skipped + 1):
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        heading = None if fence or mark else _HEADING.match(line)
        if heading:
            close()
            sections.append(Section(len(heading[1]), heading[2].rstrip().rstrip("#").rstrip(), number, ""))
        elif not fence and body and body[-1].strip() and _SETEXT.match(line) and (len(body) == 1 or not body[-2].strip()):
            title = body.pop().strip()
            close()
            sections.append(Section(1 if line.startswith("=") else 2, title, number - 1, ""))
        else:
            body.append(line)
    close()
    return sections


def items_of(text: str) -> list[str]:
    """The bullet points of a text, each with its continuation lines; a text without any is one item."""
    if not any(_BULLET.match(line) for line in text.split("\n")):
        return [text.strip()] if text.strip() else []
    items: list[list[str]] = []
    for line in text.split("\n"):
        bullet = _BULLET.match(line)
        if bullet:
            items.append([bullet[1].strip()])
        elif line.strip() and items:
            items[-1].append(line.strip())
        elif line.strip():
            items.append([line.strip()])
    return [" ".join(item) for item in items]
