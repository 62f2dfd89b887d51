"""Drafts invitations for the three best applicants who meet the must-haves, with questions about their weakest criteria."""
import json

criteria = json.load(open("criteria.json", encoding="utf-8"))
people = json.load(open("scores.json", encoding="utf-8"))
weights = criteria["weights"]
QUESTIONS = {
    "sql": "Take a table of departures and one of GPS points. How would you find, in SQL, the first point after each departure?",
    "python": "Tell us about a script of yours that others depend on. How do they know that it still works?",
    "operations": "A crossing is late every Friday afternoon. Whom do you ask first, and what do you look at?",
    "communication": "Show us one chart that changed what somebody did, and tell us who that was.",
    "experience": "Which analysis would you do differently today?",
    "language": "Our planners talk Norwegian at the morning meeting. How would you go about that in the first half year?",
}

chosen = [p for p in people if not p["problems"]][:3]
out = [f"# Drafts of invitations: {criteria['title']}", "", "Drafts. Please set date and place, and sign them yourself.", ""]
for p in chosen:
    best = max(("sql", "python", "operations", "communication"), key=lambda n: p["scores"][n] / weights[n])
    weakest = sorted(weights, key=lambda n: p["scores"][n] / weights[n])[:2]
    quote = max(p["reasons"][best], key=len).strip("… .")
    out += [
        f"## {p['name']}",
        "",
        f"Dear {p['name']},",
        "",
        f"Thank you for your application as {criteria['title'][0].lower() + criteria['title'][1:]}. We would like to meet you, in "
        f"Ålesund or by video, for an hour on [date]. You wrote: “{quote}”. We would like to hear more about that.",
        "",
        "Kind regards, [name], Nordvik Ferries",
        "",
        "For the interviewers, where the file says least:",
        "",
    ]
    out += [f"- ({name}) {QUESTIONS[name]}" for name in weakest]
    out += [f"- (must-have) Ask about the {item}." for item in p["ask"]]
    out.append("")
open("shortlist.md", "w", encoding="utf-8").write("\n".join(out))
print("invited:", ", ".join(p["name"] for p in chosen))
