//! How we behave at somebody's door: so many at once, so often, and when told to wait, we wait.

/// What all knocks at one origin share.
#[derive(Debug, Default)]
pub struct Manners {}
