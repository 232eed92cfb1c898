//! Texts compared without regard to case, as the directory does, and without copies of them.

use std::cmp::Ordering;

fn letters(text: &str) -> impl DoubleEndedIterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// Which of two texts comes first.
pub fn compare(left: &str, right: &str) -> Ordering {
    letters(left).cmp(letters(right))
}

/// Whether a text begins with another.
pub fn starts_with(text: &str, start: &str) -> bool {
    let mut text = letters(text);
    letters(start).all(|letter| text.next() == Some(letter))
}

/// Whether a text ends with another.
pub fn ends_with(text: &str, end: &str) -> bool {
    let mut text = letters(text).rev();
    letters(end).rev().all(|letter| text.next() == Some(letter))
}
