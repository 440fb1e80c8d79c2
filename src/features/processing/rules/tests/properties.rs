//! Arbitrary zones, instants and texts: nothing panics, nothing lies in the past.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

use crate::features::processing::rules::{Line, Setting, understand, worth_keeping};

const PIECES: [&str; 96] = [
    "remind me to",
    "i need to",
    "i'll",
    "let's",
    "can you",
    "please",
    "todo:",
    "call mom",
    "buy milk",
    "meeting",
    "dinner",
    "with Anna",
    "tomorrow",
    "today",
    "tonight",
    "this",
    "next",
    "last",
    "friday",
    "monday",
    "week",
    "month",
    "year",
    "weekend",
    "morning",
    "evening",
    "night",
    "at",
    "by",
    "on",
    "in",
    "to",
    "from",
    "until",
    "between",
    "and",
    "the",
    "a",
    "an",
    "of",
    "end",
    "half",
    "past",
    "quarter",
    "three",
    "12",
    "0",
    "13",
    "2:30",
    "25:61",
    "3pm",
    "12am",
    "99999",
    "9999",
    "days",
    "hours",
    "minutes",
    "weeks",
    "months",
    "years",
    "ago",
    "from now",
    "5th",
    "31st",
    "twenty first",
    "march",
    "may",
    "february",
    "30",
    "29",
    "2026-02-30",
    "2026-12-01",
    "13/13",
    "2/29",
    "2/29/2027",
    "every",
    "noon",
    "midnight",
    "asap",
    "couple",
    "few",
    "oh",
    "five",
    "o'clock",
    "—",
    "\"",
    "“",
    "…",
    ".",
    "?",
    ",",
    "\n",
    "I live in",
    "my wife's name is",
    "ß’İ",
    "。",
];

fn zone() -> impl Strategy<Value = Tz> {
    (0..TZ_VARIANTS.len()).prop_map(|index| TZ_VARIANTS[index])
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    // 1880 to 2120, every second.
    (-2_840_000_000_i64..4_733_000_000)
        .prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)
        .prop_map(|pieces| pieces.join(" "));
    prop_oneof![4 => pieces, 1 => any::<String>(), 1 => "\\PC{0,200}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_understood(text in text(), more in text(), zone in zone(), reference in instant(), age in 0_i64..40_000_000, user: bool) {
        let now = reference + Duration::seconds(age / 1000);
        let setting = Setting { reference, now, time_zone: zone };
        let lines = [
            Line { speaker: "SPEAKER_00", is_user: user, text: &text },
            Line { speaker: "SPEAKER_00", is_user: user, text: &more },
            Line { speaker: "SPEAKER_01", is_user: false, text: &more },
        ];
        let found = understand(&lines, &setting);
        let earliest = reference - Duration::days(1);
        for item in &found.action_items {
            prop_assert!(item.due_at.is_none_or(|due| due >= earliest), "{item:?}");
            prop_assert!(!item.description.is_empty());
            prop_assert!(item.description.split_whitespace().count() <= 16, "{item:?}");
        }
        for event in &found.events {
            prop_assert!(event.start >= earliest && (1..=180).contains(&event.duration_minutes), "{event:?}");
        }
        prop_assert!(found.memories.len() <= 2);
        let words = found.title.split_whitespace().count();
        prop_assert!(found.title.is_empty() || (1..=10).contains(&words), "{}", found.title);
        worth_keeping(&lines, 60.0);
    }

    #[test]
    fn any_instant_is_survived(seconds in any::<i64>(), zone in zone()) {
        let reference = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let setting = Setting { reference, now: DateTime::<Utc>::MIN_UTC, time_zone: zone };
        let line = Line { speaker: "", is_user: true, text: "Remind me to call mom tomorrow at three." };
        prop_assert_eq!(understand(&[line], &setting).action_items.len(), 1);
    }
}
