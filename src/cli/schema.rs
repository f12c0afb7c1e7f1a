//! `porchlight schema`: what editors complete and check the config with.

use super::{Exit, tell};
use crate::config::schema;

pub fn schema() -> anyhow::Result<Exit> {
    tell(text()?.trim_end());
    Ok(Exit::Well)
}

pub(super) fn text() -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(&schema::schema())?))
}
