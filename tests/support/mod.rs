//! What tests stand on: a throw-away Postgres, servers as real processes, users with credentials.

pub mod device;
pub mod material;
pub mod postgres;
pub mod server;
pub mod wer;

pub use server::{Server, ServerOptions};
