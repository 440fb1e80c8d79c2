//! SQL of what the desktop app keeps.

mod advice;
mod focus;
mod staged;

pub use advice::*;
pub use focus::*;
pub use staged::*;
