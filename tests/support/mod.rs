//! What tests stand on: a throw-away Postgres, servers as real processes, users with credentials.

pub mod app_models;
pub mod app_socket;
pub mod chromium;
pub mod clients;
pub mod connector;
pub mod dart;
pub mod device;
pub mod ears;
pub mod firebase;
pub mod forms;
pub mod key_proxy;
pub mod material;
pub mod mcp_fixture;
pub mod openid;
pub mod peer;
pub mod postgres;
pub mod server;
pub mod visitor;
pub mod wer;

pub use server::{Server, ServerOptions};

/// How often a long proof repeats: `few` times in `make test`, `many` in `make soak`.
pub fn rounds(few: usize, many: usize) -> usize {
    if std::env::var_os("OMI_TEST_SOAK").is_some() {
        many
    } else {
        few
    }
}
