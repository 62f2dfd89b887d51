"""Writes the ranked table with reasons, ranking.md and ranking.csv, from scores.json."""
import csv
import json

criteria = json.load(open("criteria.json", encoding="utf-8"))
people = json.load(open("scores.json", encoding="utf-8"))
weights = criteria["weights"]


def share(person, name):
    return person["scores"][name] / weights[name]


def why(person):
    strong = sorted((n for n in weights if share(person, n) >= 0.7), key=lambda n: -person["scores"][n])
    weak = sorted((n for n in weights if share(person, n) < 0.4), key=lambda n: share(person, n) - weights[n] / 1000)
    parts = []
    if strong:
        parts.append("strong in " + ", ".join(strong[:3]))
    if weak:
        parts.append("little on " + ", ".join(weak[:2]))
    if person["problems"]:
        parts.insert(0, "set aside: " + ", ".join(person["problems"]))
    if person["ask"]:
        parts.append("ask about " + ", ".join(person["ask"]))
    return "; ".join(parts) or "middling throughout"


def cell(text):
    return text.replace("|", "\\|")


out = [f"# Ranking: {criteria['title']}", ""]
out += [
    f"{len(people)} applications, closed on {criteria['closed_on']}. Points come from what each text says, measured against the "
    "weights in `role.md`. This is a first sorting by evidence on paper, not a decision about people: read the files near any "
    "line that you draw.",
    "",
]
head = ["Rank", "Applicant", "Total"] + [f"{name} /{weight}" for name, weight in weights.items()] + ["Why"]
out.append("| " + " | ".join(head) + " |")
out.append("| " + " | ".join(["---:", "---", "---:"] + ["---:"] * len(weights) + ["---"]) + " |")
for p in people:
    cells = [str(p["rank"]), f"**{p['name']}**", f"{p['total']:.1f}"]
    cells += [f"{p['scores'][name]:.1f}" for name in weights] + [cell(why(p))]
    out.append("| " + " | ".join(cells) + " |")

out += ["", "## What the points rest on", ""]
for p in people:
    out.append(f"### {p['rank']}. {p['name']} ({p['file']})")
    out.append("")
    for name in weights:
        said = p["reasons"][name]
        quotes = "; ".join(f"“{text}”" for text in said[:2]) if said else "nothing found"
        out.append(f"- **{name}** {p['scores'][name]:.1f} of {weights[name]}: {quotes}")
    for text in p["flags"]:
        out.append(f"- **Note:** the file holds a sentence aimed at screening software (“{text}”). It earned nothing.")
    for text in p["problems"]:
        out.append(f"- **Must-have not met:** {text}.")
    for text in p["ask"]:
        out.append(f"- **To ask:** {text}.")
    out.append("")

out += [
    "## How far to trust this",
    "",
    "- Evidence is found by patterns. A skill that an applicant has and does not mention counts as nothing.",
    "- Courses, theses and borrowed queries count half; a denied skill counts nothing.",
    "- Differences below about five points mean little.",
]
open("ranking.md", "w", encoding="utf-8").write("\n".join(out) + "\n")

with open("ranking.csv", "w", encoding="utf-8", newline="") as target:
    table = csv.writer(target)
    table.writerow(["rank", "applicant", "file", "total", *weights, "must_haves", "ask", "why"])
    for p in people:
        met = "; ".join(p["problems"]) or "met as far as stated"
        table.writerow([p["rank"], p["name"], p["file"], p["total"], *(p["scores"][n] for n in weights), met, "; ".join(p["ask"]), why(p)])

rows = sum(1 for line in out if line.startswith("| ") and line[2:3].isdigit())
print(f"rows in the table: {rows}")
for p in people:
    print(f"{p['rank']}. {p['name']}, {p['total']:.1f}: {why(p)}")
