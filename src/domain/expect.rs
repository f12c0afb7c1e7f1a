//! What an answer must be to count as a success.

/// What an answer must be to count as a success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Statuses that are right; empty means any of 200 to 299.
    pub status: Vec<StatusRange>,
    /// All of these must stand in the decoded body.
    pub contains: Vec<String>,
    /// None of these may stand in it.
    pub not_contains: Vec<String>,
}

/// An inclusive range of HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    pub from: u16,
    pub to: u16,
}

impl Expect {
    pub fn accepts_status(&self, status: u16) -> bool {
        if self.status.is_empty() {
            return (200..300).contains(&status);
        }
        self.status.iter().any(|range| (range.from..=range.to).contains(&status))
    }
}
