//! SQL of the search index.

mod index;
mod query;
mod vectors;

pub use index::*;
pub use query::*;
pub use vectors::*;
