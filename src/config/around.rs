//! What the reader of an endpoint knows besides the endpoint's own table.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::account::Known;
use super::names::Names;
use super::secret::Secrets;
use crate::domain::request::{Fence, Proxy};

pub(super) struct Around<'a> {
    pub(super) names: &'a Names,
    pub(super) secrets: &'a Secrets<'a>,
    /// The page's.
    pub(super) zone: &'a TimeZone,
    pub(super) now: Timestamp,
    /// The proxy of all who name none.
    pub(super) proxy: &'a Option<Proxy>,
    /// Where we listen ourselves.
    pub(super) ours: &'a [SocketAddr],
    /// Those that were read well.
    pub(super) accounts: &'a [Known],
    /// Where targets may send us.
    pub(super) fence: &'a Arc<Fence>,
}
