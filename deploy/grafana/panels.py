"""The dashboards as data: which panels there are, what each asks Prometheus, in both languages. `generate.py` builds them.

``$processor``, ``$profile`` and ``$quantile`` are variables of the dashboards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["timeseries", "stat", "bars", "heatmap", "text"]


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        en, ja: title.
        queries: PromQL and the legend of its series.
        unit: of Grafana: s, bytes, percentunit, short, ops.
        kind: how it is drawn.
        about: what it shows and when to worry.
        runbook: page of docs/runbooks it links to.
        width: of 24 columns.
        stack: whether the series add up.
        limit: a line from which on it is bad; ``below``: it is bad under it.
        content: Markdown of a text panel.
    """

    en: str
    ja: str
    queries: tuple[tuple[str, str], ...] = ()
    unit: str = "short"
    kind: Kind = "timeseries"
    about: str = ""
    runbook: str = ""
    width: int = 8
    stack: bool = False
    limit: float | None = None
    below: bool = False
    content: str = ""


@dataclass(frozen=True)
class Row:
    """Panels that belong together."""

    en: str
    ja: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Attributes:
        uid: its file name and address.
        en, ja: title.
        about: what it is for.
        rows: its panels.
        variables: names out of :data:`VARIABLES`.
    """

    uid: str
    en: str
    ja: str
    about: str
    rows: tuple[Row, ...]
    variables: tuple[str, ...] = ()


VARIABLES = {
    "processor": ("Processor · 処理", "label_values(exchange_records_in_total, processor)"),
    "profile": ("Rule profile · 規則", "label_values(exchange_completeness_reports, profile)"),
}
QUANTILES = ("0.5", "0.95", "0.99")

I = "$__rate_interval"  # noqa: E741 - short, as it stands in every second query
P = 'processor=~"$processor"'


def per_second(metric: str, by: str, matcher: str = "") -> str:
    """Rate of a counter, summed by some labels."""
    return f"sum by ({by}) (rate({metric}{{{matcher}}}[{I}]))"


def quantile(metric: str, by: str, matcher: str = "", q: str = "0.99") -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({q}, sum by (le, {by}) (rate({metric}_bucket{{{matcher}}}[{I}])))"


def per_accepted(metric: str) -> str:
    """A counter's rate, measured by that of accepted submissions."""
    return f"sum(rate({metric}[{I}])) / sum(rate(exchange_accepted_total[{I}]))"


SINCE = "exchange_publication_seconds"

FLOW = Board(
    "exchange-flow",
    "Flow overview",
    "フロー概要",
    "Rate, errors and duration of the flow, what it has left, and whether it keeps its promise: 99 % of notices within 30 s.",
    (
        Row(
            "Promise",
            "約束",
            (
                Panel(
                    "Notices within 30 s, last hour",
                    "30秒以内の通知（直近1時間）",
                    (("1 - exchange:notices_late:ratio_rate1h", "within 30 s"),),
                    "percentunit",
                    "stat",
                    "The service level objective is 0.99 over 30 days.",
                    "notices-late",
                    6,
                    limit=0.99,
                    below=True,
                ),
                Panel(
                    "Error budget burn, last hour",
                    "エラーバジェット消費率（直近1時間）",
                    (("exchange:notices_late:ratio_rate1h / 0.01", "times the budget"),),
                    "short",
                    "stat",
                    "1 uses up the budget in exactly 30 days; at 14.4 the alert fires.",
                    "notices-late",
                    6,
                    limit=14.4,
                ),
                Panel(
                    "Oldest record waiting",
                    "最も古い待ちレコード",
                    (("max(exchange_group_lag_seconds)", "oldest"),),
                    "s",
                    "stat",
                    "As the broker sees it, over all groups and partitions.",
                    "processor-stuck",
                    6,
                    limit=60,
                ),
                Panel(
                    "Alerts firing",
                    "発報中のアラート",
                    (('count(ALERTS{alertstate="firing"}) or vector(0)', "alerts"),),
                    "short",
                    "stat",
                    "Each alert names its runbook.",
                    "README",
                    6,
                    limit=1,
                ),
                Panel(
                    "Burn rate by window",
                    "期間別の消費率",
                    tuple((f"exchange:notices_late:ratio_rate{w} / 0.01", w) for w in ("5m", "30m", "1h", "6h")),
                    "short",
                    about="Alerts want a long and a short window to burn: 14.4 over 1 h and 5 min, 6 over 6 h and 30 min.",
                    runbook="notices-late",
                    width=12,
                    limit=14.4,
                ),
                Panel(
                    "From publication to notice",
                    "公開から通知まで",
                    ((f'sum by (le) (increase({SINCE}_bucket{{until="notice"}}[{I}]))', "{{le}}"),),
                    "s",
                    "heatmap",
                    "How many notices took how long.",
                    "notices-late",
                    12,
                ),
            ),
        ),
        Row(
            "Rate and errors",
            "件数とエラー",
            (
                Panel(
                    "Submissions by result",
                    "申告（結果別）",
                    ((per_second("exchange_submissions_total", "result"), "{{result}}"),),
                    "ops",
                    runbook="dead-letters",
                    stack=True,
                ),
                Panel(
                    "Accepted by type",
                    "受理（種類別）",
                    ((per_second("exchange_accepted_total", "type"), "{{type}}"),),
                    "ops",
                    stack=True,
                ),
                Panel(
                    "Refused by reason",
                    "拒否（理由別）",
                    ((per_second("exchange_refusals_total", "reason"), "{{reason}}"),),
                    "ops",
                    about="docs/reasons.md says what each publisher can do.",
                    runbook="dead-letters",
                    stack=True,
                ),
                Panel(
                    "Notices by kind",
                    "通知（種類別）",
                    ((per_second("exchange_notices_total", "kind"), "{{kind}}"),),
                    "ops",
                    stack=True,
                ),
                Panel(
                    "Dead letters by reason",
                    "デッドレター（理由別）",
                    ((per_second("exchange_dead_letters_total", "reason"), "{{reason}}"),),
                    "ops",
                    about="step-failed is a fault of the exchange, all else of whoever submitted.",
                    runbook="dead-letters",
                    stack=True,
                ),
                Panel(
                    "Broken records and stopped lines",
                    "壊れたレコードと停止したライン",
                    (
                        ("sum by (processor) (exchange_records_broken_total)", "{{processor}} broken"),
                        ('sum(exchange_decisions_waiting{state="stopped"})', "decisions behind a stop"),
                    ),
                    about="All of these should be 0.",
                    runbook="step-failed",
                    limit=1,
                ),
            ),
        ),
        Row(
            "Duration and saturation",
            "所要時間と飽和",
            (
                Panel(
                    "Publication to receipt, dossier, notice",
                    "公開から受領・台帳・通知まで",
                    (
                        (quantile(SINCE, "until", q="0.5"), "{{until}} median"),
                        (quantile(SINCE, "until"), "{{until}} 99 %"),
                    ),
                    "s",
                    runbook="notices-late",
                ),
                Panel(
                    "Told in one fan-out step",
                    "一度に知らせた相手の数",
                    (
                        (quantile("exchange_fanout_told", "processor", q="0.5"), "median"),
                        (quantile("exchange_fanout_told", "processor"), "99 %"),
                    ),
                    about="Notices and upstream messages; more than 500 wait for the next step.",
                ),
                Panel(
                    "Lag by group",
                    "遅れ（グループ別）",
                    (("max by (group) (exchange_group_lag_seconds)", "{{group}}"),),
                    "s",
                    about="Age of the oldest record not done, as the broker sees it.",
                    runbook="processor-stuck",
                    limit=60,
                ),
                Panel(
                    "CPU by processor",
                    "CPU（処理別）",
                    ((f'sum by (processor) (rate(process_cpu_seconds_total{{processor!=""}}[{I}]))', "{{processor}}"),),
                    "percentunit",
                    about="A worker uses at most one core: at 1 it is full, and another worker takes over some of its lanes.",
                    runbook="behind",
                    limit=0.9,
                ),
                Panel(
                    "Event loop delay",
                    "イベントループの遅延",
                    ((quantile("exchange_loop_delay_seconds", "processor"), "{{processor}} 99 %"),),
                    "s",
                    about="What steps keep from heartbeats; over a second the group may give the lanes to somebody else.",
                    runbook="behind",
                    limit=1.0,
                ),
                Panel(
                    "Workers up",
                    "稼働中のワーカー",
                    (('sum by (instance) (up{job="exchange"})', "{{instance}}"),),
                    about="As Prometheus reaches them.",
                    runbook="worker-down",
                ),
            ),
        ),
    ),
)

TRANSPARENCY = Board(
    "exchange-transparency",
    "Transparency",
    "透明性",
    "Is what must be told told, who owes what is not, and how risk moves.",
    (
        Row(
            "Completeness",
            "充足度",
            (
                Panel(
                    "Complete releases",
                    "充足したリリース",
                    (
                        (
                            '(sum by (profile) (exchange_completeness_reports{profile=~"$profile", state="complete"}) or '
                            '0 * sum by (profile) (exchange_completeness_reports{profile=~"$profile"})) / '
                            'sum by (profile) (exchange_completeness_reports{profile=~"$profile"})',
                            "{{profile}}",
                        ),
                    ),
                    "percentunit",
                    "stat",
                    "Share of releases with a card for which all that must be told is told.",
                    width=6,
                ),
                Panel(
                    "Open items by who owes them",
                    "未開示項目（責任者別）",
                    (
                        (
                            'sum by (owed_by, whose) (exchange_completeness_open_gaps{profile=~"$profile"})',
                            "{{owed_by}}, {{whose}}",
                        ),
                    ),
                    kind="bars",
                    about="The role that owes, and whether the release's owner has it or somebody upstream.",
                    width=9,
                ),
                Panel(
                    "Open items over time",
                    "未開示項目の推移",
                    (
                        (
                            'sum by (profile, owed_by) (exchange_completeness_open_gaps{profile=~"$profile"})',
                            "{{profile}} {{owed_by}}",
                        ),
                    ),
                    width=9,
                    stack=True,
                ),
                Panel(
                    "Reports",
                    "充足度報告",
                    (('sum by (profile, state) (exchange_completeness_reports{profile=~"$profile"})', "{{profile}} {{state}}"),),
                    width=12,
                    stack=True,
                ),
                Panel(
                    "Releases by stage",
                    "リリース（段階別）",
                    (("sum by (stage) (exchange_dossiers_held)", "{{stage}}"),),
                    about="UNKNOWN: named by others, not yet claimed.",
                    width=12,
                    stack=True,
                ),
            ),
        ),
        Row(
            "Risk",
            "リスク",
            (
                Panel(
                    "Releases by highest effective risk",
                    "リリース（最大の実効リスク別）",
                    (("sum by (level) (exchange_dossiers_by_level)", "{{level}}"),),
                    kind="bars",
                ),
                Panel(
                    "Releases by what to do next",
                    "リリース（次の対応別）",
                    (("sum by (status) (exchange_dossiers_held)", "{{status}}"),),
                    about="The most pressing status of any category; docs/risk.md says what each asks for.",
                    stack=True,
                ),
                Panel(
                    "Risk changes by direction",
                    "リスクの変化（向き別）",
                    ((per_second("exchange_profile_changes_total", "direction"), "{{direction}}"),),
                    "ops",
                    stack=True,
                ),
                Panel(
                    "Raised risks by category, last hour",
                    "上がったリスク（分類別、直近1時間）",
                    (('sum by (category) (increase(exchange_profile_changes_total{direction="raised"}[1h]))', "{{category}}"),),
                    kind="bars",
                    width=12,
                ),
                Panel(
                    "Decisions by kind",
                    "判断（種類別）",
                    ((per_second("exchange_decisions_total", "kind"), "{{kind}}"),),
                    "ops",
                    about="quarantined is a fault of the exchange.",
                    runbook="step-failed",
                    width=12,
                    stack=True,
                ),
            ),
        ),
    ),
    ("profile",),
)

JVM = 'job=~".*kafka.*"'
HEAP = f'{JVM}, area="heap"'

PROCESSORS = Board(
    "exchange-processors",
    "Processors and Kafka",
    "処理とKafka",
    "Lanes, transactions, restores; and the brokers they stand on.",
    (
        Row(
            "Lag",
            "遅れ",
            (
                Panel(
                    "Lag in seconds by partition",
                    "遅れの秒数（パーティション別）",
                    (('max by (group, partition) (exchange_group_lag_seconds{group=~"$processor"})', "{{group}} {{partition}}"),),
                    "s",
                    about="As the broker sees it: goes on when a worker does not.",
                    runbook="processor-stuck",
                    width=12,
                    limit=60,
                ),
                Panel(
                    "Lag in records by partition",
                    "遅れの件数（パーティション別）",
                    (('max by (group, partition) (exchange_group_lag_records{group=~"$processor"})', "{{group}} {{partition}}"),),
                    runbook="behind",
                    width=12,
                ),
                Panel(
                    "Records in",
                    "入力レコード",
                    ((per_second("exchange_records_in_total", "processor", P), "{{processor}}"),),
                    "ops",
                ),
                Panel(
                    "Records out",
                    "出力レコード",
                    ((per_second("exchange_records_out_total", "processor", P), "{{processor}}"),),
                    "ops",
                ),
                Panel(
                    "Decisions waiting",
                    "未伝達の判断",
                    (
                        ("sum by (state) (exchange_decisions_waiting)", "{{state}}"),
                        (f"sum(increase(exchange_walks_shortened_total[{I}]))", "children left to a later one"),
                    ),
                    about="In fan-out's queues. stopped: a decision broke the step; its line waits for a person. Where news of a "
                    "release comes faster than its children are told, those not told yet hear of the later news at once.",
                    runbook="line-stopped",
                ),
            ),
        ),
        Row(
            "Steps and transactions",
            "処理とトランザクション",
            (
                Panel(
                    "Step duration",
                    "処理時間",
                    (
                        (quantile("exchange_step_seconds", "processor", P, "0.5"), "{{processor}} median"),
                        (quantile("exchange_step_seconds", "processor", P), "{{processor}} 99 %"),
                    ),
                    "s",
                ),
                Panel(
                    "Transaction duration",
                    "トランザクション時間",
                    (
                        (quantile("exchange_commit_seconds", "processor", P, "0.5"), "{{processor}} median"),
                        (quantile("exchange_commit_seconds", "processor", P), "{{processor}} 99 %"),
                    ),
                    "s",
                    about="At 8 s a transaction is in doubt and thrown away.",
                    runbook="transactions-aborting",
                ),
                Panel(
                    "Transactions",
                    "トランザクション",
                    (
                        (per_second("exchange_transactions_total", "processor", P), "{{processor}} committed"),
                        (per_second("exchange_transactions_failed_total", "outcome", P), "failed: {{outcome}}"),
                    ),
                    "ops",
                    runbook="transactions-aborting",
                ),
                Panel(
                    "Lane stops by reason",
                    "レーン停止（理由別）",
                    ((f"sum by (reason) (increase(exchange_lane_stops_total{{{P}}}[{I}]))", "{{reason}}"),),
                    about="revoked: the group handed lanes out anew. doubt now and then is the exactness rule at work.",
                    runbook="transactions-aborting",
                    stack=True,
                ),
                Panel(
                    "Lanes open",
                    "開いているレーン",
                    ((f"sum by (processor) (exchange_lane_open{{{P}}})", "{{processor}}"),),
                    about="As many as there are partitions, unless workers restart.",
                    runbook="processor-stuck",
                ),
                Panel(
                    "Rebalances and group members",
                    "再割り当てとグループの構成員",
                    (
                        (f"sum by (processor) (exchange_rebalances_total{{{P}}})", "{{processor}} rebalances"),
                        ('max by (group) (exchange_group_members{group=~"$processor"})', "{{group}} members"),
                    ),
                ),
            ),
        ),
        Row(
            "State",
            "状態",
            (
                Panel(
                    "State keys",
                    "状態のキー数",
                    ((f"sum by (processor) (exchange_state_keys{{{P}}})", "{{processor}}"),),
                    about="At the last restore.",
                ),
                Panel(
                    "Restore time",
                    "復元時間",
                    ((f"max by (processor) (exchange_restore_seconds{{{P}}})", "{{processor}}"),),
                    "s",
                    about="Of the slowest lane, the last time it opened.",
                    runbook="rebuild-running",
                ),
                Panel(
                    "Replay progress",
                    "再生の進み具合",
                    (
                        (
                            "1 - sum by (processor, work) (exchange_replay_records - exchange_replay_records_done) / "
                            "clamp_min(sum by (processor, work) (exchange_replay_records), 1)",
                            "{{processor}} {{work}}",
                        ),
                    ),
                    "percentunit",
                    about="Of the last restore, refold or rebuild.",
                    runbook="rebuild-running",
                ),
                Panel(
                    "Memory by processor",
                    "メモリ（処理別）",
                    (('sum by (processor) (process_resident_memory_bytes{processor!=""})', "{{processor}}"),),
                    "bytes",
                    width=12,
                ),
                Panel(
                    "Open files by processor",
                    "開いているファイル（処理別）",
                    (('max by (processor) (process_open_fds{processor!=""})', "{{processor}}"),),
                    width=12,
                ),
            ),
        ),
        Row(
            "Kafka",
            "Kafka",
            (
                Panel(
                    "Disk free",
                    "空きディスク",
                    (("exchange_broker_disk_free_bytes / exchange_broker_disk_bytes", "broker {{broker}}"),),
                    "percentunit",
                    runbook="disk-full",
                    limit=0.15,
                    below=True,
                ),
                Panel(
                    "Bytes in and out",
                    "入出力バイト",
                    (
                        (f"sum(rate(kafka_broker_bytesin_total[{I}]))", "in"),
                        (f"sum(rate(kafka_broker_bytesout_total[{I}]))", "out"),
                    ),
                    "Bps",
                    runbook="lost-broker",
                ),
                Panel(
                    "Requests: slowest 1 %",
                    "要求の所要時間（99 %）",
                    (("max by (request) (kafka_broker_request_milliseconds_p99)", "{{request}}"),),
                    "ms",
                    runbook="transactions-aborting",
                ),
                Panel(
                    "Idle threads",
                    "待機中のスレッド",
                    (
                        ("avg(kafka_broker_request_handler_idle_ratio)", "request handlers"),
                        ("avg(kafka_broker_network_idle_ratio)", "network"),
                    ),
                    "percentunit",
                    about="Near 0 the broker is full.",
                    runbook="lost-broker",
                ),
                Panel(
                    "Partitions in trouble",
                    "問題のあるパーティション",
                    (
                        ("sum(kafka_broker_underreplicatedpartitions)", "under-replicated"),
                        ("sum(kafka_broker_underminisrpartitioncount)", "below min ISR"),
                        ("max(kafka_controller_offlinepartitionscount)", "offline"),
                    ),
                    about="All of these should be 0.",
                    runbook="lost-broker",
                    limit=1,
                ),
                Panel(
                    "Java heap and garbage collection",
                    "Javaヒープとガベージコレクション",
                    (
                        (
                            f"sum(jvm_memory_used_bytes{{{HEAP}}}) / sum(jvm_memory_max_bytes{{{HEAP}}})",
                            "heap",
                        ),
                        (f"sum(rate(jvm_gc_collection_seconds_sum{{{JVM}}}[{I}]))", "time in collection"),
                    ),
                    "percentunit",
                ),
            ),
        ),
    ),
    ("processor",),
)

EVENT_HELP = """**One event, by its id · 一つの申告をたどる**

No metric holds an event's id: labels come from closed sets. What one event did stands in the topics:

    exchange trace $event_id

The panels beside show how long each leg takes for all events, at the quantile chosen above: an event slower than these is worth a
trace, and a leg slower than usual says where to look."""


def leg(processor: str) -> tuple[tuple[str, str], ...]:
    """What a processor does with one record."""
    matcher = f'processor="{processor}"'
    return (
        (quantile("exchange_step_seconds", "processor", matcher, "$quantile"), "step"),
        (quantile("exchange_commit_seconds", "processor", matcher, "$quantile"), "transaction"),
    )


EVENT = Board(
    "exchange-event",
    "One event end to end",
    "一つの申告の始めから終わりまで",
    "Where the time goes between a publication and what it causes.",
    (
        Row(
            "The whole way",
            "全体",
            (
                Panel("One event, by its id", "一つの申告をたどる", kind="text", width=8, content=EVENT_HELP),
                Panel(
                    "Publication to receipt, dossier, notice",
                    "公開から受領・台帳・通知まで",
                    ((quantile(SINCE, "until", q="$quantile"), "{{until}}"),),
                    "s",
                    runbook="notices-late",
                ),
                Panel(
                    "Now, leg by leg",
                    "現在の区間別",
                    ((quantile(SINCE, "until", q="$quantile"), "{{until}}"),),
                    "s",
                    "bars",
                    "Counted from the publication each time, down to the last release that hears of it.",
                    "notices-late",
                ),
            ),
        ),
        Row(
            "Leg by leg",
            "区間別",
            (
                Panel("Intake", "受付", leg("intake"), "s"),
                Panel("Dossier", "台帳", leg("dossier"), "s"),
                Panel("Fan-out", "伝達", leg("fanout"), "s"),
                Panel(
                    "Waiting before each leg",
                    "各区間の前の待ち",
                    (("max by (group) (exchange_group_lag_seconds)", "{{group}}"),),
                    "s",
                    runbook="processor-stuck",
                    width=12,
                ),
                Panel(
                    "What one publication makes",
                    "一つの申告が生むもの",
                    (
                        (per_accepted("exchange_decisions_total"), "decisions"),
                        (
                            f"sum(rate(exchange_journal_records_total[{I}])) / sum(rate(exchange_accepted_total[{I}]))",
                            "edges and upstream messages",
                        ),
                        (per_accepted("exchange_notices_total"), "notices"),
                    ),
                    about="Per accepted submission.",
                    width=12,
                ),
            ),
        ),
    ),
    ("quantile", "event_id"),
)

BOARDS = (FLOW, TRANSPARENCY, PROCESSORS, EVENT)
