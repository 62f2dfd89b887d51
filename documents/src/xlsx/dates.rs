//! Days since 1900, as cells count them, as ISO dates.

use super::styles::Kind;

/// Days from 1899-12-30 to 1970-01-01: with the leap day of 1900 that never was, this is right from March 1900 on.
const DAYS_TO_EPOCH: i64 = 25_569;
/// Days between the two ways of counting.
const DAYS_1904: f64 = 1462.0;
const DAY_MS: i64 = 86_400_000;
/// The last day that a cell can hold, at the end of 9999.
const SERIAL_MAX: f64 = 2_958_466.0;

/// The text of a number of this kind; `None` where it is no date.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range was checked before"
)]
pub(crate) fn text(serial: f64, kind: Kind, is_1904: bool) -> Option<String> {
    if !(0.0..SERIAL_MAX).contains(&serial) {
        return None;
    }
    let is_day = matches!(kind, Kind::Date | Kind::DateTime);
    let mut serial = if is_1904 && is_day {
        serial + DAYS_1904
    } else {
        serial
    };
    if is_day && serial < 60.0 {
        // Before the day that never was, the count is one short.
        serial += 1.0;
    }
    let ms = (serial * 86_400_000.0).round() as i64;
    let (day, time) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let time_text = clock(time);
    Some(match kind {
        Kind::Number | Kind::Percent => return None,
        Kind::Date if time == 0 => date(day - DAYS_TO_EPOCH),
        Kind::Date | Kind::DateTime => format!("{}T{time_text}", date(day - DAYS_TO_EPOCH)),
        Kind::Time if day == 0 => time_text,
        Kind::Time | Kind::Elapsed => {
            let seconds = (ms + 500) / 1000;
            format!(
                "{}:{:02}:{:02}",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            )
        }
    })
}

fn clock(ms: i64) -> String {
    let seconds = (ms + 500) / 1000;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The date of a day counted from 1970-01-01, by counting years from March on.
fn date(day: i64) -> String {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn serial_numbers_are_the_days_that_a_sheet_shows() {
        let cases = [
            (1.0, Kind::Date, false, "1900-01-01"),
            (59.0, Kind::Date, false, "1900-02-28"),
            (61.0, Kind::Date, false, "1900-03-01"),
            (45_351.0, Kind::Date, false, "2024-02-29"),
            (45_351.75, Kind::DateTime, false, "2024-02-29T18:00:00"),
            (0.0, Kind::Date, true, "1904-01-01"),
            (0.5, Kind::Time, false, "12:00:00"),
            (1.5, Kind::Elapsed, false, "36:00:00"),
            (2_958_465.0, Kind::Date, false, "9999-12-31"),
        ];
        for (serial, kind, is_1904, wanted) in cases {
            assert_eq!(text(serial, kind, is_1904).unwrap(), wanted, "{serial}");
        }
        assert_eq!(text(-1.0, Kind::Date, false), None);
        assert_eq!(text(f64::NAN, Kind::Date, false), None);
        assert_eq!(text(1e300, Kind::Time, false), None);
    }
}
