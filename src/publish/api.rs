//! `summary.json`: the page's facts for machines, in shapes of their own.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::view::Teller;
use super::view::lead::advice;
use crate::domain::component::{Lang, Role, Text};
use crate::domain::day::{COLOURS_A_DAY, Day};
use crate::domain::endpoint::ComponentId;
use crate::domain::facts::{Facts, Site, Storing};
use crate::domain::notice::{Announcement, Maintenance, Phase};
use crate::domain::status::Status;
use crate::domain::summary::{ComponentSummary, Summary};
use crate::domain::uptime::Uptime;
use crate::domain::verdict::{Sure, Verdict};
use crate::words::time::Calendar;
use crate::words::{Cause, Words};

/// Grows only when a field changes its meaning or goes; new fields may come.
const SCHEMA: u32 = 1;

#[derive(Debug, Serialize)]
pub struct SummaryDto {
    schema: u32,
    /// Null in the body that says nothing is known.
    generated_at: Option<String>,
    valid_until: Option<String>,
    verdict: &'static str,
    action: &'static str,
    advice: Advice,
    until: UntilDto,
    site: SiteDto,
    sample: bool,
    storing: StoringDto,
    own_network: OwnNetworkDto,
    last_knock: Option<String>,
    components: Vec<ComponentDto>,
    outages: Vec<OutageDto>,
    maintenances: Vec<MaintenanceDto>,
    announcements: Vec<AnnouncementDto>,
}

#[derive(Debug, Serialize)]
struct Advice {
    #[serde(rename = "zh-CN")]
    zh: String,
    en: String,
}

/// A text in each language it was written in.
#[derive(Debug, Serialize)]
struct TextDto {
    #[serde(rename = "zh-CN", skip_serializing_if = "Option::is_none")]
    zh: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    en: Option<String>,
}

/// Whose page it is, and the zone its days are cut in (an IANA name).
#[derive(Debug, Serialize)]
struct SiteDto {
    name: TextDto,
    zone: Option<String>,
}

#[derive(Debug, Serialize)]
struct UntilDto {
    at: Option<String>,
    sure: &'static str,
}

/// All null in the body that says nothing is known.
#[derive(Debug, Default, Serialize)]
struct StoringDto {
    works: Option<bool>,
    since: Option<String>,
    waiting: Option<u64>,
    lost: Option<u64>,
}

/// What we cannot know, since a network of our own is lost. Empty where none is
/// known to be, and in the body that says nothing is known.
#[derive(Debug, Default, Serialize)]
struct OwnNetworkDto {
    lost_since: Option<String>,
    components: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ComponentDto {
    id: String,
    name: TextDto,
    group: Option<TextDto>,
    role: &'static str,
    status: &'static str,
    manual: bool,
    uptime_90d: UptimeDto,
    uptime_30d: UptimeDto,
    /// The last 90 days, oldest first, without those that were plainly operational
    /// and those without data.
    days: Vec<DayDto>,
    /// How many of the 90 have no data at all; the rest was operational.
    days_without_data: usize,
    flapping: bool,
    cause: Option<&'static str>,
    alternative_to: Vec<String>,
    endpoints: Vec<EndpointDto>,
}

/// Percent with three decimals, floored; null when nothing is known.
#[derive(Debug, Serialize)]
struct UptimeDto {
    ratio: Option<f64>,
    coverage: Option<f64>,
    up_s: u64,
    down_s: u64,
    unknown_s: u64,
    maintenance_s: u64,
    /// Seconds in which readers saw it not working, wholly or in part; the other
    /// seconds are summed over its endpoints.
    not_working_s: u64,
}

/// A day in the page's zone that was not plainly operational.
#[derive(Debug, Serialize)]
struct DayDto {
    /// `2026-11-23`.
    date: String,
    /// The status that colours it, and for how many seconds it lasted.
    worst: &'static str,
    worst_s: u64,
    /// Seconds not working, wholly or in part; left out when none.
    #[serde(skip_serializing_if = "Option::is_none")]
    down_s: Option<u64>,
    /// Seconds without data, when a minute or more; left out when less.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_s: Option<u64>,
}

#[derive(Debug, Serialize)]
struct EndpointDto {
    id: String,
    health: &'static str,
    outcome: Option<&'static str>,
    reason: Option<&'static str>,
    /// Which of the reader's possible causes that speaks to, if to any: `network`,
    /// `account`, `app_version`, `system` or `server`, which may be its maintenance.
    speaks_to: Option<&'static str>,
    last_at: Option<String>,
    total_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct OutageDto {
    component: String,
    status: &'static str,
    from: String,
    to: Option<String>,
    down_s: u64,
    /// How many outages it is: more than one when it went up and down too often
    /// to be told one by one.
    times: usize,
}

#[derive(Debug, Serialize)]
struct MaintenanceDto {
    id: String,
    title: TextDto,
    body: Option<TextDto>,
    phase: &'static str,
    starts_at: String,
    ends_at: String,
    components: Vec<String>,
    endpoints: Vec<String>,
}

#[derive(Debug, Serialize)]
struct AnnouncementDto {
    id: String,
    title: TextDto,
    body: Option<TextDto>,
    starts_at: String,
    ends_at: Option<String>,
    /// When people could first read it.
    posted_at: String,
}

impl SummaryDto {
    pub fn new(facts: &Facts, summary: &Summary) -> Self {
        let site = &facts.site;
        let times = Times(Calendar { lang: Lang::En, zone: &site.zone, now: summary.now.wall });
        let advice = |lang| advice(&Teller::new(site, summary, lang));
        Self {
            schema: SCHEMA,
            generated_at: Some(times.write(summary.now.wall)),
            valid_until: Some(times.write(summary.valid_until.wall)),
            verdict: summary.verdict.wire(),
            action: summary.verdict.action(),
            advice: Advice { zh: advice(Lang::Zh), en: advice(Lang::En) },
            until: UntilDto {
                at: summary.until.at.map(|at| times.write(at)),
                sure: summary.until.sure.wire(),
            },
            site: site_dto(site),
            sample: site.sample.is_some(),
            storing: times.storing(summary.storing),
            own_network: summary.blind.as_ref().map_or_else(OwnNetworkDto::default, |it| OwnNetworkDto {
                lost_since: Some(times.write(it.since)),
                components: it.components.iter().map(ToString::to_string).collect(),
            }),
            last_knock: summary.last_knock.map(|at| times.write(at)),
            components: summary.components.iter().map(|it| times.component(it, summary)).collect(),
            outages: summary
                .outages
                .iter()
                .map(|it| OutageDto {
                    component: it.component.to_string(),
                    status: it.status.wire(),
                    from: times.write(it.outage.from),
                    to: it.outage.to.map(|at| times.write(at)),
                    down_s: it.outage.down.as_secs(),
                    times: it.outage.times,
                })
                .collect(),
            maintenances: summary
                .maintenances
                .iter()
                .map(|(it, phase)| times.maintenance(it, *phase))
                .collect(),
            announcements: summary.announcements.iter().map(|it| times.announcement(it)).collect(),
        }
    }

    /// What machines read when nothing fresh is known.
    pub fn cannot_tell(site: &Site) -> Self {
        let advice = |lang| Words::get(lang).say("advice-unknown");
        Self {
            schema: SCHEMA,
            generated_at: None,
            valid_until: None,
            verdict: Verdict::Unknown.wire(),
            action: Verdict::Unknown.action(),
            advice: Advice { zh: advice(Lang::Zh), en: advice(Lang::En) },
            until: UntilDto { at: None, sure: Sure::Unknown.wire() },
            site: site_dto(site),
            sample: site.sample.is_some(),
            storing: StoringDto::default(),
            own_network: OwnNetworkDto::default(),
            last_knock: None,
            components: Vec::new(),
            outages: Vec::new(),
            maintenances: Vec::new(),
            announcements: Vec::new(),
        }
    }
}

/// Writes instants in the page's zone.
struct Times<'a>(Calendar<'a>);

impl Times<'_> {
    fn write(&self, at: Timestamp) -> String {
        self.0.rfc3339(at)
    }

    fn storing(&self, storing: Storing) -> StoringDto {
        let told = |works, since, waiting, lost| StoringDto {
            works: Some(works),
            since,
            waiting: Some(waiting),
            lost: Some(lost),
        };
        match storing {
            Storing::Works => told(true, None, 0, 0),
            Storing::Fails { since, waiting, lost } => told(false, Some(self.write(since)), waiting, lost),
        }
    }

    fn component(&self, it: &ComponentSummary, summary: &Summary) -> ComponentDto {
        let [ninety, thirty] = [0, 1].map(|window| uptime(it.uptime[window], it.not_working[window]));
        let is_public = |id: &&ComponentId| summary.components.iter().any(|it| &&it.component.id == id);
        let alternative_to = it.component.alternative_to.iter().filter(is_public);
        ComponentDto {
            id: it.component.id.to_string(),
            name: text(&it.component.name),
            group: it.component.group.as_ref().map(text),
            role: match it.component.role {
                Role::Login => "login",
                Role::Support => "support",
            },
            status: it.status.wire(),
            manual: it.is_manual(),
            uptime_90d: ninety,
            uptime_30d: thirty,
            days: it.days.iter().filter_map(day).collect(),
            days_without_data: it.days.iter().filter(|it| it.worst().is_none()).count(),
            flapping: it.flapping,
            cause: it.cause().and_then(|outcome| outcome.reason()),
            alternative_to: alternative_to.map(ToString::to_string).collect(),
            endpoints: it
                .parts
                .iter()
                .map(|part| EndpointDto {
                    id: part.endpoint.to_string(),
                    health: part.health.wire(),
                    outcome: part.outcome.map(|outcome| outcome.kind()),
                    reason: part.outcome.and_then(|outcome| outcome.reason()),
                    speaks_to: part.outcome.and_then(Cause::of).map(Cause::wire),
                    last_at: part.last_at.map(|at| self.write(at)),
                    total_ms: part.total.and_then(|total| u64::try_from(total.as_millis()).ok()),
                })
                .collect(),
        }
    }

    fn maintenance(&self, it: &Maintenance, phase: Phase) -> MaintenanceDto {
        MaintenanceDto {
            id: it.id.to_string(),
            title: text(&it.title),
            body: it.body.as_ref().map(text),
            phase: phase.wire(),
            starts_at: self.write(it.starts_at),
            // A cancelled one keeps the window that was announced.
            ends_at: self.write(if phase == Phase::Cancelled { it.ends_at } else { it.end() }),
            components: it.covers.components.iter().map(ToString::to_string).collect(),
            endpoints: it.covers.endpoints.iter().map(ToString::to_string).collect(),
        }
    }

    fn announcement(&self, it: &Announcement) -> AnnouncementDto {
        AnnouncementDto {
            id: it.id.to_string(),
            title: text(&it.title),
            body: it.body.as_ref().map(text),
            starts_at: self.write(it.starts_at),
            ends_at: it.ends_at.map(|at| self.write(at)),
            posted_at: self.write(it.posted_at()),
        }
    }
}

fn text(text: &Text) -> TextDto {
    let written = |lang| text.written(lang).map(str::to_owned);
    TextDto { zh: written(Lang::Zh), en: written(Lang::En) }
}

fn site_dto(site: &Site) -> SiteDto {
    SiteDto { name: text(&site.name), zone: site.zone.iana_name().map(str::to_owned) }
}

/// None for a day that was plainly operational, or of which nothing is known.
fn day(it: &Day) -> Option<DayDto> {
    let worst = it.worst()?;
    let unknown = it.lasted(Status::Unknown);
    let told = worst != Status::Operational || it.gap().is_some();
    told.then(|| DayDto {
        date: it.date.to_string(),
        worst: worst.wire(),
        worst_s: it.lasted(worst).as_secs(),
        down_s: Some(it.down().as_secs()).filter(|&it| it > 0),
        unknown_s: Some(unknown.as_secs()).filter(|_| COLOURS_A_DAY <= unknown),
    })
}

fn uptime(it: Uptime, not_working: Duration) -> UptimeDto {
    let percent = |thousandths: Option<u32>| thousandths.map(|it| f64::from(it) / 1000.0);
    UptimeDto {
        ratio: percent(it.ratio()),
        coverage: percent(it.coverage()),
        up_s: it.up.as_secs(),
        down_s: it.down.as_secs(),
        unknown_s: it.unknown.as_secs(),
        maintenance_s: it.maintenance.as_secs(),
        not_working_s: not_working.as_secs(),
    }
}
