//! What can be asked for.

use clap::{Parser, ValueEnum};

/// Measures what runs cost, beside what they could cost at least, and prints the ratios.
#[derive(Debug, Parser)]
#[command(name = "usher-bench")]
pub struct Options {
    /// How many people: 10k, 100k, 1m
    #[arg(long, value_delimiter = ',', default_value = "10k,100k", value_parser = size, value_name = "SIZES")]
    pub sizes: Vec<u32>,
    /// Where they are kept
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres", value_name = "ENGINES")]
    pub engines: Vec<Engine>,
    /// Only some of the budgets; p8, which builds everything anew for ten minutes, only by its name
    #[arg(long, value_delimiter = ',', default_value = "p1,p3,p5,p6", value_name = "PARTS")]
    pub only: Vec<Part>,
    /// Put the tables into tests/bench/README.md, in place of those that were measured before
    #[arg(long)]
    pub write: bool,
}

impl Options {
    /// Whether a budget is to be looked at.
    pub fn wants(&self, part: Part) -> bool {
        self.only.contains(&part)
    }
}

/// A database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server that is started for this, and stopped.
    Postgres,
}

impl Engine {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// First, unchanged and slightly changed syncs; memory.
    P1,
    /// Microsoft 365, from a simulated tenant; on SQLite, whatever the engines are.
    P3,
    /// What the sandbox costs.
    P5,
    /// `usher status`.
    P6,
    /// From a clone to the first sync.
    P8,
}

fn size(text: &str) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = match (lower.strip_suffix('k'), lower.strip_suffix('m')) {
        (Some(digits), _) => (digits, 1_000),
        (_, Some(digits)) => (digits, 1_000_000),
        _ => (lower.as_str(), 1),
    };
    let people = digits.parse().ok().and_then(|number: u32| number.checked_mul(unit));
    people
        .filter(|people| (1_000..=10_000_000).contains(people))
        .ok_or_else(|| "write 10k, 100k or 1m: a thousand at least, ten million at most".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_typed_as_they_are_spoken() {
        assert_eq!(size("10k"), Ok(10_000));
        assert_eq!(size("1M"), Ok(1_000_000));
        assert_eq!(size("2500"), Ok(2_500));
        for wrong in ["", "k", "1", "11m", "5000m", "ten"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
