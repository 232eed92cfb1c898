//! Words for active and inactive.
//!
//! Yes and no answer the column's question, which may be “blocked?”; words such as `suspended` say the state itself.

use crate::settings::Settings;

const YES: &[&str] = &[
    "true", "yes", "y", "t", "1", "on", "x", "ja", "oui", "si", "sí", "sim", "예", "네", "wahr", "vrai", "참",
];
const NO: &[&str] = &[
    "false",
    "no",
    "n",
    "f",
    "0",
    "off",
    "nein",
    "non",
    "não",
    "nao",
    "아니요",
    "아니오",
    "falsch",
    "faux",
    "거짓",
];
/// Okta's states of people who may still sign in again by themselves are active.
const ACTIVE: &[&str] = &[
    "active",
    "enabled",
    "allowed",
    "provisioned",
    "recovery",
    "password_expired",
    "password expired",
    "password reset",
    "locked_out",
    "locked out",
    "pending user action",
    "재직",
    "활성",
];
const INACTIVE: &[&str] = &[
    "inactive",
    "disabled",
    "suspended",
    "blocked",
    "archived",
    "deactivated",
    "deprovisioned",
    "staged",
    "terminated",
    "left",
    "retired",
    "deleted",
    "퇴직",
    "퇴사",
    "비활성",
];

/// The usual words and the operator's own.
#[derive(Clone, Debug, Default)]
pub struct Words {
    active: Vec<String>,
    inactive: Vec<String>,
}

impl Words {
    /// With the operator's.
    pub fn of(settings: &Settings) -> Self {
        let lower = |words: &[String]| words.iter().map(|word| word.trim().to_lowercase()).collect();
        Self { active: lower(&settings.active_values), inactive: lower(&settings.inactive_values) }
    }

    /// Whether a cell says active; none where it says neither. `inverted` where the column asks for the opposite.
    pub fn active(&self, cell: &str, inverted: bool) -> Option<bool> {
        // The commonest, without making a lower-case copy.
        let usual = |words: &[&str], cell: &str| words.iter().any(|word| word.eq_ignore_ascii_case(cell));
        if self.active.is_empty() && self.inactive.is_empty() && cell.is_ascii() {
            return Self::known(usual, cell, inverted);
        }
        let lower = cell.to_lowercase();
        if self.active.contains(&lower) {
            return Some(true);
        }
        if self.inactive.contains(&lower) {
            return Some(false);
        }
        Self::known(|words, cell| words.contains(&cell), &lower, inverted)
    }

    fn known(has: impl Fn(&[&str], &str) -> bool, cell: &str, inverted: bool) -> Option<bool> {
        if has(YES, cell) {
            Some(!inverted)
        } else if has(NO, cell) {
            Some(inverted)
        } else if has(ACTIVE, cell) {
            Some(true)
        } else if has(INACTIVE, cell) {
            Some(false)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f85_truth_is_read_tolerantly() {
        let words = Words::default();
        assert_eq!(words.active("TRUE", false), Some(true));
        assert_eq!(words.active("No", false), Some(false));
        assert_eq!(words.active("Yes", true), Some(false));
        assert_eq!(words.active("Suspended", false), Some(false));
        assert_eq!(words.active("Suspended", true), Some(false));
        assert_eq!(words.active("PASSWORD_EXPIRED", false), Some(true));
        assert_eq!(words.active("예", true), Some(false));
        assert_eq!(words.active("perhaps", false), None);
    }

    #[test]
    fn f85_the_operators_words_come_first() {
        let mut settings = Settings::of_users("users.csv");
        settings.active_values = vec!["Left hand".into(), "0".into()];
        settings.inactive_values = vec!["Gone".into()];
        let words = Words::of(&settings);
        assert_eq!(words.active("0", false), Some(true));
        assert_eq!(words.active("gone", true), Some(false));
        assert_eq!(words.active("yes", false), Some(true));
    }
}
