//! BERT's encoder: word pieces to one vector for each, in what they mean together.
//!
//! Texts are laid one after the other, each word piece a row, so that nothing is padded; only attention
//! looks at one text at a time.

use std::ops::Range;
use std::path::Path;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayBase, ArrayView2, Axis, Data, Ix2, Slice, concatenate};
use serde::Deserialize;

use super::weights::Weights;

/// The parts of a model's config.json that count.
#[derive(Debug, Deserialize)]
pub struct Config {
    pub hidden_size: usize,
    /// Longest text in word pieces.
    pub max_position_embeddings: usize,
    model_type: String,
    hidden_act: String,
    intermediate_size: usize,
    layer_norm_eps: f32,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    type_vocab_size: usize,
    vocab_size: usize,
}

impl Config {
    /// The error says what cannot be used.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let config: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if config.model_type != "bert" || config.hidden_act != "gelu" {
            let (kind, act) = (&config.model_type, &config.hidden_act);
            return Err(format!(
                "it is a {kind} model with {act} instead of a bert one with gelu"
            ));
        }
        if !config
            .hidden_size
            .is_multiple_of(config.num_attention_heads)
            || config.hidden_size == 0
        {
            return Err("hidden_size is no multiple of num_attention_heads".into());
        }
        Ok(config)
    }
}

pub struct Bert {
    words: Array2<f32>,
    /// The vector that says "first text of a pair" is added to each, as every text is one.
    positions: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
}

struct Layer {
    /// Query, key and value side by side.
    attention: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    norm: Norm,
}

impl Bert {
    pub fn load(weights: &mut Weights, config: &Config) -> Result<Self, String> {
        let hidden = config.hidden_size;
        let table = |part: &str| format!("embeddings.{part}_embeddings.weight");
        let words = weights.matrix(&table("word"), config.vocab_size, hidden)?;
        let positions = config.max_position_embeddings;
        let positions = weights.matrix(&table("position"), positions, hidden)?;
        let kinds = weights.matrix(&table("token_type"), config.type_vocab_size, hidden)?;
        let kind = kinds.rows().into_iter().next();
        let kind = kind.ok_or("type_vocab_size is 0")?;
        Ok(Self {
            words,
            positions: positions + kind,
            norm: Norm::load(weights, "embeddings.LayerNorm", config)?,
            layers: (0..config.num_hidden_layers)
                .map(|number| Layer::load(weights, &format!("encoder.layer.{number}"), config))
                .collect::<Result<_, _>>()?,
            heads: config.num_attention_heads,
        })
    }

    /// The vector of each text: the mean over its word pieces.
    pub fn means(&self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, String> {
        let mut places = Vec::with_capacity(texts.len());
        let mut count = 0;
        for text in texts {
            if text.is_empty() || text.len() > self.positions.nrows() {
                return Err(format!("a text has {} word pieces", text.len()));
            }
            places.push(count..count + text.len());
            count += text.len();
        }
        let mut states = Array2::zeros((count, self.words.ncols()));
        let pieces = texts.iter().flat_map(|text| text.iter().enumerate());
        for (mut state, (position, piece)) in states.rows_mut().into_iter().zip(pieces) {
            let piece = *piece as usize;
            if piece >= self.words.nrows() {
                return Err(format!("the model has no word piece {piece}"));
            }
            state.assign(&self.words.row(piece));
            state += &self.positions.row(position);
        }
        self.norm.apply(&mut states);
        for layer in &self.layers {
            states = layer.forward(states, &places, self.heads);
        }
        let means = places.into_iter().map(|place| {
            let of_text = block(states.view(), &place, 0..states.ncols());
            of_text.mean_axis(Axis(0)).map(|mean| mean.to_vec())
        });
        means
            .collect::<Option<_>>()
            .ok_or_else(|| "a text is empty".into())
    }
}

impl Layer {
    fn load(weights: &mut Weights, name: &str, config: &Config) -> Result<Self, String> {
        let hidden = config.hidden_size;
        let between = config.intermediate_size;
        let mut linear =
            |part: &str, from, to| Linear::load(weights, &format!("{name}.{part}"), from, to);
        let query = linear("attention.self.query", hidden, hidden)?;
        let key = linear("attention.self.key", hidden, hidden)?;
        let value = linear("attention.self.value", hidden, hidden)?;
        let attention_output = linear("attention.output.dense", hidden, hidden)?;
        let intermediate = linear("intermediate.dense", hidden, between)?;
        let output = linear("output.dense", between, hidden)?;
        let norm = |weights: &mut Weights, part: &str| {
            Norm::load(weights, &format!("{name}.{part}"), config)
        };
        Ok(Self {
            attention: Linear::beside([query, key, value])?,
            attention_output,
            attention_norm: norm(weights, "attention.output.LayerNorm")?,
            intermediate,
            output,
            norm: norm(weights, "output.LayerNorm")?,
        })
    }

    /// `places` are the rows of each text.
    fn forward(&self, states: Array2<f32>, places: &[Range<usize>], heads: usize) -> Array2<f32> {
        let attention = self.attention.apply(&states);
        let mut context = Array2::zeros(states.dim());
        let hidden = states.ncols();
        let width = hidden / heads;
        for place in places {
            for head in 0..heads {
                let columns = |which: usize| {
                    let begin = which * hidden + head * width;
                    begin..begin + width
                };
                let part = |which| block(attention.view(), place, columns(which));
                let seen = attend(part(0), part(1), part(2));
                block(context.view_mut(), place, columns(0)).assign(&seen);
            }
        }
        let mut attended = self.attention_output.apply(&context);
        attended += &states;
        self.attention_norm.apply(&mut attended);
        let mut between = self.intermediate.apply(&attended);
        between.mapv_inplace(gelu);
        let mut states = self.output.apply(&between);
        states += &attended;
        self.norm.apply(&mut states);
        states
    }
}

/// Some rows and columns of a matrix.
fn block<S: Data<Elem = f32>>(
    mut view: ArrayBase<S, Ix2>,
    rows: &Range<usize>,
    columns: Range<usize>,
) -> ArrayBase<S, Ix2> {
    view.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

/// For each query the mean of the values, each weighed by how well its key answers.
fn attend(query: ArrayView2<f32>, key: ArrayView2<f32>, value: ArrayView2<f32>) -> Array2<f32> {
    let mut scores = Array2::zeros((query.nrows(), key.nrows()));
    let scale = 1.0 / (query.ncols() as f32).sqrt();
    general_mat_mul(scale, &query, &key.t(), 0.0, &mut scores);
    for mut row in scores.rows_mut() {
        let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.mapv_inplace(|score| (score - highest).exp());
        let sum = row.sum();
        row /= sum;
    }
    scores.dot(&value)
}

struct Linear {
    /// A row for each number that comes in, which is the quick way round.
    weights: Array2<f32>,
    bias: Array1<f32>,
}

impl Linear {
    fn load(weights: &mut Weights, name: &str, from: usize, to: usize) -> Result<Self, String> {
        let stored = weights.matrix(&format!("{name}.weight"), to, from)?;
        Ok(Self {
            weights: stored.t().as_standard_layout().into_owned(),
            bias: weights.vector(&format!("{name}.bias"), to)?,
        })
    }

    /// One that gives what all give, one after the other.
    fn beside(parts: [Self; 3]) -> Result<Self, String> {
        let weights = parts.each_ref().map(|part| part.weights.view());
        let bias = parts.each_ref().map(|part| part.bias.view());
        let weights = concatenate(Axis(1), &weights).map_err(|error| error.to_string())?;
        Ok(Self {
            // Joined along the columns it comes out column by column.
            weights: weights.as_standard_layout().into_owned(),
            bias: concatenate(Axis(0), &bias).map_err(|error| error.to_string())?,
        })
    }

    fn apply(&self, states: &Array2<f32>) -> Array2<f32> {
        let mut result = states.dot(&self.weights);
        result += &self.bias;
        result
    }
}

struct Norm {
    weight: Array1<f32>,
    bias: Array1<f32>,
    epsilon: f32,
}

impl Norm {
    fn load(weights: &mut Weights, name: &str, config: &Config) -> Result<Self, String> {
        Ok(Self {
            weight: weights.vector(&format!("{name}.weight"), config.hidden_size)?,
            bias: weights.vector(&format!("{name}.bias"), config.hidden_size)?,
            epsilon: config.layer_norm_eps,
        })
    }

    /// Each row to mean 0 and variance 1, then as the model has learned.
    fn apply(&self, states: &mut Array2<f32>) {
        for mut row in states.rows_mut() {
            let count = row.len() as f32;
            let mean = row.sum() / count;
            row -= mean;
            let variance = row.iter().map(|x| x * x).sum::<f32>() / count;
            row /= (variance + self.epsilon).sqrt();
            row *= &self.weight;
            row += &self.bias;
        }
    }
}

fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// Abramowitz and Stegun 7.1.26, off by 1.5e-7 at most.
fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let sum =
        (((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6;
    (1.0 - sum * t * (-x * x).exp()).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_is_near_its_table() {
        for (x, expected) in [
            (0.0, 0.0),
            (0.1, 0.112_463),
            (0.5, 0.520_5),
            (1.0, 0.842_701),
            (2.0, 0.995_322),
        ] {
            assert!((erf(x) - expected).abs() < 1e-6, "{x}");
            assert!((erf(-x) + expected).abs() < 1e-6, "{x}");
        }
        assert!((erf(30.0) - 1.0).abs() < 1e-6);
    }
}
