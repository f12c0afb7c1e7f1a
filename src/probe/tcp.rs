//! A TCP port, and the few words that are exchanged there.

use super::bare::{Bare, Fault};
use super::talk::{Heard, Talk};
use super::{Kit, Knocked};
use crate::domain::endpoint::Endpoint;
use crate::domain::kind::{Line, Tcp};
use crate::expr::regex;

pub(super) async fn knock(kit: &Kit, endpoint: &Endpoint, tcp: &Tcp) -> Knocked {
    let mut bare = Bare::begin(kit, endpoint);
    let mut heard = Heard::default();
    let ended = exchange(&mut bare, &mut heard, tcp).await;
    bare.heard_at = heard.first_at();
    bare.heard = heard.shown(tcp.dialog.iter().filter_map(|line| match line {
        Line::Send(value) => Some(value),
        Line::Expect(_) | Line::Matches(_) | Line::StartTls => None,
    }));
    bare.finish(Some(&tcp.at.host), tcp.certificate_days, ended)
}

async fn exchange(bare: &mut Bare<'_>, heard: &mut Heard, tcp: &Tcp) -> Result<(), Fault> {
    let stream = bare.connect(&tcp.at).await?;
    let mut talk = match tcp.tls {
        true => Talk::new(bare.secure(stream, &tcp.at.host).await?, heard),
        false => Talk::new(stream, heard),
    };
    let mut groups: Vec<Option<String>> = Vec::new();
    for line in &tcp.dialog {
        match line {
            Line::Expect(text) => talk.until_text(bare, text).await?,
            Line::Matches(pattern) => {
                let wanted = format!("a line that matches {pattern}");
                let fits = |line: &str| regex::matches(line, pattern).unwrap_or(false);
                let line = talk.until_line(bare, &wanted, fits).await?;
                let count = regex::groups(pattern).unwrap_or(0);
                let taken = (1..=count).map(|group| regex::group(&line, pattern, group).ok().flatten());
                groups = taken.collect();
            }
            Line::Send(value) => {
                talk.send(bare, filled(super::http::plain(value), &groups).as_bytes()).await?
            }
            Line::StartTls => talk = talk.secured(bare, &tcp.at.host).await?,
        }
    }
    Ok(())
}

/// The text with `{{1}}` and so on in the place of what was matched last. What
/// is filled in is not looked at again: a server's words are text, never a place.
fn filled(text: &str, groups: &[Option<String>]) -> String {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        whole.push_str(before);
        let place = after.split_once("}}").and_then(|(number, behind)| {
            let index = number.trim().parse::<usize>().ok()?.checked_sub(1)?;
            Some((groups.get(index)?.as_deref().unwrap_or_default(), behind))
        });
        match place {
            Some((group, behind)) => {
                whole.push_str(group);
                rest = behind;
            }
            None => {
                whole.push_str("{{");
                rest = after;
            }
        }
    }
    whole + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_filled_in_by_number() {
        let groups = [Some("one".to_owned()), None];
        assert_eq!(filled("a {{1}} {{2}}{{3}} {{1}}\r\n", &groups), "a one {{3}} one\r\n");
        // What a server said is text, never a place.
        let hostile = [Some("{{2}}".to_owned()), Some("secret".to_owned())];
        assert_eq!(filled("{{1}} {{", &hostile), "{{2}} {{");
    }
}
