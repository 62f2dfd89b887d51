"""Turns every application in cv/ into plain text in texts/, whatever format it came in."""
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def docx_text(path):
    with zipfile.ZipFile(path) as archive:
        root = ET.fromstring(archive.read("word/document.xml"))
    paragraphs = ("".join(t.text or "" for t in p.iter(WORD + "t")) for p in root.iter(WORD + "p"))
    return "\n".join(paragraphs) + "\n"


def pdf_text(path):
    command = ["pdftotext", "-layout", "-enc", "UTF-8", str(path), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


READERS = {".txt": lambda path: path.read_text(encoding="utf-8"), ".pdf": pdf_text, ".docx": docx_text}

target = pathlib.Path("texts")
target.mkdir(exist_ok=True)
counts, faults = {}, []
for path in sorted(pathlib.Path("cv").iterdir()):
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        faults.append(f"{path}: no reader for {path.suffix}")
        continue
    try:
        text = reader(path)
    except Exception as error:
        faults.append(f"{path}: {error}")
        continue
    if len(text.split()) < 60:
        faults.append(f"{path}: only {len(text.split())} words came out")
    (target / f"{path.stem}.txt").write_text(text, encoding="utf-8")
    counts[path.suffix.lower()] = counts.get(path.suffix.lower(), 0) + 1
    print(f"{path.name:28} {len(text.split()):4} words")

print("summary:", sum(counts.values()), "applications read:", ", ".join(f"{n} {s[1:]}" for s, n in sorted(counts.items())))
for fault in faults:
    print("problem:", fault)
sys.exit(1 if faults else 0)
