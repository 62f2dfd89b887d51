"""Says which page of the portal to read next (details.py RANK), and keeps what was read (details.py keep) in details.json."""
import json
import os
import re
import sys

ids = json.load(open("scored.json", encoding="utf-8"))["fits"][:3]
if sys.argv[1] == "keep":
    kept = {}
    for rank, home in enumerate(ids, start=1):
        page = open(f"seen-{rank}.txt", encoding="utf-8").read()
        found = {name.lower(): words for name, words in re.findall(r'"(Viewings|House rules|Land|Now): ([^"]*)"', page)}
        if home in page and found:
            kept[home] = found
    json.dump(kept, open("details.json", "w", encoding="utf-8"), indent=1, ensure_ascii=False)
    told = [f"{home} ({words['viewings']}; {words['house rules']})" for home, words in kept.items()]
    print("seen: " + ("; ".join(told) or "no page of the portal could be read"))
else:
    portal = open("portal.txt", encoding="utf-8").read().strip() if os.path.exists("portal.txt") else "http://portal.invalid"
    rank = int(sys.argv[1])
    print("url: " + portal + (f"/homes/{ids[rank - 1]}" if rank <= len(ids) else "/homes/none"))
