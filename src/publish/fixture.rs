//! Facts made by hand: one site for every verdict, and one with a busy history.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::Url;

use crate::domain::component::{Component, Lang, Role, Text};
use crate::domain::endpoint::{Endpoint, Id};
use crate::domain::facts::{Contact, EndpointFacts, Facts, LastResult, SamplePage, Site, Storing};
use crate::domain::moment::{Moment, minus, plus};
use crate::domain::notice::{Announcement, Covers, Maintenance, Notices};
use crate::domain::outcome::{DegradedReason, FailureClass, Outcome};
use crate::domain::span::{Health, Span};
use crate::domain::verdict::Verdict;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn now() -> Moment {
    Moment { wall: at("2026-11-23T10:12:03+08:00"), mono: Duration::from_secs(100_000) }
}

pub fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

pub fn both(zh: &str, en: &str) -> Text {
    Text::Both { zh: zh.into(), en: en.into() }
}

pub fn site() -> Site {
    Site {
        name: both("示例钱包", "Sample Wallet"),
        zone: TimeZone::get("Asia/Shanghai").unwrap(),
        support: vec![
            Contact {
                label: both("客服 400-000-0000", "Support 400-000-0000"),
                url: "tel:4000000000".into(),
            },
            Contact { label: both("在线客服", "Live chat"), url: "https://wallet.example/help".into() },
        ],
        lockout: Some(Duration::from_secs(1800)),
        recovering_for: Duration::from_secs(300),
        probe_contact: None,
        sample: None,
        public_url: None,
    }
}

fn component(name: &str, zh: &str, en: &str) -> Component {
    Component::way(id(name), both(zh, en))
}

fn endpoint(component: &str) -> Arc<Endpoint> {
    let url = Url::parse("https://wallet.example/login").unwrap();
    Arc::new(Endpoint::get(id(component), id(component), url))
}

/// Days back, minute of that day in UTC, minutes long.
pub type Trouble = (u64, u64, u64, Health);

/// Up for ninety days but for the troubles, oldest first, then `health` since `minutes` ago.
pub fn watched(
    component: &str,
    troubles: &[Trouble],
    health: Health,
    outcome: Outcome,
    minutes: u64,
) -> Arc<EndpointFacts> {
    let now = now();
    let midnight = at("2026-11-23T00:00:00Z");
    let mut history = vec![Span { health: Health::Up, from: minus(now.wall, days(90)), to: None }];
    let mut then = |health, from: Timestamp| {
        let last = history.last_mut().unwrap();
        if last.health == health {
            return;
        }
        last.to = Some(from);
        history.push(Span { health, from, to: None });
    };
    for &(back, minute, long, trouble) in troubles {
        let from = plus(minus(midnight, days(back)), Duration::from_secs(60 * minute));
        then(trouble, from);
        then(Health::Up, plus(from, Duration::from_secs(60 * long)));
    }
    then(health, minus(now.wall, Duration::from_secs(60 * minutes)));
    let last = LastResult {
        known_at: now.wall,
        fresh_until: now.mono + Duration::from_secs(90),
        at: minus(now.wall, Duration::from_secs(4)),
        outcome,
        total: Duration::from_millis(412),
    };
    Arc::new(EndpointFacts {
        endpoint: endpoint(component),
        history: Arc::new(history),
        health,
        last: Some(last),
        cut_off: false,
    })
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// A wallet with five ways near its login; what is wrong is left to the caller.
pub fn fine() -> Facts {
    let up = |name: &str, troubles: &[Trouble]| watched(name, troubles, Health::Up, Outcome::Success, 0);
    let mut email = component("email", "邮箱验证码", "E-mail code");
    email.alternative_to = vec![id("sms")];
    let mut password = component("password", "密码登录", "Password");
    password.alternative_to = vec![id("sms")];
    let mut recovery = component("recovery", "找回与解锁", "Recovery and unlock");
    recovery.role = Role::Support;
    let mut app = component("app", "App 3.2.1", "App 3.2.1");
    app.role = Role::Support;
    Facts {
        site: Arc::new(site()),
        components: vec![password, component("sms", "短信验证码", "SMS code"), email, recovery, app].into(),
        endpoints: vec![
            up(
                "password",
                &[
                    (82, 300, 180, Health::Unknown),
                    (70, 500, 8, Health::Down),
                    (20, 100, 12, Health::Degraded),
                    (13, 362, 15, Health::Down),
                ],
            ),
            up(
                "sms",
                &[(82, 300, 180, Health::Unknown), (46, 200, 41, Health::Down), (13, 362, 15, Health::Down)],
            ),
            up(
                "email",
                &[
                    (82, 300, 180, Health::Unknown),
                    (57, 90, 26, Health::Degraded),
                    (13, 362, 15, Health::Down),
                ],
            ),
            up("recovery", &[(33, 77, 20, Health::Down)]),
        ],
        notices: Arc::new(Notices::default()),
        storing: Storing::Works,
        lost: Arc::from([]),
    }
}

pub fn maintenance(components: &[&str], from: &str, to: &str) -> Maintenance {
    Maintenance {
        id: id("m25"),
        title: both("登录系统升级维护", "Login system upgrade"),
        body: Some(both(
            "期间不能登录；已登录的设备、扫码付款和到账不受影响。请提前完成登录。",
            "Login is unavailable meanwhile. Signed-in devices, payments and deposits keep working.",
        )),
        covers: Covers { components: components.iter().map(|it| id(it)).collect(), endpoints: vec![] },
        starts_at: at(from),
        ends_at: at(to),
        announced_end: at(to),
        published_at: at("2026-11-20T09:00:00+08:00"),
        ended_at: None,
    }
}

fn announcement() -> Announcement {
    Announcement {
        id: id("a1"),
        title: Text::One(Lang::Zh, "谨防假冒客服".into()),
        body: Some(Text::One(Lang::Zh, "近期有人冒充客服索要验证码。我们不会这样做。".into())),
        starts_at: at("2026-11-22T09:00:00+08:00"),
        ends_at: None,
        published_at: at("2026-11-22T09:00:00+08:00"),
        ended_at: None,
    }
}

pub fn is(facts: &mut Facts, component: &str, health: Health, outcome: Outcome, minutes: u64) {
    let troubles: &[Trouble] = &[(46, 200, 41, Health::Down), (13, 362, 15, Health::Down)];
    let place = facts.endpoints.iter_mut().find(|it| it.endpoint.component.as_str() == component).unwrap();
    *place = watched(component, troubles, health, outcome, minutes);
}

pub fn write(facts: &mut Facts, maintenance: Maintenance) {
    Arc::make_mut(&mut facts.notices).maintenances.push(maintenance);
}

/// Facts whose verdict at [`now`] is `verdict`.
pub fn of(verdict: Verdict) -> Facts {
    let mut facts = fine();
    let slow = Outcome::Degraded(DegradedReason::Slow);
    let late = Outcome::Failure(FailureClass::TimeoutTtfb);
    let broken = Outcome::Failure(FailureClass::Http5xx);
    write(
        &mut facts,
        Maintenance {
            id: id("m12"),
            title: Text::One(Lang::Zh, "短信通道例行维护".into()),
            ended_at: Some(at("2026-11-12T02:47:00+08:00")),
            ..maintenance(&["sms"], "2026-11-12T02:00:00+08:00", "2026-11-12T03:00:00+08:00")
        },
    );
    match verdict {
        Verdict::Yes => write(
            &mut facts,
            maintenance(
                &["password", "sms", "email"],
                "2026-11-25T00:00:00+08:00",
                "2026-11-25T03:00:00+08:00",
            ),
        ),
        Verdict::MaintenanceSoon => {
            write(
                &mut facts,
                maintenance(
                    &["password", "sms", "email"],
                    "2026-11-23T11:00:00+08:00",
                    "2026-11-23T13:00:00+08:00",
                ),
            );
        }
        Verdict::Maintenance => {
            write(
                &mut facts,
                maintenance(
                    &["password", "sms", "email"],
                    "2026-11-23T10:00:00+08:00",
                    "2026-11-23T12:00:00+08:00",
                ),
            );
        }
        Verdict::Partial => {
            is(&mut facts, "sms", Health::Down, late, 34);
            Arc::make_mut(&mut facts.notices).announcements.push(announcement());
            write(
                &mut facts,
                maintenance(&["recovery"], "2026-11-23T10:00:00+08:00", "2026-11-23T12:00:00+08:00"),
            );
            write(
                &mut facts,
                Maintenance {
                    id: id("m26"),
                    ..maintenance(&["password"], "2026-11-25T23:00:00+08:00", "2026-11-26T03:00:00+08:00")
                },
            );
        }
        Verdict::No => {
            for way in ["password", "sms", "email"] {
                is(&mut facts, way, Health::Down, broken, 21);
            }
            facts.storing = Storing::Fails { since: at("2026-11-23T10:05:00+08:00"), waiting: 37, lost: 0 };
        }
        Verdict::Slow => {
            for way in ["password", "sms", "email"] {
                is(&mut facts, way, Health::Degraded, slow, 9);
            }
        }
        Verdict::Recovering => {
            let troubles: &[Trouble] = &[(0, 90, 40, Health::Down)];
            facts.endpoints[0] = watched("password", troubles, Health::Up, Outcome::Success, 0);
        }
        Verdict::Unknown => {
            for it in &mut facts.endpoints {
                let silent = Arc::make_mut(it);
                let last = silent.last.as_mut().unwrap();
                last.fresh_until = now().mono;
                last.known_at = minus(now().wall, Duration::from_secs(14 * 60));
                last.at = last.known_at;
            }
        }
    }
    facts
}

/// Ten components in two groups, each with trouble on two days in three.
pub fn busy() -> Facts {
    let mut facts = of(Verdict::Partial);
    let mut components = facts.components.to_vec();
    components.pop();
    for (index, it) in components.iter_mut().enumerate() {
        it.group = (index < 3).then(|| both("登录", "Login"));
    }
    for index in 4_u64..10 {
        let name = format!("way-{index}");
        components.push(component(&name, &format!("登录方式 {index}"), &format!("Login method {index}")));
        let trouble = |day: u64| {
            let health = [Health::Down, Health::Degraded, Health::Unknown]
                [usize::try_from((day + index) % 3).unwrap()];
            (90 - day, (day * 37 + index * 11) % 1200, 2 + (day * 13 + index * 7) % 90, health)
        };
        let troubles: Vec<Trouble> = (1..90).filter(|day| day % 3 != 0).map(trouble).collect();
        facts.endpoints.push(watched(&name, &troubles, Health::Up, Outcome::Success, 0));
    }
    facts.components = components.into();
    facts
}

pub fn sample(mut facts: Facts) -> Facts {
    Arc::make_mut(&mut facts.site).sample = Some(SamplePage { url: "http://127.0.0.1:7001/".into() });
    facts
}

/// [`busy`] with the way that nobody watches.
pub fn busy_with_app() -> Facts {
    let mut facts = busy();
    let mut components = facts.components.to_vec();
    components.push(component("app", "App 3.2.1", "App 3.2.1"));
    facts.components = components.into();
    facts
}

/// A site that has been watched for six days only.
pub fn young() -> Facts {
    let mut facts = of(Verdict::Yes);
    for it in &mut facts.endpoints {
        let young = Arc::make_mut(it);
        let from = minus(now().wall, days(6));
        let history = Arc::make_mut(&mut young.history);
        history.retain(|span| span.to.is_none());
        history[0].from = from;
    }
    facts
}

/// Changes one component.
pub fn with(facts: &mut Facts, component: &str, change: impl FnOnce(&mut Component)) {
    let mut components = facts.components.to_vec();
    change(components.iter_mut().find(|it| it.id.as_str() == component).unwrap());
    facts.components = components.into();
}

/// One way that came and went seven times within the hour, and is up.
pub fn flapping() -> Facts {
    let mut facts = fine();
    // 01:20 to 02:08 in UTC is the last hour before now.
    let troubles: Vec<Trouble> = (0..4).map(|it| (0, 80 + 12 * it, 5, Health::Down)).collect();
    facts.endpoints[0] = watched("password", &troubles, Health::Up, Outcome::Success, 0);
    facts
}

/// Every way down since before the end of a maintenance that should be over.
pub fn overran() -> Facts {
    let mut facts = of(Verdict::No);
    write(
        &mut facts,
        maintenance(&["password", "sms", "email"], "2026-11-23T09:00:00+08:00", "2026-11-23T10:00:00+08:00"),
    );
    facts
}
