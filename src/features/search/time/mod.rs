//! Expressions of time in a question: which period of the past they mean, or which time to come, and what is left of the
//! question without them. Counted from now, in the user's zone. English only, as the rules that understand conversations are.

mod calendar;
mod names;
mod reader;
pub(super) mod words;

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

use calendar::midnight;
use reader::{Reader, Span};

/// From and to; the end is not part of it.
pub type Period = (DateTime<Utc>, DateTime<Utc>);

#[derive(Clone, Debug, PartialEq)]
pub struct Understood {
    /// Of what has been.
    pub period: Option<Period>,
    /// Of what comes: "tomorrow", "what do I have to do on Monday". It begins today at the earliest.
    pub ahead: Option<Period>,
    pub rest: String,
}

/// Of several expressions the most exact one counts; all are taken out.
pub fn read(text: &str, now: DateTime<Utc>, zone: Tz) -> Understood {
    let tokens = words::tokens(text);
    let names: Vec<_> = tokens.iter().map(|token| token.word.as_str()).collect();
    let forward = words::looks_ahead(&names);
    let reader = Reader {
        tokens: names,
        now: now.with_timezone(&zone).naive_local(),
        forward,
    };
    let today = midnight(reader.today());
    let (mut past, mut ahead): (Option<Span>, Option<Span>) = (None, None);
    let mut rest = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < tokens.len() {
        let Some((mut span, next)) = reader.expression(at).filter(|(_, next)| *next > at) else {
            at += 1;
            continue;
        };
        rest.push_str(&text[copied..tokens[at].start]);
        copied = tokens[next - 1].end;
        at = next;
        let comes = span.0 >= reader.now || forward && span.1 > reader.now;
        if comes && span.0 <= reader.now {
            span.0 = today;
        }
        let known = if comes { &mut ahead } else { &mut past };
        if known.is_none_or(|known| span.1 - span.0 < known.1 - known.0) {
            *known = Some(span);
        }
    }
    rest.push_str(&text[copied..]);
    let instants = |(start, end): Span| (in_zone(start, zone), in_zone(end, zone));
    Understood {
        period: past.map(instants),
        ahead: ahead.map(instants),
        rest: rest.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Whether a question without its time asks for nothing in particular.
pub fn vague(rest: &str) -> bool {
    words::tokens(rest)
        .iter()
        .all(|token| words::VAGUE.contains(&token.word.as_str()))
}

/// Whether a question without its time asks for nothing but what is to be done.
pub fn asks_what_comes(rest: &str) -> bool {
    words::tokens(rest).iter().all(|token| {
        let word = token.word.as_str();
        words::VAGUE.contains(&word) || words::DUTIES.contains(&word)
    })
}

/// The earlier instant of a time that comes twice; of one that is skipped, the first after the gap.
fn in_zone(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    for quarters in 0..=12 {
        let later = local + Duration::minutes(15 * quarters);
        if let Some(found) = zone.from_local_datetime(&later).earliest() {
            return found.to_utc();
        }
    }
    local.and_utc()
}

#[cfg(test)]
mod tests;
