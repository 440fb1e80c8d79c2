//! A BERT model that makes sentence vectors: the mean of what it says of each word piece.

use std::path::{Path, PathBuf};

use sha2::Sha256;
use tokenizers::{Tokenizer, TruncationParams};

use super::bert::{Bert, Config};
use super::lane::Model;
use super::weights::Weights;
use super::{EmbedError, models, normalise};
use crate::platform::model_files;

/// Word pieces of a text that are read, the two at its ends included, as sentence-transformers has it.
const MAX_PIECES: usize = 256;

/// Word pieces that are worked on together: fewer and more are slower.
const PIECES_TOGETHER: usize = 256;

const WEIGHTS: &str = "model.safetensors";

pub struct Sentences {
    path: PathBuf,
    tokenizer: Tokenizer,
    bert: Bert,
}

/// Identity and dimension of the model in a folder, without loading it.
pub fn identify(path: &Path) -> Result<(String, usize), EmbedError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let weights = path.join(WEIGHTS);
    let bytes = weights.metadata().map_err(broken(path))?.len();
    // What was fetched has been verified.
    let known = models::find(&name).and_then(|model| model.file(WEIGHTS));
    let hash = match known.filter(|file| file.bytes == bytes) {
        Some(file) => file.hash.to_owned(),
        None => model_files::hash_of::<Sha256>(&weights).map_err(broken(path))?,
    };
    let config = config(path)?;
    Ok((format!("local:{name}@{}", &hash[..8]), config.hidden_size))
}

fn broken<E: ToString>(path: &Path) -> impl Fn(E) -> EmbedError {
    move |error| EmbedError::Model {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

fn config(path: &Path) -> Result<Config, EmbedError> {
    Config::read(&path.join("config.json")).map_err(broken(path))
}

impl Sentences {
    pub fn load(path: &Path) -> Result<Self, EmbedError> {
        let config = config(path)?;
        let mut tokenizer =
            Tokenizer::from_file(path.join("tokenizer.json")).map_err(broken(path))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: MAX_PIECES.min(config.max_position_embeddings),
                ..TruncationParams::default()
            }))
            .map_err(broken(path))?;
        let mut weights = Weights::open(&path.join(WEIGHTS)).map_err(broken(path))?;
        Ok(Self {
            path: path.to_owned(),
            tokenizer,
            bert: Bert::load(&mut weights, &config).map_err(broken(path))?,
        })
    }
}

impl Model for Sentences {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let failed = |reason: String| EmbedError::Failed {
            texts: texts.len(),
            reason,
        };
        let encoded: Result<Vec<_>, _> = texts
            .iter()
            .map(|text| self.tokenizer.encode_fast(text.as_str(), true))
            .collect();
        let encoded = encoded.map_err(|error| failed(error.to_string()))?;
        let pieces: Vec<&[u32]> = encoded.iter().map(|text| text.get_ids()).collect();
        let mut vectors = Vec::with_capacity(texts.len());
        let mut left = &pieces[..];
        while !left.is_empty() {
            let (together, rest) = left.split_at(batch(left));
            for mut vector in self.bert.means(together).map_err(failed)? {
                if !normalise(&mut vector) {
                    return Err(broken(&self.path)("it gives vectors without a direction"));
                }
                vectors.push(vector);
            }
            left = rest;
        }
        Ok(vectors)
    }
}

/// How many texts from the start are worked on together, at least one.
fn batch(texts: &[&[u32]]) -> usize {
    let mut sum = 0;
    let fits = texts.iter().take_while(|text| {
        sum += text.len();
        sum <= PIECES_TOGETHER
    });
    fits.count().max(1)
}
