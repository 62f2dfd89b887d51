#!/usr/bin/env python3
"""Makes listings.csv: homes for sale in an invented town, with the faults that real exports have.

The result is committed. The seed is fixed, so running this again gives the same bytes. Python's standard library only.
"""
import csv
import datetime
import pathlib
import random

SEED = 20261124
COUNT = 236
COLUMNS = [
    "id", "address", "district", "kind", "price_eur", "area_m2", "bedrooms", "bathrooms", "year_built", "floor", "lift",
    "outdoor", "outdoor_m2", "parking", "energy", "commute_min", "noise_db", "school_m", "monthly_costs_eur", "listed_on",
    "agent", "remarks",
]
# District: price for a square metre, minutes to the Quayside station, noise, distance to a school, share of houses.
DISTRICTS = {
    "Old Harbour": (5300, 9, 63, 900, 0.03),
    "Lindenhof": (4700, 16, 55, 450, 0.15),
    "Castle Hill": (5600, 14, 50, 700, 0.30),
    "Mill Quarter": (4300, 19, 59, 520, 0.12),
    "Westfield": (3800, 27, 52, 380, 0.40),
    "Orchard End": (3500, 33, 46, 650, 0.75),
    "Brickworks": (3900, 23, 61, 560, 0.10),
    "Marshside": (3000, 38, 49, 1100, 0.60),
    "Upper Ferncliff": (4100, 31, 44, 950, 0.80),
    "Station North": (4000, 12, 66, 600, 0.05),
    "Saint Anselm": (4400, 21, 53, 300, 0.25),
    "Larkmoor": (2800, 46, 43, 1500, 0.85),
}
STREETS = [
    "Amber Row", "Bellfounder Street", "Canal Walk", "Cooper's Yard", "Dovecote Lane", "Ferry Steps", "Gasworks Road",
    "Hawthorn Avenue", "Ironmonger Lane", "Juniper Close", "Kiln Street", "Lamplighter Row", "Mason's Court", "Nettle Hill",
    "Orchard Way", "Pilot's Lane", "Quarry Road", "Ropewalk", "Sailmaker Street", "Tollgate Road", "Upper Weir", "Vine Terrace",
    "Wherry Lane", "Yewtree Gardens",
]
AGENTS = ["Halvard & Roe", "Quayside Homes", "Mertens Property", "Nestor", "Lark Estates"]
FLAT_REMARKS = [
    "South-facing balcony, kitchen redone in 2022.", "Corner flat, light from two sides.", "Needs a new bathroom.",
    "House rules forbid dogs.", "Shared bicycle cellar.", "Let until June; possession afterwards.", "New windows in 2019.",
    "Quiet courtyard side.", "Roof works planned, share not yet known.", "Heating replaced by a heat pump last year.", "",
    "Pets welcome.", "Above a bakery that opens at five.", "", "Storage room in the attic.",
]
HOUSE_REMARKS = [
    "Walled garden with two apple trees.", "End of terrace, extended in 2015.", "Original floors, modern heating.",
    "Damp in the cellar, survey available.", "Garage used as a workshop.", "Loft could become a fourth bedroom.",
    "Same owners for forty years.", "Leasehold land, 61 years left.", "Solar panels from 2021.", "Garden slopes to the brook.", "",
    "Flooded in 2019, flood door fitted since.", "", "Viewing by appointment only.",
]


def energy_for(rng, year):
    best = 0 if year >= 2012 else 1 if year >= 1998 else 2 if year >= 1978 else 3
    return "ABCDEFG"[min(6, best + rng.choice([0, 0, 1, 1, 2, 3]))]


def listing(rng, number):
    district = rng.choice(list(DISTRICTS))
    per_m2, commute, noise, school, houses = DISTRICTS[district]
    house = rng.random() < houses
    kind = rng.choice(["terraced house", "semi-detached", "detached"]) if house else rng.choice(["flat", "flat", "flat", "maisonette"])
    bedrooms = rng.choices([2, 3, 4, 5], [2, 5, 3, 1])[0] if house else rng.choices([1, 2, 3, 4], [4, 6, 4, 1])[0]
    area = round(22 + bedrooms * rng.uniform(17, 25) + (18 if house else 0) + rng.uniform(-4, 12))
    year = rng.choice([rng.randint(1890, 1939), rng.randint(1950, 1979), rng.randint(1980, 2005), rng.randint(2006, 2025)])
    energy = energy_for(rng, year)
    factor = rng.uniform(0.84, 1.18) * {"A": 1.09, "B": 1.05, "C": 1.0, "D": 0.97, "E": 0.93, "F": 0.9, "G": 0.86}[energy]
    price = round(area * per_m2 * factor, -3) - rng.choice([0, 0, 500, 1000])
    floor = 0 if house else rng.randint(0, 7)
    if house:
        outdoor, outdoor_m2 = "garden", rng.randint(24, 320)
    else:
        outdoor = rng.choices(["balcony", "none", "terrace", "garden"], [6, 3, 2, 1])[0]
        outdoor_m2 = 0 if outdoor == "none" else rng.randint(3, 14) if outdoor == "balcony" else rng.randint(8, 40)
    parking = rng.choices(["none", "street permit", "own space", "garage"], [3, 5, 3, 2])[0]
    if house and rng.random() < 0.35:
        parking = "garage"
    listed = datetime.date(2026, 11, 20) - datetime.timedelta(days=int(rng.triangular(0, 160, 12)))
    return {
        "id": f"LH-{4100 + number * 3 + rng.randint(0, 2)}",
        "address": f"{rng.randint(1, 148)} {rng.choice(STREETS)}",
        "district": district,
        "kind": kind,
        "price_eur": int(price),
        "area_m2": area,
        "bedrooms": bedrooms,
        "bathrooms": 1 + (bedrooms >= 3 and rng.random() < 0.5) + (bedrooms >= 5),
        "year_built": year,
        "floor": floor,
        "lift": "" if house else "yes" if floor > 3 or rng.random() < 0.4 else "no",
        "outdoor": outdoor,
        "outdoor_m2": outdoor_m2,
        "parking": parking,
        "energy": energy,
        "commute_min": max(4, round(rng.gauss(commute, 3.5))),
        "noise_db": round(rng.gauss(noise, 3.5)),
        "school_m": max(80, int(rng.gauss(school, school * 0.35) // 10 * 10)),
        "monthly_costs_eur": rng.randint(18, 60) if house else int(area * rng.uniform(1.9, 3.6)),
        "listed_on": listed.isoformat(),
        "agent": rng.choice(AGENTS),
        "remarks": rng.choice(HOUSE_REMARKS if house else FLAT_REMARKS),
    }


def spoil(rng, rows):
    """The faults of a real export: blanks, a thousands separator, a typing error, homes that two agents list."""
    for row in rng.sample(rows, 21):
        row["commute_min"] = ""
    for row in rng.sample(rows, 24):
        row["energy"] = rng.choice(["", "n/a", "pending"])
    for row in rng.sample(rows, 14):
        row["noise_db"] = ""
    for row in rng.sample(rows, 8):
        row["price_eur"] = f"{row['price_eur']:,}"
    for row in rng.sample(rows, 3):
        row["price_eur"] = "on request"
    wrong = rng.choice(rows)
    wrong["area_m2"] = int(wrong["area_m2"]) * 10
    for row in rng.sample([r for r in rows if r["price_eur"] != "on request"], 5):
        again = dict(row)
        again["id"] = "LH-" + str(9000 + rng.randint(0, 899))
        again["agent"] = rng.choice([a for a in AGENTS if a != row["agent"]])
        rows.insert(rng.randint(0, len(rows)), again)


def main():
    rng = random.Random(SEED)
    rows = [listing(rng, number) for number in range(COUNT)]
    spoil(rng, rows)
    target = pathlib.Path(__file__).with_name("listings.csv")
    with open(target, "w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    print(f"wrote {target.name}: {len(rows)} listings")


if __name__ == "__main__":
    main()
