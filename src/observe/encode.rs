//! Writes samples as Prometheus text 0.0.4 or as OpenMetrics 1.0.
//!
//! The two differ in a few words: OpenMetrics names a counter's family without
//! `_total` and ends with `# EOF`. Labels here are ids of the config and words
//! of closed lists, so that none ever needs escaping; one that would is dropped.

use std::fmt::Write;

use super::families::{Family, Kind};
use crate::meter::Reading;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// OpenMetrics for who names its first version, the older text for all others.
    pub fn accepted(accept: &str) -> Self {
        let asked = accept.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next().is_some_and(|it| it.eq_ignore_ascii_case("application/openmetrics-text"))
                && parts.any(|it| it == "version=1.0.0")
        });
        if asked { Self::OpenMetrics } else { Self::Prometheus }
    }
}

/// A growing exposition.
pub struct Exposition {
    format: Format,
    text: String,
    family: &'static str,
}

pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    pub fn new(format: Format, room: usize) -> Self {
        Self { format, text: String::with_capacity(room), family: "" }
    }

    /// Opens a family; the samples that follow are its own.
    pub fn family(&mut self, family: &Family) {
        self.family = family.name;
        let name = match self.format {
            Format::Prometheus => family.name,
            Format::OpenMetrics => family.name.strip_suffix("_total").unwrap_or(family.name),
        };
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // A text never refuses to be written to.
        let _ = write!(self.text, "# HELP {name} {}\n# TYPE {name} {kind}\n", family.help);
    }

    pub fn sample(&mut self, labels: Labels<'_>, value: impl std::fmt::Display) {
        self.line("", labels, None, value);
    }

    /// A histogram whose bounds count `unit`s of a second, or plain numbers for 1.
    pub fn histogram(&mut self, labels: Labels<'_>, reading: &Reading, unit: u32) {
        let mut within = 0;
        for (&bound, count) in reading.bounds.iter().zip(&reading.counts) {
            within += count;
            self.line("_bucket", labels, Some(&number(bound, unit)), within);
        }
        let count = reading.count();
        self.line("_bucket", labels, Some("+Inf"), count);
        self.line("_sum", labels, None, number(reading.sum, unit));
        self.line("_count", labels, None, count);
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: impl std::fmt::Display) {
        if labels.iter().any(|(_, value)| value.contains(['"', '\\', '\n'])) {
            return;
        }
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        let mut before = '{';
        for &(name, value) in labels.iter().chain(bound.map(|it| ("le", it)).as_ref()) {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            self.text.push_str(value);
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// A number of parts of a whole, exact, and always with a fraction, so that
/// both formats call a bound by the same name.
fn number(value: u64, unit: u32) -> String {
    let unit = u64::from(unit.max(1));
    let (whole, mut part) = (value / unit, value % unit);
    let mut text = format!("{whole}.");
    let mut step = unit;
    loop {
        step /= 10;
        let digit = part.checked_div(step).unwrap_or(0);
        text.push(char::from_digit(u32::try_from(digit).unwrap_or(0), 10).unwrap_or('0'));
        part -= digit * step;
        if part == 0 {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_have_a_fraction() {
        for (value, text) in [
            (0, "0.0"),
            (1, "0.000001"),
            (5_000, "0.005"),
            (250_000, "0.25"),
            (1_000_000, "1.0"),
            (10_000_000, "10.0"),
            (1_234_567, "1.234567"),
        ] {
            assert_eq!(number(value, 1_000_000), text);
        }
        assert_eq!(number(25, 1), "25.0");
    }

    #[test]
    fn the_two_formats_differ_in_the_name_of_a_counter_and_in_the_end() {
        let counter = Family { name: "a_total", kind: Kind::Counter, labels: "", help: "Things." };
        let written = |format| {
            let mut out = Exposition::new(format, 0);
            out.family(&counter);
            out.sample(&[("id", "x"), ("kind", "y")], 3);
            out.sample(&[], 4);
            out.sample(&[("evil", "a\"b")], 5);
            out.finish()
        };
        let samples = "a_total{id=\"x\",kind=\"y\"} 3\na_total 4\n";
        assert_eq!(
            written(Format::Prometheus),
            format!("# HELP a_total Things.\n# TYPE a_total counter\n{samples}")
        );
        assert_eq!(
            written(Format::OpenMetrics),
            format!("# HELP a Things.\n# TYPE a counter\n{samples}# EOF\n")
        );
    }

    #[test]
    fn a_histogram_is_cumulative() {
        let family = Family { name: "h_seconds", kind: Kind::Histogram, labels: "", help: "Times." };
        let mut out = Exposition::new(Format::Prometheus, 0);
        out.family(&family);
        let reading = Reading { bounds: &[5_000, 1_000_000], counts: vec![2, 1, 4], sum: 9_000_000 };
        out.histogram(&[("e", "x")], &reading, 1_000_000);
        let text = out.finish();
        let samples: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            samples,
            [
                "h_seconds_bucket{e=\"x\",le=\"0.005\"} 2",
                "h_seconds_bucket{e=\"x\",le=\"1.0\"} 3",
                "h_seconds_bucket{e=\"x\",le=\"+Inf\"} 7",
                "h_seconds_sum{e=\"x\"} 9.0",
                "h_seconds_count{e=\"x\"} 7",
            ]
        );
    }

    #[test]
    fn the_format_follows_what_is_accepted() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/plain;version=0.0.4", Format::Prometheus),
            ("application/openmetrics-text; version=0.0.1", Format::Prometheus),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", Format::OpenMetrics),
            (prometheus, Format::OpenMetrics),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept:?}");
        }
    }
}
