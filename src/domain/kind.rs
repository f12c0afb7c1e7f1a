//! The kinds of doors there are: how each is knocked at.

use super::flow::Flow;

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One request, or a login in steps.
    Http(Flow),
}

impl Kind {
    /// As the config calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
        }
    }

    /// What is knocked at, as an operator is told of it; never a secret.
    pub fn place(&self) -> String {
        match self {
            Self::Http(flow) => flow.first.request.url.to_string(),
        }
    }
}
