"""Hugging Face READMEs become cards; the traps of real ones do no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.core.documents import dump_card, parse_documents
from exchange.core.importers.hf_names import id_of_file, line_of_id, read_manifest
from exchange.core.importers.huggingface import BUDGET, Imported, import_card
from exchange.errors import DocumentError, ParseError, ValidationError

HERE = Path(__file__).parents[2]
SAMPLES = sorted((HERE / "data" / "hf").glob("*.md"))
CORPUS = HERE.parents[1] / "shared" / "real"


def read(name: str, **more: str) -> Imported:
    path = HERE / "data" / "hf" / name
    return import_card(path.read_bytes().decode(), filename=name, **more)


def parents(text: str, filename: str = "org__own.md") -> list[tuple[str, str]]:
    card = import_card(f"---\n{text}\n---\n", filename=filename).card
    return [(parent["ref"], parent["relation"]) for parent in card["parents"]]


def warnings(text: str) -> list[tuple[int, str]]:
    return [(fault.line, fault.message) for fault in import_card(text, filename="org__own.md").warnings]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_sample_becomes_a_card_or_one_clear_error(path: Path) -> None:
    """A card reads back from its YAML as it was; an error names file and line."""
    try:
        card = import_card(path.read_bytes().decode(), filename=path.name).card
    except DocumentError as error:
        assert str(error).startswith(f"{path.name}:")
        assert error.faults[0].line > 0
    else:
        assert card["release"].endswith("@hf")
        assert parse_documents(dump_card(card), "card.yaml")[0].record == card


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real cards is not here")
def test_the_whole_corpus_of_real_cards_survives() -> None:
    """Nearly all become cards, in a second or two; the others are errors of their own making."""
    names = read_manifest((CORPUS / "MANIFEST.tsv").read_text(encoding="utf-8"))
    cards, errors = [], []
    for path in sorted((CORPUS / "model_cards").glob("*.md")):
        try:
            cards.append(import_card(path.read_bytes().decode(), filename=path.name, release=names.get(path.name)).card)
        except DocumentError as error:
            errors.append(str(error))
    assert len(cards) >= 99
    assert all(error.split(":")[0].startswith("hf_fixture__") for error in errors)
    assert len({card["release"] for card in cards}) == len(cards)
    assert max(len(dump_card(card).encode()) for card in cards) < 128 * 1024


def test_a_base_model_without_front_matter_keys_keeps_what_it_says() -> None:
    """Summary, architecture, licence, limits and the rest of the front matter are all carried."""
    card = read("leliuga__Mistral-7B-v0.1.md", release="mistralai/Mistral-7B-v0.1").card
    assert (card["release"], card["display_name"], card["licence"]) == (
        "mistralai/mistral-7b-v0.1@hf",
        "mistralai/Mistral-7B-v0.1",
        "Apache-2.0",
    )
    assert card["makeup"] is not None
    assert card["risks"] is not None
    assert "Grouped-Query Attention" in (card["makeup"]["architecture"] or "")
    assert "moderation" in (card["risks"]["limits"] or "")
    assert {"language", "tags", "inference", "section: Troubleshooting"} <= set(card["extensions"])


def test_an_empty_base_model_is_a_warning_not_a_parent() -> None:
    """`base_model: []` names nothing."""
    imported = read("merge__acree_fusion.md")
    assert imported.card["parents"] == []
    assert [(fault.path, fault.line) for fault in imported.warnings][:1] == [("parents", 2)]


@pytest.mark.parametrize(
    "base",
    [r"D:\projects\nlp\Mistral-7B", "/input/model", "./out", "models/Qwen2_5-7b-Instruct", "a/b/c", "x.safetensors"],
)
def test_a_path_on_a_disk_is_a_warning_not_a_parent(base: str) -> None:
    """Neither a drive, a folder, nor a mangled id makes a line."""
    text = f"---\nbase_model: '{base}'\n---\n"
    assert parents(f"base_model: '{base}'") == []
    assert warnings(text) == [(2, "a parent that names nothing: a path on a disk, or no id")]


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("base_model: mistralai/Mistral-7b-V0.1", [("mistralai/mistral-7b-v0.1", "fine_tune")]),
        ("base_model: [a/X, b/Y]", [("a/x", "merge"), ("b/y", "merge")]),
        ("base_model: a/X\nlibrary_name: peft", [("a/x", "adapter")]),
        ("base_model: a/X\nbase_model_relation: quantized", [("a/x", "quantise")]),
        ("base_model: a/X\ntags: [merge]", [("a/x", "merge")]),
        ("base_model: a/X\ntags: ['base_model:adapter:a/X']", [("a/x", "adapter")]),
        ("tags: ['base_model:quantized:a/X', 'base_model:a/X']", [("a/x", "quantise")]),
        ("base_model: bert-base-uncased", [("hf-legacy/bert-base-uncased", "fine_tune")]),
        ("base_model: https://huggingface.co/a/X", [("a/x", "fine_tune")]),
        ("datasets: [go_emotions, a/B_c]", [("hf-legacy/go_emotions", "trained_on"), ("a/b_c", "trained_on")]),
        ("datasets:\n  train: [a/B]\n  test: [c/D]", [("a/b", "trained_on"), ("c/d", "trained_on")]),
        ("base model: a/X", [("a/x", "fine_tune")]),
        ("base_model:", []),
        ("base_model: ['', a/X]", [("a/x", "fine_tune")]),
        ("base_model: org/own", []),
    ],
)
def test_parents_and_how_they_relate(front: str, expected: list[tuple[str, str]]) -> None:
    """From base_model, its relation key, its tag form, and datasets, in the forms real cards have."""
    assert parents(front) == expected


def test_a_quantised_file_is_known_by_its_name() -> None:
    """Most quantised cards have no relation key."""
    assert parents("base_model: Qwen/Qwen2.5-0.5B-Instruct", "org__Qwen2.5-0.5B-Instruct-GGUF.md")[0][1] == "quantise"


def test_a_merge_that_names_one_parent_is_warned_about() -> None:
    """Metis-0.4 is tagged as a merge and names one base."""
    imported = read("leliuga__Metis-0.4.md", release="Mihaiii/Metis-0.4")
    assert [parent["relation"] for parent in imported.card["parents"]] == ["merge"]
    assert any("merge" in fault.message for fault in imported.warnings)


def test_a_misspelt_key_is_used_and_warned_about() -> None:
    """`licence: license` is a template's remnant, and no licence."""
    imported = read("adapter__Qwen2.5-7B-LoRA.md")
    assert imported.card["licence"] is None
    assert [fault.message for fault in imported.warnings] == ["misspelt key", "a template's text stands in place of a licence"]
    for key in ("licence", "-license", "License"):
        assert import_card(f"---\n{key}: mit\n---\n", filename="a__b.md").card["licence"] == "MIT"


def test_bodies_that_say_more_information_needed_stay_placeholders() -> None:
    """An automatic card's empty sections are carried as such, for completeness to find."""
    card = read("adapter__llamafactory_qwen2.5-7b-lora.md").card
    assert card["purpose"] is not None
    assert any("nformation needed" in use for use in card["purpose"]["intended_uses"])


def test_windows_line_ends_and_missing_front_matter_are_no_obstacle() -> None:
    """Both are cards; the second has a warning."""
    assert read("hf_fixture__sample_windows_line_breaks.md").card["licence"] == "MIT"
    assert read("hf_fixture__sample_no_metadata.md").warnings[0].message.startswith("no front matter")


def test_front_matter_that_is_no_mapping_is_one_clear_error() -> None:
    """File and line are named."""
    with pytest.raises(ParseError, match=r"hf_fixture__sample_invalid_card_data.md:2: front matter must be keys"):
        read("hf_fixture__sample_invalid_card_data.md")


def test_model_index_results_become_metrics() -> None:
    """Name, value as written, data set and source; broken entries are left out with a warning when none is left."""
    good = (
        "model-index:\n- name: m\n  results:\n  - dataset: {name: ARC}\n    source: {url: u}\n"
        "    metrics:\n    - {type: acc, value: 66.890}\n    - nonsense"
    )
    card = import_card(f"---\n{good}\n---\n", filename="a__b.md").card
    assert card["evaluation"] is not None
    assert card["evaluation"]["metrics"] == [{"name": "acc", "value": "66.890", "dataset": "ARC", "source": "u"}]
    assert warnings("---\nmodel-index: [{results: [x]}]\n---\n") == [(2, "model-index holds no result that can be read")]


def test_sections_fill_fields_in_english_and_japanese_and_from_tables() -> None:
    """Sub-headings stay with their section; comments of templates are no text."""
    text = (
        "# T\n\nWhat it is.\n\n## Bias, Risks, and Limitations\n<!-- say it -->\nIt errs.\n\n### Recommendations\n\nCheck it.\n\n"
        "## 学習データ\n\n日本語の文書。\n\n## Model Details\n\n| Intended | D |\n|--|--|\n| Out-of-scope uses | Harm. |\n"
        "## Citation\n\n@misc\n"
    )
    card = import_card(text, filename="a__b.md").card
    assert card["risks"] is not None
    assert card["data"] is not None
    assert card["purpose"] is not None
    assert (card["risks"]["limits"], card["risks"]["instructions"]) == ("It errs.", "Check it.")
    assert card["data"]["collection"] == "日本語の文書。"
    assert card["purpose"]["out_of_scope_uses"] == ["Harm."]
    assert (card["purpose"]["summary"] or "").startswith("What it is.")
    assert card["extensions"] == {"section: Citation": "@misc"}


def test_what_is_cut_is_warned_about_and_the_card_stays_small() -> None:
    """A huge README fits a submission, and says what it lost."""
    text = "".join(f"## Part {n}\n\n{'語' * 9000}\n\n## Usage\n\n{'x' * 9000}\n\n" for n in range(40))
    imported = import_card(text, filename="a__b.md")
    assert len(dump_card(imported.card).encode()) < BUDGET + 16 * 1024
    assert any("cut after" in fault.message for fault in imported.warnings)


@pytest.mark.parametrize(
    ("filename", "release", "text", "expected"),
    [
        ("Org__Name-1.md", None, "", "org/name-1@hf"),
        ("x__Org__Na_me.md", None, "", "org/na_me@hf"),
        ("name.md", None, "", "hf-legacy/name@hf"),
        ("a__b.md", "Intel/neural-chat", "", "intel/neural-chat@hf"),
        ("a__b.md", "intel/neural-chat@v3", "", "intel/neural-chat@v3"),
        ("README.md", None, "---\nmodel-index: [{name: M-1}]\n---\n", "hf-legacy/m-1@hf"),
        ("README.md", None, "---\nmodel_name: M-2\n---\n", "hf-legacy/m-2@hf"),
        ("README.md", None, "# Model Card for M-3\n", "hf-legacy/m-3@hf"),
    ],
)
def test_the_release_is_named_by_the_best_source(filename: str, release: str | None, text: str, expected: str) -> None:
    """The caller's word, then the file name, then front matter, then the title."""
    assert import_card(text, filename=filename, release=release).card["release"] == expected


def test_a_readme_without_any_name_is_refused() -> None:
    """The error says what to give."""
    with pytest.raises(ValidationError, match=r"README.md:1: no name") as error:
        import_card("text", filename="README.md")
    assert "--release" in error.value.hint


def test_ids_become_lines() -> None:
    """Lower case, valid characters, spelling apart."""
    assert str(line_of_id("Doctor_Shotgun/Mixtral 8x7B")) == "doctor-shotgun/mixtral-8x7b"
    assert line_of_id("") is None
    assert line_of_id("///") is None
    assert id_of_file("folder/README.md") is None


def test_a_manifest_names_ids_by_file() -> None:
    """Only rows with an id in their note count; another table names nothing."""
    text = "file\tnote\nd/a.md\tx parent_id=Intel/M; y\nd/b.md\thf=Org/N\nd/c.md\tnothing\n"
    assert read_manifest(text) == {"a.md": "Intel/M", "b.md": "Org/N"}
    assert read_manifest("other\n1\n") == {}
