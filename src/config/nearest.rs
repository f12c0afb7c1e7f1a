//! Guesses which name was meant.

/// What other monitors call our keys.
const SYNONYMS: &[(&str, &str)] = &[
    ("interval", "every"),
    ("period", "every"),
    ("frequency", "every"),
    ("cron", "schedule"),
    ("timeout", "deadline"),
    ("timezone", "zone"),
    ("retries", "failure_threshold"),
    ("start", "starts_at"),
    ("end", "ends_at"),
    ("message", "body"),
    ("keyword", "contains"),
    ("retention", "keep_results"),
];

/// The candidate that `written` most likely stands for, if any is near enough.
pub(super) fn nearest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str> + Clone,
) -> Option<&'c str> {
    let written = written.to_lowercase();
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == written).map(|(_, ours)| *ours);
    let same = |candidate: &&str| synonym == Some(*candidate);
    let near = || {
        let distances = candidates.clone().into_iter().map(|it| (distance(&written, &it.to_lowercase()), it));
        // One slip in a short name, one in three letters of a longer one.
        let likely = |(distance, it): &(usize, &str)| *distance <= (it.chars().count() / 3).max(1);
        distances.filter(likely).min_by_key(|(distance, _)| *distance).map(|(_, it)| it)
    };
    candidates.clone().into_iter().find(same).or_else(near)
}

/// So many of the candidates, those that look most like `written` first.
pub(super) fn closest<'c>(written: &str, candidates: &[&'c str], most: usize) -> Vec<&'c str> {
    let written = written.to_lowercase();
    let mut sorted = candidates.to_vec();
    sorted.sort_by_cached_key(|it| distance(&written, &it.to_lowercase()));
    sorted.truncate(most);
    sorted
}

/// How many letters must be added, taken, changed or swapped with their
/// neighbour to make one of the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // A name this long was not a slip of the finger, and the table would be large.
    if 80 < a.len().max(b.len()) {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let changed = above[j] + usize::from(a[i] != b[j]);
            let mut least = changed.min(above[j + 1] + 1).min(row[j] + 1);
            if 0 < i && 0 < j && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let keys = ["every", "schedule", "deadline", "degraded_after", "id"];
        for (written, meant) in [
            ("evrey", Some("every")),
            ("Every", Some("every")),
            ("shedule", Some("schedule")),
            ("degraded-after", Some("degraded_after")),
            ("interval", Some("every")),
            ("timeout", Some("deadline")),
            ("ids", Some("id")),
            ("colour", None),
            ("", None),
            ("密码", None),
        ] {
            assert_eq!(nearest(written, keys), meant, "{written}");
        }
    }
}
