//! Times in the reader's time zone and language.

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use maud::{Markup, html};

use super::reader::Look;

fn zoned(look: &Look, time: &str) -> Option<Zoned> {
    Some(time.parse::<Timestamp>().ok()?.to_zoned(look.zone.clone()))
}

/// A time as milliseconds since 1970; 0 where it is none.
pub(super) fn millis(time: &str) -> i64 {
    time.parse::<Timestamp>().map_or(0, Timestamp::as_millisecond)
}

/// The hour and minute: `09.12`.
pub(super) fn clock(look: &Look, time: &str) -> Markup {
    let shown = zoned(look, time).map(|at| hour(&at)).unwrap_or_default();
    html! { time datetime=(time) title=(full(look, time)) { (shown) } }
}

/// How long ago a time was, for a list: minutes and hours of a day, else the date.
pub(super) fn ago(look: &Look, time: &str, now: i64) -> Markup {
    let words = &look.words.time;
    since(look, time, now, [&words.now, &words.minutes, &words.hours])
}

/// How long ago a time was, for the end of a sentence: `5 minutes ago`.
pub(super) fn said_ago(look: &Look, time: &str, now: i64) -> Markup {
    let words = &look.words.time;
    since(look, time, now, [&words.just_now, &words.minutes_ago, &words.hours_ago])
}

fn since(look: &Look, time: &str, now: i64, [none, minutes, hours]: [&str; 3]) -> Markup {
    let then = time.parse::<Timestamp>().map_or(now, Timestamp::as_millisecond);
    let told = match (now - then).max(0) / 60_000 {
        0 => none.to_owned(),
        n @ 1..60 => minutes.replace("{n}", &n.to_string()),
        n @ 60..1440 => hours.replace("{n}", &(n / 60).to_string()),
        _ => zoned(look, time).map(|at| short_day(look, at.date(), now)).unwrap_or_default(),
    };
    html! { time datetime=(time) title=(full(look, time)) { (told) } }
}

/// How long until a time: hours and minutes, or days.
pub(super) fn left(look: &Look, time: &str, now: i64) -> String {
    let words = &look.words.time;
    let then = time.parse::<Timestamp>().map_or(now, Timestamp::as_millisecond);
    match (then - now).max(0) / 60_000 {
        minutes @ 0..60 => words.minutes.replace("{n}", &minutes.to_string()),
        minutes @ 60..2880 => {
            let hours = words.hours.replace("{n}", &(minutes / 60).to_string());
            format!("{hours} {}", words.minutes.replace("{n}", &(minutes % 60).to_string()))
        }
        minutes => words.days.replace("{n}", &(minutes / 1440).to_string()),
    }
}

/// The day: `Today`, `Yesterday`, else `Tuesday, 19 May`, with the year where it is another.
pub(super) fn day(look: &Look, time: &str, now: i64) -> String {
    let words = &look.words.time;
    let (Some(at), Some(today)) = (zoned(look, time).map(|at| at.date()), today(look, now)) else {
        return String::new();
    };
    if at == today {
        return words.today.clone();
    }
    if today.yesterday().is_ok_and(|yesterday| yesterday == at) {
        return words.yesterday.clone();
    }
    let weekday = &words.weekdays[usize::from(at.weekday().to_monday_zero_offset().unsigned_abs())];
    format!("{weekday}, {}", short_day(look, at, now))
}

/// The date of a time, for a place where only the day matters.
pub(super) fn date(look: &Look, time: &str, now: i64) -> String {
    zoned(look, time).map(|at| short_day(look, at.date(), now)).unwrap_or_default()
}

/// The whole of a time, to the minute.
pub(super) fn full(look: &Look, time: &str) -> String {
    let Some(at) = zoned(look, time) else { return String::new() };
    let month = &look.words.time.months[usize::from(at.month().unsigned_abs()) - 1];
    format!("{} {month} {}, {}", at.day(), at.year(), hour(&at))
}

/// The hour and minute of a time, where no more is to be said.
pub(super) fn hour_of(look: &Look, time: &str) -> String {
    zoned(look, time).map(|at| hour(&at)).unwrap_or_default()
}

fn hour(at: &Zoned) -> String {
    format!("{:02}.{:02}", at.hour(), at.minute())
}

fn today(look: &Look, now: i64) -> Option<Date> {
    Some(Timestamp::from_millisecond(now).ok()?.to_zoned(look.zone.clone()).date())
}

fn short_day(look: &Look, at: Date, now: i64) -> String {
    let month = &look.words.time.months[usize::from(at.month().unsigned_abs()) - 1];
    let year = if today(look, now).is_none_or(|today| today.year() == at.year()) {
        String::new()
    } else {
        format!(" {}", at.year())
    };
    format!("{} {month}{year}", at.day())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::console::words;
    use crate::web::language::Language;

    fn look(language: &'static str, zone: &str) -> Look {
        let language = Language(language);
        let zone = TimeZone::get(zone).expect("a zone");
        Look { language, theme: None, zone, words: words::words(language) }
    }

    /// Half past six in the evening of the 21st, in UTC.
    const NOW: i64 = 1_795_285_800_000;

    #[test]
    fn a_time_is_the_readers_own() {
        let (jakarta, utc) = (look("id", "Asia/Jakarta"), look("en", "UTC"));
        let evening = "2026-11-21T18:29:00Z";
        assert!(clock(&jakarta, evening).into_string().contains(">01.29<"));
        assert_eq!((day(&jakarta, evening, NOW), day(&utc, evening, NOW)), ("Hari ini".into(), "Today".into()));
        assert_eq!(full(&jakarta, evening), "22 November 2026, 01.29");
        assert_eq!(day(&utc, "2026-11-20T23:59:00Z", NOW), "Yesterday");
        assert_eq!(day(&jakarta, "2026-11-20T23:59:00Z", NOW), "Kemarin");
        assert_eq!(day(&jakarta, "2026-05-19T01:00:00Z", NOW), "Selasa, 19 Mei");
        assert_eq!(day(&utc, "2025-05-19T01:00:00Z", NOW), "Monday, 19 May 2025");
    }

    #[test]
    fn a_duration_has_the_unit_that_fits() {
        let utc = look("en", "UTC");
        for (time, expected) in [
            ("2026-11-21T18:29:30Z", "now"),
            ("2026-11-21T18:00:00Z", "30 m"),
            ("2026-11-21T06:30:00Z", "12 h"),
            ("2026-11-01T06:30:00Z", "1 November"),
            ("2026-11-22T06:30:00Z", "now"),
        ] {
            let shown = ago(&utc, time, NOW).into_string();
            assert!(shown.contains(&format!(">{expected}<")), "{shown}");
        }
        assert_eq!(left(&utc, "2026-11-21T19:00:00Z", NOW), "30 m");
        assert_eq!(left(&utc, "2026-11-22T18:28:00Z", NOW), "23 h 58 m");
        assert_eq!(left(&utc, "2026-11-27T18:30:00Z", NOW), "6 d");
    }
}
