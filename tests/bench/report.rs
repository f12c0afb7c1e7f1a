//! Figures and how they are told: a table for people, JSON for machines.

use serde_json::{Value, json};

/// Measurements of one thing, in the order they were taken; never empty.
#[derive(Debug, Clone)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn one(value: f64) -> Self {
        Self(vec![value])
    }

    pub fn median(&self) -> f64 {
        quantile(&self.0, 0.5)
    }

    pub fn least(&self) -> f64 {
        quantile(&self.0, 0.0)
    }

    pub fn most(&self) -> f64 {
        quantile(&self.0, 1.0)
    }

    /// Ours to theirs, round by round, so that a noisy minute meets both.
    fn over(&self, other: &Self) -> Self {
        self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect()
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// The value below which this share of `values` lies; NaN when there are none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wanted = share * f64::from(u32::try_from(sorted.len().saturating_sub(1)).unwrap_or(u32::MAX));
    // The nearest rank, found by counting up: a float is no index.
    let rank = (0_u32..).zip(&sorted).find(|(rank, _)| f64::from(*rank) + 0.5 >= wanted);
    rank.map_or(f64::NAN, |(_, value)| *value)
}

/// What a figure should come to.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// Ours divided by the reference.
    RatioAtLeast(f64),
    RatioAtMost(f64),
    /// A promise, where there is one, and what we aim at.
    AtMost {
        must: Option<f64>,
        aim: Option<f64>,
    },
    /// Not even once.
    NeverAbove(f64),
    /// Told for what it says about others.
    None,
}

/// One line of the report.
#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    pub unit: &'static str,
    pub ours: Series,
    pub reference: Option<Series>,
    pub goal: Goal,
    /// What one must know to read the figure.
    pub note: Option<String>,
}

impl Row {
    pub fn new(name: impl Into<String>, unit: &'static str, ours: Series) -> Self {
        Self { name: name.into(), unit, ours, reference: None, goal: Goal::None, note: None }
    }

    pub fn beside(self, reference: Series) -> Self {
        Self { reference: Some(reference), ..self }
    }

    pub fn goal(self, goal: Goal) -> Self {
        Self { goal, ..self }
    }

    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    fn ratio(&self) -> Option<Series> {
        self.reference.as_ref().map(|reference| self.ours.over(reference))
    }

    /// Whether the goal is met; none when there is none.
    fn met(&self) -> Option<bool> {
        let ratio = self.ratio().map(|it| it.median());
        match self.goal {
            Goal::RatioAtLeast(least) => Some(ratio? >= least),
            Goal::RatioAtMost(most) => Some(ratio? <= most),
            Goal::AtMost { must, aim } => Some(self.ours.median() <= aim.or(must)?),
            Goal::NeverAbove(most) => Some(self.ours.most() <= most),
            Goal::None => None,
        }
    }

    fn verdict(&self) -> String {
        let mut parts = Vec::new();
        if let Some(ratio) = self.ratio() {
            parts.push(format!(
                "x{} [{}..{}]",
                short(ratio.median()),
                short(ratio.least()),
                short(ratio.most())
            ));
        }
        match self.goal {
            Goal::RatioAtLeast(least) => parts.push(format!("aim >= x{least}")),
            Goal::RatioAtMost(most) => parts.push(format!("aim <= x{most}")),
            Goal::AtMost { must, aim } => {
                parts.extend(must.map(|must| format!("must <= {must}")));
                parts.extend(aim.map(|aim| format!("aim <= {aim}")));
            }
            Goal::NeverAbove(most) => parts.push(format!("aim: never > {most}")),
            Goal::None => (),
        }
        let broken = match self.goal {
            Goal::AtMost { must: Some(must), .. } => must < self.ours.median(),
            _ => false,
        };
        parts.extend(self.met().map(|met| match (met, broken) {
            (true, _) => "met".to_owned(),
            (false, false) => "MISSED".to_owned(),
            (false, true) => "BROKEN".to_owned(),
        }));
        parts.join(", ")
    }
}

pub fn table(rows: &[Row]) -> String {
    let heads = ["name", "ours", "reference", "ratio or aim", "min..max over n"].map(str::to_owned);
    let mut lines = vec![heads];
    let mut notes = String::new();
    for row in rows {
        let mut name = row.name.clone();
        if let Some(note) = &row.note {
            name.push_str(" *");
            notes.push_str(&format!("\n* {}: {note}", row.name));
        }
        lines.push([
            name,
            format!("{} {}", short(row.ours.median()), row.unit),
            row.reference.as_ref().map_or("-".into(), |it| format!("{} {}", short(it.median()), row.unit)),
            row.verdict(),
            format!("{}..{} over {}", short(row.ours.least()), short(row.ours.most()), row.ours.0.len()),
        ]);
    }
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|it| it.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    let pad = |line: &[String; 5]| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join(" | ").trim_end().to_owned()
    };
    lines.iter().map(pad).collect::<Vec<_>>().join("\n") + &notes
}

pub fn json(rows: &[Row]) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let rows: Vec<Value> = rows.iter().map(value).collect();
    Ok(serde_json::to_string_pretty(&json!({ "cores": cores, "rows": rows }))?)
}

fn value(row: &Row) -> Value {
    let series = |it: Series| json!({ "median": it.median(), "min": it.least(), "max": it.most(), "n": it.0.len(), "values": it.0 });
    let goal = match row.goal {
        Goal::RatioAtLeast(least) => json!({ "ratio_at_least": least }),
        Goal::RatioAtMost(most) => json!({ "ratio_at_most": most }),
        Goal::AtMost { must, aim } => json!({ "must_be_at_most": must, "aim_at_most": aim }),
        Goal::NeverAbove(most) => json!({ "never_above": most }),
        Goal::None => Value::Null,
    };
    json!({
        "name": row.name,
        "unit": row.unit,
        "ours": series(row.ours.clone()),
        "reference": row.reference.clone().map(series),
        "ratio": row.ratio().map(series),
        "goal": goal,
        "met": row.met(),
        "note": row.note,
    })
}

/// Three digits say what a benchmark knows.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
