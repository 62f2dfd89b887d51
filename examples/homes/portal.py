#!/usr/bin/env python3
"""The portal of the homes example: a page for each home of listings.csv, with what the export leaves out.

usage: portal.py [--listen ADDRESS:PORT] [--log FILE]

What it adds (viewings, house rules, land, who lives there) is made up from the home's id, so it is the same every time. It
listens on 127.0.0.2 unless told otherwise: 127.0.0.1 is, for a task's browser, the task's own computer. Each page that is asked for is a line
of the log. Python's standard library only.
"""
import argparse
import csv
import datetime
import hashlib
import html
import http.server
import pathlib
import sys

LISTINGS = pathlib.Path(__file__).with_name("listings.csv")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{address}, {district}</title>
<style>
body {{ font: 18px/1.5 Georgia, serif; margin: 0; background: #f6f3ec; color: #22302b }}
header {{ background: #1f4d44; color: #fff; padding: 1rem 2rem }} main {{ max-width: 56rem; margin: 0 auto; padding: 1rem 2rem }}
h1 {{ margin: .2rem 0 }} .price {{ font-size: 1.6rem }} section {{ background: #fff; padding: .5rem 1.2rem; margin: .8rem 0; border-radius: .4rem }}
</style>
<header>Larkhaven Homes</header>
<main><h1>{address}</h1><p class="price">{price}</p><p>{district}. {kind}, built {year}. Reference {id}.</p>
<section><h2>Before you come</h2><p>Viewings: {viewings}</p><p>House rules: {rules}</p></section>
<section><h2>The house</h2><p>Land: {land}</p><p>Now: {now}</p></section>
<p><small>Details as the agent {agent} gave them. All homes are invented.</small></p></main></html>"""
RULES = ["dogs are welcome", "dogs by agreement with the other owners", "no dogs in the lift", "no dogs"]
LAND = ["freehold", "freehold", "freehold", "leasehold until 2061"]
NOW = ["empty since summer", "the owners move out in March", "let until June", "being painted"]


def details(row):
    """What the portal says of a home beyond the export: the same for the same id."""
    number = int.from_bytes(hashlib.sha256(row["id"].encode()).digest()[:8], "big")
    day = datetime.date(2026, 12, 5) + datetime.timedelta(days=number % 20)
    house = row["kind"] != "flat"
    return {
        "viewings": f"{day:%A} {day.day} {day:%B}, {9 + number // 7 % 8}:{number // 3 % 2 * 30:02d}",
        "rules": "none, it is a house" if house else RULES[number // 11 % len(RULES)],
        "land": LAND[number // 13 % len(LAND)],
        "now": NOW[number // 17 % len(NOW)],
    }


def page(row):
    price = row["price_eur"].strip()
    words = {**{key: row[key] for key in ("id", "address", "district", "kind", "agent")}, **details(row)}
    words |= {"price": f"{price} EUR" if price else "Price on request", "year": row["year_built"] or "in a year nobody knows"}
    return PAGE.format(**{key: html.escape(value) for key, value in words.items()})


def handler(homes, log):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            row = homes.get(self.path.removeprefix("/homes/"))
            body = (page(row) if row else "There is no such home.").encode()
            self.send_response(200 if row else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, _, *arguments):
            print(arguments[0], file=log, flush=True)

    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--listen", default="127.0.0.2:7390", metavar="ADDRESS:PORT")
    parser.add_argument("--log", type=pathlib.Path, help="standard error if absent")
    arguments = parser.parse_args()
    address, _, port = arguments.listen.rpartition(":")
    with open(LISTINGS, encoding="utf-8", newline="") as source:
        homes = {row["id"]: row for row in csv.DictReader(source)}
    log = open(arguments.log, "a", encoding="utf-8") if arguments.log else sys.stderr
    server = http.server.ThreadingHTTPServer((address, int(port)), handler(homes, log))
    print(f"listening on {server.server_address[0]}:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
