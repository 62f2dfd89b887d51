"""Reads facts, prices and hours out of the client's files into facts.json. Nothing here is written from memory."""
import csv
import json
import re

brief = open("brief.md", encoding="utf-8").read()
facts = dict(re.findall(r"^- (Name|Street|Telephone|Mail|Tram|Access|Since|People|Repair evening): (.+)$", brief, re.M))
if len(facts) != 9:
    raise SystemExit(f"brief.md gives only these facts: {sorted(facts)}")

prices = list(csv.DictReader(open("prices.csv", encoding="utf-8", newline="")))
for row in prices:
    row["price"] = f"{float(row['price_eur']):.2f}".replace(".00", "")
hours = list(csv.DictReader(open("hours.csv", encoding="utf-8", newline="")))
clock = re.compile(r"^(?:[01]\d|2[0-3]):[0-5]\d$")
for row in hours:
    for part in ("workshop", "tea"):
        first, last = row[part + "_open"], row[part + "_close"]
        if bool(first) != bool(last) or first and not (clock.match(first) and clock.match(last) and first < last):
            raise SystemExit(f"hours.csv, {row['day']}: {part} from {first!r} to {last!r}")
json.dump({"facts": facts, "prices": prices, "hours": hours}, open("facts.json", "w", encoding="utf-8"), indent=1, ensure_ascii=False)
groups = list(dict.fromkeys(row["group"] for row in prices))
closed = [row["day"] for row in hours if not row["workshop_open"] and not row["tea_open"]]
print(f"summary: {len(prices)} prices in {len(groups)} groups ({', '.join(groups)}), hours for {len(hours)} days, closed on {', '.join(closed) or 'no day'}")
