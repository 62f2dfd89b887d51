"""Reads listings.csv, mends what can be mended without guessing, and writes clean.json. Says what it did."""
import csv
import json
import statistics

rows = list(csv.DictReader(open("listings.csv", encoding="utf-8", newline="")))
NUMBERS = ["price_eur", "area_m2", "bedrooms", "bathrooms", "year_built", "floor", "outdoor_m2", "commute_min", "noise_db", "school_m", "monthly_costs_eur"]
notes, homes, seen = [], [], {}
separators = 0


def to_number(text):
    try:
        return float(text.replace(",", "").strip())
    except ValueError:
        return None


for row in rows:
    separators += "," in row["price_eur"]
    home = {name: text.strip() for name, text in row.items()}
    for name in NUMBERS:
        home[name] = to_number(row[name])
    home["energy"] = home["energy"] if home["energy"] in list("ABCDEFG") else None
    if home["price_eur"] is None:
        notes.append(f"{home['id']}: no price ({row['price_eur'] or 'blank'})")
    # One home that two agents list: same address, district, area and bedrooms.
    same = (home["address"], home["district"], home["area_m2"], home["bedrooms"])
    if same in seen:
        seen[same]["also_listed_as"].append(home["id"])
        notes.append(f"{home['id']}: the same home as {seen[same]['id']}, listed by another agent")
        continue
    home["also_listed_as"] = []
    seen[same] = home
    homes.append(home)

priced = [h["price_eur"] / h["area_m2"] for h in homes if h["price_eur"] and h["area_m2"]]
middle = statistics.median(priced)
for home in homes:
    home["doubtful"] = None
    if home["price_eur"] and home["area_m2"] and home["price_eur"] / home["area_m2"] < middle / 4:
        home["doubtful"] = f"{home['area_m2']:g} m2 for {home['price_eur']:,.0f} EUR: probably a typing error in the area"
        notes.append(f"{home['id']}: {home['doubtful']}")

json.dump({"homes": homes, "notes": notes, "rows": len(rows)}, open("clean.json", "w"), indent=1, ensure_ascii=False)
missing = {name: sum(h[name] is None for h in homes) for name in ("price_eur", "commute_min", "energy", "noise_db")}
print(f"summary: {len(rows)} rows, {len(homes)} different homes, {separators} prices with a thousands separator")
print("missing:", ", ".join(f"{name} {count}" for name, count in missing.items()))
for note in notes:
    print("note:", note)
