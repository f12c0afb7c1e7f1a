//! Which networks of ours a reload changed, for the log of changes.

use jiff::Timestamp;

use super::changes::{What, log};
use super::error::StoreError;
use super::tx::Tx;
use crate::domain::network::Network;

/// Writes down how the networks that were minded differ from those that are to be.
pub fn log_networks(
    tx: &Tx<'_>,
    (before, after): (&[Network], &[Network]),
    now: Timestamp,
) -> Result<(), StoreError> {
    for network in after {
        let what = match before.iter().find(|it| it.id == network.id) {
            None => What::NetworkAdded,
            Some(same) if same == network => continue,
            Some(_) => What::NetworkChanged,
        };
        let detail = format!("canaries: {}", network.canaries.len());
        log(tx, now, what, network.id.as_str(), &detail)?;
    }
    for gone in before.iter().filter(|it| after.iter().all(|other| other.id != it.id)) {
        log(tx, now, What::NetworkRemoved, gone.id.as_str(), "")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;
    use crate::domain::network::Canary;
    use crate::store::testing::{Running, at};
    use crate::store::{changes_since, last_change};

    #[tokio::test]
    async fn what_a_reload_makes_of_networks_is_written_down() {
        let network = |id: &str, port: u16| Network {
            id: Id::parse(id).unwrap(),
            canaries: vec![Canary {
                url: format!("tcp://192.0.2.1:{port}").parse().unwrap(),
                contains: None,
                proxy: None,
            }],
        };
        let running = Running::new();
        let before = [network("default", 53), network("lan", 53), network("vpn", 53)];
        let after = [network("default", 53), network("lan", 443), network("dmz", 53)];
        let changes = running.store.transact(move |tx| {
            let last = last_change(tx)?;
            log_networks(tx, (&before, &after), at(1))?;
            changes_since(tx, last)
        });
        let told: Vec<String> =
            changes.await.unwrap().iter().map(|it| format!("{} {}", it.what, it.subject)).collect();
        assert_eq!(told, ["network_changed lan", "network_added dmz", "network_removed vpn"]);
    }
}
