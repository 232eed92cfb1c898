//! Durations, sizes and ratios: how they are taken together and how they are written.

use std::time::Duration;

/// The one in the middle; of an even number the lower of the two. Nothing took no time.
pub fn median(mut of: Vec<Duration>) -> Duration {
    of.sort();
    of.get(of.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// How many times the other one.
pub fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64().max(f64::EPSILON)
}

/// `1.24 ×`, `12.3 ×`.
pub fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2} ×") } else { format!("{ratio:.1} ×") }
}

/// In milliseconds, with thousands apart: `23,104 ms`; below ten with a decimal.
pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{} ms", grouped(time.as_millis())) }
}

/// In millions of bytes.
pub fn mb(bytes: u64) -> String {
    format!("{} MB", grouped(u128::from(bytes / 1_000_000)))
}

/// `10k`, `1m`.
pub fn people(number: u32) -> String {
    match number {
        number if number % 1_000_000 == 0 => format!("{}m", number / 1_000_000),
        number if number % 1_000 == 0 => format!("{}k", number / 1_000),
        number => number.to_string(),
    }
}

fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_to_be_compared() {
        assert_eq!(ms(Duration::from_millis(23_104)), "23,104 ms");
        assert_eq!(ms(Duration::from_micros(7_440)), "7.4 ms");
        assert_eq!(mb(1_234_567_890), "1,234 MB");
        assert_eq!((times(1.236), times(12.34)), ("1.24 ×".to_owned(), "12.3 ×".to_owned()));
        assert_eq!(
            (people(10_000), people(1_000_000), people(1_500)),
            ("10k".into(), "1m".into(), "1500".into())
        );
    }

    #[test]
    fn a_median_isnt_moved_by_one_that_waited() {
        let of = [3, 1, 90].map(Duration::from_secs).to_vec();
        assert_eq!(median(of), Duration::from_secs(3));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}
