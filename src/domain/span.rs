//! Health and its history: spans that never overlap and never leave a hole.

use jiff::Timestamp;

/// The judge's opinion of an endpoint, from best to worst; unknown stands apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    Up,
    Degraded,
    Down,
    Unknown,
}

impl Health {
    pub const ALL: [Self; 4] = [Self::Up, Self::Degraded, Self::Down, Self::Unknown];

    pub fn wire(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }

    /// The number stored in the database.
    pub fn code(self) -> u8 {
        match self {
            Self::Up => 0,
            Self::Degraded => 1,
            Self::Down => 2,
            Self::Unknown => 3,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }
}

/// An interval of one health, half-open. The last one has no end yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub health: Health,
    pub from: Timestamp,
    pub to: Option<Timestamp>,
}

/// From `from` on the endpoint has this health.
/// Applied to a history it closes the open span and opens the next in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    pub health: Health,
    pub from: Timestamp,
}

/// Applies a transition. What the history claimed at or after `from` is
/// replaced, so that a clock set back can leave neither overlap nor hole.
/// The store does the same in SQL.
pub fn apply(history: &mut Vec<Span>, transition: Transition) {
    while history.last().is_some_and(|last| transition.from <= last.from) {
        history.pop();
    }
    if let Some(last) = history.last_mut() {
        last.to = Some(transition.from);
        if last.health == transition.health {
            last.to = None;
            return;
        }
    }
    history.push(Span { health: transition.health, from: transition.from, to: None });
}

/// The history as it must be told at `now`: closed at `now`, and unknown from
/// `silent_since` on when nothing has been heard since then.
pub fn as_told(history: &[Span], silent_since: Option<Timestamp>, now: Timestamp) -> Vec<Span> {
    let mut told = history.to_vec();
    if let (Some(since), Some(last)) = (silent_since, told.last().copied())
        && last.health != Health::Unknown
    {
        apply(&mut told, Transition { health: Health::Unknown, from: since.max(last.from) });
    }
    told.retain(|span| span.from < now);
    if let Some(last) = told.last_mut() {
        last.to = Some(last.to.unwrap_or(now).min(now));
    }
    told
}

#[cfg(test)]
impl Health {
    /// As tests draw it: `U`, `G`, `D`, else unknown.
    pub fn of_letter(letter: char) -> Self {
        match letter {
            'U' => Self::Up,
            'G' => Self::Degraded,
            'D' => Self::Down,
            _ => Self::Unknown,
        }
    }
}

/// The spans of a history drawn with a letter a minute, from 1970 on; of a space
/// there is no data.
#[cfg(test)]
pub fn letters_a_minute(letters: &str) -> Vec<Span> {
    let at = |minute: i64| Timestamp::from_second(60 * minute).unwrap();
    let mut spans: Vec<Span> = Vec::new();
    for (minute, letter) in (0_i64..).zip(letters.chars()).filter(|(_, letter)| *letter != ' ') {
        let (health, to) = (Health::of_letter(letter), Some(at(minute + 1)));
        match spans.last_mut() {
            Some(last) if last.health == health => last.to = to,
            _ => spans.push(Span { health, from: at(minute), to }),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Draws a history: `U10-20 D20-` is up from 10 to 20, then down.
    fn draw(history: &[Span]) -> String {
        let mut drawn = Vec::new();
        for span in history {
            let letter = ["U", "G", "D", "?"][usize::from(span.health.code())];
            let to = span.to.map(|to| to.as_second().to_string()).unwrap_or_default();
            drawn.push(format!("{letter}{}-{to}", span.from.as_second()));
        }
        drawn.join(" ")
    }

    fn history(transitions: &[(Health, i64)]) -> Vec<Span> {
        let mut history = Vec::new();
        for &(health, from) in transitions {
            apply(&mut history, Transition { health, from: at(from) });
        }
        history
    }

    #[test]
    fn one_span_closes_as_the_next_opens() {
        assert_eq!(draw(&history(&[(Health::Up, 10), (Health::Down, 20)])), "U10-20 D20-");
    }

    #[test]
    fn a_transition_at_the_same_instant_replaces() {
        assert_eq!(draw(&history(&[(Health::Unknown, 10), (Health::Up, 10)])), "U10-");
    }

    #[test]
    fn a_clock_set_back_leaves_neither_overlap_nor_hole() {
        let told = history(&[(Health::Up, 10), (Health::Down, 900), (Health::Up, 950), (Health::Down, 30)]);
        assert_eq!(draw(&told), "U10-30 D30-");
    }

    #[test]
    fn equal_neighbours_melt_into_one() {
        let told = history(&[(Health::Up, 10), (Health::Down, 20), (Health::Up, 15)]);
        assert_eq!(draw(&told), "U10-");
    }

    #[test]
    fn silence_is_told_as_unknown_and_the_future_not_at_all() {
        let known = history(&[(Health::Up, 10), (Health::Down, 20)]);
        assert_eq!(draw(&as_told(&known, None, at(40))), "U10-20 D20-40");
        assert_eq!(draw(&as_told(&known, Some(at(30)), at(40))), "U10-20 D20-30 ?30-40");
        assert_eq!(draw(&as_told(&known, Some(at(20)), at(40))), "U10-20 ?20-40");
        assert_eq!(draw(&as_told(&known, None, at(15))), "U10-15");
    }
}
