//! Phrases and the periods they mean.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use chrono::NaiveDate;

use super::*;

/// Thursday, 26 November 2026, 15:30 in Berlin.
const NOW: &str = "2026-11-26T14:30:00Z";

fn period(text: &str, now: &str, zone: &str) -> Option<(String, String)> {
    let zone: Tz = zone.parse().unwrap();
    shown(read(text, now.parse().unwrap(), zone).period, zone)
}

fn ahead(text: &str) -> Option<(String, String)> {
    let zone: Tz = "Europe/Berlin".parse().unwrap();
    shown(read(text, NOW.parse().unwrap(), zone).ahead, zone)
}

fn shown(period: Option<Period>, zone: Tz) -> Option<(String, String)> {
    let (start, end) = period?;
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    Some((local(start), local(end)))
}

#[test]
fn a_phrase_means_its_period() {
    let day = |date: &str| {
        let next = date.parse::<NaiveDate>().unwrap().succ_opt().unwrap();
        format!("{date} 00:00 {next} 00:00")
    };
    let mut wrong = Vec::new();
    for (text, expected) in [
        // Days
        ("what did Anna say yesterday", day("2026-11-25")),
        ("yesterday's meeting", day("2026-11-25")),
        ("what happened today", day("2026-11-26")),
        ("what did we decide earlier today", day("2026-11-26")),
        ("the day before yesterday", day("2026-11-24")),
        ("3 days ago", day("2026-11-23")),
        ("about three days ago", day("2026-11-23")),
        ("a day ago", day("2026-11-25")),
        ("a couple of days ago", day("2026-11-24")),
        ("the lunch on Tuesday", day("2026-11-24")),
        ("last Tuesday", day("2026-11-24")),
        ("this Tuesday", day("2026-11-24")),
        ("what about Tuesday?", day("2026-11-24")),
        ("and how about Tuesday", day("2026-11-24")),
        ("Tuesday's call", day("2026-11-24")),
        ("on Thursday", day("2026-11-19")),
        ("last Thursday", day("2026-11-19")),
        ("this Thursday", day("2026-11-26")),
        ("last Friday", day("2026-11-20")),
        ("on fri", day("2026-11-20")),
        ("Tuesday last week", day("2026-11-17")),
        ("on the 14th", day("2026-11-14")),
        ("on the 28th", day("2026-10-28")),
        ("on the 31st", day("2026-10-31")),
        ("on the 26th", day("2026-11-26")),
        ("March 3rd", day("2026-03-03")),
        ("on March 3", day("2026-03-03")),
        ("on March the 3rd", day("2026-03-03")),
        ("on 3 March", day("2026-03-03")),
        ("on the 3rd of March", day("2026-03-03")),
        ("on the third of March", day("2026-03-03")),
        ("on December 24th", day("2025-12-24")),
        ("March 3rd, 2024", day("2024-03-03")),
        ("on February 29th", day("2024-02-29")),
        ("on 2026-03-03", day("2026-03-03")),
        ("on Tuesday, November 17th", day("2026-11-17")),
        // Parts of days
        ("this morning", "2026-11-26 04:00 2026-11-26 12:00".into()),
        ("this afternoon", "2026-11-26 12:00 2026-11-26 18:00".into()),
        ("last night", "2026-11-25 18:00 2026-11-26 05:00".into()),
        (
            "yesterday evening",
            "2026-11-25 17:00 2026-11-26 00:00".into(),
        ),
        (
            "yesterday in the morning",
            "2026-11-25 04:00 2026-11-25 12:00".into(),
        ),
        (
            "what did I do last Tuesday evening?",
            "2026-11-24 17:00 2026-11-25 00:00".into(),
        ),
        (
            "on the evening of March 3rd",
            "2026-03-03 17:00 2026-03-04 00:00".into(),
        ),
        (
            "on Monday night",
            "2026-11-23 18:00 2026-11-24 05:00".into(),
        ),
        (
            "on the 14th in the afternoon",
            "2026-11-14 12:00 2026-11-14 18:00".into(),
        ),
        // Weeks and weekends
        ("last week", "2026-11-16 00:00 2026-11-23 00:00".into()),
        ("this week", "2026-11-23 00:00 2026-11-30 00:00".into()),
        (
            "earlier this week",
            "2026-11-23 00:00 2026-11-30 00:00".into(),
        ),
        (
            "in the past week",
            "2026-11-19 00:00 2026-11-27 00:00".into(),
        ),
        ("a week ago", "2026-11-17 00:00 2026-11-22 00:00".into()),
        ("two weeks ago", "2026-11-10 00:00 2026-11-15 00:00".into()),
        ("at the weekend", "2026-11-21 00:00 2026-11-23 00:00".into()),
        (
            "over the weekend",
            "2026-11-21 00:00 2026-11-23 00:00".into(),
        ),
        ("last weekend", "2026-11-21 00:00 2026-11-23 00:00".into()),
        (
            "in the last 3 days",
            "2026-11-23 00:00 2026-11-27 00:00".into(),
        ),
        (
            "over the past two weeks",
            "2026-11-12 00:00 2026-11-27 00:00".into(),
        ),
        ("a few days ago", "2026-11-20 00:00 2026-11-25 00:00".into()),
        ("the other day", "2026-11-19 00:00 2026-11-26 00:00".into()),
        // Months and years
        ("this month", "2026-11-01 00:00 2026-12-01 00:00".into()),
        ("last month", "2026-10-01 00:00 2026-11-01 00:00".into()),
        ("two months ago", "2026-09-01 00:00 2026-10-01 00:00".into()),
        ("in March", "2026-03-01 00:00 2026-04-01 00:00".into()),
        ("in December", "2025-12-01 00:00 2026-01-01 00:00".into()),
        ("last March", "2026-03-01 00:00 2026-04-01 00:00".into()),
        ("last November", "2025-11-01 00:00 2025-12-01 00:00".into()),
        ("in March 2025", "2025-03-01 00:00 2025-04-01 00:00".into()),
        ("in May", "2026-05-01 00:00 2026-06-01 00:00".into()),
        ("in 2025", "2025-01-01 00:00 2026-01-01 00:00".into()),
        ("last year", "2025-01-01 00:00 2026-01-01 00:00".into()),
        ("this year", "2026-01-01 00:00 2027-01-01 00:00".into()),
        // From one to another
        ("since Monday", "2026-11-23 00:00 2026-11-26 15:30".into()),
        (
            "since yesterday",
            "2026-11-25 00:00 2026-11-26 15:30".into(),
        ),
        ("since March", "2026-03-01 00:00 2026-11-26 15:30".into()),
        (
            "between Monday and Wednesday",
            "2026-11-23 00:00 2026-11-26 00:00".into(),
        ),
        (
            "between Friday and Tuesday",
            "2026-11-20 00:00 2026-11-25 00:00".into(),
        ),
        (
            "between March 3rd and March 10th",
            "2026-03-03 00:00 2026-03-11 00:00".into(),
        ),
        (
            "between the 3rd and the 5th of March",
            "2026-03-03 00:00 2026-03-06 00:00".into(),
        ),
        (
            "from March 3rd to 5th",
            "2026-03-03 00:00 2026-03-06 00:00".into(),
        ),
        (
            "from January to March",
            "2026-01-01 00:00 2026-04-01 00:00".into(),
        ),
        ("two hours ago", "2026-11-26 12:30 2026-11-26 14:30".into()),
        (
            "in the last hour",
            "2026-11-26 14:30 2026-11-27 00:00".into(),
        ),
        ("who came on the nineteenth", day("2026-11-19")),
        ("on the twenty-second", day("2026-11-22")),
        (
            "the evening of the third",
            "2026-11-03 17:00 2026-11-04 00:00".into(),
        ),
        ("a week ago today", day("2026-11-19")),
        ("on Saturday a week ago", day("2026-11-14")),
        (
            "on Saturday a week ago in the evening",
            "2026-11-14 17:00 2026-11-15 00:00".into(),
        ),
        ("on the first Monday of the month", day("2026-11-02")),
        ("the second Tuesday of March", day("2026-03-10")),
        (
            "today over lunch",
            "2026-11-26 11:00 2026-11-26 15:00".into(),
        ),
        (
            "on the weekend of the 7th and 8th",
            "2026-11-07 00:00 2026-11-09 00:00".into(),
        ),
        ("recap for yesterday", day("2026-11-25")),
        ("show me the summary for today", day("2026-11-26")),
        (
            "summary for last week",
            "2026-11-16 00:00 2026-11-23 00:00".into(),
        ),
        // Before and after
        (
            "what did I do before last Tuesday",
            "1970-01-01 00:00 2026-11-24 00:00".into(),
        ),
        (
            "until last Friday",
            "1970-01-01 00:00 2026-11-21 00:00".into(),
        ),
        (
            "what happened after March 3rd",
            "2026-03-04 00:00 2026-11-26 15:30".into(),
        ),
        (
            "the week before last",
            "2026-11-09 00:00 2026-11-16 00:00".into(),
        ),
        (
            "the weekend before last",
            "2026-11-14 00:00 2026-11-16 00:00".into(),
        ),
        (
            "the month before last",
            "2026-09-01 00:00 2026-10-01 00:00".into(),
        ),
        // Shares
        (
            "the week of November 16",
            "2026-11-16 00:00 2026-11-23 00:00".into(),
        ),
        (
            "in the first week of November",
            "2026-11-01 00:00 2026-11-08 00:00".into(),
        ),
        (
            "in the last week of March",
            "2026-03-25 00:00 2026-04-01 00:00".into(),
        ),
        (
            "in early November",
            "2026-11-01 00:00 2026-11-11 00:00".into(),
        ),
        (
            "at the end of last month",
            "2026-10-21 00:00 2026-11-01 00:00".into(),
        ),
        (
            "a fortnight ago",
            "2026-11-10 00:00 2026-11-15 00:00".into(),
        ),
        ("two Fridays ago", day("2026-11-13")),
        ("lately", "2026-11-12 00:00 2026-11-27 00:00".into()),
        ("on 16.11.2026", day("2026-11-16")),
        ("on 16/11/2026", day("2026-11-16")),
        ("on 11/16/2026", day("2026-11-16")),
        // The most exact of several
        ("last week on Tuesday", day("2026-11-24")),
    ] {
        let found = period(text, NOW, "Europe/Berlin").map(|(start, end)| format!("{start} {end}"));
        if found.as_deref() != Some(expected.as_str()) {
            wrong.push(format!("{text}: {found:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_not_the_past_is_no_period() {
    for text in [
        "the dentist",
        "what may I eat",
        "when do we march",
        "next Tuesday",
        "tomorrow morning",
        "the second question",
        "every Tuesday",
        "for Monday",
        "what did we say about Tuesday",
        "she sat in the sun",
        "the last question",
        "I have 3 days",
        "a week at the sea",
        "room 2025",
        "in the morning",
        "by Friday",
        "the first thing",
        "",
        "?!",
        "’s",
    ] {
        assert_eq!(period(text, NOW, "Europe/Berlin"), None, "{text}");
    }
}

#[test]
fn what_comes_is_ahead() {
    let day = |date: &str| {
        let next = date.parse::<NaiveDate>().unwrap().succ_opt().unwrap();
        format!("{date} 00:00 {next} 00:00")
    };
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("what is on tomorrow", day("2026-11-27")),
        (
            "tomorrow morning",
            "2026-11-27 04:00 2026-11-27 12:00".into(),
        ),
        ("the day after tomorrow", day("2026-11-28")),
        ("tonight", "2026-11-26 18:00 2026-11-27 05:00".into()),
        ("what's on this Saturday", day("2026-11-28")),
        ("this Sunday", day("2026-11-29")),
        ("next Tuesday", day("2026-12-01")),
        ("what is due next week Tuesday", day("2026-12-01")),
        ("what is due next week on Friday", day("2026-12-04")),
        ("Wednesday of next week", day("2026-12-02")),
        ("what do I have to do on Monday", day("2026-11-30")),
        ("for Monday", day("2026-11-30")),
        ("what is due on Thursday", day("2026-12-03")),
        ("what is on my calendar on Monday", day("2026-11-30")),
        ("What are my tasks for today?", day("2026-11-26")),
        (
            "what do I have to do this week",
            "2026-11-26 00:00 2026-11-30 00:00".into(),
        ),
        (
            "what is due next week",
            "2026-11-30 00:00 2026-12-07 00:00".into(),
        ),
        ("next weekend", "2026-11-28 00:00 2026-11-30 00:00".into()),
        (
            "what are our plans at the weekend",
            "2026-11-28 00:00 2026-11-30 00:00".into(),
        ),
        (
            "in the next 3 days",
            "2026-11-26 00:00 2026-11-30 00:00".into(),
        ),
        ("next month", "2026-12-01 00:00 2027-01-01 00:00".into()),
        (
            "what is due in March",
            "2027-03-01 00:00 2027-04-01 00:00".into(),
        ),
        (
            "which deadlines are in November",
            "2026-11-26 00:00 2026-12-01 00:00".into(),
        ),
        ("in two days", day("2026-11-28")),
        ("by Friday", "2026-11-26 00:00 2026-11-28 00:00".into()),
        (
            "what is due before Monday",
            "2026-11-26 00:00 2026-11-30 00:00".into(),
        ),
        ("what is due on the 28th", day("2026-11-28")),
        ("what is due on the 3rd", day("2026-12-03")),
        ("what is due on December 24th", day("2026-12-24")),
        ("what is planned for March 3rd", day("2027-03-03")),
    ] {
        let found = ahead(text).map(|(start, end)| format!("{start} {end}"));
        if found.as_deref() != Some(expected.as_str()) {
            wrong.push(format!("{text}: {found:?}, not {expected}"));
        }
        if let Some(past) = period(text, NOW, "Europe/Berlin") {
            wrong.push(format!("{text}: is no past, but {past:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The past is not ahead, whatever it is about.
    for text in [
        "what did I say on Monday",
        "which tasks did I finish last week",
        "what was due on Tuesday",
        "the dentist",
    ] {
        assert_eq!(ahead(text), None, "{text}");
    }
    let both = read(
        "what did Anna say yesterday about tomorrow's meeting",
        NOW.parse().unwrap(),
        Tz::UTC,
    );
    assert!(both.period.is_some() && both.ahead.is_some());
    assert_eq!(both.rest, "what did Anna say about meeting");
}

#[test]
fn the_rest_goes_on_without_the_time() {
    for (text, rest, vague) in [
        (
            "what did Anna say about the boiler last Tuesday?",
            "what did Anna say about the boiler ?",
            false,
        ),
        ("Yesterday's meeting with Tom", "meeting with Tom", false),
        (
            "what did I do last Tuesday evening?",
            "what did I do ?",
            true,
        ),
        (
            "who did I talk to on the 14th?",
            "who did I talk to ?",
            true,
        ),
        ("last week", "", true),
        (
            "between Monday and Wednesday the roof leaked",
            "the roof leaked",
            false,
        ),
        ("Ärzte gestern", "Ärzte gestern", false),
    ] {
        let found = read(text, NOW.parse().unwrap(), Tz::UTC);
        assert_eq!(found.rest, rest, "{text}");
        assert_eq!(vague, super::vague(&found.rest), "{text}");
    }
}

#[test]
fn days_are_those_of_the_users_zone() {
    // Already Friday in Auckland, still Thursday in Los Angeles.
    for (zone, yesterday) in [
        ("Pacific/Auckland", "2026-11-26"),
        ("America/Los_Angeles", "2026-11-25"),
    ] {
        let (start, _) = period("yesterday", NOW, zone).unwrap();
        assert_eq!(start, format!("{yesterday} 00:00"), "{zone}");
    }
    // The day on which summer time ends has 25 hours, the one on which it begins 23.
    for (now, hours) in [("2026-10-26T12:00:00Z", 25), ("2026-03-30T12:00:00Z", 23)] {
        let found = read(
            "yesterday",
            now.parse().unwrap(),
            "Europe/Berlin".parse().unwrap(),
        );
        let (start, end) = found.period.unwrap();
        assert_eq!((end - start).num_hours(), hours, "{now}");
    }
    // Midnight itself is skipped: the day begins an hour late.
    let found = read(
        "yesterday",
        "2026-04-25T12:00:00Z".parse().unwrap(),
        "Africa/Cairo".parse().unwrap(),
    );
    let (start, end) = found.period.unwrap();
    assert_eq!((end - start).num_hours(), 23);
}

#[test]
fn nothing_makes_it_stumble() {
    for text in [
        "0 days ago",
        "999 years ago",
        "1000 years ago",
        "the last 1000 months",
        "99999999999 days ago",
        "on the 0th",
        "on the 32nd",
        "February 30th",
        "since",
        "between",
        "between and",
        "between Monday and",
        "from 3 to",
        "the",
        "on",
        "last",
        "this",
        "the morning of",
        "9999-12-31",
        "0000-00-00",
        "ago ago ago",
        "99/99/9999",
        "1.2.",
        "in 99999999 years",
        "the ninth week of February",
        "next 4294967295 years",
        "before",
        "next",
        "the week of",
        "9999999 Fridays ago",
        "🙂 yesterday 🙂",
        "\u{0}",
    ] {
        read(text, NOW.parse().unwrap(), Tz::UTC);
        read(
            text,
            DateTime::<Utc>::MIN_UTC + Duration::days(800),
            Tz::UTC,
        );
    }
}
