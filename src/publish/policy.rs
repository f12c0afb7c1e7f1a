//! The one style and the one script of every page, and the policy that allows nothing else.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

static STYLE: LazyLock<String> = LazyLock::new(|| squeezed(include_str!("../../templates/page.css")));
static SCRIPT: LazyLock<String> = LazyLock::new(|| squeezed(include_str!("../../templates/page.js")));

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |block: &str| BASE64_STANDARD.encode(Sha256::digest(block));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(style()),
        hash(script()),
    );
    // A hash in base64 always fits a header; if ever not, nothing may run.
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

pub fn style() -> &'static str {
    &STYLE
}

pub fn script() -> &'static str {
    &SCRIPT
}

pub fn content_security_policy() -> &'static HeaderValue {
    &POLICY
}

/// Without indentation, blank lines and lines that are a comment: what is
/// written for people need not travel with every page.
fn squeezed(source: &str) -> String {
    let is_comment = |line: &str| line.starts_with("//") || (line.starts_with("/*") && line.ends_with("*/"));
    source
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_comment(line))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_small() {
        assert!(script().len() <= 1024, "{} bytes", script().len());
    }

    #[test]
    fn no_block_can_close_its_element() {
        assert!(!style().contains("</") && !script().contains("</"));
    }
}
