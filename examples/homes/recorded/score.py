"""Applies the musts, scores the wishes, and writes scored.json and shortlist.csv."""
import csv
import json

criteria = json.load(open("criteria.json"))
musts, wishes = criteria["musts"], criteria["wishes"]
data = json.load(open("clean.json", encoding="utf-8"))
NEAR_WATER = ("flood", "brook", "quay", "canal")


def failed_musts(home):
    """What rules the home out, and what we would have to ask."""
    out, ask = [], []

    def limit(name, label, ok, text):
        if home[name] is None:
            ask.append(label)
        elif not ok(home[name]):
            out.append(text(home[name]))

    limit("price_eur", "the price", lambda v: v <= musts["price_max"], lambda v: f"price {v:,.0f} EUR")
    limit("bedrooms", "the bedrooms", lambda v: v >= musts["bedrooms_min"], lambda v: f"{v:g} bedroom{'s' if v != 1 else ''}")
    limit("commute_min", "the way to Quayside", lambda v: v <= musts["commute_max"], lambda v: f"{v:g} minutes to Quayside")
    limit("area_m2", "the living area", lambda v: v >= musts["area_min"], lambda v: f"{v:g} m2")
    limit("energy", "the energy rating", lambda v: v <= musts["energy_worst"], lambda v: f"energy rating {v}")
    limit("outdoor_m2", "the space outdoors", lambda v: v >= musts["outdoor_min"], lambda v: f"{v:g} m2 outdoors")
    words = home["remarks"].lower()
    if musts["no_dog_ban"] and "forbid dogs" in words:
        out.append("dogs are forbidden")
    if musts["no_leasehold"] and "leasehold" in words:
        out.append("leasehold land")
    if home["doubtful"]:
        ask.append("the living area (" + home["doubtful"] + ")")
    return out, ask


def part(wish, value):
    """Share of a wish that a value fulfils: 1 at `full`, 0 at `nothing`, a straight line between."""
    full, nothing = wish["full"], wish["nothing"]
    return max(0.0, min(1.0, (value - nothing) / (full - nothing)))


def wish_points(home):
    values = {
        "price": home["price_eur"], "commute": home["commute_min"], "quiet": home["noise_db"], "space": home["area_m2"],
        "school": home["school_m"], "garden": home["outdoor_m2"],
        "energy": None if home["energy"] is None else "ABCDEFG".index(home["energy"]),
    }
    return {name: None if values[name] is None else round(wishes[name]["points"] * part(wishes[name], values[name]), 1) for name in wishes}


def cautions(home):
    words, found = home["remarks"], []
    if any(word in words.lower() for word in NEAR_WATER) or "Canal" in home["address"]:
        found.append("near the water" + (f": “{words}”" if words else ""))
    elif any(word in words.lower() for word in ("damp", "needs", "works planned", "let until", "bakery")):
        found.append(f"the listing says: “{words}”")
    if home["noise_db"] is None:
        found.append("noise is not stated, so it earned nothing; visit at rush hour")
    if home["monthly_costs_eur"] and home["monthly_costs_eur"] > 250:
        found.append(f"monthly costs of {home['monthly_costs_eur']:.0f} EUR")
    if home["price_eur"] and home["price_eur"] > 0.97 * musts["price_max"]:
        found.append("leaves almost nothing of the budget")
    return found


for home in data["homes"]:
    home["fails"], home["ask"] = failed_musts(home)
    home["points"] = wish_points(home)
    home["total"] = round(sum(p for p in home["points"].values() if p is not None), 1)
    home["cautions"] = cautions(home)

homes = data["homes"]
fits = sorted((h for h in homes if not h["fails"] and not h["ask"]), key=lambda h: (-h["total"], h["price_eur"], h["id"]))
open_questions = sorted((h for h in homes if not h["fails"] and h["ask"]), key=lambda h: (-h["total"], h["id"]))
json.dump({"homes": homes, "fits": [h["id"] for h in fits], "open": [h["id"] for h in open_questions]}, open("scored.json", "w"), indent=1, ensure_ascii=False)

with open("shortlist.csv", "w", encoding="utf-8", newline="") as target:
    table = csv.writer(target)
    table.writerow(["rank", "id", "address", "district", "total", *wishes, "price_eur", "bedrooms", "area_m2", "commute_min", "energy"])
    for rank, h in enumerate(fits, start=1):
        table.writerow([rank, h["id"], h["address"], h["district"], h["total"], *(h["points"][w] for w in wishes),
                        int(h["price_eur"]), int(h["bedrooms"]), int(h["area_m2"]), int(h["commute_min"]), h["energy"]])

print(f"counts: {len(homes)} homes, {len(fits)} meet every must, {len(open_questions)} cannot be judged yet, {len(homes) - len(fits) - len(open_questions)} are out")
for rank, h in enumerate(fits[:5], start=1):
    print(f"{rank}. {h['id']} {h['address']}, {h['district']}: {h['total']:.1f} points, {h['price_eur']:,.0f} EUR")
if fits:
    print(f"best: {fits[0]['id']}, {fits[0]['address']} in {fits[0]['district']}, {fits[0]['price_eur']:,.0f} EUR, {fits[0]['total']:.1f} points")
else:
    print("best: none; no home meets every must")
