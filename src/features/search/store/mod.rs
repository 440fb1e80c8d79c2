//! SQL of the search index.

mod index;
mod overview;
mod query;
mod vectors;

pub use index::*;
pub use overview::*;
pub use query::*;
pub use vectors::*;
