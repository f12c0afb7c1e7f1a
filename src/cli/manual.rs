//! `porchlight manual [TOPIC]`: the shipped config file, or its paragraph on one key.

use super::{Exit, tell, tell_error};
use crate::config::manual::{self, MANUAL};

pub fn manual(topic: Option<&str>) -> Exit {
    let Some(words) = topic else {
        tell(MANUAL.trim_end());
        return Exit::Well;
    };
    let meant = manual::meant(words);
    if meant.is_empty() {
        let help = match manual::suggestion(words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`porchlight manual` alone prints all of it".to_owned(),
        };
        tell_error(&anyhow::anyhow!("the manual has nothing on `{}`; {help}", words.escape_debug()));
        return Exit::Misunderstood;
    }
    for (index, topic) in meant.iter().enumerate() {
        if 0 < index {
            tell("");
        }
        tell(format_args!("{} (line {} of the manual)\n\n{}", topic.path, topic.line, topic.text));
    }
    Exit::Well
}
