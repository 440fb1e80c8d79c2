//! Top floor: how the outside comes in. Thin: typed input, one call into a feature, an answer.

mod app;
mod caller;
pub mod cli;
mod developer;
mod extract;
mod listen;
mod mcp;
mod operations;
mod respond;
pub mod router;
