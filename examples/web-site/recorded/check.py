"""Checks the finished site: links, anchors, outside resources, headings, languages, names of links, prices and hours."""
import csv
import html.parser
import pathlib
import sys
import urllib.parse

site = pathlib.Path("site")
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(html.parser.HTMLParser):
    def __init__(self, name):
        super().__init__()
        self.name, self.ids, self.links, self.faults = name, set(), [], []
        self.title, self.text, self.headings, self.stack, self.lang = "", [], [], [], None
        self.link_text = None

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if tag not in VOID and tag not in ("path", "circle"):
            self.stack.append(tag)
        if "id" in a:
            if a["id"] in self.ids:
                self.faults.append(f"id {a['id']} twice")
            self.ids.add(a["id"])
        if tag == "html":
            self.lang = a.get("lang")
        if tag in ("a", "link") and "href" in a:
            self.links.append(a["href"])
        if tag in ("img", "script", "iframe", "source", "video") and a.get("src"):
            self.links.append(a["src"])
        if tag == "img" and "alt" not in a:
            self.faults.append("a picture without alt")
        if tag == "svg" and a.get("role") != "img" and a.get("aria-hidden") != "true":
            self.faults.append("a drawing that is neither named nor hidden")
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        if tag == "a":
            self.link_text = ""
        if tag == "th" and "scope" not in a:
            self.faults.append("a heading cell without scope")

    def handle_endtag(self, tag):
        if tag in ("path", "circle") or tag in VOID:
            return
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(f"</{tag}> does not close what was open")
        if tag == "a" and not (self.link_text or "").strip():
            self.faults.append("a link without a name")
        if tag == "a":
            self.link_text = None

    def handle_data(self, data):
        self.text.append(data)
        if self.stack and self.stack[-1] == "title" and "svg" not in self.stack:
            self.title += data
        if self.link_text is not None:
            self.link_text += data


pages = {}
for path in sorted(site.glob("*.html")):
    page = Page(path.name)
    page.feed(path.read_text(encoding="utf-8"))
    pages[path.name] = page

faults, checked = [], 0
for name, page in pages.items():
    faults += [f"{name}: {fault}" for fault in page.faults]
    if page.stack:
        faults.append(f"{name}: never closed: {page.stack}")
    if page.lang is None:
        faults.append(f"{name}: no language")
    if page.headings.count(1) != 1:
        faults.append(f"{name}: {page.headings.count(1)} headings of the first level")
    if any(later - earlier > 1 for earlier, later in zip(page.headings, page.headings[1:])):
        faults.append(f"{name}: a level of headings is left out")
    for link in page.links:
        checked += 1
        parts = urllib.parse.urlsplit(link)
        if parts.scheme in ("mailto", "tel"):
            continue
        if parts.scheme or parts.netloc:
            faults.append(f"{name}: loads or links outside: {link}")
            continue
        file = parts.path or name
        if not (site / file).is_file():
            faults.append(f"{name}: {link} leads nowhere")
        elif parts.fragment and parts.fragment not in pages[file].ids:
            faults.append(f"{name}: {link}: no such place on the page")
titles = [page.title for page in pages.values()]
if len(set(titles)) != len(titles):
    faults.append("two pages have the same title")
for file in ("style.css", "icon.svg"):
    text = (site / file).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    if "http" in text or "@import" in text or "url(" in text:
        faults.append(f"{file}: loads something from elsewhere")

everything = " ".join(" ".join(" ".join(page.text).split()) for page in pages.values())
for row in csv.DictReader(open("prices.csv", encoding="utf-8", newline="")):
    price = f"{float(row['price_eur']):.2f}".replace(".00", "")
    checked += 1
    if row["service"] not in everything or f"€ {price}" not in everything:
        faults.append(f"price missing: {row['service']} {price}")
for row in csv.DictReader(open("hours.csv", encoding="utf-8", newline="")):
    checked += 1
    if any(row[part] and row[part] not in everything for part in ("workshop_open", "workshop_close", "tea_open", "tea_close")):
        faults.append(f"hours missing: {row['day']}")

for fault in faults:
    print("fault:", fault)
print(f"summary: {len(pages)} pages, {checked} links, prices and days checked, {len(faults)} faults")
sys.exit(1 if faults else 0)
