"""Writes report.md from criteria.json, clean.json, scored.json, near.json and details.json."""
import json

criteria = json.load(open("criteria.json"))
clean = json.load(open("clean.json", encoding="utf-8"))
data = json.load(open("scored.json", encoding="utf-8"))
near = json.load(open("near.json"))
details = json.load(open("details.json", encoding="utf-8"))
wishes, musts = criteria["wishes"], criteria["musts"]
homes = {h["id"]: h for h in data["homes"]}
fits = [homes[i] for i in data["fits"]]
WORDS = {"price": "price", "commute": "way to Quayside", "quiet": "quiet", "space": "space", "school": "school", "garden": "garden or balcony", "energy": "energy"}


def facts(h):
    noise = "noise not stated" if h["noise_db"] is None else f"{h['noise_db']:.0f} dB"
    return (f"{h['kind']}, built {h['year_built']:.0f}, {h['bedrooms']:.0f} bedrooms, {h['area_m2']:.0f} m2, {h['outdoor']} of {h['outdoor_m2']:.0f} m2, "
            f"energy {h['energy']}, {h['commute_min']:.0f} minutes to Quayside, {noise}, school {h['school_m']:.0f} m, parking: {h['parking']}")


def share(h, name):
    return (h["points"][name] or 0) / wishes[name]["points"]


def for_and_against(h):
    strong = [n for n in wishes if share(h, n) >= 0.75]
    weak = [n for n in wishes if h["points"][n] is not None and share(h, n) <= 0.3]
    good = [f"{WORDS[n]} ({h['points'][n]:.1f} of {wishes[n]['points']})" for n in strong]
    bad = [f"{WORDS[n]} ({h['points'][n]:.1f} of {wishes[n]['points']})" for n in weak]
    return good, bad + h["cautions"]


out = ["# Homes for you in Larkhaven", ""]
if fits:
    first = fits[0]
    out += [
        f"**Our advice: look at {first['address']}, {first['district']} ({first['id']}) first.** It costs {first['price_eur']:,.0f} EUR, meets every must and "
        f"earns {first['total']:.1f} of {sum(w['points'] for w in wishes.values())} points for your wishes"
        + (f", {first['total'] - fits[1]['total']:.1f} more than the next." if len(fits) > 1 else "."),
        "",
    ]
else:
    out += ["**No home in the list meets every must.** Below is what came nearest, and what would have to change.", ""]
out += [
    f"The list has {clean['rows']} rows and {len(homes)} different homes. {len(fits)} meet all that you must have, {len(data['open'])} cannot be judged until somebody "
    f"asks, the others are out.",
    "",
    "![Price against points](chart.svg)",
    "",
    "## The three best" if len(fits) >= 3 else "## The best",
    "",
]
for rank, h in enumerate(fits[:3], start=1):
    good, bad = for_and_against(h)
    out += [f"### {rank}. {h['address']}, {h['district']}: {h['total']:.1f} points, {h['price_eur']:,.0f} EUR", ""]
    out += [f"{h['id']}, {h['agent']}, listed on {h['listed_on']}. {facts(h)[0].upper() + facts(h)[1:]}.", ""]
    out += ["- For it: " + (", ".join(good) or "no single wish stands out") + "."]
    out += ["- Against it: " + ("; ".join(bad) or "nothing in the listing") + "."]
    if h["remarks"]:
        out += [f"- The agent adds: “{h['remarks']}”"]
    if h["id"] in details:
        seen = details[h["id"]]
        out += [f"- On the portal: viewings {seen['viewings']}; house rules: {seen['house rules']}; land: {seen['land']}; now: {seen['now']}."]
        if seen["house rules"] == "no dogs":
            out += ["- **The portal says “no dogs”, which the list does not. You must have a dog: do not go there before you have asked.**"]
        if seen["land"].startswith("leasehold"):
            out += [f"- **The portal says that the land is {seen['land']}. You do not want that: ask before you go.**"]
    if h["also_listed_as"]:
        out += [f"- Also listed as {', '.join(h['also_listed_as'])}: ask both agents for their fee."]
    out += [""]

out += ["## All that meet every must", "", "| Rank | Home | District | Price EUR | " + " | ".join(f"{n} /{w['points']}" for n, w in wishes.items()) + " | Total |"]
out += ["| ---: | --- | --- | ---: | " + " | ".join("---:" for _ in wishes) + " | ---: |"]
for rank, h in enumerate(fits, start=1):
    cells = ["?" if h["points"][n] is None else f"{h['points'][n]:.1f}" for n in wishes]
    out.append(f"| {rank} | {h['address']} ({h['id']}) | {h['district']} | {h['price_eur']:,.0f} | " + " | ".join(cells) + f" | **{h['total']:.1f}** |")

out += ["", "## What nearly made it", ""]
for i in near["near"]:
    h = homes[i]
    out.append(f"- {h['address']}, {h['district']} ({i}), {h['total']:.1f} points, {h['price_eur']:,.0f} EUR: out because of {h['fails'][0]}.")
out += ["", "What ruled homes out most often: " + ", ".join(f"{k} ({v})" for k, v in sorted(near["reasons"].items(), key=lambda kv: -kv[1])[:5]) + "."]

out += ["", "## Worth a telephone call", "", "These meet every must that their listing states; the best first.", ""]
for i in data["open"][:6]:
    h = homes[i]
    price = f"{h['price_eur']:,.0f} EUR" if h["price_eur"] else "no price"
    out.append(f"- {h['address']}, {h['district']} ({i}), {price}: ask about {' and '.join(h['ask'])}.")
if not data["open"]:
    out.append("- None.")

out += ["", "## The districts", "", "| District | Homes | Meet every must | Median EUR for a m2 | Median minutes to Quayside |", "| --- | ---: | ---: | ---: | ---: |"]
for d in near["districts"]:
    out.append(f"| {d['district']} | {d['homes']} | {d['fits']} | {d['price_m2'] or '?'} | {d['commute'] if d['commute'] is not None else '?'} |")

out += [
    "", "## How this was worked out", "",
    "- Musts and wishes were read from `brief.md`; between “fully met” and “worth nothing” points fall in a straight line.",
    f"- Leasehold land is out, as you said. “Near the water” costs no points; it is named where a listing shows it.",
    "- A wish that a listing says nothing about earns nothing (“?”), so such a home may be better than it looks.",
    "- Nobody has seen these homes. All of this rests on the agents' listings" + (" and the portal's pages of the best." if details else "; the portal was not asked."),
    "", "What was wrong with the list:", "",
]
out += [f"- {note}" for note in clean["notes"]] or ["- Nothing."]
open("report.md", "w", encoding="utf-8").write("\n".join(out) + "\n")
print(f"report: {len(out)} lines, {len(fits)} homes in the table")
