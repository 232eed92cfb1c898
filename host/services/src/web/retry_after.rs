//! `Retry-After` (RFC 9110, 10.2.3): whole seconds or a date; Graph also sends fractions.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::time::Duration;

/// What is longer is no pause but a closed door; it also keeps the sums in bounds.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the header asks to wait. A date is held against the answer's own `Date`, where it has one, so that two clocks that differ don't
/// matter. What can't be understood counts as missing.
pub(crate) fn retry_after(value: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0)
            .then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())));
    }
    let moment = |text: &str| DateTimeParser::new().parse_timestamp(text.trim()).ok();
    let until = moment(value)?;
    let since = date.and_then(moment).unwrap_or(now);
    let wait = Duration::try_from(until.duration_since(since)).unwrap_or(Duration::ZERO);
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(value: &str, date: Option<&str>) -> Option<Duration> {
        retry_after(value, date, "2026-11-22T08:00:00Z".parse().unwrap())
    }

    #[test]
    fn seconds_fractions_and_dates_are_understood() {
        assert_eq!(wait("120", None), Some(Duration::from_secs(120)));
        assert_eq!(wait(" 2.128 ", None), Some(Duration::from_millis(2128)));
        assert_eq!(wait("0", None), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 22 Nov 2026 08:00:10 GMT", None), Some(Duration::from_secs(10)));
        assert_eq!(wait("Sun, 22 Nov 2026 07:59:00 GMT", None), Some(Duration::ZERO));
        assert_eq!(wait("1e99", None), Some(LONGEST));
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        let hour_ahead = Some("Sun, 22 Nov 2026 09:00:00 GMT");
        assert_eq!(wait("Sun, 22 Nov 2026 09:00:05 GMT", hour_ahead), Some(Duration::from_secs(5)));
    }

    #[test]
    fn nonsense_is_as_good_as_nothing() {
        for value in ["", "soon", "-1", "NaN", "inf", "22 Nov", "1;2"] {
            assert_eq!(wait(value, None), None, "{value}");
        }
    }
}
