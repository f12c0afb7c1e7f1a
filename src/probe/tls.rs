//! A handshake, and nothing after it.

use super::bare::Bare;
use super::{Kit, Knocked};
use crate::domain::endpoint::Endpoint;
use crate::domain::kind::Tls;

pub(super) async fn knock(kit: &Kit, endpoint: &Endpoint, tls: &Tls) -> Knocked {
    let mut bare = Bare::begin(kit, endpoint);
    let name = tls.server_name.as_deref().unwrap_or(&tls.at.host);
    let ended = match bare.connect(&tls.at).await {
        Ok(stream) => bare.secure(stream, name).await.map(|safe| {
            let version = safe.get_ref().1.protocol_version();
            bare.status_line = version.and_then(|it| it.as_str()).map(str::to_owned);
        }),
        Err(fault) => Err(fault),
    };
    bare.finish(Some(&tls.at.host), tls.certificate_days, ended)
}
