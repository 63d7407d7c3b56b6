"""``exchange import`` and ``exchange export`` as commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.cli import app
from exchange.cli.export import FORMATS

DATA = Path(__file__).parents[2] / "data"
RUN = CliRunner()


@pytest.mark.parametrize(("name", "folder", "cards"), [("cyclonedx", "cyclonedx", 3), ("spdx", "spdx", 1), ("mct", "mct", 1)])
def test_import_writes_cards_that_check_reads_and_every_export_takes(name: str, folder: str, cards: int, tmp_path: Path) -> None:
    """One YAML file a card; warnings on standard error; each goes out again in every format."""
    result = RUN.invoke(app, ["import", name, str(DATA / folder), "--out", str(tmp_path)])
    assert result.exit_code == 0
    found = sorted(tmp_path.glob("*.yaml"))
    assert len(found) == cards
    assert RUN.invoke(app, ["check", *map(str, found)]).exit_code == 1
    for form in FORMATS:
        made = RUN.invoke(app, ["export", form, str(found[0]), "--lang", "ja", "--out", str(tmp_path / "out.txt")])
        assert made.exit_code == 0, made.output
        assert (tmp_path / "out.txt").read_text("utf-8")


def test_a_file_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    """Exit code 2, and the rest is imported."""
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    (tmp_path / "b.json").write_text((DATA / "mct" / "full.json").read_text("utf-8"), encoding="utf-8")
    result = RUN.invoke(app, ["import", "mct", str(tmp_path)])
    assert result.exit_code == 2
    assert "acme/smile-detector@1.0" in result.output


def test_an_export_tells_what_it_withholds(tmp_path: Path) -> None:
    """On standard error, with the reason."""
    card = tmp_path / "card.yaml"
    card.write_text("release: acme/base@1\nstage: released\ntraining: {compute_flop: 1e20}\n", encoding="utf-8")
    result = RUN.invoke(app, ["export", "md", str(card)])
    assert "training.compute_flop: withheld from this audience (for authority)" in result.stderr
    assert "1e+20" not in result.stdout
    assert "1e+20" in RUN.invoke(app, ["export", "md", str(card), "--audience", "authority"]).stdout
