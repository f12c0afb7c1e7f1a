//! The rules once more, written from RULES.md the simple and slow way: fold
//! every result from the first, keep lists instead of states.

use std::time::Duration;

/// 0 up, 1 degraded, 2 down, 3 unknown: as stored.
pub type Code = u8;
pub const DOWN: Code = 2;
pub const UNKNOWN: Code = 3;

/// One result as the world knows it.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    pub wall: i64,
    pub life: usize,
    pub mono: Duration,
    pub fresh_for: Duration,
    /// None when it said nothing about the door.
    pub says: Option<Code>,
}

#[derive(Debug, Clone, Default)]
pub struct Fold {
    opinion: Option<Code>,
    since: Option<i64>,
    before_gap: Option<Code>,
    /// Results in a row that argue against the opinion in one direction.
    against: Vec<(i64, Code)>,
    pub last: Option<Heard>,
    /// (health, from); each ends where the next begins.
    pub spans: Vec<(Code, i64)>,
}

impl Fold {
    /// Takes in one result; says whether it wants to be confirmed.
    pub fn hear(&mut self, heard: Heard, failure: u32, success: u32) -> bool {
        let Some(says) = heard.says else { return false };
        if let Some(last) = self.last
            && (last.life != heard.life || last.fresh_for < heard.mono.saturating_sub(last.mono))
        {
            self.against.clear();
            if let Some(opinion) = self.opinion.take() {
                self.before_gap = Some(opinion);
                self.turn(UNKNOWN, last.wall);
            }
        }
        self.last = Some(heard);
        if self.opinion == Some(says) {
            self.against.clear();
            return false;
        }
        if self.opinion.is_none() && self.before_gap == Some(says) {
            self.settle(says, heard.wall);
            return false;
        }
        let worse = |code: Code| self.opinion.map_or(code == DOWN, |opinion| opinion < code);
        if self.against.last().is_some_and(|&(_, other)| worse(other) != worse(says)) {
            self.against.clear();
        }
        let (is_worse, is_known) = (worse(says), self.opinion.is_some());
        self.against.push((heard.wall, says));
        let needed = usize::try_from(if is_worse { failure } else { success }).unwrap();
        if self.against.len() < needed {
            return self.against.len() == 1 && (says == DOWN || !is_known);
        }
        let all = self.against.iter().map(|&(_, code)| code);
        let agreed = if is_worse { all.min() } else { all.max() }.unwrap();
        let agreed = if is_worse && !is_known { DOWN } else { agreed };
        let alike = self.against.iter().rev().take_while(|&&(_, code)| code == says).count();
        let tail = self.against.split_off(self.against.len() - alike);
        let from = self.against.first().or(tail.first()).unwrap().0;
        self.settle(agreed, from);
        // What argues for more than was agreed on goes on arguing.
        if says != agreed {
            self.against = tail;
        }
        self.against.len() == 1 && says == DOWN
    }

    fn settle(&mut self, health: Code, from: i64) {
        self.turn(health, from);
        self.opinion = Some(health);
        self.before_gap = None;
    }

    fn turn(&mut self, health: Code, from: i64) {
        // A clock set back by up to an hour: just after the last.
        let from = match self.since {
            Some(since) if from < since && since - from <= 3_600_000 => since + 1,
            _ => from,
        };
        self.since = Some(from);
        self.against.clear();
        self.spans.retain(|&(_, begun)| begun < from);
        if self.spans.last().is_none_or(|&(last, _)| last != health) {
            self.spans.push((health, from));
        }
    }
}

/// A maintenance as it should be on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub name: String,
    pub component: usize,
    pub starts: i64,
    pub ends: i64,
    /// The end that was told before it began; only until then it does not count.
    pub announced: i64,
    pub published: i64,
    pub ended: Option<i64>,
}

impl Window {
    pub fn end(&self) -> i64 {
        self.ended.map_or(self.ends, |ended| ended.min(self.ends)).max(self.starts)
    }

    pub fn holds(&self, time: i64) -> bool {
        self.starts <= time && time < self.end()
    }

    pub fn is_left_out(&self, time: i64) -> bool {
        self.published <= self.starts && self.holds(time) && time < self.announced
    }

    /// `unwell`: when the oldest outage that goes on in what it covers began.
    pub fn phase(&self, unwell: Option<i64>, now: i64) -> &'static str {
        match self.ended {
            Some(ended) if ended <= self.starts => return "cancelled",
            _ => (),
        }
        if now < self.starts {
            return "scheduled";
        }
        if now < self.end() {
            return "in_progress";
        }
        if self.ended.is_none() && unwell.is_some_and(|since| since < self.ends) {
            return "overran";
        }
        "completed"
    }
}

/// What the record of maintenances becomes when a file is loaded.
pub fn load(record: &mut Vec<Window>, file: &[Window], now: i64) {
    for wanted in file {
        let Some(kept) = record.iter_mut().find(|it| it.name == wanted.name) else {
            record.push(Window { published: now, ..wanted.clone() });
            continue;
        };
        if let Some(ended) = kept.ended {
            // Taken back before it began, and announced anew for the future.
            if ended <= kept.starts && now <= wanted.starts {
                *kept = Window { published: now, ..wanted.clone() };
            }
            continue;
        }
        let same_past = wanted.starts == kept.starts && wanted.component == kept.component;
        let may = if now < kept.starts {
            now <= wanted.starts
        } else if now < kept.ends {
            same_past && now <= wanted.ends
        } else {
            same_past && wanted.ends == kept.ends
        };
        if may {
            let announced = if now < kept.starts { wanted.ends } else { kept.announced };
            *kept = Window { published: kept.published, announced, ..wanted.clone() };
        }
    }
    for kept in record {
        if file.iter().all(|it| it.name != kept.name) && kept.ended.is_none() && now < kept.ends {
            kept.ended = Some(now.max(kept.published));
        }
    }
}
