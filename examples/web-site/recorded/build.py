"""Builds the pages of the site from facts.json. Run it again after a price or an hour has changed."""
import json
import pathlib
from html import escape

data = json.load(open("facts.json", encoding="utf-8"))
facts, prices, hours = data["facts"], data["prices"], data["hours"]
NAME = escape(facts["Name"])
PAGES = [("index.html", "Home"), ("workshop.html", "Workshop"), ("tea-room.html", "Tea room"), ("about.html", "About"), ("visit.html", "Visit")]
target = pathlib.Path("site")

LOGO = """<svg viewBox="0 0 64 64" aria-hidden="true" focusable="false"><circle cx="32" cy="34" r="24" fill="none" stroke="currentColor" \
stroke-width="4"/><g stroke="currentColor" stroke-width="2"><path d="M32 10v48M8 34h48M15 17l34 34M49 17 15 51"/></g><path d="M24 28h16v9a8 8 0 0 1-16 \
0zM40 30h4a3 3 0 0 1 0 7h-4M27 24c0-3 3-3 3-6M34 24c0-3 3-3 3-6" fill="#1f4d3a" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"/></svg>"""

PICTURE = """<svg viewBox="0 0 420 300" role="img" aria-labelledby="picture-title"><title id="picture-title">A bicycle leaning against a table with a \
steaming kettle</title><path d="M10 270h400" stroke="#d9cdb2" stroke-width="6"/><g fill="none" stroke="#1f4d3a" stroke-width="7" \
stroke-linecap="round" stroke-linejoin="round"><circle cx="95" cy="205" r="60"/><circle cx="255" cy="205" r="60"/><path d="M95 205 135 120h85l35 \
85M135 120l40 85h-80M220 120l-45 85M128 105l-14-8h34M220 120l-6-28h28"/></g><g stroke="#1f4d3a" stroke-width="1.5" opacity=".55"><path d="M95 \
145v120M35 205h120M53 163l84 84M137 163l-84 84M255 145v120M195 205h120M213 163l84 84M297 163l-84 84"/></g><circle cx="175" cy="205" r="11" \
fill="#b5482f"/><path d="M318 190h92M330 190v80M398 190v80" stroke="#20291f" stroke-width="7" stroke-linecap="round"/><path d="M340 188c-8-50 56-50 \
48 0zM388 160c18-2 18-18 8-22M352 146a14 14 0 0 1 24 0" fill="#b5482f" stroke="#20291f" stroke-width="4"/><g fill="none" stroke="#4d5a4a" \
stroke-width="4" stroke-linecap="round"><path d="M352 122c-8-12 8-16 0-30M374 122c-8-12 8-16 0-30"/></g></svg>"""


def span(row, part):
    first, last = row[part + "_open"], row[part + "_close"]
    if not first:
        return "closed"
    return f'<time datetime="{first}">{first}</time> to <time datetime="{last}">{last}</time>'


def hours_table():
    rows = "".join(f'<tr><th scope="row">{escape(r["day"])}</th><td>{span(r, "workshop")}</td><td>{span(r, "tea")}</td></tr>' for r in hours)
    return ('<div class="scroll"><table><caption>Opening hours</caption><thead><tr><th scope="col">Day</th><th scope="col">Workshop</th>'
            f'<th scope="col">Tea room</th></tr></thead><tbody>{rows}</tbody></table></div>')


def price_table(group):
    rows = ""
    for row in prices:
        if row["group"] == group:
            note = f'<span class="note">{escape(row["note"])}</span>' if row["note"] else ""
            rows += f'<tr><td>{escape(row["service"])}{note}</td><td class="price">€ {row["price"]}</td></tr>'
    return (f'<table><caption>{escape(group)}</caption><thead><tr><th scope="col">What</th><th scope="col" class="price">Price</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>")


def price_of(service):
    return next(f"€ {row['price']}" for row in prices if row["service"] == service)


def open_days(part):
    open_at = [number for number, row in enumerate(hours) if row[part + "_open"]]
    days = [hours[number]["day"] for number in open_at]
    if len(days) > 2 and open_at[-1] - open_at[0] == len(days) - 1:
        return f"{days[0]} to {days[-1]}"
    return ", ".join(days) or "by appointment"


def page(name, title, description, body, current=True):
    links = "".join(
        f'<li><a href="{file}"{" aria-current=" + chr(34) + "page" + chr(34) if current and file == name else ""}>{label}</a></li>' for file, label in PAGES
    )
    phone = "".join(c for c in facts["Telephone"] if c in "+0123456789")
    html = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta name="description" content="{escape(description, quote=True)}">
<link rel="stylesheet" href="style.css">
<link rel="icon" href="icon.svg" type="image/svg+xml">
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="site"><div class="wrap">
<a class="brand" href="index.html">{LOGO}<span>{NAME}</span></a>
<nav aria-label="Main"><ul>{links}</ul></nav>
</div></header>
<main id="content">
{body}
</main>
<footer><div class="wrap">
<p><strong>{NAME}</strong><br>{escape(facts["Street"])}</p>
<p><a href="tel:{phone}">{escape(facts["Telephone"])}</a><br><a href="mailto:{escape(facts["Mail"])}">{escape(facts["Mail"])}</a></p>
<p>Tram {escape(facts["Tram"])}.<br><a href="visit.html#hours">Opening hours</a></p>
</div></footer>
</body>
</html>
"""
    (target / name).write_text(html, encoding="utf-8")


evening = escape(facts["Repair evening"])
page("index.html", f"{NAME}: bicycle workshop and tea room in Eastholm", "A bicycle workshop with a tea room in the old tram depot of Eastholm.", f"""
<div class="hero"><div class="wrap"><div>
<p class="eyebrow">Old tram depot, Eastholm</p>
<h1>We mend bicycles. There is tea while you wait.</h1>
<p class="lead">Bring what rattles, rubs or will not roll. We look at it with you, say what it costs, and start when you say yes.</p>
<p><a class="button" href="workshop.html#prices">See the prices</a><a class="button" href="visit.html">Find us</a></p>
</div>{PICTURE}</div></div>
<div class="wrap">
<div class="cards">
<section class="card"><h2>Workshop</h2><p>A flat tyre is {price_of("Flat tyre (tube included)")}, tube included. Open {open_days("workshop")}.</p>
<p><a href="workshop.html">What we repair</a></p></section>
<section class="card"><h2>Tea room</h2><p>Twelve kinds of tea, soup at noon, one long table. Open {open_days("tea")}.</p><p><a href="tea-room.html">What there is</a></p></section>
<section class="card"><h2>Repair evening</h2><p>{evening[0].upper() + evening[1:]}.</p><p><a href="tea-room.html#evening">How it goes</a></p></section>
</div>
<h2>When we are open</h2>
{hours_table()}
<p><a href="visit.html">How to get here</a></p>
</div>""")

workshop_groups = [g for g in dict.fromkeys(row["group"] for row in prices) if g != "Tea room"]
page("workshop.html", f"Workshop and prices – {NAME}", "What we repair, how it goes, and what it costs.", f"""
<div class="wrap">
<h1>Workshop</h1>
<p class="lead">Wheels, brakes, gears, or the whole bicycle.</p>
<h2>How it goes</h2>
<ol class="way">
<li>You bring the bicycle during opening hours.</li>
<li>We look at it together and write down what is to be done and what it costs.</li>
<li>We ring you if we find more. Nothing is done that you have not agreed to.</li>
<li>We ring you when it is ready.</li>
</ol>
<h2 id="prices">Prices</h2>
<p>Where parts come on top, the list says so. If yours is an unusual bicycle, ask us first.</p>
{"".join(price_table(group) for group in workshop_groups)}
</div>""")

page("tea-room.html", f"Tea room – {NAME}", "Tea, coffee, soup and the repair evening on Thursdays.", f"""
<div class="wrap">
<h1>Tea room</h1>
<p class="lead">Tea, soup and one long table. You need not have a bicycle.</p>
{price_table("Tea room")}
<h2>The long table</h2>
<p>There is only one, so you sit with whoever is there.</p>
<h2 id="evening">The repair evening</h2>
<p>{evening[0].upper() + evening[1:]}. You mend your own bicycle; one of us is there to show how.</p>
<p><a href="visit.html#hours">Opening hours of the tea room</a></p>
</div>""")

people = [part.strip() for part in facts["People"].replace("), ", ")|").split("|")]
cards = "".join(
    f'<section class="card"><h2>{escape(person.split(" (")[0])}</h2><p>{escape(person.split(" (")[1].rstrip(")")).capitalize()}.</p></section>' for person in people
)
page("about.html", f"About us – {NAME}", "Who we are, and why we repair rather than sell.", f"""
<div class="wrap">
<h1>About us</h1>
<p class="lead">Since {escape(facts["Since"])} in the old tram depot of Eastholm. Two people and an apprentice.</p>
<div class="cards">{cards}</div>
<h2>Why we repair rather than sell</h2>
<p>A bicycle that somebody looks after can outlive its owner. If yours is not worth the work, we say so before we start.</p>
<h2>The depot</h2>
<p>Trams used to spend the night here. Now bicycles do.</p>
<p><a href="workshop.html">To the workshop</a>, <a href="tea-room.html">to the tea room</a>.</p>
</div>""")

access = "".join(f"<li>{escape(part.strip()[0].upper() + part.strip()[1:])}.</li>" for part in facts["Access"].split(";"))
page("visit.html", f"Visit us – {NAME}", "Opening hours, address, tram, access.", f"""
<div class="wrap">
<h1>Visit us</h1>
<h2 id="hours">When we are open</h2>
{hours_table()}
<h2>How to get here</h2>
<dl class="facts">
<dt>Address</dt><dd>{escape(facts["Street"])}</dd>
<dt>Tram</dt><dd>{escape(facts["Tram"][0].upper() + facts["Tram"][1:])}</dd>
<dt>Telephone</dt><dd>{escape(facts["Telephone"])}</dd>
<dt>Mail</dt><dd><a href="mailto:{escape(facts["Mail"])}">{escape(facts["Mail"])}</a></dd>
</dl>
<h2>Doors and steps</h2>
<ul>{access}</ul>
</div>""")

page("404.html", f"Page not found – {NAME}", "This page does not exist.", """
<div class="wrap">
<h1>This page has rolled away</h1>
<p class="lead">There is nothing at this address. Perhaps one of these is what you were looking for:</p>
<ul><li><a href="workshop.html#prices">Prices of the workshop</a></li><li><a href="visit.html">Opening hours and how to get here</a></li><li><a href="index.html">The
first page</a></li></ul>
</div>""", current=False)

icon = LOGO.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" color="#1f4d3a" ', 1).replace('fill="#1f4d3a"', 'fill="#f7f1e3"')
(target / "icon.svg").write_text(icon + "\n", encoding="utf-8")
print("summary:", len(list(target.glob("*.html"))), "pages,", sum(f.stat().st_size for f in target.iterdir()), "bytes in all")
