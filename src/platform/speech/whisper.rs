//! Recognition with Whisper in this process, through whisper.cpp on the CPU.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError,
    WhisperState,
};

use super::guard::{is_noise, without_loops};
use super::{Language, Piece, Recogniser, Request, SpeechError, Transcript, Vocabulary};
use crate::platform::audio::SAMPLE_RATE;

/// Whisper hears 30 s at a time; this leaves room for the padding.
const WINDOW: usize = 28 * SAMPLE_RATE as usize;

/// Shorter sound is padded with silence, because Whisper refuses it.
const SHORTEST: usize = SAMPLE_RATE as usize * 12 / 10;

/// Less sound than this at the end of a clip is not worth a pass of its own.
const SHORTEST_REST: f64 = 2.0;

/// Positions of the encoder. It has 50 a second and 1500 in all, and its cost grows with them; below
/// 512 it makes Whisper repeat itself.
const POSITIONS_PER_SECOND: f64 = 50.0;
const LEAST_POSITIONS: i32 = 512;
const MOST_POSITIONS: i32 = 1500;
const SPARE_POSITIONS: i32 = 32;

/// Nobody says more tokens in a second, in any language.
const TOKENS_PER_SECOND: f64 = 20.0;
const SPARE_TOKENS: i32 = 24;

/// Seconds between two of Whisper's time marks.
const MARK: f64 = 0.02;

/// Words are dropped that Whisper puts on sound it takes for silence, or for likely silence when it is
/// not sure of the words either. It gives real speech, however short, less than 0.35.
const SILENCE: f32 = 0.8;
const LIKELY_SILENCE: f32 = 0.5;
const UNSURE: f32 = 0.5;

/// A language is found out from so much sound, which the least positions hold.
const FOR_LANGUAGE: usize = SAMPLE_RATE as usize * 10;

/// Bytes of the words that are to be expected. Each costs time, and whisper reads the last 223 tokens only.
const LONGEST_BEFORE: usize = 400;

/// With words that are expected, whisper takes silence for speech and writes something, but is less sure of it than this. Of
/// real speech it is less sure only where that is cut to pieces.
const SURE_WITH_WORDS: f32 = 0.6;

/// For the second try, when the first one ran in circles.
const SECOND_TEMPERATURE: f32 = 0.4;

/// A loaded model, shared by its recognisers.
pub struct Model {
    context: Arc<WhisperContext>,
}

impl Model {
    pub fn load(path: &Path) -> Result<Self, SpeechError> {
        silence_library();
        let failed = |reason: String| SpeechError::Model {
            path: path.to_owned(),
            reason,
        };
        std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        let context = WhisperContext::new_with_params(path, WhisperContextParameters::default())
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            context: Arc::new(context),
        })
    }

    pub fn recogniser(&self) -> Result<Box<dyn Recogniser>, SpeechError> {
        let state = self.context.create_state();
        Ok(Box::new(Whisper {
            context: self.context.clone(),
            state: state.map_err(|error| SpeechError::Start(error.to_string()))?,
            settings: HashMap::new(),
            sound: Vec::new(),
            before: Vec::new(),
            sized: false,
            stop: Arc::default(),
        }))
    }
}

/// Otherwise whisper.cpp writes to standard error.
fn silence_library() {
    whisper_rs::install_logging_hooks();
}

pub fn knows_language(code: &str) -> bool {
    known_code(code).is_some()
}

/// The code of a language by its English name or its code, as remote Whispers tell it.
pub fn code_of_language(name: &str) -> Option<&'static str> {
    if name.contains('\0') {
        return None;
    }
    silence_library();
    let name = name.trim().to_ascii_lowercase();
    whisper_rs::get_lang_id(&name).and_then(whisper_rs::get_lang_str)
}

fn known_code(code: &str) -> Option<&'static str> {
    if code.contains('\0') {
        return None;
    }
    silence_library();
    // The library takes names like "german" as well.
    let known = whisper_rs::get_lang_id(code).and_then(whisper_rs::get_lang_str);
    known.filter(|known| *known == code)
}

struct Whisper {
    context: Arc<WhisperContext>,
    state: WhisperState,
    /// By language, because the library never frees the name of one it was given.
    settings: HashMap<&'static str, FullParams<'static, 'static>>,
    sound: Vec<f32>,
    /// Tokens of what counts as said before.
    before: Vec<i32>,
    /// Whether the encoder was told its size; until then it has the largest.
    sized: bool,
    /// Of what is recognised now. The library asks before the decoder begins and at each token.
    stop: Arc<Mutex<CancellationToken>>,
}

/// What one pass of the encoder and decoder gave. Times count from the start of the sound it heard.
#[derive(Default)]
struct Heard {
    pieces: Vec<Piece>,
    /// The sound was understood up to here.
    until: f64,
    silence_probability: f32,
    /// Mean over all tokens.
    word_probability: f32,
    /// A guard took something out.
    doubtful: bool,
}

impl Recogniser for Whisper {
    fn transcribe(
        &mut self,
        request: &Request,
        stop: &CancellationToken,
    ) -> Result<Transcript, SpeechError> {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        let samples = &request.samples;
        let language = match &request.language {
            _ if !self.context.is_multilingual() => "en",
            Language::Multi {
                sound: Some(sound), ..
            } => self.find_language(sound)?,
            language => language.known().and_then(known_code).unwrap_or("en"),
        };
        self.expect(&request.vocabulary);
        let mut transcript = Transcript::default();
        let mut from = 0;
        while from < samples.len() {
            let window = &samples[from..samples.len().min(from + WINDOW)];
            let heard = self.hear(window, language)?;
            transcript.doubtful |= heard.doubtful;
            let offset = seconds(from);
            let pieces = heard.pieces.into_iter().map(|piece| Piece {
                start_seconds: offset + piece.start_seconds,
                end_seconds: offset + piece.end_seconds,
                ..piece
            });
            transcript.pieces.extend(pieces);
            from += next_window(
                window.len(),
                from + window.len() == samples.len(),
                heard.until,
            );
        }
        if !transcript.pieces.is_empty() {
            transcript.language = Some(language.to_owned());
        }
        Ok(transcript)
    }
}

/// How far to go on after a pass that understood `until` seconds of `length` samples.
fn next_window(length: usize, last: bool, until: f64) -> usize {
    let rest = seconds(length) - until;
    let understood = (until * f64::from(SAMPLE_RATE)) as usize;
    // A pass that got nowhere would get nowhere again.
    let useful = understood >= SAMPLE_RATE as usize;
    if useful && understood < length && (!last || rest >= SHORTEST_REST) {
        understood
    } else {
        length
    }
}

impl Whisper {
    /// The likeliest language of what is said in the first ten seconds.
    fn find_language(&mut self, samples: &[i16]) -> Result<&'static str, SpeechError> {
        if !self.sized {
            // The encoder has the size that it was told last, and nobody told it one.
            self.listen(&samples[..samples.len().min(SHORTEST)], "en", 0.0)?;
        }
        let failed = |error: WhisperError| SpeechError::Failed {
            seconds: seconds(samples.len()),
            reason: error.to_string(),
        };
        self.fill(&samples[..samples.len().min(FOR_LANGUAGE)]);
        self.state.pcm_to_mel(&self.sound, 1).map_err(failed)?;
        let (found, _) = self.state.lang_detect(0, 1).map_err(failed)?;
        Ok(whisper_rs::get_lang_str(found).unwrap_or("en"))
    }

    /// Words that are likely in what is heard from now on.
    fn expect(&mut self, words: &Vocabulary) {
        self.before.clear();
        let said = words.as_said(LONGEST_BEFORE);
        if said.is_empty() {
            return;
        }
        // A token has a byte at least, and the library writes beyond what it is told if they are too few.
        let tokens = self.context.tokenize(&format!(" {said}"), said.len() + 8);
        let end = self.context.token_eot();
        let words = tokens.unwrap_or_default().into_iter();
        self.before.extend(words.filter(|token| *token < end));
    }

    /// Makes these the sound that is heard, with silence behind if they are too few.
    fn fill(&mut self, samples: &[i16]) {
        self.sound.clear();
        self.sound
            .extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
        if self.sound.len() < SHORTEST {
            self.sound.resize(SHORTEST, 0.0);
        }
    }

    /// One pass, and a second one if the first ran in circles.
    fn hear(&mut self, samples: &[i16], language: &'static str) -> Result<Heard, SpeechError> {
        let mut heard = self.listen(samples, language, 0.0)?;
        if !self.before.is_empty() && !heard.is_surely_said() {
            self.before.clear();
            heard = self.listen(samples, language, 0.0)?;
        }
        let mut doubtful = false;
        if let Some(text) = without_loops(&heard.text()) {
            doubtful = true;
            let second = self.listen(samples, language, SECOND_TEMPERATURE)?;
            if without_loops(&second.text()).is_none() {
                heard = second;
            } else {
                heard.replace_text(text);
            }
        }
        if heard.is_made_up() {
            doubtful |= !heard.pieces.is_empty();
            heard.pieces.clear();
        }
        heard.pieces.retain(|piece| !is_noise(&piece.text));
        heard.doubtful = doubtful;
        Ok(heard)
    }

    fn listen(
        &mut self,
        samples: &[i16],
        language: &'static str,
        temperature: f32,
    ) -> Result<Heard, SpeechError> {
        self.sized = true;
        let length = seconds(samples.len());
        self.fill(samples);
        let settings = self.settings.entry(language);
        let stop = &self.stop;
        let mut settings: FullParams<'_, '_> = settings
            .or_insert_with(|| settings_for(language, stop.clone()))
            .clone();
        settings.set_tokens(&self.before);
        let most_tokens = (length * TOKENS_PER_SECOND) as i32 + SPARE_TOKENS;
        settings.set_max_tokens(most_tokens);
        settings.set_audio_ctx(positions(
            seconds(self.sound.len()),
            self.context.n_audio_ctx(),
        ));
        settings.set_temperature(temperature);
        let run = self.state.full(settings, &self.sound);
        let read = run.and_then(|()| self.read(length));
        read.map_err(|error| SpeechError::Failed {
            seconds: length,
            reason: error.to_string(),
        })
    }

    /// Collects the words between time marks.
    fn read(&self, length: f64) -> Result<Heard, WhisperError> {
        let mut heard = Heard::default();
        let (end, first_mark) = (self.context.token_eot(), self.context.token_beg());
        let mut probabilities = 0.0;
        let mut words = 0;
        let mut start = 0.0;
        // A letter may be spread over several tokens.
        let mut bytes: Vec<u8> = Vec::new();
        for segment in self.state.as_iter() {
            heard.silence_probability = segment.no_speech_probability();
            for number in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(number) else {
                    continue;
                };
                let id = token.token_id();
                if id < end {
                    bytes.extend_from_slice(token.to_bytes()?);
                    probabilities += token.token_probability();
                    words += 1;
                } else if id >= first_mark {
                    let mark = (f64::from(id - first_mark) * MARK).min(length);
                    heard.finish_piece(&mut bytes, start, mark);
                    heard.until = mark;
                    start = mark;
                }
            }
        }
        if !bytes.is_empty() {
            heard.finish_piece(&mut bytes, start, length);
            heard.until = length;
        }
        heard.word_probability = probabilities / words.max(1) as f32;
        Ok(heard)
    }
}

impl Heard {
    fn finish_piece(&mut self, bytes: &mut Vec<u8>, start: f64, end: f64) {
        let text = String::from_utf8_lossy(bytes).trim().to_owned();
        bytes.clear();
        if !text.is_empty() {
            self.pieces.push(Piece {
                text,
                start_seconds: start.min(end),
                end_seconds: end,
                speaker: None,
            });
        }
    }

    fn is_made_up(&self) -> bool {
        self.silence_probability > SILENCE
            || (self.silence_probability > LIKELY_SILENCE && self.word_probability < UNSURE)
    }

    /// Whatever the probability of silence, which tells nothing where words were expected.
    fn is_surely_said(&self) -> bool {
        let text = self.text();
        self.word_probability >= SURE_WITH_WORDS
            && text.chars().any(char::is_alphanumeric)
            && without_loops(&text).is_none()
    }

    fn text(&self) -> String {
        let texts: Vec<&str> = self
            .pieces
            .iter()
            .map(|piece| piece.text.as_str())
            .collect();
        texts.join(" ")
    }

    /// Makes one piece of all.
    fn replace_text(&mut self, text: String) {
        let start = self.pieces.first().map_or(0.0, |piece| piece.start_seconds);
        let end = self.pieces.last().map_or(start, |piece| piece.end_seconds);
        self.pieces = vec![Piece {
            text,
            start_seconds: start,
            end_seconds: end,
            speaker: None,
        }];
    }
}

/// Whether to end early, as the library calls it.
type Ends = Box<dyn FnMut() -> bool>;

fn settings_for(
    language: &'static str,
    stop: Arc<Mutex<CancellationToken>>,
) -> FullParams<'static, 'static> {
    let mut settings = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    settings.set_language(Some(language));
    settings.set_n_threads(1);
    settings.set_no_context(true);
    // One pass over the sound, however much silence is at its end.
    settings.set_single_segment(true);
    settings.set_suppress_blank(true);
    settings.set_suppress_nst(true);
    settings.set_temperature_inc(0.0);
    settings.set_print_special(false);
    settings.set_print_progress(false);
    settings.set_print_realtime(false);
    settings.set_print_timestamps(false);
    let ends: Ends = Box::new(move || {
        stop.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_cancelled()
    });
    // The library takes what it is given for this very type, and keeps it for ever.
    settings.set_abort_callback_safe::<_, Ends>(ends);
    settings
}

fn positions(seconds: f64, of_model: i32) -> i32 {
    let needed = (seconds * POSITIONS_PER_SECOND).ceil() as i32 + SPARE_POSITIONS;
    needed.clamp(LEAST_POSITIONS, MOST_POSITIONS).min(of_model)
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn the_encoder_is_as_large_as_the_sound_needs() {
        assert_eq!(positions(1.2, 1500), 512);
        assert_eq!(positions(9.6, 1500), 512);
        assert_eq!(positions(15.0, 1500), 782);
        assert_eq!(positions(28.0, 1500), 1432);
        assert_eq!(positions(30.0, 1500), 1500);
        assert_eq!(positions(1.0, 256), 256);
    }

    #[test]
    fn the_next_pass_begins_where_understanding_ended() {
        let second = SAMPLE_RATE as usize;
        assert_eq!(next_window(10 * second, true, 9.0), 10 * second);
        assert_eq!(next_window(10 * second, true, 4.0), 4 * second);
        assert_eq!(next_window(10 * second, true, 0.0), 10 * second);
        assert_eq!(
            next_window(28 * second, false, 27.5),
            27 * second + second / 2
        );
        assert_eq!(next_window(28 * second, false, 28.0), 28 * second);
        assert_eq!(next_window(28 * second, false, 0.2), 28 * second);
    }

    #[test]
    fn codes_are_known_and_names_are_not() {
        assert!(knows_language("en") && knows_language("yue"));
        assert!(!knows_language("english") && !knows_language("xx") && !knows_language(""));
    }

    #[test]
    fn text_is_one_piece_after_a_loop() {
        let mut heard = Heard::default();
        heard.finish_piece(&mut b" Go".to_vec(), 0.5, 1.0);
        heard.finish_piece(&mut b"  ".to_vec(), 1.0, 1.5);
        heard.finish_piece(&mut b" on.".to_vec(), 1.5, 2.0);
        assert_eq!(heard.text(), "Go on.");
        heard.replace_text("Go".to_owned());
        assert_eq!(
            heard.pieces,
            [Piece {
                text: "Go".to_owned(),
                start_seconds: 0.5,
                end_seconds: 2.0,
                speaker: None,
            }]
        );
    }

    #[test]
    fn a_file_that_is_no_model_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ggml-none.bin");
        for content in [None, Some("no model at all")] {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let error = Model::load(&path).err().unwrap().to_string();
            assert!(error.contains("ggml-none.bin"), "{error}");
        }
    }
}
