"""Documents: what a text, Markdown, HTML, PDF or Word file says, in pieces that know where they stand."""

from veridical.connect.document.chunking import Chunk, chunked
from veridical.connect.document.document import Document, Mark, corpus_digest
from veridical.connect.document.reading import DOCUMENT_SUFFIXES, questions_beside, read_documents

__all__ = [
    "DOCUMENT_SUFFIXES",
    "Chunk",
    "Document",
    "Mark",
    "chunked",
    "corpus_digest",
    "questions_beside",
    "read_documents",
]
