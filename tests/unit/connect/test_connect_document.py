"""Every kind of document is read, and every passage says exactly where it stands."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from veridical.connect.document import Document, chunked, questions_beside, read_documents
from veridical.connect.document.chunking import sentences
from veridical.core.errors import DataError, SpecError
from veridical.core.rng import stream

PDF_TEXT = "The harbour bridge was opened in 1932."


def pdf_bytes(*pages: str, title: str = "Bridges") -> bytes:
    """Return a PDF with one line of text a page, written by hand."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        content = b"BT /F1 12 Tf 72 720 Td (" + text.encode("latin-1") + b") Tj ET"
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R " % len(objects)
        objects.append(page + b"/Resources << /Font << /F1 3 0 R >> >> >>")
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [" + b" ".join(kids) + b"] /Count %d >>" % len(kids)
    objects.append(b"<< /Title (" + title.encode() + b") >>")
    out, places = io.BytesIO(b"%PDF-1.4\n"), []
    out.seek(0, 2)
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    trailer = b"trailer << /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF"
    out.write(trailer % (len(objects) + 1, len(objects), start))
    return out.getvalue()


def docx_bytes() -> bytes:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_heading("Fees", level=1)
    document.add_paragraph("A card costs 4.20 a month.")
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Transfer", "free"
    document.add_paragraph("상담은 무료이다.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_every_kind_of_file_is_read(tmp_path):
    (tmp_path / "a.txt").write_bytes("가격은 300원이다.\r\nSecond line.".encode("cp949"))
    (tmp_path / "b.md").write_text("# Cards\n\n```\n# no heading\n```\n\n## Fees\n\nNone.\n")
    (tmp_path / "c.html").write_text(
        "<html><head><title>Help</title><style>p{}</style></head><body><h2>Fees</h2>"
        "<p>No <b>fee</b><br>at all.<script>alert(1)</script><table><tr><td>A<td>B</table><p>unclosed"
    )
    (tmp_path / "d.pdf").write_bytes(pdf_bytes(PDF_TEXT, "Second page."))
    (tmp_path / "e.docx").write_bytes(docx_bytes())
    (tmp_path / "f.jsonl.gz").write_bytes(gzip.compress(b'{"doc_id": 7, "title": "T_U", "text": "One."}\n'))
    (tmp_path / "g.json").write_text(json.dumps({"Refunds": {"steps": ["ask", {"say": "sorry"}]}}))
    (tmp_path / ".hidden.txt").write_text("never")
    found = {document.source: document for document in read_documents(tmp_path)}
    assert found["a.txt"].text == "가격은 300원이다.\r\nSecond line."
    assert found["b.md"].text.startswith("# Cards"), "Markdown is its own text"
    assert [mark.label for mark in found["b.md"].marks] == ["Cards", "Fees"]
    assert found["c.html"].text == "Fees\nNo fee\nat all.\nA | B\nunclosed"
    assert found["c.html"].title == "Help"
    assert found["d.pdf"].text == f"{PDF_TEXT}\n\nSecond page."
    assert found["d.pdf"].section_at(len(PDF_TEXT) + 3) == "page 2"
    assert found["d.pdf"].title == "Bridges"
    assert found["e.docx"].text == "Fees\nA card costs 4.20 a month.\nTransfer | free\n상담은 무료이다."
    assert found["f.jsonl.gz"].id == "7" and found["f.jsonl.gz"].title == "T U"
    assert "steps:\nask\nsay: sorry" in found["g.json"].text
    assert ".hidden.txt" not in found


@pytest.mark.parametrize("name", ["broken.pdf", "broken.docx", "broken.jsonl", "empty.txt", "kind.xyz"])
def test_what_cannot_be_read_is_told(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"" if name.startswith("empty") else b"%PDF-1.4 no, this is not {")
    with pytest.raises(DataError) as told:
        read_documents(path)
    assert "%PDF" not in str(told.value), "errors hold nothing of the content"


def test_a_pdf_without_text_and_a_doubled_id_are_refused(tmp_path):
    (tmp_path / "scan.pdf").write_bytes(pdf_bytes(""))
    with pytest.raises(DataError, match="no text"):
        read_documents(tmp_path / "scan.pdf")
    (tmp_path / "d.jsonl").write_text('{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}\n')
    with pytest.raises(DataError, match="same id"):
        read_documents(tmp_path / "d.jsonl")


def test_passages_know_their_place_whatever_the_text():
    rng = stream(5, "test", "chunks")
    pieces = [
        "Dr. Kim left.",
        "그는 1989년에 갔다.",
        "no end here",
        "\r\n\r\n",
        "  ",
        "A" * 50,
        "“Why?”",
        "3.14 is pi.",
    ]
    for _ in range(60):
        text = " ".join(pieces[int(at)] for at in rng.integers(0, len(pieces), size=40))
        document = Document(id="x", text=text)
        for overlap in (0, 2):
            chunks = chunked([document], words=int(rng.integers(8, 30)), overlap=overlap)
            assert all(text[c.start : c.end] == c.text == c.text.strip() for c in chunks)
            covered = {place for c in chunks for place in range(c.start, c.end) if not text[place].isspace()}
            assert covered == {place for place, sign in enumerate(text) if not sign.isspace()}, "nothing is lost"


def test_long_sentences_are_cut_and_short_limits_refused():
    chunks = chunked([Document(id="x", text="word " * 100)], words=30)
    assert [len(c.text.split()) for c in chunks] == [30, 30, 30, 10]
    with pytest.raises(SpecError):
        chunked([], words=3)
    assert [("a. b"[s:e]) for s, e in sentences("a. b")] == ["a. b"], "small letters go on"


@pytest.mark.parametrize("name", ["queries.jsonl", "queries.jsonl.gz"])
def test_questions_beside_documents_are_no_documents(tmp_path, name):
    lines = '{"qid": "1", "question": "How many days?", "doc_id": "a", "answers": ["180"]}\n'
    opened = gzip.open if name.endswith(".gz") else open
    with opened(tmp_path / name, "wt") as file:
        file.write(lines)
    (tmp_path / "documents.jsonl").write_text('{"doc_id": "a", "text": "It rains on 180 days.", "question": "?"}\n')
    assert [document.id for document in read_documents(tmp_path)] == ["a"]
    assert [file.name for file in questions_beside(tmp_path)] == [name]
    # Who names the file itself means it.
    assert "How many days?" in read_documents(tmp_path / name)[0].text
