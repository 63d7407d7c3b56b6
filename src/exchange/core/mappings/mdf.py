"""The Model Documentation Form of the EU Code of Practice (Transparency): its items, ours, and for whom each is.

Audiences are O (AI Office), N (national authorities) and D (downstream providers). Item names and most audiences are not checked
against the official text.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.events import records

READERS: Final[dict[records.Audience, str]] = {"public": "D", "user": "D", "provider": "D", "authority": "ON", "owner": "OND"}
"""Columns of the form that an audience gets."""


class Item(NamedTuple):
    """One item: number, name, columns with the precision of each, and the fields of ours that answer it.

    Attributes:
        rough: columns that get a range in place of the exact value.
    """

    id: str
    section: str
    name: str
    columns: str
    paths: tuple[str, ...] = ()
    rough: str = ""


ITEMS: Final = (
    Item("MDF-00", "Form", "Date last updated", "OND", ("updated_on",)),
    Item("MDF-11", "General", "Legal name of the model provider", "OND", ("governance.organisation",)),
    Item("MDF-12", "General", "Model name", "OND", ("display_name", "release")),
    Item("MDF-13", "General", "Model authenticity", "OND", ("digest",)),
    Item("MDF-14", "General", "Release date", "OND", ("released_on",)),
    Item("MDF-15", "General", "Union market release date", "OND", ("eu_released_on",)),
    Item("MDF-16", "General", "Model dependencies", "OND", ("parents",)),
    Item("MDF-21", "Properties", "Model architecture", "OND", ("makeup.architecture",)),
    Item("MDF-22", "Properties", "Design specifications", "ON", ("makeup.design",)),
    Item(
        *("MDF-23", "Properties", "Input modalities", "OND"),
        ("makeup.input_modalities", "makeup.context_length", "makeup.input_limits"),
    ),
    Item("MDF-24", "Properties", "Output modalities", "OND", ("makeup.output_modalities", "makeup.output_limits")),
    Item("MDF-25", "Properties", "Total model size (exact)", "O", ("makeup.parameters",)),
    Item("MDF-26", "Properties", "Total model size (range)", "ND", ("makeup.parameters",), "ND"),
    Item("MDF-31", "Distribution", "Distribution channels", "OND", ("distribution",)),
    Item("MDF-32", "Distribution", "Licence", "OND", ("licence", "weights")),
    Item("MDF-33", "Distribution", "Further assets", "OND", ("assets",)),
    Item("MDF-41", "Use", "Acceptable use policy", "OND", ("purpose.acceptable_use_policy",)),
    Item("MDF-42", "Use", "Intended uses and restrictions", "OND", ("purpose.intended_uses", "purpose.out_of_scope_uses")),
    Item("MDF-43", "Use", "Type and nature of AI systems", "OND", ("purpose.system_types",)),
    Item("MDF-44", "Use", "Technical means of integration", "D", ("makeup.integration",)),
    Item("MDF-45", "Use", "Required hardware", "D", ("makeup.required_hardware",)),
    Item("MDF-46", "Use", "Required software", "D", ("makeup.required_software",)),
    Item("MDF-51", "Training process", "Design specification of training", "ON", ("training.method", "training.design")),
    Item("MDF-52", "Training process", "Decision rationale", "ON", ("training.rationale",)),
    Item("MDF-61", "Data", "Data type and modality", "OND", ("data.types",)),
    Item("MDF-62", "Data", "Data provenance", "OND", ("data.provenance",)),
    Item("MDF-63", "Data", "How data was obtained and selected", "ON", ("data.collection",)),
    Item("MDF-64", "Data", "Number of data points", "ON", ("data.points",), "N"),
    Item("MDF-65", "Data", "Scope and main characteristics", "ON", ("data.scope",)),
    Item("MDF-66", "Data", "Curation methods", "OND", ("data.curation",)),
    Item("MDF-67", "Data", "Measures against unsuitable sources", "ON", ("data.unsuitable_source_measures",)),
    Item("MDF-68", "Data", "Measures against identifiable biases", "ON", ("data.bias_measures",)),
    Item("MDF-71", "Compute", "Training time", "ON", ("training.duration_hours",), "N"),
    Item("MDF-72", "Compute", "Training compute (FLOP)", "ON", ("training.compute_flop",), "N"),
    Item("MDF-73", "Compute", "How compute was measured", "ON", ("training.compute_method",)),
    Item("MDF-81", "Energy", "Energy used for training (MWh)", "ON", ("training.energy_mwh",)),
    Item("MDF-82", "Energy", "How energy was measured", "ON", ("training.energy_method",)),
    Item("MDF-83", "Energy", "Inference compute of a benchmark", "ON", ("training.inference_flop",)),
    Item("MDF-84", "Energy", "How inference compute was measured", "ON", ("training.inference_method",)),
)
