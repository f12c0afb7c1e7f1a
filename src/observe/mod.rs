//! Numbers for machines that watch us: what the rooms counted, in the two text
//! formats of Prometheus, on a listener of its own.

mod encode;
mod families;
mod process;
mod routes;
mod write;

pub use encode::Format;
pub use families::{CATALOGUE, Family, Kind};
pub use process::Process;
pub use routes::{CONNECTIONS, Scrape, router};
pub use write::{NetworkSeen, OwnSeen, PageSeen, Seen, StoreSeen, write};
