"""Reads the weights and the closing date out of role.md into criteria.json."""
import datetime
import json
import re

text = open("role.md", encoding="utf-8").read()
rows = re.findall(r"^\|\s*(\w+)\s*\|\s*(\d+)\s*\|\s*(.+?)\s*\|$", text, re.M)
weights = {name: int(weight) for name, weight, _ in rows}
expected = {"sql", "python", "operations", "communication", "experience", "language"}
if set(weights) != expected:
    raise SystemExit(f"criteria in role.md: {sorted(weights)}, expected {sorted(expected)}")

closed = datetime.datetime.strptime(re.search(r"closed on (\d+ \w+ \d{4})", text)[1], "%d %B %Y").date()
start = datetime.datetime.strptime(re.search(r"Able to start by (\d+ \w+ \d{4})", text)[1], "%d %B %Y").date()
criteria = {
    "title": text.splitlines()[0].lstrip("# ").strip(),
    "weights": weights,
    "meaning": {name: meaning for name, _, meaning in rows},
    "closed_on": closed.isoformat(),
    "start_by": start.isoformat(),
}
with open("criteria.json", "w", encoding="utf-8") as out:
    json.dump(criteria, out, indent=2, ensure_ascii=False)
print("weights:", ", ".join(f"{name} {weight}" for name, weight in weights.items()), "- sum", sum(weights.values()))
print("closed on", closed, "- start by", start)
