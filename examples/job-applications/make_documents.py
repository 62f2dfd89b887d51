#!/usr/bin/env python3
"""Makes the PDF and DOCX applications in cv/ from the texts in source/.

The results are committed; run this only after changing a text. Python's standard library is enough: a PDF with one
of the fonts that every reader has, and the smallest DOCX that word processors open without complaint. Equal texts give
equal bytes.
"""
import pathlib
import textwrap
import zipfile
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).parent
FORMATS = {
    "wieczorek-tomasz": "pdf",
    "nygaard-oskar": "pdf",
    "okafor-amara": "docx",
    "moreau-claire": "docx",
}
LINES_PER_PAGE = 58


def pdf_page_stream(lines, first):
    """Drawing commands for one page: a larger first line, then one line of text after the other."""
    out = ["BT", "/F1 10 Tf", "14 TL", "56 786 Td"]
    for number, line in enumerate(lines):
        big = first and number == 0
        raw = line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        if big:
            out.append("/F1 18 Tf")
        out.append("(" + raw.decode("latin-1") + ") Tj T*")
        if big:
            out.append("/F1 10 Tf")
    out.append("ET")
    return "\n".join(out).encode("latin-1")


def make_pdf(text):
    lines = []
    for line in text.rstrip("\n").split("\n"):
        lines += textwrap.wrap(line, 110, subsequent_indent="  ") or [""]
    pages = [lines[at : at + LINES_PER_PAGE] for at in range(0, len(lines), LINES_PER_PAGE)]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        stream = pdf_page_stream(page, number == 0)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream")
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


CONTENT_TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" \
ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" \
ContentType="application/xml"/><Override PartName="/word/document.xml" \
ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>
"""
RELATIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" \
Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" \
Target="word/document.xml"/></Relationships>
"""
DOCUMENT = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{body}\
<w:sectPr><w:pgSz w:w="11906" w:h="16838"/></w:sectPr></w:body></w:document>
"""


def paragraph(line, number):
    style = ""
    if number == 0:
        style = '<w:rPr><w:b/><w:sz w:val="36"/></w:rPr>'
    elif line.isupper():
        style = "<w:rPr><w:b/></w:rPr>"
    return f'<w:p><w:r>{style}<w:t xml:space="preserve">{escape(line)}</w:t></w:r></w:p>'


def make_docx(text, path):
    body = "".join(paragraph(line, number) for number, line in enumerate(text.rstrip("\n").split("\n")))
    parts = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": RELATIONS,
        "word/document.xml": DOCUMENT.format(body=body),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 12, 0, 0)), content, zipfile.ZIP_DEFLATED)


def main():
    for name, form in FORMATS.items():
        text = (HERE / "source" / f"{name}.txt").read_text(encoding="utf-8")
        target = HERE / "cv" / f"{name}.{form}"
        if form == "pdf":
            target.write_bytes(make_pdf(text))
        else:
            make_docx(text, target)
        print(f"wrote {target.relative_to(HERE)}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
