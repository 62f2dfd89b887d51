"""Reads the buyers' numbers out of brief.md into criteria.json, so that a changed brief changes the result."""
import json
import re

text = open("brief.md", encoding="utf-8").read()


def number(pattern):
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"brief.md does not say: {pattern}")
    return float(found[1].replace(",", ""))


musts = {
    "price_max": number(r"Price: at most ([\d,]+) EUR"),
    "bedrooms_min": number(r"Bedrooms: at least (\d+)"),
    "commute_max": number(r"Commute[^:]*: at most (\d+) minutes"),
    "area_min": number(r"Living area: at least (\d+) m2"),
    "outdoor_min": number(r"Outdoors: at least (\d+) m2"),
    "energy_worst": re.search(r"Energy rating: ([A-G]) or better", text)[1],
    "no_dog_ban": "no house rules against dogs" in text,
    "no_leasehold": "do not want leasehold" in text,
}


def value(words):
    found = re.search(r"[\d,]+", words)
    return float(found[0].replace(",", "")) if found else "ABCDEFG".index(re.search(r"\b([A-G])\b", words)[1])


wishes = {}
for name, points, full, nothing in re.findall(r"^\| (\w+) \| (\d+) \| (.+?) \| (.+?) \|$", text, re.M):
    wishes[name] = {"points": int(points), "full": value(full), "nothing": value(nothing)}
if set(wishes) != {"price", "commute", "quiet", "space", "school", "garden", "energy"}:
    raise SystemExit(f"unexpected wishes: {sorted(wishes)}")
json.dump({"musts": musts, "wishes": wishes}, open("criteria.json", "w"), indent=2)
print("must:", ", ".join(f"{name} {limit:g}" if isinstance(limit, float) else f"{name} {limit}" for name, limit in musts.items()))
print("wishes:", ", ".join(f"{name} {wish['points']}" for name, wish in wishes.items()), "- sum", sum(w["points"] for w in wishes.values()))
