//! Tests of the segmenter on made sounds: vowels from a buzz and resonators, tones, noise and silence.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::f32::consts::TAU;

use proptest::prelude::*;

use super::*;

const RATE: f32 = SAMPLE_RATE as f32;

fn samples(seconds: f32) -> usize {
    (seconds * RATE) as usize
}

fn silence(seconds: f32) -> Vec<i16> {
    vec![0; samples(seconds)]
}

fn sine(seconds: f32) -> Vec<i16> {
    let step = 440.0 * TAU / RATE;
    (0..samples(seconds))
        .map(|n| ((n as f32 * step).sin() * 8_000.0) as i16)
        .collect()
}

/// Even noise in -1..1.
struct Noise(u64);

impl Iterator for Noise {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some((self.0 >> 40) as f32 / 8_388_608.0 - 1.0)
    }
}

fn hiss(seconds: f32, loudness: f32) -> Vec<i16> {
    Noise(7)
        .take(samples(seconds))
        .map(|n| (n * loudness) as i16)
        .collect()
}

/// Noise that is louder the lower it is, like wind or a motor.
fn rumble(seconds: f32, loudness: f32) -> Vec<i16> {
    let mut level = 0.0;
    let next = |noise: f32| {
        level = level * 0.98 + noise * 0.1;
        (level * loudness) as i16
    };
    Noise(9).take(samples(seconds)).map(next).collect()
}

/// One band of the voice, as a two-pole filter.
struct Resonator {
    gain: f32,
    a: f32,
    b: f32,
    last: [f32; 2],
}

impl Resonator {
    fn new(hertz: f32, width: f32) -> Self {
        let radius = (-TAU / 2.0 * width / RATE).exp();
        Self {
            gain: 1.0 - radius,
            a: 2.0 * radius * (TAU * hertz / RATE).cos(),
            b: -radius * radius,
            last: [0.0; 2],
        }
    }

    fn filter(&mut self, input: f32) -> f32 {
        let output = self.gain * input + self.a * self.last[0] + self.b * self.last[1];
        self.last = [output, self.last[0]];
        output
    }
}

/// Syllables of 0.24 s with changing vowels, a falling pitch and short closures between them.
fn speech(seconds: f32) -> Vec<i16> {
    let vowels = [
        [730.0, 1_090.0, 2_440.0],
        [270.0, 2_290.0, 3_010.0],
        [570.0, 840.0, 2_410.0],
        [530.0, 1_840.0, 2_480.0],
    ];
    let mut sound = Vec::new();
    let mut phase = 0.0_f32;
    let mut noise = Noise(3);
    let syllables = (seconds / 0.24).round() as usize;
    for syllable in 0..syllables {
        let mut bands = vowels[syllable * 7 % 4].map(|hertz| Resonator::new(hertz, 80.0));
        let length = samples(0.24);
        for n in 0..length {
            let through = n as f32 / length as f32;
            phase += (140.0 - 40.0 * through + 15.0 * (syllable % 3) as f32) / RATE;
            let buzz = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase -= phase.floor();
            let breath = noise.next().unwrap() * 0.01;
            let open = if through < 0.8 {
                (through / 0.8 * TAU / 2.0).sin()
            } else {
                0.02
            };
            let voice: f32 = bands
                .iter_mut()
                .map(|band| band.filter(buzz + breath))
                .sum();
            sound.push((voice * open * 90_000.0) as i16);
        }
    }
    sound
}

#[test]
fn what_goes_on_is_known_so_far() {
    let mut segmenter = Segmenter::of_positions(160);
    assert!(segmenter.so_far().is_none() && segmenter.in_pause());
    segmenter.push(&silence(1.0));
    assert!(segmenter.so_far().is_none());
    segmenter.push(&speech(2.0));
    let first = segmenter.so_far().unwrap();
    assert_eq!(first.start, segmenter.safe_position());
    assert!(!segmenter.in_pause());
    segmenter.push(&speech(1.0));
    let later = segmenter.so_far().unwrap();
    assert!(later.start == first.start && later.end > first.end);
    // A pause that may be the end, and then is.
    assert!(segmenter.push(&silence(0.45)).is_empty());
    assert!(segmenter.so_far().is_some() && segmenter.in_pause());
    let ended = segmenter.push(&silence(0.6));
    assert_eq!(ended[0].start, first.start);
    assert!(segmenter.so_far().is_none() && segmenter.in_pause());
}

fn cut(sound: &[i16]) -> Vec<Utterance> {
    let mut segmenter = Segmenter::new(0);
    let mut cut = segmenter.push(sound);
    cut.extend(segmenter.finish());
    cut
}

/// Start and end in seconds.
fn times(utterances: &[Utterance]) -> Vec<(f32, f32)> {
    let seconds = |position: u64| position as f32 / RATE;
    let both = |u: &Utterance| (seconds(u.start), seconds(u.start + u.samples.len() as u64));
    utterances.iter().map(both).collect()
}

#[test]
fn speech_is_cut_out_of_silence_with_room_around_it() {
    let sound = [
        silence(1.0),
        speech(2.4),
        silence(2.0),
        speech(1.2),
        silence(1.0),
    ]
    .concat();
    let cut = cut(&sound);
    let times = times(&cut);
    assert_eq!(times.len(), 2, "{times:?}");
    for ((start, end), (from, to)) in times.iter().zip([(1.0, 3.4), (5.4, 6.6)]) {
        assert!((from - 0.6..from - 0.25).contains(start), "{times:?}");
        assert!((to + 0.15..to + 0.6).contains(end), "{times:?}");
    }
    for utterance in &cut {
        let from = utterance.start as usize;
        assert!(utterance.samples == sound[from..from + utterance.samples.len()]);
    }
}

#[test]
fn a_short_pause_does_not_end_an_utterance() {
    let sound = [
        silence(0.5),
        speech(1.2),
        silence(0.4),
        speech(1.2),
        silence(1.0),
    ]
    .concat();
    assert_eq!(cut(&sound).len(), 1);
}

#[test]
fn an_utterance_is_returned_as_soon_as_the_silence_is_long_enough() {
    let mut segmenter = Segmenter::new(0);
    assert!(
        segmenter
            .push(&[silence(0.5), speech(1.2), silence(0.4)].concat())
            .is_empty()
    );
    assert!(segmenter.in_speech());
    assert_eq!(segmenter.push(&silence(0.6)).len(), 1);
    assert!(!segmenter.in_speech());
    assert!(segmenter.finish().is_none());
}

#[test]
fn silence_and_steady_sounds_are_no_speech() {
    for sound in [
        silence(20.0),
        hiss(20.0, 30.0),
        hiss(20.0, 900.0),
        hiss(20.0, 12_000.0),
        sine(20.0),
    ] {
        assert_eq!(times(&cut(&sound)), []);
        let begun = [silence(2.0), sound, silence(1.0)].concat();
        assert_eq!(times(&cut(&begun)), []);
    }
}

#[test]
fn unsteady_noise_is_learned_within_seconds() {
    for loudness in [300.0, 3_000.0, 20_000.0] {
        let heard = times(&cut(&rumble(60.0, loudness)));
        let total: f32 = heard.iter().map(|(start, end)| end - start).sum();
        assert!(total < 6.0, "{loudness}: {heard:?}");
    }
}

#[test]
fn speech_over_noise_is_found() {
    let mut sound = hiss(12.0, 300.0);
    for (n, sample) in speech(3.0).into_iter().enumerate() {
        sound[samples(6.0) + n] += sample;
    }
    let times = times(&cut(&sound));
    assert_eq!(times.len(), 1, "{times:?}");
    assert!(
        times[0].0 < 6.0 && times[0].0 > 5.4 && times[0].1 > 9.0 && times[0].1 < 9.8,
        "{times:?}"
    );
}

#[test]
fn a_knock_is_dropped() {
    let mut sound = silence(3.0);
    sound[samples(1.0)..samples(1.02)].fill(20_000);
    assert_eq!(times(&cut(&sound)), []);
}

#[test]
fn long_speech_is_cut_at_the_first_pause_after_ten_seconds() {
    let sound = [
        speech(8.4),
        silence(0.4),
        speech(3.6),
        silence(0.4),
        speech(6.0),
        silence(2.0),
    ]
    .concat();
    let times = times(&cut(&sound));
    assert_eq!(times.len(), 2, "{times:?}");
    assert!((12.4..12.8).contains(&times[0].1), "{times:?}");
    assert_eq!(times[0].1, times[1].0);
}

#[test]
fn speech_without_pauses_is_cut_before_fifteen_seconds_and_nothing_is_lost() {
    let sound = speech(60.0);
    let cut = cut(&sound);
    let longest = cut.iter().map(|u| u.samples.len()).max().unwrap();
    assert!(longest <= samples(15.1), "{:?}", times(&cut));
    assert!(cut.len() >= 4);
    let joined: Vec<i16> = cut.into_iter().flat_map(|u| u.samples).collect();
    assert!(joined == sound, "samples were lost or doubled");
}

#[test]
fn a_resumed_stream_goes_on_counting() {
    let sound = [silence(1.0), speech(1.2), silence(1.0)].concat();
    let first = cut(&sound);
    let mut segmenter = Segmenter::new(1_000_000);
    let later = segmenter.push(&sound);
    assert_eq!(later[0].start, first[0].start + 1_000_000);
    assert!(later[0].samples == first[0].samples);
    segmenter.finish();
    assert_eq!(segmenter.safe_position(), 1_000_000 + sound.len() as u64);
}

#[test]
fn speech_cut_off_by_the_end_of_the_stream_is_kept_to_the_last_sample() {
    let sound = [silence(0.5), speech(1.2)].concat();
    let sound = &sound[..sound.len() - 1_000];
    let cut = cut(sound);
    assert_eq!(cut.len(), 1);
    assert_eq!(cut[0].start as usize + cut[0].samples.len(), sound.len());
}

/// A few seconds of everything, in any order.
fn scenes() -> impl Strategy<Value = Vec<i16>> {
    let one = (0..5, 1..30).prop_map(|(kind, tenths)| {
        let seconds = tenths as f32 / 10.0;
        match kind {
            0 => silence(seconds),
            1 => hiss(seconds, 400.0),
            2 => rumble(seconds, 3_000.0),
            _ => speech(seconds),
        }
    });
    prop::collection::vec(one, 1..8).prop_map(|scenes| scenes.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pieces_of_any_size_give_the_same_utterances_in_order(
        sound in scenes(),
        sizes in prop::collection::vec(1..5_000_usize, 1..20),
        start in 0..1_000_000_u64,
    ) {
        let mut whole = Segmenter::new(start);
        let mut expected = whole.push(&sound);
        expected.extend(whole.finish());

        let mut segmenter = Segmenter::new(start);
        let mut got: Vec<Utterance> = Vec::new();
        let mut rest = sound.as_slice();
        let mut safe = start;
        let mut pushed = start;
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at((*size).min(rest.len()));
            rest = more;
            pushed += piece.len() as u64;
            for utterance in segmenter.push(piece) {
                prop_assert!(utterance.start >= safe);
                got.push(utterance);
            }
            prop_assert!(segmenter.safe_position() >= safe);
            safe = segmenter.safe_position();
            prop_assert!(safe <= pushed);
            prop_assert!(pushed - safe <= (HARD_LIMIT + 1) as u64 * FRAME as u64);
        }
        if let Some(last) = segmenter.finish() {
            prop_assert!(last.start >= safe);
            got.push(last);
        }
        prop_assert_eq!(segmenter.safe_position(), start + sound.len() as u64);

        let mut position = start;
        for utterance in &got {
            prop_assert!(utterance.start >= position);
            prop_assert!(!utterance.samples.is_empty());
            prop_assert_eq!(utterance.length, utterance.samples.len() as u64);
            position = utterance.start + utterance.samples.len() as u64;
            let from = (utterance.start - start) as usize;
            prop_assert!(utterance.samples == sound[from..from + utterance.samples.len()]);
        }
        prop_assert!(position <= start + sound.len() as u64);
        prop_assert_eq!(times(&got), times(&expected));
        prop_assert!(got == expected);

        // Without its sound it is the same.
        let mut positions = Segmenter::of_positions(start);
        let mut places = positions.push(&sound);
        places.extend(positions.finish());
        let place = |one: &Utterance| (one.start, one.length);
        prop_assert!(places.iter().all(|one| one.samples.is_empty()));
        prop_assert!(places.iter().map(place).eq(got.iter().map(place)));
        prop_assert_eq!(positions.safe_position(), segmenter.safe_position());
    }
}
