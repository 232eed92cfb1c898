//! Rows of figures held against budgets.

use crate::figure::{mb, ms, ratio, times};
use crate::say;
use std::time::Duration;

/// One place's rows.
pub struct Table {
    /// What was measured: an engine, or the cold start.
    pub name: &'static str,
    rows: Vec<[String; 8]>,
}

const HEAD: [&str; 8] = ["", "people", "what", "took", "processor", "beside it", "ratio", "budget"];

/// What something may cost.
#[derive(Clone, Copy)]
pub enum Budget {
    /// So many times the other.
    Times(f64),
    /// So many times the other and a fixed time.
    TimesAnd(f64, Duration),
}

impl Budget {
    fn words(self) -> String {
        match self {
            Self::Times(times) => format!("≤ {times} ×"),
            Self::TimesAnd(times, more) => format!("≤ {times} × + {}", ms(more)),
        }
    }

    fn holds(self, took: Duration, beside: Duration) -> bool {
        match self {
            Self::Times(times) => took <= beside.mul_f64(times),
            Self::TimesAnd(times, more) => took <= beside.mul_f64(times) + more,
        }
    }
}

/// A budget's words and whether it was kept.
fn judged(budget: &str, kept: bool) -> String {
    format!("{budget}: {}", if kept { "kept" } else { "over" })
}

impl Table {
    /// Without rows.
    pub fn of(name: &'static str) -> Self {
        Self { name, rows: Vec::new() }
    }

    /// A time, with what it took of the processor where that is known, beside another time.
    pub fn time(
        &mut self,
        [id, people, what]: [&str; 3],
        (took, cpu): (Duration, Option<Duration>),
        (beside, other): (&str, Duration),
        budget: Budget,
    ) {
        self.row([
            id.to_owned(),
            people.to_owned(),
            what.to_owned(),
            ms(took),
            cpu.map(ms).unwrap_or_default(),
            format!("{beside} {}", ms(other)),
            times(ratio(took, other)),
            judged(&budget.words(), budget.holds(took, other)),
        ]);
    }

    /// A time that may not be longer than a fixed one.
    pub fn at_most(&mut self, [id, people, what]: [&str; 3], took: Duration, most: Duration) {
        self.row([
            id.to_owned(),
            people.to_owned(),
            what.to_owned(),
            ms(took),
            String::new(),
            String::new(),
            String::new(),
            judged(&format!("≤ {}", ms(most)), took <= most),
        ]);
    }

    /// Memory, beside that of a smaller source and within fixed bounds, where there are such.
    pub fn memory(
        &mut self,
        [id, people, what]: [&str; 3],
        bytes: u64,
        beside: Option<(&str, u64, f64)>,
        most: Option<u64>,
    ) {
        let mut budgets = Vec::new();
        budgets.extend(most.map(|most| judged(&format!("≤ {}", mb(most)), bytes <= most)));
        #[allow(clippy::cast_precision_loss, reason = "a ratio with two decimals")]
        let share = |other: u64| bytes as f64 / other.max(1) as f64;
        budgets
            .extend(beside.map(|(_, other, times)| judged(&format!("≤ {times} ×"), share(other) <= times)));
        self.row([
            id.to_owned(),
            people.to_owned(),
            what.to_owned(),
            mb(bytes),
            String::new(),
            beside.map(|(name, other, _)| format!("{name} {}", mb(other))).unwrap_or_default(),
            beside.map(|(_, other, _)| times(share(other))).unwrap_or_default(),
            budgets.join("; "),
        ]);
    }

    fn row(&mut self, row: [String; 8]) {
        say(&format!(
            "  {}",
            row.iter().filter(|cell| !cell.is_empty()).cloned().collect::<Vec<_>>().join(" · ")
        ));
        self.rows.push(row);
    }

    /// As Markdown that can be read as it is, too.
    pub fn text(&self) -> String {
        let mut widths = HEAD.map(|cell| cell.chars().count().max(1));
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &[String; 8]| {
            let padded: Vec<_> = cells
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
                .collect();
            format!("| {} |", padded.join(" | "))
        };
        let rule = widths.map(|width| "-".repeat(width + 2));
        let mut lines = vec![line(&HEAD.map(str::to_owned)), format!("|{}|", rule.join("|"))];
        lines.extend(self.rows.iter().map(line));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_budget_is_said_in_plain_words() {
        let mut table = Table::of("sqlite");
        let second = Duration::from_secs(1);
        let cpu = Some(second * 11);
        table.time(["P1", "10k", "first sync"], (second * 13, cpu), (".import", second), Budget::Times(12.0));
        let most = Budget::TimesAnd(1.5, Duration::from_millis(100));
        table.time(["P1", "10k", "unchanged"], (second * 16 / 10, None), ("sha256sum", second), most);
        table.memory(
            ["P1", "1m", "memory"],
            300_000_000,
            Some(("100k", 200_000_000, 1.5)),
            Some(256_000_000),
        );
        table.at_most(["P6", "10k", "status"], second / 100, second / 20);
        assert_eq!(
            table.text(),
            "\
|    | people | what       | took      | processor | beside it          | ratio  | budget                        |
|----|--------|------------|-----------|-----------|--------------------|--------|-------------------------------|
| P1 | 10k    | first sync | 13,000 ms | 11,000 ms | .import 1,000 ms   | 13.0 × | ≤ 12 ×: over                  |
| P1 | 10k    | unchanged  | 1,600 ms  |           | sha256sum 1,000 ms | 1.60 × | ≤ 1.5 × + 100 ms: kept        |
| P1 | 1m     | memory     | 300 MB    |           | 100k 200 MB        | 1.50 × | ≤ 256 MB: over; ≤ 1.5 ×: kept |
| P6 | 10k    | status     | 10 ms     |           |                    |        | ≤ 50 ms: kept                 |"
        );
    }
}
