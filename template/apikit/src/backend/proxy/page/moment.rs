//! Dates and times as HTML writes them in the values of controls.

/// The types of controls that hold one.
const KINDS: [&str; 5] = ["date", "month", "week", "time", "datetime-local"];

/// Whether a control of this type holds a date or a time.
pub fn is_kind(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// The value of such a control; `None` where it is not valid.
pub fn read(kind: &str, value: &str) -> Option<String> {
    match kind {
        "date" => date(value)?,
        "month" => drop(month(value)?),
        "week" => week(value)?,
        "time" => drop(time(value)?),
        _ => {
            let (day, rest) = value.split_once(['T', ' '])?;
            date(day)?;
            return Some(format!("{day}T{}", shortest(rest)?));
        }
    }
    Some(value.to_owned())
}

fn date(text: &str) -> Option<()> {
    let (month, day) = text.rsplit_once('-')?;
    let (year, month) = self::month(month)?;
    within(day, 2, 1..=days(year, month))
}

/// The year and the month of `2024-02`.
fn month(text: &str) -> Option<(u32, u32)> {
    let (year, month) = text.split_once('-')?;
    let year = year_of(year)?;
    within(month, 2, 1..=12)?;
    Some((year, month.parse().ok()?))
}

fn week(text: &str) -> Option<()> {
    let (year, week) = text.split_once("-W")?;
    within(week, 2, 1..=weeks(year_of(year)?))
}

/// The seconds of `12:30:01.5`, with their fraction.
fn time(text: &str) -> Option<&str> {
    let mut parts = text.splitn(3, ':');
    within(parts.next()?, 2, 0..=23)?;
    within(parts.next()?, 2, 0..=59)?;
    let Some(seconds) = parts.next() else {
        return Some("");
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    within(whole, 2, 0..=59)?;
    let is_fraction = (1..=3).contains(&fraction.len());
    (is_fraction && fraction.bytes().all(|byte| byte.is_ascii_digit())).then_some(seconds)
}

/// A time without the seconds and the fraction that are nought.
fn shortest(text: &str) -> Option<String> {
    let seconds = time(text)?;
    let minutes = &text[.."12:30".len()];
    let seconds = match seconds.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => seconds.to_owned(),
    };
    Some(match seconds.as_str() {
        "" | "00" => minutes.to_owned(),
        seconds => format!("{minutes}:{seconds}"),
    })
}

/// A year of four digits or more, from the year 1 on.
fn year_of(text: &str) -> Option<u32> {
    let is_year = text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|year| is_year && (1..=275_760).contains(year))
}

/// Whether a text is a number of so many digits in a range.
fn within(text: &str, digits: usize, range: std::ops::RangeInclusive<u32>) -> Option<()> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && range.contains(&text.parse().ok()?)).then_some(())
}

fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The weeks of a year: 53 if it has a Thursday more.
fn weeks(year: u32) -> u32 {
    let last_day = |year: u32| (year + year / 4 - year / 100 + year / 400) % 7;
    match last_day(year) == 4 || last_day(year - 1) == 3 {
        true => 53,
        false => 52,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Chromium has them.
    #[test]
    fn a_date_or_a_time_is_valid_or_none() {
        for (kind, value, read) in [
            ("date", "2024-02-29", Some("2024-02-29")),
            ("date", "12345-01-01", Some("12345-01-01")),
            ("date", "2023-02-29", None),
            ("date", "1900-02-29", None),
            ("date", "24-02-01", None),
            ("date", "2024-2-1", None),
            ("date", "0000-01-01", None),
            ("month", "2024-02", Some("2024-02")),
            ("month", "2024-13", None),
            ("week", "2024-W52", Some("2024-W52")),
            ("week", "2020-W53", Some("2020-W53")),
            ("week", "2024-W53", None),
            ("week", "2024-w01", None),
            ("time", "12:30", Some("12:30")),
            ("time", "12:30:00", Some("12:30:00")),
            ("time", "12:30:01.5", Some("12:30:01.5")),
            ("time", "24:00", None),
            ("time", "12:30:61", None),
            ("time", "1:30", None),
            (
                "datetime-local",
                "2024-02-29 12:30",
                Some("2024-02-29T12:30"),
            ),
            (
                "datetime-local",
                "2024-02-29T12:30:00",
                Some("2024-02-29T12:30"),
            ),
            (
                "datetime-local",
                "2024-02-29T12:30:00.500",
                Some("2024-02-29T12:30:00.5"),
            ),
            ("datetime-local", "2024-02-30T12:30", None),
            ("datetime-local", "2024-02-29t12:30", None),
        ] {
            assert_eq!(self::read(kind, value).as_deref(), read, "{kind} {value}");
        }
    }
}
