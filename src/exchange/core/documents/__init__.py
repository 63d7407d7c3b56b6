"""Documents of people: text in, records with a map of lines out, and back."""

from exchange.core.documents.dump import dump_card, dump_record
from exchange.core.documents.parse import TYPES, Document, Source, parse_documents

__all__ = ["TYPES", "Document", "Source", "dump_card", "dump_record", "parse_documents"]
