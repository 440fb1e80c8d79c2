//! Joins freshly heard transcript segments with the last stored one, so that sentences stay whole.

use uuid::Uuid;

use crate::features::conversations::TranscriptSegment as Segment;

/// Same-speaker speech less than this many seconds apart is one segment.
const JOIN_GAP: f64 = 3.0;

/// From this many characters on, a segment that ends a sentence is left as it is.
const LONG_TEXT: usize = 125;

const ENDERS: [char; 10] = ['.', '?', '!', '。', '！', '？', '؟', '۔', '।', '॥'];

/// Written without a space after them, so a sentence ends there whatever follows.
const UNSPACED_ENDERS: [char; 3] = ['。', '！', '？'];

/// What a batch of segments does to the stored transcript.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Combined {
    /// Rows to write, in order: the tail (also when unchanged, unless removed), then the new ones.
    pub stored: Vec<Segment>,
    /// The tail's id, if all of its text moved into the segment after it.
    pub removed: Vec<Uuid>,
}

/// `tail` is the last stored segment of the conversation; `incoming` is one batch, in order of time.
pub fn combine(tail: Option<Segment>, incoming: Vec<Segment>) -> Combined {
    let tail_id = tail.as_ref().map(|segment| segment.id);
    let mut stored = join_all(Vec::from_iter(tail), join_all(Vec::new(), incoming));
    for segment in &mut stored {
        segment.text = tidy(&segment.text);
    }
    let removed = tail_id
        .into_iter()
        .filter(|id| stored.iter().all(|segment| segment.id != *id))
        .collect();
    Combined { stored, removed }
}

fn join_all(mut joined: Vec<Segment>, incoming: Vec<Segment>) -> Vec<Segment> {
    for mut next in incoming {
        let effect = match joined.last_mut() {
            Some(previous) => join(previous, &mut next),
            None => Effect::KeepBoth,
        };
        match effect {
            Effect::KeepBoth => joined.push(next),
            Effect::DropNext => {}
            Effect::DropPrevious => {
                joined.pop();
                joined.push(next);
            }
        }
    }
    joined
}

enum Effect {
    KeepBoth,
    DropNext,
    DropPrevious,
}

fn join(previous: &mut Segment, next: &mut Segment) -> Effect {
    if previous.stt_provider != next.stt_provider {
        return Effect::KeepBoth;
    }
    let same_speaker = previous.speaker == next.speaker;
    if same_speaker || (previous.is_user && next.is_user) {
        join_one_voice(previous, next, same_speaker)
    } else {
        join_two_voices(previous, next)
    }
}

fn join_one_voice(previous: &mut Segment, next: &Segment, same_speaker: bool) -> Effect {
    let ended = ends_sentence(&previous.text);
    let near = previous.speech_profile_processed == next.speech_profile_processed
        && next.start - previous.end < JOIN_GAP
        && (previous.text.chars().count() < LONG_TEXT || !ended);
    let continues = same_speaker && !ended && starts_in_lower_case(&next.text);
    if !near && !continues {
        return Effect::KeepBoth;
    }
    append(&mut previous.text, &next.text);
    previous.end = next.end;
    Effect::DropNext
}

/// A recogniser often puts the border between two voices a few words off. The shorter fragment of a
/// sentence cut in two goes to the voice that has the longer one. Times of moved words are unknown,
/// so ends and starts stay, except that an emptied-out segment never reaches past the next one.
fn join_two_voices(previous: &mut Segment, next: &mut Segment) -> Effect {
    let (complete, dangling) = split_last(&previous.text);
    let dangling_length = dangling.chars().count();
    if dangling_length == 0 {
        return Effect::KeepBoth;
    }
    let (first, rest) = split_first(&next.text);

    if !rest.is_empty() {
        if first.chars().count() < dangling_length {
            append(&mut previous.text, first);
            next.text = rest.to_owned();
            return Effect::KeepBoth;
        }
    } else {
        let incomplete = !ends_sentence(first) || starts_in_lower_case(first);
        if incomplete && first.chars().count() < dangling_length {
            append(&mut previous.text, first);
            return Effect::DropNext;
        }
    }

    if dangling_length >= next.text.trim().chars().count() {
        return Effect::KeepBoth;
    }
    let mut moved = dangling.to_owned();
    append(&mut moved, &next.text);
    next.text = moved;
    if complete.is_empty() {
        return Effect::DropPrevious;
    }
    previous.text = complete.to_owned();
    previous.end = previous.end.min(next.start);
    Effect::KeepBoth
}

fn append(text: &mut String, more: &str) {
    let more = more.trim();
    text.truncate(text.trim_end().len());
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end().ends_with(ENDERS)
}

fn starts_in_lower_case(text: &str) -> bool {
    text.trim_start().starts_with(char::is_lowercase)
}

/// Splits after the last ended sentence; both parts are trimmed.
fn split_last(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = sentence_ends(text).last().unwrap_or(0);
    let (complete, dangling) = text.split_at(at);
    (complete, dangling.trim_start())
}

/// Splits after the first sentence; both parts are trimmed.
fn split_first(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = sentence_ends(text).next().unwrap_or(text.len());
    let (first, rest) = text.split_at(at);
    (first, rest.trim_start())
}

/// Byte positions just after each sentence. A full stop inside a number or a name ("3.5", "a.m") ends none.
fn sentence_ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut letters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while let Some((at, letter)) = letters.next() {
            if !ENDERS.contains(&letter) {
                continue;
            }
            let ends = match letters.peek() {
                None => true,
                Some((_, next)) if ENDERS.contains(next) => false,
                Some((_, next)) => next.is_whitespace() || UNSPACED_ENDERS.contains(&letter),
            };
            if ends {
                return Some(at + letter.len_utf8());
            }
        }
        None
    })
}

/// Trims, makes every run of blanks one space, and puts `,` `.` `?` right behind the word before.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !tidied.is_empty() && !word.starts_with([',', '.', '?']) {
            tidied.push(' ');
        }
        tidied.push_str(word);
    }
    tidied
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod cases;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const A1: Uuid = Uuid::from_u128(0xa1);
    const B1: Uuid = Uuid::from_u128(0xb1);

    fn segment(id: Uuid, speaker: i32, start: f64, end: f64, text: &str) -> Segment {
        Segment {
            id,
            text: text.to_owned(),
            speaker: format!("SPEAKER_{speaker}"),
            speaker_id: speaker,
            start,
            end,
            speech_profile_processed: true,
            ..Segment::default()
        }
    }

    fn tail(text: &str) -> Segment {
        segment(A1, 0, 0.0, 1.0, text)
    }

    /// (id, speaker, start, end, text) of each stored segment, then the removed ids.
    type Seen = (Vec<(Uuid, i32, f64, f64, String)>, Vec<Uuid>);

    fn seen(combined: Combined) -> Seen {
        let rows = combined.stored.into_iter();
        (
            rows.map(|s| (s.id, s.speaker_id, s.start, s.end, s.text))
                .collect(),
            combined.removed,
        )
    }

    fn row(
        id: Uuid,
        speaker: i32,
        start: f64,
        end: f64,
        text: &str,
    ) -> (Uuid, i32, f64, f64, String) {
        (id, speaker, start, end, text.to_owned())
    }

    fn after(text: &str, next: Segment) -> Seen {
        seen(combine(Some(tail(text)), vec![next]))
    }

    #[test]
    fn one_voice_close_together_is_one_segment() {
        let got = after("Hello there.", segment(B1, 0, 3.5, 5.0, "How are you?"));
        assert_eq!(
            got,
            (
                vec![row(A1, 0, 0.0, 5.0, "Hello there. How are you?")],
                vec![]
            )
        );
    }

    #[test]
    fn one_voice_three_seconds_later_starts_anew() {
        let got = after("Hello there.", segment(B1, 0, 4.5, 5.0, "How are you?"));
        assert_eq!(
            got,
            (
                vec![
                    row(A1, 0, 0.0, 1.0, "Hello there."),
                    row(B1, 0, 4.5, 5.0, "How are you?")
                ],
                vec![]
            )
        );
    }

    #[test]
    fn lower_case_continues_a_sentence_over_any_gap() {
        let got = after(
            "Hello there and",
            segment(B1, 0, 40.5, 45.0, "then we left the building."),
        );
        let text = "Hello there and then we left the building.";
        assert_eq!(got, (vec![row(A1, 0, 0.0, 45.0, text)], vec![]));
    }

    #[test]
    fn a_short_dangling_tail_moves_forward_and_disappears() {
        let got = after("so I", segment(B1, 1, 1.5, 5.0, "think we should go now."));
        let text = "so I think we should go now.";
        assert_eq!(got, (vec![row(B1, 1, 1.5, 5.0, text)], vec![A1]));
    }

    #[test]
    fn a_dangling_tail_leaves_its_whole_sentences_behind() {
        let got = after(
            "Done. so I",
            segment(B1, 1, 1.5, 5.0, "think we should go now."),
        );
        let text = "so I think we should go now.";
        assert_eq!(
            got,
            (
                vec![row(A1, 0, 0.0, 1.0, "Done."), row(B1, 1, 1.5, 5.0, text)],
                vec![]
            )
        );
    }

    #[test]
    fn a_shortened_tail_ends_before_the_next_voice() {
        let got = after(
            "Done. so I",
            segment(B1, 1, 0.75, 5.0, "think we should go now."),
        );
        assert_eq!(got.0[0], row(A1, 0, 0.0, 0.75, "Done."));
    }

    #[test]
    fn a_short_incomplete_answer_goes_back_whole() {
        let got = after(
            "I believe the answer to that is",
            segment(B1, 1, 1.5, 5.0, "forty two."),
        );
        let text = "I believe the answer to that is forty two.";
        assert_eq!(got, (vec![row(A1, 0, 0.0, 1.0, text)], vec![]));
    }

    #[test]
    fn a_short_first_sentence_goes_back_alone() {
        let next = segment(B1, 1, 1.5, 5.0, "yes. Great, thanks a lot for it.");
        let got = after("I believe the answer to that is", next);
        assert_eq!(
            got,
            (
                vec![
                    row(A1, 0, 0.0, 1.0, "I believe the answer to that is yes."),
                    row(B1, 1, 1.5, 5.0, "Great, thanks a lot for it."),
                ],
                vec![]
            )
        );
    }

    #[test]
    fn other_providers_are_never_mixed() {
        let mut next = segment(B1, 0, 1.0, 5.0, "then more");
        next.stt_provider = Some("phone".to_owned());
        assert_eq!(after("Hello there and", next).0.len(), 2);
    }

    #[test]
    fn two_voices_of_the_owner_are_one() {
        let mut first = tail("Hello there.");
        first.is_user = true;
        let mut next = segment(B1, 1, 1.5, 5.0, "How are you?");
        next.is_user = true;
        let got = combine(Some(first), vec![next]);
        assert_eq!(got.stored.len(), 1);
        assert_eq!(got.stored[0].speaker, "SPEAKER_0");
    }

    #[test]
    fn a_long_ended_segment_is_left_alone() {
        let long = format!("{}.", "word ".repeat(30).trim());
        let got = after(&long, segment(B1, 0, 1.0, 5.0, "Next one."));
        assert_eq!(got.0.len(), 2);
        let long = "word ".repeat(30);
        let got = after(&long, segment(B1, 0, 1.0, 5.0, "Next one."));
        assert_eq!(got.0.len(), 1);
    }

    #[test]
    fn a_batch_is_joined_with_itself_first() {
        let ids = [B1, Uuid::from_u128(0xb2), Uuid::from_u128(0xb3)];
        let batch = vec![
            segment(ids[0], 1, 5.0, 6.0, "so"),
            segment(ids[1], 2, 6.0, 7.0, "this is where"),
            segment(ids[2], 2, 7.0, 8.0, "we are."),
        ];
        let got = seen(combine(Some(tail("All done.")), batch));
        let expected = vec![
            row(A1, 0, 0.0, 1.0, "All done."),
            row(ids[1], 2, 6.0, 8.0, "so this is where we are."),
        ];
        assert_eq!(got, (expected, vec![]));
    }

    #[test]
    fn no_tail_and_no_news() {
        assert_eq!(combine(None, Vec::new()), Combined::default());
        let alone = combine(Some(tail("Alone.")), Vec::new());
        assert_eq!(alone.stored, vec![tail("Alone.")]);
    }

    #[test]
    fn text_is_tidied() {
        assert_eq!(
            tidy("  Well ,  yes .  Is it ?  Yes ! "),
            "Well, yes. Is it? Yes !"
        );
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        let ends = |text: &str| sentence_ends(text).collect::<Vec<_>>();
        assert_eq!(ends("It is 3.5 m. Really?! Yes"), vec![12, 21]);
        assert_eq!(ends("好。是！"), vec![6, 12]);
        assert_eq!(ends("no end"), Vec::<usize>::new());
    }

    fn texts() -> impl Strategy<Value = String> {
        let word = "[A-Za-z]{1,9}[.?!,]{0,2}";
        prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
    }

    fn batches() -> impl Strategy<Value = Vec<Segment>> {
        let one = (
            texts(),
            0..3_i32,
            any::<bool>(),
            any::<bool>(),
            0.0..9.0_f64,
            0.1..9.0_f64,
        );
        prop::collection::vec(one, 0..8).prop_map(|rows| {
            let mut clock = 0.0;
            let mut segments = Vec::new();
            for (n, (text, speaker, user, phone, gap, length)) in rows.into_iter().enumerate() {
                let start = clock + gap;
                clock = start + length;
                let id = Uuid::from_u128(n as u128 + 1);
                let mut made = segment(id, speaker, start, clock, &text);
                made.is_user = user;
                made.stt_provider = phone.then(|| "phone".to_owned());
                segments.push(made);
            }
            segments
        })
    }

    fn words<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for segment in segments {
            for word in segment.text.split_whitespace() {
                *count.entry(word.to_owned()).or_default() += 1;
            }
        }
        count
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_ids_are_kept(segments in batches(), with_tail: bool) {
            let before = words(&segments);
            let ids: Vec<Uuid> = segments.iter().map(|s| s.id).collect();
            let mut rest = segments;
            let tail = (with_tail && !rest.is_empty()).then(|| rest.remove(0));
            let tail_id = tail.as_ref().map(|s| s.id);
            let combined = combine(tail, rest);

            prop_assert_eq!(words(&combined.stored), before);
            let kept: Vec<Uuid> = combined.stored.iter().map(|s| s.id).collect();
            let in_order: Vec<Uuid> = ids.into_iter().filter(|id| kept.contains(id)).collect();
            prop_assert_eq!(&kept, &in_order);
            match tail_id {
                Some(id) if combined.removed.is_empty() => prop_assert_eq!(kept[0], id),
                Some(id) => prop_assert_eq!(&combined.removed, &vec![id]),
                None => prop_assert!(combined.removed.is_empty()),
            }
        }

        #[test]
        fn times_stay_in_order(segments in batches()) {
            let combined = combine(None, segments);
            for pair in combined.stored.windows(2) {
                prop_assert!(pair[0].start <= pair[0].end);
                prop_assert!(pair[0].end <= pair[1].start);
            }
        }
    }
}
