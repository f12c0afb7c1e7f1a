//! Reads a TLS port.

use toml::Spanned;

use super::super::around::Around;
use super::super::section::{Section, Wrong, quoted, wrong};
use super::super::value::string;
use super::{HOST_LIMIT, certificate_days, place};
use crate::domain::kind::{Kind, Tls};

pub(super) fn read(section: &mut Section<'_, '_>, _: &Around<'_>) -> Option<Kind> {
    let at = place(section, "\"tls://wallet.example.com:443\"", &[("tls", Some(443))]);
    let server_name = section.optional("server_name", |entry| {
        let name = string(entry)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if name.is_empty() || HOST_LIMIT < name.len() || !name.chars().all(fits) {
            return wrong::<String>(
                format!("{} is not the name of a machine", quoted(name)),
                "write the name that the certificate must have: \"wallet.example.com\"",
            );
        }
        Ok::<_, Wrong>(name.to_ascii_lowercase())
    });
    let certificate_days = certificate_days(section);
    let (_, at) = at?;
    Some(Kind::Tls(Tls { at, server_name: server_name.map(Spanned::into_inner), certificate_days }))
}
