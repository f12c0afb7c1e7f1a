//! The operator's file, and how it is edited between two starts.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use porchlight::domain::component::{Component, Lang, Role, RollUp, Text};
use porchlight::domain::endpoint::{Cadence, Endpoint, EndpointId, Id, Thresholds};
use porchlight::domain::facts::Site;
use porchlight::domain::notice::{Covers, Maintenance, Notices};

use crate::chance::Chance;
use crate::model::Window;
use crate::plan::{COMPONENTS, Door, Fault, Plan};

#[derive(Debug, Clone)]
pub struct Entry {
    pub door: usize,
    pub names: Vec<String>,
    pub every: Duration,
    pub present: bool,
}

impl Entry {
    pub fn name(&self) -> &str {
        self.names.last().unwrap()
    }
}

#[derive(Debug, Clone)]
pub struct Config {
    pub entries: Vec<Entry>,
    pub windows: Vec<Window>,
    made: usize,
}

fn index(chance: &mut Chance, count: usize) -> usize {
    usize::try_from(chance.between(0, u64::try_from(count).unwrap())).unwrap()
}

const MINUTE: i64 = 60_000;

impl Config {
    pub fn new(plan: &Plan) -> Self {
        let entry = |(door, it): (usize, &Door)| Entry {
            door,
            names: vec![format!("e{door}")],
            every: it.every,
            present: true,
        };
        Self { entries: plan.doors.iter().enumerate().map(entry).collect(), windows: Vec::new(), made: 0 }
    }

    /// One to three edits of a person; `now` is wall time.
    pub fn edit(&mut self, chance: &mut Chance, faults: &[Fault], now: i64) -> String {
        let mut said = Vec::new();
        for _ in 0..chance.between(1, 4) {
            let notices = faults.contains(&Fault::Notices);
            let endpoints = faults.contains(&Fault::Reload);
            let kind = chance.between(0, 4);
            let which = index(chance, self.entries.len());
            if endpoints && (!notices || chance.one_in(2)) {
                said.push(self.edit_endpoint(chance, kind, which));
            } else if notices {
                said.push(self.edit_window(chance, kind, now));
            }
        }
        said.join(", ")
    }

    fn edit_endpoint(&mut self, chance: &mut Chance, kind: u64, which: usize) -> String {
        let others = self.entries.iter().filter(|it| it.present).count();
        let entry = &mut self.entries[which];
        match kind {
            0 if others > 2 || !entry.present => entry.present = !entry.present,
            1 => entry.every = Duration::from_secs(chance.pick(&[10, 15, 20, 30, 45, 60])),
            _ => {
                let name = format!("e{which}-{}", entry.names.len());
                entry.names.push(name);
            }
        }
        format!("endpoint {entry:?}")
    }

    fn edit_window(&mut self, chance: &mut Chance, kind: u64, now: i64) -> String {
        let minutes =
            |chance: &mut Chance, from, to| i64::try_from(chance.between(from, to)).unwrap() * MINUTE;
        match kind {
            1 if !self.windows.is_empty() => {
                let index = index(chance, self.windows.len());
                let window = &mut self.windows[index];
                let by = minutes(chance, 0, 40) - 20 * MINUTE;
                if chance.one_in(2) {
                    window.starts += by;
                }
                window.ends = (window.ends + by).max(window.starts + MINUTE);
                window.announced = window.ends;
                format!("moved {window:?}")
            }
            2 if !self.windows.is_empty() => {
                let index = index(chance, self.windows.len());
                format!("removed {:?}", self.windows.remove(index))
            }
            _ => {
                self.made += 1;
                // Some begin in the past: those were not announced.
                let starts = now - 5 * MINUTE + minutes(chance, 0, 30);
                let ends = starts + minutes(chance, 5, 60);
                let component = index(chance, COMPONENTS);
                let name = format!("m{}", self.made);
                self.windows.push(Window {
                    name,
                    component,
                    starts,
                    ends,
                    announced: ends,
                    published: now,
                    ended: None,
                });
                format!("made {:?}", self.windows.last())
            }
        }
    }

    pub fn endpoints(&self, plan: &Plan) -> Vec<Endpoint> {
        let present = self.entries.iter().filter(|it| it.present);
        present.map(|entry| endpoint(entry, &plan.doors[entry.door])).collect()
    }

    pub fn notices(&self, now: Timestamp) -> Notices {
        Notices { maintenances: maintenances(&self.windows, now), announcements: Vec::new() }
    }
}

pub fn maintenances(windows: &[Window], now: Timestamp) -> Vec<Maintenance> {
    let one = |it: &Window| Maintenance {
        id: id(&it.name),
        title: Text::One(Lang::En, it.name.clone()),
        body: None,
        covers: Covers { components: vec![component_id(it.component)], endpoints: vec![] },
        starts_at: Timestamp::from_millisecond(it.starts).unwrap(),
        ends_at: Timestamp::from_millisecond(it.ends).unwrap(),
        published_at: now,
        announced_end: Timestamp::from_millisecond(it.ends).unwrap(),
        ended_at: None,
    };
    windows.iter().map(one).collect()
}

pub fn id(text: &str) -> EndpointId {
    Id::parse(text).unwrap()
}

pub fn component_id(index: usize) -> EndpointId {
    id(&format!("c{index}"))
}

pub fn site() -> Site {
    Site {
        name: Text::One(Lang::En, "sim".into()),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        support: vec![],
        lockout: None,
        recovering_for: Duration::from_secs(300),
        probe_contact: None,
        sample: None,
        public_url: None,
    }
}

pub fn components() -> Vec<Component> {
    let one = |index| Component {
        role: if index < 2 { Role::Login } else { Role::Support },
        roll_up: if index == 0 { RollUp::All } else { RollUp::Any { critical: vec![] } },
        ..Component::way(component_id(index), Text::One(Lang::En, format!("c{index}")))
    };
    (0..COMPONENTS).map(one).collect()
}

fn endpoint(entry: &Entry, door: &Door) -> Endpoint {
    let (name, was) = entry.names.split_last().unwrap();
    let url = url::Url::parse("https://wallet.example/login").unwrap();
    Endpoint {
        cadence: Cadence::Every(entry.every),
        deadline: door.deadline,
        degraded_after: door.deadline / 2,
        thresholds: Thresholds { failure: door.failure, success: door.success },
        was: was.iter().map(|it| id(it)).collect(),
        ..Endpoint::get(id(name), component_id(door.component), url)
    }
}
