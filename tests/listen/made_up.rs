//! Recognisers make words up where nobody speaks: silence, noise and music have to stay without any.

use std::{f64::consts::TAU, time::Duration};

use omi_server::platform::speech::{Class, Language, Request, SpeechPool, Vocabulary};
use uuid::Uuid;

use super::query;
use crate::support::{
    Server,
    device::{Device, text},
    material,
};

const RATE: usize = 16_000;
const SECONDS: usize = 30;

/// From a fixed seed, between -1 and 1.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

fn render(mut at: impl FnMut(f64) -> f64) -> Vec<i16> {
    (0..SECONDS * RATE)
        .map(|n| (at(n as f64 / RATE as f64) * 32_767.0).clamp(-32_768.0, 32_767.0) as i16)
        .collect()
}

/// Hz of a note so many semitones above A3.
fn pitch(semitones: i32) -> f64 {
    220.0 * 2f64.powf(f64::from(semitones) / 12.0)
}

/// A tone with overtones that dies away.
fn pluck(frequency: f64, since: f64) -> f64 {
    let tone: f64 = (1..=4)
        .map(|overtone| {
            let overtone = f64::from(overtone);
            (TAU * frequency * overtone * since).sin() / overtone
        })
        .sum();
    tone * (-3.0 * since).exp() * (since * 100.0).min(1.0)
}

const CHORDS: [[i32; 3]; 4] = [[0, 4, 7], [-3, 0, 4], [5, 9, 12], [7, 11, 14]];

fn chords(time: f64) -> f64 {
    let chord = CHORDS[time as usize % 4];
    let tones: f64 = chord
        .iter()
        .map(|note| pluck(pitch(*note), time.fract()))
        .sum();
    tones * 0.12
}

fn arpeggio(time: f64) -> f64 {
    let chord = CHORDS[time as usize % 4];
    let step = time * 4.0;
    pluck(pitch(chord[step as usize % 3] + 12), step.fract() / 4.0) * 0.3
}

fn drums(time: f64, noise: &mut Noise) -> f64 {
    let beat = (time * 2.0).fract() / 2.0;
    let hat = (time * 4.0).fract() / 4.0;
    let kick = (TAU * 60.0 * beat).sin() * (-12.0 * beat).exp();
    kick * 0.4 + noise.next() * (-40.0 * hat).exp() * 0.2
}

fn sounds() -> Vec<(&'static str, Vec<i16>)> {
    let mut hiss = Noise(0x2545_f491);
    let mut loud = Noise(7);
    let mut rattle = Noise(99);
    vec![
        ("silence", vec![0; SECONDS * RATE]),
        ("soft noise", render(|_| hiss.next() * 0.02)),
        ("loud noise", render(|_| loud.next() * 0.3)),
        ("chords", render(chords)),
        ("arpeggio", render(arpeggio)),
        (
            "band",
            render(|time| chords(time) + arpeggio(time) + drums(time, &mut rattle)),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_seconds_without_speech_have_no_words() {
    let model = material::model();
    let pool = tokio::task::spawn_blocking(move || SpeechPool::load(&model, 0))
        .await
        .unwrap()
        .unwrap();
    // Nor are there if words are expected.
    let expected = Vocabulary::new(["Omi", "Kubernetes", "Zbigniew", "Ljubljana"]);
    let vocabularies = [Vocabulary::default(), expected];
    for (name, sound) in sounds() {
        // All in one, as long as an utterance can be, and short ones. Parts of the same music are much alike.
        for length in [SECONDS, 15, 3] {
            for (place, vocabulary) in vocabularies.iter().enumerate() {
                let parts = sound.chunks(length * RATE);
                let part = parts.cycle().nth(place).unwrap();
                let request = Request {
                    session: Uuid::nil(),
                    class: Class::Live,
                    samples: part.into(),
                    language: Language::from_omi("en"),
                    vocabulary: vocabulary.clone(),
                };
                let heard = pool.transcribe(&request).await.unwrap();
                let words: Vec<_> = heard.pieces.iter().map(|piece| &piece.text).collect();
                assert!(
                    words.is_empty(),
                    "{name}, part {place} of {length} s: {words:?}"
                );
            }
        }
    }
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_hears_music_sends_no_words() {
    let server = Server::start().await;
    let user = server.user("music@example.org").await;
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    for (_, sound) in sounds() {
        device.play_pcm16(&sound, 0.0).await;
        device.play_pcm16(&[0; RATE], 0.0).await;
    }
    device.read_until_quiet(Duration::from_secs(10)).await;
    assert_eq!(text(&device.segments()), "");
    assert_eq!(device.closed, None);
    device.close().await;
}
