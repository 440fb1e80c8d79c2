//! Time phrases and the local instant they stand for.

use super::{Setting, ZONE, at, instant, own, shown, wednesday};
use crate::features::processing::rules::understand;

/// The due time of "Remind me to call Bob <phrase>", and what is left of the text.
fn due(phrase: &str, setting: &Setting) -> (Option<String>, String) {
    let text = format!("Remind me to call Bob {phrase}.");
    let mut items = understand(&[own(&text)], setting).action_items;
    assert_eq!(items.len(), 1, "{text}");
    let item = items.remove(0);
    (item.due_at.map(shown), item.description)
}

#[test]
fn phrases_said_on_a_wednesday_morning() {
    let cases = [
        ("today", "03-04 23:59"),
        ("tonight", "03-04 20:00"),
        ("this evening", "03-04 18:00"),
        ("this afternoon", "03-04 14:00"),
        ("tomorrow", "03-05 23:59"),
        ("tomorrow morning", "03-05 09:00"),
        ("tomorrow afternoon", "03-05 14:00"),
        ("tomorrow evening", "03-05 18:00"),
        ("tomorrow night", "03-05 20:00"),
        ("tomorrow at noon", "03-05 12:00"),
        ("the day after tomorrow", "03-06 23:59"),
        ("day after tomorrow at three", "03-06 15:00"),
        ("on Friday", "03-06 23:59"),
        ("by Friday", "03-06 23:59"),
        ("next Friday", "03-06 23:59"),
        ("this Friday", "03-06 23:59"),
        ("on Wednesday", "03-11 23:59"),
        ("this Wednesday", "03-04 23:59"),
        ("next Monday at 3", "03-09 15:00"),
        ("Monday at three", "03-09 15:00"),
        ("on Monday morning", "03-09 09:00"),
        ("on fri", "03-06 23:59"),
        ("in 3 days", "03-07 23:59"),
        ("in three weeks", "03-25 23:59"),
        ("in two weeks' time", "03-18 23:59"),
        ("in an hour", "03-04 11:00"),
        ("in half an hour", "03-04 10:30"),
        ("in an hour and a half", "03-04 11:30"),
        ("in 20 minutes", "03-04 10:20"),
        ("within two hours", "03-04 12:00"),
        ("in a couple of days", "03-06 23:59"),
        ("in a couple of hours", "03-04 12:00"),
        ("two days from now", "03-06 23:59"),
        ("a week from Friday", "03-13 23:59"),
        ("next week", "03-11 23:59"),
        ("next month", "04-04 23:59"),
        ("next year", "03-04 23:59"),
        ("in six months", "09-04 23:59"),
        ("on Tuesday next week", "03-10 23:59"),
        ("next week on Thursday at ten", "03-12 10:00"),
        ("by the end of the week", "03-06 23:59"),
        ("by the end of next week", "03-13 23:59"),
        ("by the end of the month", "03-31 23:59"),
        ("by end of day", "03-04 23:59"),
        ("by end of day Friday", "03-06 23:59"),
        ("this week", "03-06 23:59"),
        ("this weekend", "03-07 23:59"),
        ("over the weekend", "03-07 23:59"),
        ("next weekend", "03-14 23:59"),
        ("on the 5th", "03-05 23:59"),
        ("by the 3rd", "04-03 23:59"),
        ("on the twenty first", "03-21 23:59"),
        ("on March 3rd", "03-03 23:59"),
        ("on March 20", "03-20 23:59"),
        ("on the 20th of April", "04-20 23:59"),
        ("on 3 June", "06-03 23:59"),
        ("by May 5", "05-05 23:59"),
        ("on 3/14", "03-14 23:59"),
        ("on 2026-12-01", "12-01 23:59"),
        ("on 2026-12-01 at 8am", "12-01 08:00"),
        ("at 3", "03-04 15:00"),
        ("at three", "03-04 15:00"),
        ("at 3pm", "03-04 15:00"),
        ("at 3 p.m.", "03-04 15:00"),
        ("at 3 PM tomorrow", "03-05 15:00"),
        ("at half past four", "03-04 16:30"),
        ("at quarter to five", "03-04 16:45"),
        ("at a quarter past two", "03-04 14:15"),
        ("at ten to five", "03-04 16:50"),
        ("at three thirty", "03-04 15:30"),
        ("at 3:30", "03-04 15:30"),
        ("at 15:45", "03-04 15:45"),
        ("at 9", "03-05 09:00"),
        ("tomorrow at 7", "03-05 07:00"),
        ("tonight at 7", "03-04 19:00"),
        ("tomorrow evening at eight", "03-05 20:00"),
        ("today at 8", "03-04 20:00"),
        ("tomorrow morning at 6", "03-05 06:00"),
        ("at 5 in the morning", "03-05 05:00"),
        ("in the morning", "03-05 09:00"),
        ("in the afternoon", "03-04 14:00"),
        ("at noon", "03-04 12:00"),
        ("at midnight", "03-04 23:59"),
        ("at 12", "03-04 12:00"),
        ("at three o'clock", "03-04 15:00"),
        ("asap", "03-04 12:00"),
        ("right away", "03-04 12:00"),
        ("first thing tomorrow morning", "03-05 09:00"),
        ("on Tuesday, March 10th, at 3 pm", "03-10 15:00"),
        ("sometime next week", "03-11 23:59"),
        ("by Friday at the latest", "03-06 23:59"),
        ("in June", "06-01 23:59"),
        ("in March", "03-31 23:59"),
        ("on Thursday at 6 or 7", "03-05 18:00"),
        ("on the 5th of next month", "04-05 23:59"),
        ("next month on the 5th", "04-05 23:59"),
        ("on Friday the thirteenth", "03-13 23:59"),
        ("in the next hour", "03-04 11:00"),
        ("in 1 hour and 30 minutes", "03-04 11:30"),
        ("over the next few days", "03-07 23:59"),
        ("at three pm on the dot", "03-04 15:00"),
        ("at like two", "03-04 14:00"),
        ("on Friday night at 11", "03-06 23:00"),
        ("tonight at 1", "03-05 01:00"),
        ("tomorrow at midnight", "03-05 23:59"),
        ("between 2 and 3 tomorrow", "03-05 14:00"),
        ("the week after next", "03-18 23:59"),
        ("on Saturday the 14th of March", "03-14 23:59"),
        ("tomorrow, Thursday, at 4", "03-05 16:00"),
        ("every Monday at 9", "03-09 09:00"),
        ("every Monday", "03-09 23:59"),
        ("every morning", "03-05 09:00"),
        ("before Friday", "03-05 23:59"),
        ("before tomorrow", "03-04 23:59"),
        ("before the weekend", "03-06 23:59"),
        ("before May", "04-30 23:59"),
        ("before Friday at noon", "03-06 12:00"),
        ("before the end of June", "06-30 23:59"),
        ("by the end of February", "02-28 23:59"),
        ("tomorrow, I mean Friday", "03-06 23:59"),
        ("tomorrow at five, no, at six", "03-05 18:00"),
        ("at half six", "03-04 18:30"),
        ("tomorrow at lunchtime", "03-05 12:00"),
        ("tomorrow at 3 pm Eastern", "03-05 21:00"),
        ("tomorrow at three pacific time", "03-06 00:00"),
        ("on Friday at 9 am Tokyo time", "03-06 01:00"),
        // After the clocks went forward there, and before they do here.
        ("on Monday at noon New York time", "03-09 17:00"),
    ];
    let setting = wednesday();
    let mut wrong = Vec::new();
    for (phrase, expected) in cases {
        let (found, text) = due(phrase, &setting);
        if found.as_deref() != Some(expected) || text != "Call Bob" {
            wrong.push(format!(
                "{phrase}: expected {expected}, found {found:?}, text {text:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn phrases_that_are_no_dates() {
    let setting = wednesday();
    for phrase in [
        "about the three restaurants",
        "at 20 different numbers",
        "about the second draft",
        "about the 5th floor",
        "about May",
        "about the march",
        "for 3 people",
        "in 9999 years",
        "about the 24/7 plan",
    ] {
        assert_eq!(due(phrase, &setting).0, None, "{phrase}");
    }
}

#[test]
fn a_year_rolls_forward() {
    let setting = at("2026-11-20 10:00");
    let items = understand(
        &[own("Remind me to renew the lease on September 4.")],
        &setting,
    )
    .action_items;
    assert_eq!(items[0].due_at, Some(instant("2027-09-04 23:59")));
}

#[test]
fn a_weekday_said_on_that_day() {
    let friday = at("2026-03-06 10:00");
    assert_eq!(due("on Friday", &friday).0.as_deref(), Some("03-13 23:59"));
    assert_eq!(
        due("this Friday", &friday).0.as_deref(),
        Some("03-06 23:59")
    );
    assert_eq!(
        due("by the end of the week", &friday).0.as_deref(),
        Some("03-06 23:59")
    );
    assert_eq!(
        due("this weekend", &at("2026-03-08 10:00")).0.as_deref(),
        Some("03-08 23:59")
    );
}

#[test]
fn month_ends_are_clamped() {
    let last = at("2027-01-31 10:00");
    assert_eq!(due("next month", &last).0.as_deref(), Some("02-28 23:59"));
    assert_eq!(
        due("on February 29", &last).0.as_deref(),
        Some("02-29 23:59")
    );
    assert_eq!(due("on February 30", &last).0, None);
}

#[test]
fn tonight_said_late_is_the_rest_of_the_day() {
    assert_eq!(
        due("tonight", &at("2026-03-04 22:30")).0.as_deref(),
        Some("03-04 23:59")
    );
}

#[test]
fn clocks_across_a_change_of_offset() {
    // 29 March 2026: 02:00-03:00 does not exist in Berlin; 25 October: twice.
    let spring = at("2026-03-28 12:00");
    assert_eq!(
        due("tomorrow at 2:30 am", &spring).0.as_deref(),
        Some("03-29 03:30")
    );
    assert_eq!(
        due("tomorrow at 9 am", &spring).0.as_deref(),
        Some("03-29 09:00")
    );
    let autumn = at("2026-10-24 12:00");
    assert_eq!(
        due("tomorrow at 2:30 am", &autumn).0.as_deref(),
        Some("10-25 02:30")
    );
}

#[test]
fn an_old_reference_counts_from_now() {
    let setting = Setting {
        reference: instant("2026-02-20 10:00"),
        now: instant("2026-03-04 10:00"),
        time_zone: ZONE,
    };
    assert_eq!(due("tomorrow", &setting).0.as_deref(), Some("03-05 23:59"));
}

#[test]
fn a_due_more_than_a_day_past_is_dropped() {
    let setting = Setting {
        reference: instant("2026-03-01 10:00"),
        now: instant("2026-03-04 10:00"),
        time_zone: ZONE,
    };
    assert_eq!(due("tomorrow", &setting).0, None);
    assert_eq!(
        due("on Wednesday", &setting).0.as_deref(),
        Some("03-04 23:59")
    );
}
