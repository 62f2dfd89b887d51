"""Finds what nearly made it, and what the market looks like by district; writes near.json."""
import json
import statistics

criteria = json.load(open("criteria.json"))
data = json.load(open("scored.json", encoding="utf-8"))
homes = data["homes"]
best = max([h["total"] for h in homes if h["id"] in data["fits"]] + [0])
one_off = [h for h in homes if len(h["fails"]) == 1 and not h["ask"]]
one_off.sort(key=lambda h: (-h["total"], h["id"]))

districts = []
for name in sorted({h["district"] for h in homes}):
    there = [h for h in homes if h["district"] == name]
    per_m2 = [h["price_eur"] / h["area_m2"] for h in there if h["price_eur"] and not h["doubtful"]]
    commute = [h["commute_min"] for h in there if h["commute_min"] is not None]
    districts.append({
        "district": name,
        "homes": len(there),
        "fits": sum(h["id"] in data["fits"] for h in there),
        "price_m2": round(statistics.median(per_m2)) if per_m2 else None,
        "commute": round(statistics.median(commute)) if commute else None,
    })
reasons = {}
for h in homes:
    for text in h["fails"]:
        kind = ("price" if "EUR" in text else "bedrooms" if "bedroom" in text else "way to Quayside" if "minutes" in text
                else "energy rating" if "energy" in text else "space outdoors" if "outdoors" in text else "living area" if "m2" in text else text)
        reasons[kind] = reasons.get(kind, 0) + 1
json.dump({"near": [h["id"] for h in one_off[:6]], "districts": districts, "reasons": reasons}, open("near.json", "w"), indent=1)
print(f"near misses: {len(one_off)} homes fail a single must; {sum(h['total'] > best for h in one_off)} of them would beat the best")
print("most frequent reasons:", ", ".join(f"{k} {v}" for k, v in sorted(reasons.items(), key=lambda kv: -kv[1])[:4]))
