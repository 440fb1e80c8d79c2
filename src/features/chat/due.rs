//! Which tasks a question is about: by when they are due, and by its words.

use super::{
    sought::Period,
    wanted::{Wanted, held},
};
use crate::features::action_items::ActionItem;
use chrono::{DateTime, Utc};

/// Tasks that are told at most.
const MOST: usize = 24;

#[derive(Debug, Default)]
pub struct Picked {
    /// What was asked for, best first.
    pub asked: Vec<ActionItem>,
    /// Others of the same state, for a reader who can judge.
    pub others: Vec<ActionItem>,
    /// What is told beside them.
    pub note: Option<String>,
}

/// `words`: what the question is about besides tasks. `items`: of the wanted state, due soonest first. `more`: there are
/// more than these.
pub fn pick(
    items: Vec<ActionItem>,
    more: bool,
    wanted: &Wanted,
    time: (Option<Period>, Option<Period>),
    words: &[String],
    now: DateTime<Utc>,
) -> Picked {
    let (period, ahead) = time;
    let state = match wanted.done {
        Some(true) => "done",
        Some(false) => "open",
        None => "open or done",
    };
    // A period that is over is when things were done, or came up.
    let current = period.filter(|(_, to)| *to > now);
    let due = ahead.or(current.filter(|_| wanted.done != Some(true)));
    let past = period.filter(|_| due.is_none());
    let inside = |period: Period, at: Option<DateTime<Utc>>| {
        at.is_some_and(|at| period.0 <= at && at < period.1)
    };
    let in_time = |item: &ActionItem| match (due, past) {
        (Some(due), _) => inside(due, item.due_at),
        (None, Some(past)) if wanted.done == Some(true) => inside(past, item.completed_at),
        (None, Some(past)) => inside(past, item.due_at) || inside(past, Some(item.created_at)),
        (None, None) => true,
    };
    let total = items.len();
    let (mut asked, mut others): (Vec<_>, Vec<_>) = items.into_iter().partition(in_time);
    let timed = due.is_some() || past.is_some();
    let in_time = asked.len();
    let mut note = None;
    if timed && asked.is_empty() && !wanted.promise {
        let what = if due.is_some() {
            "is due then"
        } else if wanted.done == Some(true) {
            "was completed then"
        } else {
            "is of that time"
        };
        note = Some(format!("No {state} task {what}."));
    } else if wanted.count {
        let then = if timed { " of that time" } else { "" };
        let at_least = if more { "more than " } else { "" };
        let count = if timed { in_time } else { total };
        let plural = if count == 1 { "" } else { "s" };
        note = Some(format!(
            "You have {at_least}{count} {state} task{plural}{then}."
        ));
    }
    if !words.is_empty() {
        let says = |item: &ActionItem| held(words, &item.description);
        let best = asked.iter().map(says).max().unwrap_or_default();
        if best > 0 || wanted.promise {
            let (hit, mut rest): (Vec<_>, Vec<_>) =
                asked.into_iter().partition(|item| says(item) > 0);
            asked = hit;
            asked.sort_by_key(|item| std::cmp::Reverse(says(item)));
            rest.append(&mut others);
            others = rest;
        }
    }
    asked.truncate(MOST);
    others.truncate(MOST - asked.len());
    Picked {
        asked,
        others,
        note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;

    fn picked(question: &str, ahead: Option<(i64, i64)>, period: Option<(i64, i64)>) -> Picked {
        let now: DateTime<Utc> = "2026-02-01T12:00:00Z".parse().unwrap_or_default();
        let wanted = Wanted::by(question);
        let day = |days| now + Duration::days(days);
        let item = |description: &str, due: Option<i64>, done: Option<i64>| ActionItem {
            description: description.into(),
            due_at: due.map(day),
            completed: done.is_some(),
            completed_at: done.map(day),
            ..Default::default()
        };
        let items = vec![
            item("Pay the rent", Some(2), None),
            item("Sell the piano", Some(9), None),
            item("Call Anna", None, None),
            item("Feed the cat", None, Some(-3)),
        ];
        let items = items.into_iter();
        let items = items.filter(|item| wanted.done.is_none_or(|done| done == item.completed));
        let span = |days: Option<(i64, i64)>| days.map(|(from, to)| (day(from), day(to)));
        let words = super::super::wanted::content_of_tasks(question);
        let time = (span(period), span(ahead));
        pick(items.collect(), false, &wanted, time, &words, now)
    }

    fn names(picked: &Picked) -> Vec<&str> {
        let items = picked.asked.iter();
        items.map(|item| item.description.as_str()).collect()
    }

    #[test]
    fn time_and_words_choose() {
        let due = picked("what is due", Some((1, 3)), None);
        assert_eq!(names(&due), ["Pay the rent"]);
        assert_eq!(due.others.len(), 2);
        let nothing = picked("what is due", Some((4, 5)), None);
        assert_eq!(names(&nothing), [""; 0]);
        assert_eq!(nothing.note.as_deref(), Some("No open task is due then."));
        let nothing = picked("tasks", None, Some((-1, 1)));
        assert_eq!(nothing.note.as_deref(), Some("No open task is due then."));
        assert_eq!(
            names(&picked("tasks about the piano", None, None)),
            ["Sell the piano"]
        );
        assert_eq!(names(&picked("what are my tasks", None, None)).len(), 3);
        assert_eq!(
            names(&picked("what did I promise Anna", None, None)),
            ["Call Anna"]
        );
        assert_eq!(
            names(&picked("what did I promise Ben", None, None)),
            [""; 0]
        );
        assert_eq!(
            names(&picked("which tasks are finished", None, Some((-4, -2)))),
            ["Feed the cat"]
        );
        let count = picked("how many tasks do I have", None, None);
        assert_eq!(count.note.as_deref(), Some("You have 3 open tasks."));
    }
}
