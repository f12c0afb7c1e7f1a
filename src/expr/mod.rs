//! The small languages operators write: CSS selectors, JSON paths, regular expressions, CEL.
//!
//! Each is checked when the config is read and run on what targets send, which
//! is hostile: every run is bounded in size, depth and work, and none panics.

mod cache;
pub mod cel;
pub mod css;
pub mod json;
pub mod regex;
