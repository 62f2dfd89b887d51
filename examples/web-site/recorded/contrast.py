"""Checks the colours of style.css against WCAG: 4.5 to 1 for text, 3 to 1 for outlines."""
import re
import sys

css = open("site/style.css", encoding="utf-8").read()
colours = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})", css))


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def ratio(one, other):
    high, low = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    ("ink", "paper", 4.5), ("ink", "card", 4.5), ("soft", "paper", 4.5), ("soft", "card", 4.5), ("green", "paper", 4.5),
    ("green", "card", 4.5), ("on-green", "green", 4.5), ("on-green", "green-dark", 4.5), ("ticket", "paper", 4.5), ("ticket", "card", 3.0),
]
bad = 0
lowest = min(PAIRS, key=lambda pair: ratio(pair[0], pair[1]))
for front, back, needed in PAIRS:
    found = ratio(front, back)
    bad += found < needed
    print(f"{front} on {back}: {found:.2f} (needs {needed}) {'ok' if found >= needed else 'TOO LOW'}")
print(f"summary: {len(PAIRS)} pairs, {bad} too low, lowest {ratio(lowest[0], lowest[1]):.2f} ({lowest[0]} on {lowest[1]})")
sys.exit(1 if bad else 0)
