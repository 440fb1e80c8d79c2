//! Tests with the real model.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use super::lane::Model as _;
use super::*;

fn model() -> PathBuf {
    let models = std::env::var_os("OMI_TEST_MODELS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/omi-server/models"),
        PathBuf::from,
    );
    let folder = models.join(models::DEFAULT);
    assert!(
        folder.join("model.safetensors").is_file(),
        "{} is missing: run `make test`, which lays it down",
        folder.display()
    );
    folder
}

fn settings(provider: Provider, models_dir: &Path) -> Settings {
    Settings {
        provider,
        model: String::new(),
        models_dir: models_dir.to_owned(),
        url: String::new(),
        api_key: SecretString::default(),
        batch: 64,
        timeout: Duration::from_secs(60),
    }
}

fn embedder() -> Embedder {
    let settings = settings(Provider::Local, model().parent().unwrap());
    Embedder::start(&settings).unwrap().unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn assert_close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// The first numbers as an implementation of the model's formulas in float64 NumPy gives them.
#[tokio::test]
async fn vectors_are_those_of_the_published_model() {
    let embedder = embedder();
    assert_eq!(embedder.dimension(), Some(384));
    assert_eq!(embedder.model_id(), "local:all-MiniLM-L6-v2@53aa5117");
    let long = "word ".repeat(1000);
    let cases = [
        (
            "When is my tooth appointment?",
            [-0.03728, -0.00207, 0.0205, -0.00608],
        ),
        (
            "The dentist is on Tuesday at three.",
            [-0.07427, -0.088, -0.07781, -0.03817],
        ),
        ("", [-0.11884, 0.0483, -0.00255, -0.01101]),
        (
            "Zürich — naïve café 東京",
            [0.06464, 0.0333, 0.05651, -0.0173],
        ),
        (long.as_str(), [-0.00812, -0.09559, -0.03867, 0.04966]),
    ];
    let texts = cases.iter().map(|(text, _)| text.to_string()).collect();
    let vectors = embedder.embed(texts).await.unwrap();
    for ((text, expected), vector) in cases.iter().zip(&vectors) {
        assert_eq!(vector.len(), 384);
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5, "{text:.20}");
        assert_close(&vector[..4], expected);
        // Alone as in company, and the same each time.
        let alone = embedder.embed_query(text).await.unwrap();
        assert_close(vector, &alone);
        assert_eq!(embedder.embed_query(text).await.unwrap(), alone);
    }
    assert!((cosine(&vectors[0], &vectors[1]) - 0.62062).abs() < 1e-4);
}

#[tokio::test]
async fn the_question_finds_its_answer() {
    let embedder = embedder();
    let lines = strings(&[
        "We should repaint the kitchen before the winter.",
        "The train to Hamburg leaves at half past six.",
        "Anna is allergic to peanuts.",
        "The server crashed again because the disk was full.",
        "The dentist is on Tuesday at three.",
        "My favourite band plays in the old harbour.",
        "Please send the invoice to the accountant.",
        "He broke his arm while skiing.",
        "The dog needs to be walked twice a day.",
        "Interest rates will rise in spring.",
    ]);
    let vectors = embedder.embed(lines.clone()).await.unwrap();
    for (question, answer) in [
        ("When is my tooth appointment?", 4),
        ("Which food makes Anna ill?", 2),
        ("Why was the website down?", 3),
        ("Who takes the puppy outside?", 8),
    ] {
        let question_vector = embedder.embed_query(question).await.unwrap();
        let scores: Vec<f32> = vectors
            .iter()
            .map(|line| cosine(&question_vector, line))
            .collect();
        let best = (0..lines.len())
            .max_by(|a, b| scores[*a].total_cmp(&scores[*b]))
            .unwrap();
        assert_eq!(best, answer, "{question}: {scores:?}");
    }
}

#[tokio::test]
async fn a_query_passes_a_bulk() {
    let embedder = embedder();
    let words = ["sun", "rain", "a market", "coffee at nine"];
    let texts: Vec<String> = (0..1000)
        .map(|number| format!("{} {number}", words[number % words.len()]))
        .collect();
    let bulk = tokio::spawn({
        let (embedder, texts) = (embedder.clone(), texts.clone());
        async move { embedder.embed(texts).await.unwrap() }
    });
    let query = embedder.embed_query(&texts[777]).await.unwrap();
    assert!(!bulk.is_finished());
    let vectors = bulk.await.unwrap();
    assert_eq!(vectors.len(), 1000);
    assert_close(&vectors[777], &query);
}

#[test]
fn without_its_model_there_is_none() {
    let empty = tempfile::tempdir().unwrap();
    for provider in [Provider::Auto, Provider::Local] {
        let settings = settings(provider, empty.path());
        assert!(Embedder::start(&settings).unwrap().is_none());
        let why = status(&settings).unwrap_err();
        assert!(
            why.contains("omi-server model fetch all-MiniLM-L6-v2"),
            "{why}"
        );
    }
    let off = settings(Provider::None, model().parent().unwrap());
    assert!(Embedder::start(&off).unwrap().is_none());
    assert!(status(&off).unwrap().contains("switched off"));
    let auto = settings(Provider::Auto, model().parent().unwrap());
    assert!(Embedder::start(&auto).unwrap().is_some());
}

#[tokio::test]
async fn a_folder_of_ones_own_has_its_own_identity() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    for name in ["config.json", "tokenizer.json"] {
        std::fs::copy(model().join(name), own.join(name)).unwrap();
    }
    std::fs::write(own.join("model.safetensors"), b"nonsense").unwrap();
    let settings = Settings {
        model: own.to_str().unwrap().into(),
        ..settings(Provider::Auto, folder.path())
    };
    let embedder = Embedder::start(&settings).unwrap().unwrap();
    assert!(embedder.model_id().starts_with("local:own@"));
    let error = embedder.embed_query("hello").await.unwrap_err();
    assert!(matches!(error, EmbedError::Model { .. }), "{error}");
    assert!(error.to_string().contains("own"), "{error}");
    std::fs::write(own.join("config.json"), b"{}").unwrap();
    assert!(Embedder::start(&settings).is_err());
}

/// A folder with the real model's files, of which one is changed.
fn changed(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in models::FILES {
        std::os::unix::fs::symlink(model().join(file), folder.path().join(file)).unwrap();
    }
    let path = folder.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    folder
}

#[test]
fn a_broken_model_says_what_is_wrong() {
    let refused = |folder: tempfile::TempDir| {
        let loaded = sentence::Sentences::load(folder.path());
        let error = loaded.err().expect("it was loaded");
        assert!(matches!(error, EmbedError::Model { .. }), "{error}");
        assert!(!error.is_temporary());
        error.to_string()
    };
    for (key, value, expected) in [
        ("hidden_size", "192", "[30522, 384]"),
        ("hidden_size", "0", "num_attention_heads"),
        ("num_attention_heads", "0", "num_attention_heads"),
        ("num_attention_heads", "7", "num_attention_heads"),
        ("vocab_size", "99999999999", "word_embeddings"),
        ("num_hidden_layers", "7", "encoder.layer.6"),
        ("max_position_embeddings", "1", "max_position_embeddings"),
        ("max_position_embeddings", "511", "position_embeddings"),
        ("type_vocab_size", "0", "token_type_embeddings"),
        ("model_type", "\"roberta\"", "roberta"),
        ("hidden_act", "\"gelu_new\"", "gelu_new"),
        ("hidden_size", "-1", "config.json"),
    ] {
        let error = refused(changed("config.json", |bytes| {
            let mut config: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            config[key] = value.parse().unwrap();
            *bytes = config.to_string().into_bytes();
        }));
        assert!(error.contains(expected), "{key} {value}: {error}");
    }
    for name in models::FILES {
        for part in [0, 1, 2, 3] {
            let error = refused(changed(name, |bytes| {
                bytes.truncate(bytes.len() * part / 4)
            }));
            assert!(error.contains(name), "{part} of {name}: {error}");
        }
    }
    // A header that is longer than the file, and one that says where nothing is.
    for header in [
        "\u{7f}\0\0\0\0\0\0\0{}",
        "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}{}",
    ] {
        let error = refused(changed("model.safetensors", |bytes| *bytes = header.into()));
        assert!(error.contains("model.safetensors"), "{error}");
    }
}

#[test]
fn a_word_piece_that_the_model_lacks_is_an_error() {
    let folder = changed("tokenizer.json", |bytes| {
        let text = String::from_utf8(std::mem::take(bytes)).unwrap();
        let (known, other) = ("\"dentist\":24385", "\"dentist\":40000");
        assert!(text.contains(known));
        *bytes = text.replace(known, other).into_bytes();
    });
    let model = sentence::Sentences::load(folder.path()).unwrap();
    let error = model.embed(&strings(&["a dentist"])).unwrap_err();
    assert!(error.to_string().contains("40000"), "{error}");
    assert_eq!(model.embed(&strings(&["a doctor"])).unwrap()[0].len(), 384);
}

#[test]
fn long_texts_are_cut_between_characters() {
    assert_eq!(shortened("é".repeat(9000)), "é".repeat(MAX_CHARACTERS));
    assert_eq!(shortened("short".into()), "short");
}
