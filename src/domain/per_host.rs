//! Our manners: how much one host is asked for.

/// At most so much is asked of one host (a name and its port), over all endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerHost {
    pub requests_per_second: u32,
    pub connections: u32,
}

impl Default for PerHost {
    /// Five is less than one page of a browser makes; six is what a browser opens.
    fn default() -> Self {
        Self { requests_per_second: 5, connections: 6 }
    }
}
