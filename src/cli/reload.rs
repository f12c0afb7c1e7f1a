//! `porchlight reload`: the running daemon reads its config anew.

use std::path::Path;

use super::{Exit, printable, tell};
use crate::control::{Answer, Question, Refusal, ask};

pub fn reload(data: &Path, json: bool) -> anyhow::Result<Exit> {
    match ask(data, &Question::Reload)? {
        Answer::Reloaded(done) if json => {
            tell(serde_json::to_string_pretty(&done)?);
            Ok(Exit::Well)
        }
        Answer::Reloaded(done) => {
            for warning in &done.warnings {
                tell(warning);
            }
            tell(format_args!("Reloaded {}", printable(&done.config)));
            for sentence in &done.said {
                tell(format_args!("  {}", printable(sentence)));
            }
            Ok(Exit::Well)
        }
        Answer::Refused { why: Refusal::BadConfig, said } => {
            super::tell_error(&anyhow::anyhow!("the old config keeps running\n{said}"));
            Ok(Exit::BadConfig)
        }
        other => Err(super::unexpected(other)),
    }
}
