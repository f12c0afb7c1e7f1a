//! `porchlight status`: how the running daemon is, at a glance.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::table::{Row, print};
use super::{Exit, Place, counted, load, printable, tell};
use crate::clock::{Clock, SystemClock};
use crate::control::{Answer, AskError, CanaryLine, EndpointLine, NetworkLine, Own, Question, Status, ask};
use crate::domain::moment::between;
use crate::store;

/// How often `--watch` looks again.
const AGAIN: Duration = Duration::from_secs(2);
/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub fn status(place: &Place, json: bool, watch: bool) -> anyhow::Result<Exit> {
    if watch {
        return keep_showing(place);
    }
    let data = &place.data_dir();
    let status = match ask(data, &Question::Status) {
        Ok(Answer::Status(status)) => status,
        Ok(other) => return Err(super::unexpected(other)),
        Err(error @ AskError::NoDaemon { .. }) => {
            if !json {
                tell_last_known(place, data);
            }
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    if json {
        tell(serde_json::to_string_pretty(&status)?);
    } else {
        show(&status);
    }
    Ok(if status.ready { Exit::Well } else { Exit::NotReady })
}

/// Until whoever looks on has seen enough.
fn keep_showing(place: &Place) -> anyhow::Result<Exit> {
    let terminal = std::io::stdout().is_terminal();
    loop {
        let status = ask(&place.data_dir(), &Question::Status)?;
        let Answer::Status(status) = status else { return Err(super::unexpected(status)) };
        if terminal && write!(std::io::stdout(), "{CLEAR}").is_err() {
            return Ok(Exit::Well);
        }
        show(&status);
        // Whoever does not read any more wants no more.
        if writeln!(std::io::stdout()).and_then(|()| std::io::stdout().flush()).is_err() {
            return Ok(Exit::Well);
        }
        std::thread::sleep(AGAIN);
    }
}

fn show(it: &Status) {
    let daemon = &it.daemon;
    tell(format_args!("Porchlight {} ({})", printable(&daemon.version), daemon.pid));
    let ready = if it.ready { "ready".to_owned() } else { format!("NOT READY: {}", it.doubts.join("; ")) };
    let mut lines = vec![
        ("verdict", printable(&it.verdict)),
        ("state", ready),
        ("running for", length(Duration::from_secs(daemon.uptime_s))),
        ("page", printable(&daemon.page)),
        ("config", printable(&daemon.config)),
        ("data", printable(&daemon.data)),
        ("socket", printable(&daemon.socket)),
    ];
    lines.extend(own(&it.own));
    for (name, said) in lines {
        tell(format_args!("  {name:<12}{said}"));
    }
    for note in &it.notes {
        let mark = match note.weight.as_str() {
            "alarm" => "ALARM",
            "trouble" => "TROUBLE",
            _ => "note",
        };
        let (said, todo) = (printable(&note.said), printable(&note.todo));
        tell(format_args!("  {mark:<12}{said}, since {} ago; {todo}", short(note.age_s)));
    }
    tell("");
    let components = it.components.iter().map(|it| {
        let public = if it.public { "yes" } else { "no" };
        Row::from([printable(&it.id), printable(&it.status), public.to_owned(), printable(&it.name)])
    });
    print(&["COMPONENT", "STATUS", "PUBLIC", "NAME"], components);
    tell("");
    let endpoints = it.endpoints.iter().map(endpoint);
    print(
        &["ENDPOINT", "COMPONENT", "HEALTH", "LAST KNOCK", "OUTCOME", "TOOK", "NEXT", "DROPPED"],
        endpoints,
    );
}

fn own(own: &Own) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let stored = match &own.not_stored_since {
        None => format!("works, {} commits", own.commits),
        Some(since) => {
            let waiting = counted(own.waiting, "result");
            format!("FAILS since {}, waiting in memory: {waiting}", to_the_second(since))
        }
    };
    let lost = if own.lost == 0 { String::new() } else { format!(", {} LOST", counted(own.lost, "result")) };
    lines.push(("storing", format!("{stored}{lost}")));
    let database = match (own.damaged, own.vanished) {
        (false, false) => "sound",
        (true, _) => "DAMAGED; copy the data directory, then stop porchlight and restore a backup",
        (false, true) => "GONE: the file was removed or replaced; put it back, or restart porchlight",
    };
    lines.push(("database", database.to_owned()));
    let rendered = own.rendered_s_ago.map_or_else(|| "never".to_owned(), |it| format!("{} ago", short(it)));
    lines.push(("rendered", rendered));
    if let Some(ago) = own.stalled_s_ago {
        lines.push(("stood still", format!("{} ago", short(ago))));
    }
    if own.doubts_clock {
        lines.push(("clock", "in doubt: it was set a moment ago".to_owned()));
    }
    if own.doubts_network {
        lines.push(("network", "in doubt: no name of any host can be looked up".to_owned()));
    }
    lines.extend(own.networks.iter().map(|it| ("network", network(it))));
    lines
}

/// How one of our networks is, and which canaries do not answer as they should.
fn network(it: &NetworkLine) -> String {
    let id = printable(&it.id);
    let fails = |it: &&CanaryLine| matches!(it.said.as_deref(), Some("wrong" | "silent" | "no_name"));
    let failing: Vec<String> = it.canaries.iter().filter(fails).map(canary).collect();
    let named = if failing.is_empty() { String::new() } else { format!(": {}", failing.join(", ")) };
    let (all, fail) = (it.canaries.len(), failing.len());
    if let Some(since) = &it.lost_since {
        let why = match it.why.as_deref() {
            Some("no_names") => "names cannot be looked up",
            Some("portal") => "something else answers in the place of others",
            _ => "we cannot get out",
        };
        let since = to_the_second(since);
        return format!("`{id}` LOST since {since}, {why}; {fail} of {} fail{named}", canaries(all));
    }
    if it.canaries.iter().all(|it| it.said.is_none()) {
        return format!("`{id}`: no canary was heard yet");
    }
    let verb = if fail == 1 { "fails" } else { "fail" };
    if fail == 0 {
        format!("`{id}` works by its {}", canaries(all))
    } else {
        format!("`{id}` works; {fail} of {} {verb}{named}", canaries(all))
    }
}

fn canaries(count: usize) -> String {
    if count == 1 { "1 canary".to_owned() } else { format!("{count} canaries") }
}

fn canary(it: &CanaryLine) -> String {
    let said = match it.said.as_deref() {
        Some("wrong") => "answers wrongly",
        Some("no_name") => "is not found",
        _ => "is silent",
    };
    format!("{} {said}", printable(&it.url))
}

fn endpoint(it: &EndpointLine) -> Row {
    let none = || "-".to_owned();
    let last = it.last.as_ref();
    let outcome = |last: &crate::control::KnockLine| match &last.reason {
        Some(reason) => format!("{} ({})", printable(&last.outcome), printable(reason)),
        None => printable(&last.outcome),
    };
    Row::from([
        printable(&it.id),
        printable(&it.component),
        health(it),
        last.map_or_else(|| "never".to_owned(), |last| format!("{} ago", short(last.age_s))),
        last.map_or_else(none, outcome),
        last.map_or_else(none, |last| format!("{:.0} ms", last.total_s * 1000.0)),
        next(it).unwrap_or_else(none),
        it.dropped_rings.to_string(),
    ])
}

/// When somebody knocks next, and when somebody logs in.
fn next(it: &EndpointLine) -> Option<String> {
    let next = match &it.rests_until {
        Some(until) => Some(rests(until, it.rests_because.as_deref(), it.rests_host.as_deref())),
        None => it.next_in_s.map(|next| format!("in {}", short(next))),
    };
    let login = it.no_login_until.as_ref();
    let login = login.map(|until| format!("maintenance: logs in again from {} on", to_the_second(until)));
    let said: Vec<String> = next.into_iter().chain(login).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Why nobody knocks, though the bell rings, until when, and what ends it sooner.
fn rests(until: &str, because: Option<&str>, host: Option<&str>) -> String {
    let because = match because {
        Some("throttled") => "its host asked us to slow down",
        Some("blocked") => "its host blocked us",
        Some("retry_after") => "it asked us to wait",
        Some("down") => "it is down for long",
        _ => "it wants us away",
    };
    let ends = host.map(|it| format!("; porchlight pause end {}", printable(it))).unwrap_or_default();
    format!("not before {}: {because}{ends}", to_the_second(until))
}

/// With what it takes to know better: `unknown (1 more for up)`, `up (flapping)`.
fn health(it: &EndpointLine) -> String {
    let wanted = it.wanted.as_ref().map(|it| format!("{} more for {}", it.more, printable(&it.health)));
    let marks: Vec<String> = it.flapping.then(|| "flapping".to_owned()).into_iter().chain(wanted).collect();
    let health = printable(&it.health);
    if marks.is_empty() { health } else { format!("{health} ({})", marks.join(", ")) }
}

/// What the database last knew, as far as it can be read.
fn tell_last_known(place: &Place, data: &Path) {
    let Ok((config, _)) = load(place) else { return };
    let Ok(known) = store::last_known(data, &config.endpoints) else { return };
    let now = SystemClock::new().now().wall;
    tell("Nobody is watching. This is what was known when somebody last did:");
    let rows = known.iter().map(|it| {
        let last = it.last.map(|last| between(last.at, now));
        Row::from([
            it.endpoint.to_string(),
            it.state.health.wire().to_owned(),
            last.map_or_else(|| "never".to_owned(), |ago| format!("{} ago", length(ago))),
            it.last.map_or("-", |last| last.outcome.kind()).to_owned(),
        ])
    });
    print(&["ENDPOINT", "HEALTH", "LAST KNOCK", "OUTCOME"], rows);
}

/// A moment as a person reads it.
pub(super) fn to_the_second(at: &str) -> String {
    let at = at.parse().map(|it: Timestamp| it.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    at.unwrap_or_else(|_| printable("an unknown time"))
}

pub(super) fn short(seconds: f64) -> String {
    length(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// `7 s`, `5 min 7 s`, `3 h 5 min`, `2 d 3 h`.
fn length(it: Duration) -> String {
    let seconds = it.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if minutes == 0 {
        format!("{seconds} s")
    } else if hours == 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else if days == 0 {
        format!("{hours} h {} min", minutes % 60)
    } else {
        format!("{days} d {} h", hours % 24)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_stored_is_told_to_the_second_and_in_number() {
        let failing = Own {
            stalled_s_ago: None,
            doubts_clock: false,
            doubts_network: false,
            networks: Vec::new(),
            storing: false,
            not_stored_since: Some("2026-11-23T01:02:03.456789012Z".to_owned()),
            waiting: 1,
            lost: 2,
            commits: 3,
            damaged: false,
            vanished: false,
            rendered_s_ago: None,
        };
        let said = "FAILS since 2026-11-23 01:02:03 UTC, waiting in memory: 1 result, 2 results LOST";
        assert_eq!(own(&failing)[0].1, said);
    }

    #[test]
    fn a_lost_network_is_told_with_the_canaries_that_fail() {
        let told = |said: [Option<&str>; 3], why: Option<&str>| {
            let canary = |(index, said): (usize, Option<&str>)| CanaryLine {
                url: format!("tcp://192.0.2.{index}:53"),
                said: said.map(str::to_owned),
            };
            network(&NetworkLine {
                id: "default".to_owned(),
                lost_since: why.map(|_| "2026-11-23T01:02:03.456Z".to_owned()),
                why: why.map(str::to_owned),
                canaries: said.into_iter().enumerate().map(canary).collect(),
            })
        };
        insta::assert_snapshot!(told([Some("right"); 3], None), @"`default` works by its 3 canaries");
        insta::assert_snapshot!(told([None; 3], None), @"`default`: no canary was heard yet");
        insta::assert_snapshot!(told([Some("right"), Some("silent"), Some("right")], None), @"`default` works; 1 of 3 canaries fails: tcp://192.0.2.1:53 is silent");
        insta::assert_snapshot!(told([Some("silent"), Some("no_name"), Some("right")], Some("unreachable")), @"`default` LOST since 2026-11-23 01:02:03 UTC, we cannot get out; 2 of 3 canaries fail: tcp://192.0.2.0:53 is silent, tcp://192.0.2.1:53 is not found");
    }

    #[test]
    fn a_length_is_told_in_its_two_largest_units() {
        let said = |seconds| length(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 60, 3599, 3600, 90_000].map(said),
            ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "1 d 1 h"]
        );
    }
}
