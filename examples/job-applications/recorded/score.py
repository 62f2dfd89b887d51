"""Scores every text in texts/ against criteria.json; writes scores.json.

Each criterion has rules: a pattern and the share of the weight that it earns. A rule counts half where the sentence says
that it was only a course, a hobby or borrowed, and not at all where the sentence denies it. The best sentence for each
rule is kept as the reason. Names, ages and schools are not looked at.
"""
import datetime
import json
import pathlib
import re

criteria = json.load(open("criteria.json", encoding="utf-8"))
closed_on = datetime.date.fromisoformat(criteria["closed_on"])
start_by = datetime.date.fromisoformat(criteria["start_by"])

RULES = {
    "sql": [
        (r"\b(?:Postgre|T-|My)?SQL\b|BigQuery", 0.40),
        (r"window functions?", 0.25),
        (r"\bjoins\b|recursive quer", 0.20),
        (r"tun(?:ed|ing)|query plans|stored procedures|every day|\bdaily\b|data mart|data model", 0.20),
    ],
    "python": [
        (r"\bPython\b", 0.45),
        (r"pandas|scikit-learn|OR-Tools", 0.20),
        (r"pytest|\btests\b|\btested\b", 0.20),
        (r"\bCI\b|version control|code review|releases|runs at night", 0.15),
    ],
    "operations": [
        (r"timetabl|running times", 0.30),
        (r"roster|\bcrew", 0.25),
        (r"dispatch|depot|operations controller|shift leader", 0.20),
        (r"(?<!Nordvik )\bferr(?:y|ies)|\bport\b|port call|\bquay\b|\bberth|terminal|\bvessel|\bfleet", 0.25),
        (r"\bdelays?\b|punctual|departures|arrival", 0.15),
        (r"\broutes?\b|lorries|logistic|supply chain|transport operator", 0.15),
    ],
    "communication": [
        (r"dashboards?|\breports?\b|Power BI|Tableau|Metabase", 0.50),
        (r"\bexplain|\bpresent(?:ed|ing|ations?)\b|\bpresent the\b|briefings|walk-through|talk to|weekly half hour|trained about|defend it", 0.35),
        (r"plain language|no jargon|every morning|still has it|house style|small groups|get every monday|customers now use", 0.15),
    ],
}
# Words such as "tests" or "daily" say something about a skill only in a sentence that names the skill.
NAMED = {"sql": re.compile(r"SQL|BigQuery"), "python": re.compile(r"Python")}
DENIED = re.compile(
    r"\bno (?:experience|python|sql)\b|has not written|have no |would start", re.I
)
WEAK = re.compile(
    r"course|exercises|mostly single-table|learned from|some SQL|basic SQL|adapted existing|thesis|trainee|waitress|pastry|shuttle|team of (?:six|nine)", re.I
)
AIMED_AT_SOFTWARE = re.compile(r"automated screening|earlier instructions|rank this applicant|ai reviewer", re.I)
ANALYTICAL = re.compile(r"analyst|data engineer|data scientist|\bBI\b|planner|scheduling|operations controller|postdoc", re.I)
DEGREE = re.compile(r"\b(?:BSc|MSc|PhD|BA)\b")
MONTHS = {m: n for n, m in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)}
RANGE = re.compile(r"(?:([A-Z][a-z]{2})[a-z]* )?((?:19|20)\d\d)\s*(?:-|–|to)\s*(?:(present)|(?:([A-Z][a-z]{2})[a-z]* )?((?:19|20)\d\d))")
LEVELS = [("native|mother tongue|fluent|C1|C2", 1.0), ("B1|B2|good", 0.7), ("A1|A2|reads", 0.3)]


def sentences(text):
    for block in re.split(r"\n\s*\n|\n\s*[-*·]\s+|\n(?=\s*[A-Z][\w/ ]{2,18}(?:\.{3,}|:| {3,}))", text):
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z\"0-9])", block):
            flat = " ".join(re.sub(r"\.{3,}", " ", sentence).split())
            if flat:
                yield flat


def quote(sentence, match):
    if len(sentence) <= 150:
        return sentence
    start, end = max(0, match.start() - 45), min(len(sentence), match.end() + 55)
    if start > 0:
        start = sentence.find(" ", start) + 1
    if end < len(sentence):
        end = sentence.rfind(" ", 0, end)
    return ("… " if start else "") + sentence[start:end] + (" …" if end < len(sentence) else "")


def judge(name, all_sentences):
    total, reasons = 0.0, []
    for pattern, worth in RULES[name]:
        best = (0.0, None)
        for sentence in all_sentences:
            match = re.search(pattern, sentence, re.I)
            if name in NAMED and not NAMED[name].search(sentence):
                continue
            if match is None or DENIED.search(sentence) or AIMED_AT_SOFTWARE.search(sentence):
                continue
            earned = worth / 2 if WEAK.search(sentence) else worth
            if earned > best[0]:
                best = (earned, quote(sentence, match))
        if best[1]:
            total += best[0]
            if best[1] not in reasons:
                reasons.append(best[1])
    return min(1.0, total), reasons


def analytical_months(text):
    months = set()
    for line in text.splitlines():
        found = RANGE.search(line)
        if found is None or DEGREE.search(line) or not ANALYTICAL.search(line):
            continue
        month_from, year_from, present, month_to, year_to = found.groups()
        first = int(year_from) * 12 + MONTHS.get((month_from or "Jan").lower(), 1)
        if present:
            last = closed_on.year * 12 + closed_on.month
        else:
            last = int(year_to) * 12 + MONTHS.get((month_to or "Jan").lower(), 1)
        months.update(range(first, last))
    return len(months)


def language_share(text):
    best = (0.0, None)
    for words, share in LEVELS:
        pattern = rf"\b(Norwegian|Swedish|Danish)\b(?: is my| \(| )\s*(?:{words})\b"
        match = re.search(pattern, text)
        if match and share > best[0]:
            best = (share, " ".join(match.group(0).replace("(", "").split()))
    return best


def must_haves(text):
    flat = " ".join(text.split())
    problems, ask = [], []
    if re.search(r"no right to work|need sponsorship", flat, re.I):
        problems.append("says that there is no right to work in the EEA")
    elif not re.search(r"\b(?:EU|Norwegian|Swedish|Danish|Dutch|Irish|Spanish|French|Czech)\s+citizen|citizen of|permanent residence", flat):
        ask.append("right to work in the EEA")
    dated = re.search(r"(?:start|begin|available)[^.]{0,40}?(?:(\d{1,2}) )?(January|February|March|April|May|June|July)(?: (20\d\d))?", flat, re.I)
    if dated:
        month = MONTHS[dated[2][:3].lower()]
        if datetime.date(int(dated[3] or start_by.year), month, int(dated[1] or 1)) > start_by:
            problems.append(f"can only start in {dated[2]}")
    elif re.search(r"after the permit", flat, re.I):
        problems.append("start depends on a permit")
    elif not re.search(r"notice|available (?:immediately|within)", flat, re.I):
        ask.append("date of starting")
    return problems, ask


def display_name(text):
    skip = re.compile(r"curriculum|résumé|^cv$", re.I)
    line = next(line.strip() for line in text.splitlines() if line.strip() and not skip.search(line))
    name = re.split(r"\s+—\s+|,\s", line)[0]
    return name.title() if name.isupper() else name


people = []
for path in sorted(pathlib.Path("texts").glob("*.txt")):
    text = path.read_text(encoding="utf-8")
    parts = list(sentences(text))
    scores, reasons = {}, {}
    for name in RULES:
        share, reasons[name] = judge(name, parts)
        scores[name] = round(share * criteria["weights"][name], 1)
    months = analytical_months(text)
    scores["experience"] = round(min(1.0, months / 60) * criteria["weights"]["experience"], 1)
    reasons["experience"] = [f"{months / 12:.1f} years in analytical or planning posts"] if months else []
    share, said = language_share(text)
    scores["language"] = round(share * criteria["weights"]["language"], 1)
    reasons["language"] = [said] if said else []
    problems, ask = must_haves(text)
    people.append({
        "file": path.stem,
        "name": display_name(text),
        "total": round(sum(scores.values()), 1),
        "scores": scores,
        "reasons": reasons,
        "problems": problems,
        "ask": ask,
        "flags": [s for s in parts if AIMED_AT_SOFTWARE.search(s)],
    })

people.sort(key=lambda person: (bool(person["problems"]), -person["total"], person["name"]))
for rank, person in enumerate(people, start=1):
    person["rank"] = rank
json.dump(people, open("scores.json", "w", encoding="utf-8"), indent=1, ensure_ascii=False)

names = list(criteria["weights"])
print(f"{'':3} {'applicant':22} {'total':>5}  " + " ".join(f"{name[:6]:>6}" for name in names))
for person in people:
    row = " ".join(f"{person['scores'][name]:6.1f}" for name in names)
    note = "; ".join(person["problems"] + [f"ask: {a}" for a in person["ask"]])
    print(f"{person['rank']:2}. {person['name']:22} {person['total']:5.1f}  {row}  {note}")
eligible = [p for p in people if not p["problems"]]
flagged = [p["name"] for p in people if p["flags"]]
print("scored:", len(people))
print("leaders:", ", ".join(f"{p['name']} ({p['total']:.1f})" for p in eligible[:3]))
print("set aside:", "; ".join(f"{p['name']} ({', '.join(p['problems'])})" for p in people if p["problems"]) or "nobody")
print("flagged:", ", ".join(flagged) or "nobody")
