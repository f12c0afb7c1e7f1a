//! Reads a mail server.

use toml::Spanned;

use super::super::around::Around;
use super::super::section::Section;
use super::super::value::boolean;
use super::{certificate_days, place};
use crate::domain::kind::{Kind, Safety, Smtp};

pub(super) fn read(section: &mut Section<'_, '_>, _: &Around<'_>) -> Option<Kind> {
    let report = section.report;
    let at = place(section, "\"smtp://mail.example.com:25\"", &[("smtp", Some(25)), ("smtps", Some(465))]);
    let starttls = section.optional("starttls", boolean);
    let auth = section.optional("auth", boolean).is_some_and(Spanned::into_inner);
    let certificate_days = certificate_days(section);
    let (scheme, at) = at?;
    let safety = match (scheme, starttls) {
        ("smtps", given) => {
            if let Some(given) = given {
                report.wrong(
                    given.span(),
                    "`starttls` means nothing for smtps, which is safe from the first byte on",
                    "leave it out",
                );
            }
            Safety::Tls
        }
        (_, Some(given)) if !given.get_ref() => Safety::Plain,
        _ => Safety::StartTls,
    };
    Some(Kind::Smtp(Smtp { at, safety, auth, certificate_days }))
}
