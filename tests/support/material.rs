//! The real model and the real recordings, as `make test` lays them down.

use std::path::{Path, PathBuf};

/// whisper.cpp's tiny.en.
pub fn model() -> PathBuf {
    present(models().join("ggml-tiny.en.bin"))
}

/// whisper.cpp's base, the default of a server.
pub fn base_model() -> PathBuf {
    present(models().join("ggml-base.bin"))
}

/// Folder of the model for sentence vectors, for OMI_EMBEDDINGS__MODEL.
pub fn embedding_model() -> PathBuf {
    present(models().join("all-MiniLM-L6-v2/model.safetensors"));
    models().join("all-MiniLM-L6-v2")
}

fn models() -> PathBuf {
    std::env::var_os("OMI_TEST_MODELS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/omi-server/models"),
        PathBuf::from,
    )
}

/// Debian's pocketsphinx-testdata: read speech with transcripts.
pub fn recordings() -> PathBuf {
    let folder = std::env::var_os("OMI_TEST_RECORDINGS").map_or_else(
        || PathBuf::from("/usr/share/pocketsphinx/test/data"),
        PathBuf::from,
    );
    present(folder)
}

fn present(path: PathBuf) -> PathBuf {
    assert!(
        Path::new(&path).exists(),
        "{} is missing: run `make test`, which lays it down",
        path.display()
    );
    path
}
