//! Reads `[[maintenance]]` and `[[announcement]]`: notices people write.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use toml::Spanned;

use super::names::Names;
use super::section::Section;
use super::text::{body, title};
use super::time::instant;
use super::value::id;
use crate::domain::component::Text;
use crate::domain::endpoint::NoticeId;
use crate::domain::notice::{Announcement, Covers, Maintenance};

/// As many as the file may have of either.
const COVERS_LIMIT: usize = 10_000;

const AN_INSTANT: &str = "\"2026-11-25 00:00\"";

pub(super) fn maintenance(
    section: &mut Section<'_, '_>,
    names: &Names,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<Maintenance> {
    let report = section.report;
    let (this, title, body) = told(section);
    let covers_nothing = ["components", "endpoints"].into_iter().all(|key| section.lacks(key));
    let covers = Covers {
        components: section
            .list("components", COVERS_LIMIT, id)
            .into_iter()
            .filter_map(|it| names.component(report, it))
            .collect(),
        endpoints: section
            .list("endpoints", COVERS_LIMIT, id)
            .into_iter()
            .filter_map(|it| names.endpoint(report, it))
            .collect(),
    };
    if covers_nothing {
        report.absent(
            section.span.clone(),
            "this maintenance covers nothing",
            "write components = [\"web\"] or endpoints = [\"web-login\"]",
        );
    }
    let starts_at = section.required("starts_at", AN_INSTANT, |it| instant(it, zone));
    let ends_at = section.required("ends_at", AN_INSTANT, |it| instant(it, zone));
    in_order(section, starts_at.as_ref(), ends_at.as_ref());
    let ends_at = ends_at?.into_inner();
    Some(Maintenance {
        id: this?,
        title: title?,
        body,
        covers,
        starts_at: starts_at?.into_inner(),
        ends_at,
        announced_end: ends_at,
        published_at: now,
        ended_at: None,
    })
}

pub(super) fn announcement(
    section: &mut Section<'_, '_>,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<Announcement> {
    let (this, title, body) = told(section);
    let starts_at = section.optional("starts_at", |it| instant(it, zone));
    let ends_at = section.optional("ends_at", |it| instant(it, zone));
    in_order(section, starts_at.as_ref(), ends_at.as_ref());
    Some(Announcement {
        id: this?,
        title: title?,
        body,
        starts_at: starts_at.map_or(now, Spanned::into_inner),
        ends_at: ends_at.map(Spanned::into_inner),
        published_at: now,
        ended_at: None,
    })
}

/// What both kinds say: id, title, body.
fn told(section: &mut Section<'_, '_>) -> (Option<NoticeId>, Option<Text>, Option<Text>) {
    let report = section.report;
    let this = section.required("id", "\"upgrade-2026-11\"", id).map(Spanned::into_inner);
    let title = section.need("title", "{ zh = \"…\", en = \"…\" }").and_then(|it| title(report, "title", it));
    let body = section.take("body").and_then(|it| body(report, "body", it));
    (this, title, body)
}

fn in_order(
    section: &Section<'_, '_>,
    starts_at: Option<&Spanned<Timestamp>>,
    ends_at: Option<&Spanned<Timestamp>>,
) {
    if let (Some(starts), Some(ends)) = (starts_at, ends_at)
        && ends.get_ref() <= starts.get_ref()
    {
        section.report.wrong(
            ends.span(),
            "this ends before it starts",
            "`ends_at` must be later than `starts_at`",
        );
    }
}
