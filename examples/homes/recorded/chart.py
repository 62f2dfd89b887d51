"""Draws price against points as chart.svg, with nothing but the standard library."""
import json
from xml.sax.saxutils import escape

criteria = json.load(open("criteria.json"))
data = json.load(open("scored.json", encoding="utf-8"))
homes = {h["id"]: h for h in data["homes"]}
fits = [homes[i] for i in data["fits"]]
limit = criteria["musts"]["price_max"]
others = [h for h in homes.values() if h["price_eur"] and h["id"] not in data["fits"] and 0.6 * limit <= h["price_eur"] <= 1.15 * limit]

W, H, LEFT, RIGHT, TOP, BOTTOM = 860, 520, 70, 24, 56, 60
low, high = 0.6 * limit, 1.15 * limit
points_max = 10 * (max([h["total"] for h in fits + others] + [10]) // 10 + 1)


def x(price):
    return LEFT + (price - low) / (high - low) * (W - LEFT - RIGHT)


def y(total):
    return H - BOTTOM - total / points_max * (H - TOP - BOTTOM)


out = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" role="img" aria-labelledby="t d" font-family="sans-serif" font-size="12">',
    '<title id="t">Price against points</title>',
    f'<desc id="d">{len(fits)} homes that meet every must, as filled dots; {len(others)} that do not, as rings.</desc>',
    f'<rect width="{W}" height="{H}" fill="#ffffff"/>',
    f'<text x="{LEFT}" y="26" font-size="17" font-weight="bold" fill="#1d2733">Price against points: higher and further left is better</text>',
    f'<text x="{LEFT}" y="44" fill="#4a5866">Filled: meets every must. Ring: fails at least one, or cannot be judged.</text>',
]
step = 20000 if high - low > 120000 else 10000
price = (int(low) // step + 1) * step
while price < high:
    out.append(f'<line x1="{x(price):.1f}" y1="{TOP}" x2="{x(price):.1f}" y2="{H - BOTTOM}" stroke="#e3e8ed"/>')
    out.append(f'<text x="{x(price):.1f}" y="{H - BOTTOM + 18}" text-anchor="middle" fill="#4a5866">{price // 1000}k</text>')
    price += step
total = 0
while total <= points_max:
    out.append(f'<line x1="{LEFT}" y1="{y(total):.1f}" x2="{W - RIGHT}" y2="{y(total):.1f}" stroke="#e3e8ed"/>')
    out.append(f'<text x="{LEFT - 10}" y="{y(total) + 4:.1f}" text-anchor="end" fill="#4a5866">{total:.0f}</text>')
    total += 10
out.append(f'<line x1="{x(limit):.1f}" y1="{TOP}" x2="{x(limit):.1f}" y2="{H - BOTTOM}" stroke="#b3261e" stroke-width="1.5" stroke-dasharray="6 4"/>')
out.append(f'<text x="{x(limit) + 6:.1f}" y="{TOP + 14}" fill="#b3261e">budget</text>')
out.append(f'<text x="{(LEFT + W - RIGHT) / 2:.0f}" y="{H - 18}" text-anchor="middle" fill="#1d2733">price in EUR</text>')
out.append(f'<text transform="translate(20 {(TOP + H - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle" fill="#1d2733">points for wishes</text>')
for h in others:
    out.append(f'<circle cx="{x(h["price_eur"]):.1f}" cy="{y(h["total"]):.1f}" r="3.5" fill="none" stroke="#9aa7b4"><title>{escape(h["id"])}</title></circle>')
# The best are drawn last, so that nothing hides them.
for rank, h in reversed(list(enumerate(fits, start=1))):
    top = rank <= 3
    colour, radius = ("#0b6e4f", 9) if top else ("#3f7cac", 4.5)
    out.append(f'<circle cx="{x(h["price_eur"]):.1f}" cy="{y(h["total"]):.1f}" r="{radius}" fill="{colour}"><title>{escape(h["id"] + ", " + h["address"])}</title></circle>')
    if top:
        out.append(f'<text x="{x(h["price_eur"]):.1f}" y="{y(h["total"]) + 4:.1f}" text-anchor="middle" font-weight="bold" fill="#ffffff">{rank}</text>')
# The names stand in a corner of their own: beside the dots they would cover each other.
key = fits[:3]
out.append(f'<rect x="{LEFT + 10}" y="{H - BOTTOM - 24 - 18 * len(key)}" width="300" height="{14 + 18 * len(key)}" fill="#ffffff" stroke="#e3e8ed"/>')
for rank, h in enumerate(key, start=1):
    line = f"{rank}. {h['address']}, {h['district']}: {h['total']:.1f}"
    out.append(f'<text x="{LEFT + 20}" y="{H - BOTTOM - 20 - 18 * (len(key) - rank)}" font-weight="bold" fill="#0b6e4f">{escape(line)}</text>')
out.append("</svg>")
open("chart.svg", "w", encoding="utf-8").write("\n".join(out) + "\n")
print(f"chart: {len(fits)} filled dots, {len(others)} rings")
