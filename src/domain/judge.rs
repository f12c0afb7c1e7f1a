//! The judge: one result comes in, an opinion and the transitions that follow go out.
//!
//! | the endpoint was | and then | rule |
//! | --- | --- | --- |
//! | up, degraded, down | a result of the same health | every streak ends |
//! | | `failure` worse results in a row | the mildest of them, from the first |
//! | | `success` better results in a row | the worst of them, from the first |
//! | changed so | results at the end of that row which argue for more | are counted on, from their first |
//! | never known | `failure` failing or `success` working results in a row | the same, from the first |
//! | any | an unknown result | changes nothing, breaks no streak |
//! | any | silence longer than a result is fresh, or a restart | unknown from the last known result; streaks end |
//! | unknown after silence | one result of the health it had | that health again, from that result |
//! | | other results | as if never known |
//! | any | a result not later (monotonic) than the last judged | kept in the log, not judged |
//! | any | a clock set back by up to an hour | the next span starts just after the last |
//! | any | a clock set back further | the spans of the false future are replaced |

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::endpoint::Thresholds;
use super::outcome::Outcome;
use super::probe::ProbeResult;
use super::span::{Health, Transition};

/// A wall clock set back by no more than this is taken for a correction.
pub const CORRECTION: SignedDuration = SignedDuration::from_hours(1);

/// Everything the judge remembers of one endpoint. It follows from the log of
/// results; after a restart it is rebuilt by [`JudgeState::resumed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgeState {
    pub health: Health,
    /// The start of the open span; none before the first.
    pub since: Option<Timestamp>,
    /// The health before the silence, when `health` is unknown because of one.
    before_silence: Option<Health>,
    streak: Option<Streak>,
    last: Option<Last>,
}

/// Results in a row that argue for the same change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Streak {
    argues: Direction,
    length: u32,
    began: Timestamp,
    /// What all of them agree on: the mildest of the worse, the worst of the better.
    towards: Health,
    /// The newest of them, as far back as they are alike.
    tail: Tail,
}

/// Alike results in a row. Where they argue for more than all agree on, they
/// go on arguing after the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tail {
    seen: Health,
    length: u32,
    began: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Worse,
    Better,
}

/// The last known result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    at: Timestamp,
    /// None when it was seen before this process started.
    mono: Option<Duration>,
    fresh_for: Duration,
}

/// What one result led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub state: JudgeState,
    /// In order; most results cause none, a return from silence up to two.
    pub transitions: Vec<Transition>,
    /// Knock once more soon: a first failure wants to be confirmed, and so does
    /// the first word of all, or a page would stay grey for an interval.
    pub confirm: bool,
}

impl JudgeState {
    /// Whether anything was ever heard.
    pub fn has_heard(&self) -> bool {
        self.last.is_some()
    }

    /// Nothing known yet.
    pub fn new() -> Self {
        Self { health: Health::Unknown, since: None, before_silence: None, streak: None, last: None }
    }

    /// The state after a restart: the open span and the time of the last known
    /// result. Whatever came between then and the next result is unknown.
    pub fn resumed(open: Transition, before_silence: Option<Health>, last_at: Timestamp) -> Self {
        let last = Last { at: last_at, mono: None, fresh_for: Duration::ZERO };
        Self { health: open.health, since: Some(open.from), before_silence, streak: None, last: Some(last) }
    }
}

impl JudgeState {
    /// How many more results of the kind that came last would change health,
    /// and to what; none while nothing argues for a change.
    pub fn wanted(&self, thresholds: Thresholds) -> Option<(u32, Health)> {
        let streak = self.streak?;
        let needed = match streak.argues {
            Direction::Worse => thresholds.failure,
            Direction::Better => thresholds.success,
        };
        Some((needed.saturating_sub(streak.length), streak.towards))
    }
}

impl Default for JudgeState {
    fn default() -> Self {
        Self::new()
    }
}

/// What a single result says by itself; none when it says nothing.
pub fn says(outcome: Outcome) -> Option<Health> {
    match outcome {
        Outcome::Success => Some(Health::Up),
        Outcome::Degraded(_) => Some(Health::Degraded),
        Outcome::Failure(_) => Some(Health::Down),
        Outcome::Unknown(_) => None,
    }
}

pub fn judge(state: JudgeState, thresholds: Thresholds, result: &ProbeResult) -> Judgement {
    let unchanged = Judgement { state, transitions: Vec::new(), confirm: false };
    let Some(seen) = says(result.outcome) else { return unchanged };
    let judged_until = state.last.and_then(|last| last.mono);
    if judged_until.is_some_and(|judged| result.at.mono <= judged) {
        return unchanged;
    }
    let mut next = state;
    let mut transitions = Vec::new();
    if let Some(last) = state.last
        && last.went_silent(result)
    {
        next.fall_silent(last, &mut transitions);
    }
    next.last = Some(Last { at: result.at.wall, mono: Some(result.at.mono), fresh_for: result.fresh_for });
    next.weigh(seen, thresholds, result.at.wall, &mut transitions);
    let first = next.streak.is_some_and(|streak| streak.length == 1);
    let confirm = first && (seen == Health::Down || next.health == Health::Unknown);
    Judgement { state: next, transitions, confirm }
}

impl Last {
    fn went_silent(&self, result: &ProbeResult) -> bool {
        self.mono.is_none_or(|mono| self.fresh_for < result.at.mono.saturating_sub(mono))
    }
}

impl JudgeState {
    fn fall_silent(&mut self, last: Last, transitions: &mut Vec<Transition>) {
        self.streak = None;
        if self.health == Health::Unknown {
            return;
        }
        self.before_silence = Some(self.health);
        self.turn(Health::Unknown, last.at, transitions);
    }

    fn weigh(
        &mut self,
        seen: Health,
        thresholds: Thresholds,
        at: Timestamp,
        transitions: &mut Vec<Transition>,
    ) {
        if self.before_silence == Some(seen) {
            self.turn(seen, at, transitions);
            return;
        }
        if self.health == seen {
            self.streak = None;
            return;
        }
        let argues = direction(self.health, seen);
        let streak = match self.streak {
            Some(streak) if streak.argues == argues => Streak {
                length: streak.length.saturating_add(1),
                towards: agreed(argues, self.health, streak.towards, seen),
                tail: streak.tail.and(seen, at),
                ..streak
            },
            _ => Streak::of(argues, Tail { seen, length: 1, began: at }),
        };
        let needed = match argues {
            Direction::Worse => thresholds.failure,
            Direction::Better => thresholds.success,
        };
        if streak.length < needed {
            self.streak = Some(streak);
        } else {
            self.turn(streak.towards, streak.began, transitions);
            let more = streak.tail.seen != streak.towards;
            self.streak = more.then(|| Streak::of(direction(streak.towards, streak.tail.seen), streak.tail));
        }
    }

    fn turn(&mut self, health: Health, from: Timestamp, transitions: &mut Vec<Transition>) {
        let from = match self.since {
            Some(since) if from < since && since.duration_since(from) <= CORRECTION => {
                since.checked_add(Duration::from_millis(1)).unwrap_or(since)
            }
            _ => from,
        };
        transitions.push(Transition { health, from });
        self.health = health;
        self.since = Some(from);
        self.streak = None;
        if health != Health::Unknown {
            self.before_silence = None;
        }
    }
}

impl Streak {
    fn of(argues: Direction, tail: Tail) -> Self {
        Self { argues, length: tail.length, began: tail.began, towards: tail.seen, tail }
    }
}

impl Tail {
    fn and(self, seen: Health, at: Timestamp) -> Self {
        if seen == self.seen {
            Self { length: self.length.saturating_add(1), ..self }
        } else {
            Self { seen, length: 1, began: at }
        }
    }
}

/// Unknown argues from the middle: working is better, failing is worse.
fn direction(health: Health, seen: Health) -> Direction {
    let worse = match health {
        Health::Unknown => seen == Health::Down,
        known => known.code() < seen.code(),
    };
    if worse { Direction::Worse } else { Direction::Better }
}

fn agreed(argues: Direction, health: Health, so_far: Health, seen: Health) -> Health {
    let milder = so_far.code() < seen.code();
    match argues {
        // From unknown, "worse" means down and nothing else.
        Direction::Worse if health == Health::Unknown => Health::Down,
        Direction::Worse => {
            if milder {
                so_far
            } else {
                seen
            }
        }
        Direction::Better => {
            if milder {
                seen
            } else {
                so_far
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::moment::Moment;
    use crate::domain::outcome::{DegradedReason, FailureClass, UnknownReason};
    use crate::domain::span::{Span, apply};

    fn wall(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// One probe a minute, fresh for three: `+` success, `~` degraded,
    /// `-` failure, `?` unknown, ` ` none at all, `|` a restart instead of one.
    struct Film {
        state: JudgeState,
        history: Vec<Span>,
        second: i64,
        /// Added to the wall clock, not to the monotonic one.
        step: i64,
        thresholds: Thresholds,
        confirms: Vec<usize>,
    }

    impl Film {
        fn new() -> Self {
            let thresholds = Thresholds::default();
            Self {
                state: JudgeState::new(),
                history: vec![],
                second: 0,
                step: 0,
                thresholds,
                confirms: vec![],
            }
        }

        /// Draws the health after each probe, with a `*` where it changed.
        fn run(&mut self, probes: &str) -> String {
            let mut drawn = String::new();
            for (index, probe) in probes.chars().enumerate() {
                self.second += 60;
                let outcome = match probe {
                    '+' => Outcome::Success,
                    '~' => Outcome::Degraded(DegradedReason::Slow),
                    '-' => Outcome::Failure(FailureClass::Http5xx),
                    '?' => Outcome::Unknown(UnknownReason::OwnStall),
                    '|' => {
                        self.restart();
                        drawn.push('|');
                        continue;
                    }
                    _ => {
                        drawn.push(' ');
                        continue;
                    }
                };
                let mono = Duration::from_secs(self.second.unsigned_abs());
                let at = Moment { wall: wall(self.second + self.step), mono };
                let fresh_for = Duration::from_secs(180);
                let result = ProbeResult { at, total: Duration::ZERO, outcome, http_status: None, fresh_for };
                let before = self.state.health;
                let judgement = judge(self.state, self.thresholds, &result);
                self.state = judgement.state;
                for transition in judgement.transitions {
                    apply(&mut self.history, transition);
                }
                if judgement.confirm {
                    self.confirms.push(index);
                }
                drawn.push(['U', 'G', 'D', '?'][usize::from(self.state.health.code())]);
                if self.state.health != before {
                    drawn.push('*');
                }
            }
            drawn
        }

        fn restart(&mut self) {
            let (Some(open), Some(last)) = (self.history.last(), self.state.last) else { return };
            let open = Transition { health: open.health, from: open.from };
            self.state = JudgeState::resumed(open, self.state.before_silence, last.at);
        }

        /// `U60-120 D120-`: seconds from the start of the film.
        fn spans(&self) -> String {
            let mut drawn = Vec::new();
            for span in &self.history {
                let letter = ["U", "G", "D", "?"][usize::from(span.health.code())];
                let seconds = |at: Timestamp| at.as_second() - 1_000_000;
                let to = span.to.map(|to| seconds(to).to_string()).unwrap_or_default();
                drawn.push(format!("{letter}{}-{to}", seconds(span.from)));
            }
            drawn.join(" ")
        }
    }

    fn film(probes: &str) -> String {
        Film::new().run(probes)
    }

    fn spans(probes: &str) -> String {
        let mut film = Film::new();
        film.run(probes);
        film.spans()
    }

    #[test]
    fn one_blip_is_not_an_outage() {
        assert_eq!(film("++-+-+"), "?U*UUUU");
    }

    #[test]
    fn two_failures_in_a_row_are_and_it_starts_at_the_first() {
        assert_eq!(film("++--"), "?U*UD*");
        assert_eq!(spans("++--"), "U60-180 D180-");
    }

    #[test]
    fn recovery_must_hold() {
        assert_eq!(film("--+-++"), "?D*DDDU*");
        assert_eq!(spans("--+-++"), "D60-300 U300-");
    }

    #[test]
    fn nothing_is_known_before_two_agree() {
        assert_eq!(film("+"), "?");
        assert_eq!(film("+-+-"), "????");
        assert_eq!(spans("+-+-"), "");
    }

    #[test]
    fn degraded_counts_as_worse_than_up_and_better_than_down() {
        assert_eq!(film("++~~"), "?U*UG*");
        assert_eq!(film("--~~"), "?D*DG*");
        assert_eq!(film("++~+~+"), "?U*UUUU");
    }

    #[test]
    fn a_mixed_streak_moves_only_as_far_as_all_agree() {
        assert_eq!(film("++-~"), "?U*UG*");
        assert_eq!(film("--+~"), "?D*DG*");
        assert_eq!(film("+~"), "?G*");
        assert_eq!(film("++~~--"), "?U*UG*GD*");
    }

    #[test]
    fn what_argued_for_more_than_all_agreed_on_is_not_forgotten() {
        assert_eq!(film("++~--"), "?U*UG*D*");
        assert_eq!(spans("++~--"), "U60-180 G180-240 D240-");
        assert_eq!(film("--~++"), "?D*DG*U*");
        assert_eq!(spans("--~++"), "D60-180 G180-240 U240-");
        assert_eq!(film("++~-~"), "?U*UG*G", "one alone is still a blip");
        assert_eq!(film("~++"), "?G*U*");
    }

    #[test]
    fn unknown_neither_extends_nor_breaks_a_streak() {
        assert_eq!(film("++-?-"), "?U*UUD*");
        assert_eq!(film("++-??+"), "?U*UUUU");
        assert_eq!(spans("++-?-"), "U60-180 D180-");
    }

    #[test]
    fn three_intervals_of_silence_are_still_fresh_and_more_is_unknown() {
        assert_eq!(spans("++  +"), "U60-");
        assert_eq!(spans("++   +"), "U60-120 ?120-360 U360-");
        assert_eq!(spans("++????+"), "U60-120 ?120-420 U420-");
    }

    #[test]
    fn an_open_outage_stays_open_over_silence() {
        assert_eq!(spans("--    -"), "D60-120 ?120-420 D420-");
        assert_eq!(film("--    -"), "?D*    D");
    }

    #[test]
    fn after_silence_another_health_must_prove_itself() {
        assert_eq!(film("++    --"), "?U*    ?*D*");
        assert_eq!(spans("++    --"), "U60-120 ?120-420 D420-");
        assert_eq!(film("++    -+"), "?U*    ?*U*");
    }

    #[test]
    fn the_gap_of_a_restart_is_unknown_and_streaks_end() {
        assert_eq!(spans("++|+"), "U60-120 ?120-240 U240-");
        assert_eq!(spans("++-|-"), "U60-180 ?180-");
        assert_eq!(spans("--|-"), "D60-120 ?120-240 D240-");
        assert_eq!(film("--|||-"), "?D*|||D");
    }

    #[test]
    fn a_first_failure_and_a_first_word_ask_for_a_confirmation() {
        let mut film = Film::new();
        film.run("++-+--~-");
        assert_eq!(film.confirms, [0, 2, 4]);
    }

    #[test]
    fn a_threshold_of_one_needs_no_confirmation() {
        let mut film = Film::new();
        film.thresholds = Thresholds { failure: 1, success: 1 };
        assert_eq!(film.run("+-+"), "U*D*U*");
        assert!(film.confirms.is_empty());
    }

    #[test]
    fn a_late_result_is_not_judged() {
        let mut film = Film::new();
        film.run("++-");
        film.second -= 120;
        assert_eq!(film.run("-"), "U");
    }

    #[test]
    fn a_small_correction_of_the_clock_never_turns_time_around() {
        let mut film = Film::new();
        film.run("++");
        film.step = -600;
        film.run("--");
        assert!(film.history[0].to > Some(film.history[0].from));
        assert_eq!(film.history[0].to, Some(film.history[1].from));
    }

    #[test]
    fn a_false_future_is_replaced() {
        let mut film = Film::new();
        film.run("++");
        film.step = 400 * 86_400;
        film.run("--");
        film.step = 0;
        film.run("++");
        assert_eq!(film.spans(), "U60-");
    }
}
