//! A BERT model that makes sentence vectors: the mean of what it says of each word piece.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use sha2::Sha256;
use tokenizers::{Encoding, PaddingParams, Tokenizer, TruncationParams, pad_encodings};

use super::lane::Model;
use super::{EmbedError, models, normalise};
use crate::platform::model_files;

/// Word pieces of a text that are read, the two at its ends included, as sentence-transformers has it.
const MAX_PIECES: usize = 256;

/// Word pieces that are worked on together, padding included: fewer are slower, more need more memory.
const PIECES_TOGETHER: usize = 256;

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";

pub struct Sentences {
    path: PathBuf,
    tokenizer: Tokenizer,
    bert: BertModel,
}

/// Identity and dimension of the model in a folder, without loading it.
pub fn identify(path: &Path) -> Result<(String, usize), EmbedError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let weights = path.join(WEIGHTS);
    let bytes = weights.metadata().map_err(broken(path, WEIGHTS))?.len();
    // What was fetched has been verified.
    let known = models::find(&name).and_then(|model| model.file(WEIGHTS));
    let hash = match known.filter(|file| file.bytes == bytes) {
        Some(file) => file.hash.to_owned(),
        None => model_files::hash_of::<Sha256>(&weights).map_err(broken(path, WEIGHTS))?,
    };
    let config = config(path)?;
    Ok((format!("local:{name}@{}", &hash[..8]), config.hidden_size))
}

/// `file` is one of the model's.
fn broken<E: Display>(path: &Path, file: &str) -> impl Fn(E) -> EmbedError {
    move |error| EmbedError::Model {
        path: path.to_owned(),
        reason: format!("{file}: {error}"),
    }
}

fn config(path: &Path) -> Result<Config, EmbedError> {
    let text = std::fs::read(path.join(CONFIG)).map_err(broken(path, CONFIG))?;
    let config: Config = serde_json::from_slice(&text).map_err(broken(path, CONFIG))?;
    let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
    let kind = config.model_type.as_deref().unwrap_or_default();
    let reason = if kind != "bert" {
        format!("it is a model of the type {kind:?} instead of \"bert\"")
    } else if hidden == 0 || !hidden.is_multiple_of(heads) {
        "hidden_size is no multiple of num_attention_heads".into()
    } else if config.max_position_embeddings <= 2 {
        "max_position_embeddings leaves no room for a text".into()
    } else {
        return Ok(config);
    };
    Err(broken(path, CONFIG)(reason))
}

impl Sentences {
    pub fn load(path: &Path) -> Result<Self, EmbedError> {
        let config = config(path)?;
        let file = path.join(TOKENIZER);
        let mut tokenizer = Tokenizer::from_file(file).map_err(broken(path, TOKENIZER))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: MAX_PIECES.min(config.max_position_embeddings),
                ..TruncationParams::default()
            }))
            .map_err(broken(path, TOKENIZER))?;
        let weights = std::fs::read(path.join(WEIGHTS)).map_err(broken(path, WEIGHTS))?;
        let bert = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)
            .and_then(|weights| BertModel::load(weights, &config))
            .map_err(broken(path, WEIGHTS))?;
        Ok(Self {
            path: path.to_owned(),
            tokenizer,
            bert,
        })
    }

    /// The mean of each text over its word pieces. All have as many, padding included, which does not count.
    fn means(&self, texts: &[Encoding]) -> CandleResult<Vec<Vec<f32>>> {
        let length = texts.first().map_or(0, Encoding::len);
        let tensor = |numbers: fn(&Encoding) -> &[u32]| {
            let numbers: Vec<u32> = texts.iter().flat_map(numbers).copied().collect();
            Tensor::from_vec(numbers, (texts.len(), length), &Device::Cpu)
        };
        let pieces = tensor(Encoding::get_ids)?;
        let kinds = tensor(Encoding::get_type_ids)?;
        let mask = tensor(Encoding::get_attention_mask)?.to_dtype(DType::F32)?;
        let states = self.bert.forward(&pieces, &kinds, Some(&mask))?;
        let sums = mask.unsqueeze(1)?.matmul(&states)?.squeeze(1)?;
        sums.broadcast_div(&mask.sum_keepdim(1)?)?.to_vec2()
    }
}

impl Model for Sentences {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let failed = |reason: String| EmbedError::Failed {
            texts: texts.len(),
            reason,
        };
        let mut encoded = Vec::with_capacity(texts.len());
        for (place, text) in texts.iter().enumerate() {
            let text = self.tokenizer.encode_fast(text.as_str(), true);
            encoded.push((place, text.map_err(|error| failed(error.to_string()))?));
        }
        // Of like length together, so that little is padded.
        encoded.sort_by_key(|(_, text): &(usize, Encoding)| text.len());
        let (places, mut encoded): (Vec<_>, Vec<_>) = encoded.into_iter().unzip();
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut places = places.into_iter();
        let mut left = &mut encoded[..];
        while !left.is_empty() {
            let (together, rest) = left.split_at_mut(batch(left));
            pad_encodings(together, &PaddingParams::default())
                .map_err(|error| failed(error.to_string()))?;
            let means = self.means(together);
            let means = means.map_err(|error| failed(error.to_string()))?;
            for (mut vector, place) in means.into_iter().zip(&mut places) {
                if !normalise(&mut vector) {
                    let error = "it gives vectors without a direction";
                    return Err(broken(&self.path, WEIGHTS)(error));
                }
                vectors[place] = vector;
            }
            left = rest;
        }
        Ok(vectors)
    }
}

/// How many texts from the start are worked on together, at least one. The longest are last.
fn batch(texts: &[Encoding]) -> usize {
    let fits = texts
        .iter()
        .zip(1..)
        .take_while(|(text, count)| text.len() * count <= PIECES_TOGETHER);
    fits.count().max(1)
}
