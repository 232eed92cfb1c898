//! `$filter`: what Microsoft documents for users and groups, and a refusal that names the place for everything else.

mod lexer;
mod parser;

use super::caseless;
use super::error::{GraphError, bad_request, unsupported};
use super::schema::{self, Level};
use crate::tenant::{Kind, Object};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// The most values that `in` takes without an advanced query.
const MOST_IN_PLAIN: usize = 15;
/// The longest text that `eq` takes, in characters.
const LONGEST_EQUAL: usize = 120;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `ge`
    AtLeast,
    /// `le`
    AtMost,
    /// `gt`
    Above,
    /// `lt`
    Below,
}

/// A filter. Paths are properties or, inside of `any`, what is below an element.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Both.
    And(Box<Self>, Box<Self>),
    /// One of them.
    Or(Box<Self>, Box<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// A comparison with a literal.
    Compare(String, Operator, Value),
    /// One of several literals.
    In(String, Vec<Value>),
    /// A beginning.
    StartsWith(String, String),
    /// An end.
    EndsWith(String, String),
    /// An element of a list for which something holds.
    Any(String, Box<Self>),
    /// The number of elements of a list.
    Count(String, Operator, u64),
}

/// What a filter looks at.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Object(&'a Object),
    Element(&'a Value),
}

impl<'a> Subject<'a> {
    fn value(self, path: &str) -> Option<Cow<'a, Value>> {
        match self {
            Self::Object(object) => object.value(path),
            Self::Element(element) if path.is_empty() => Some(Cow::Borrowed(element)),
            Self::Element(element) => element.get(path).map(Cow::Borrowed),
        }
    }
}

impl Filter {
    /// Reads a filter.
    pub fn read(text: &str) -> Result<Self, GraphError> {
        parser::parse(text)
    }

    /// Whether it holds for an object.
    pub fn holds(&self, object: &Object) -> bool {
        self.of(Subject::Object(object))
    }

    fn of(&self, subject: Subject<'_>) -> bool {
        let text = |path: &str, holds: &dyn Fn(&str) -> bool| {
            subject.value(path).is_some_and(|value| value.as_str().is_some_and(holds))
        };
        match self {
            Self::And(left, right) => left.of(subject) && right.of(subject),
            Self::Or(left, right) => left.of(subject) || right.of(subject),
            Self::Not(inner) => !inner.of(subject),
            Self::Compare(path, operator, literal) => {
                compare(subject.value(path).as_deref().unwrap_or(&Value::Null), *operator, literal)
            }
            Self::In(path, literals) => {
                let value = subject.value(path);
                let value = value.as_deref().unwrap_or(&Value::Null);
                literals.iter().any(|literal| compare(value, Operator::Equal, literal))
            }
            Self::StartsWith(path, start) => text(path, &|text| caseless::starts_with(text, start)),
            Self::EndsWith(path, end) => text(path, &|text| caseless::ends_with(text, end)),
            Self::Any(path, inner) => subject.value(path).is_some_and(|list| {
                list.as_array()
                    .is_some_and(|list| list.iter().any(|element| inner.of(Subject::Element(element))))
            }),
            Self::Count(path, operator, count) => {
                let length = subject.value(path).and_then(|list| list.as_array().map(Vec::len)).unwrap_or(0);
                ordered(u64::try_from(length).unwrap_or(u64::MAX).cmp(count), *operator)
            }
        }
    }

    /// Whether it needs an advanced query. Properties take their true names; what can't be asked of a kind is refused.
    pub fn check(
        &mut self,
        kind: Kind,
        resolve: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Level, GraphError> {
        let resource = match kind {
            Kind::User => "User",
            Kind::Group => "Group",
        };
        let refuse = |name: &str| {
            unsupported(format!(
                "The filter clause on property '{name}' of resource '{resource}' is unsupported or invalid."
            ))
        };
        let known = |path: &mut String| {
            if let Some(name) = resolve(path) {
                *path = name;
            }
            schema::support(kind, path).ok_or_else(|| refuse(path))
        };
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                let (left, right) = (left.check(kind, resolve)?, right.check(kind, resolve)?);
                Ok(highest(left, right))
            }
            Self::Not(inner) => inner.check(kind, resolve).map(|_| Level::Advanced),
            Self::Compare(path, operator, literal) => {
                let support = known(path)?;
                match operator {
                    _ if support.any => Err(refuse(path)),
                    Operator::Equal
                        if literal.as_str().is_some_and(|text| text.chars().count() > LONGEST_EQUAL) =>
                    {
                        Err(bad_request(format!(
                            "The value to compare '{path}' with is longer than {LONGEST_EQUAL} characters."
                        )))
                    }
                    Operator::NotEqual => Ok(Level::Advanced),
                    Operator::Equal if literal.is_null() => Ok(Level::Advanced),
                    Operator::Equal => Ok(support.equal),
                    Operator::AtLeast | Operator::AtMost if support.ordered => Ok(support.equal),
                    _ => Err(refuse(path)),
                }
            }
            Self::In(path, literals) => {
                let support = known(path)?;
                match literals.len() {
                    _ if support.any => Err(refuse(path)),
                    many if many > MOST_IN_PLAIN => Ok(Level::Advanced),
                    _ => Ok(support.equal),
                }
            }
            Self::StartsWith(path, _) => {
                let support = known(path)?;
                if support.prefix && !support.any { Ok(support.equal) } else { Err(refuse(path)) }
            }
            Self::EndsWith(path, _) => {
                let support = known(path)?;
                if support.suffix && !support.any { Ok(Level::Advanced) } else { Err(refuse(path)) }
            }
            Self::Any(path, inner) => {
                let support = known(path)?;
                if support.any { Ok(highest(support.equal, inner.inside())) } else { Err(refuse(path)) }
            }
            Self::Count(path, ..) => {
                let support = known(path)?;
                if support.any { Ok(Level::Advanced) } else { Err(refuse(path)) }
            }
        }
    }

    /// What a clause inside of `any` needs.
    fn inside(&self) -> Level {
        match self {
            Self::And(left, right) | Self::Or(left, right) => highest(left.inside(), right.inside()),
            Self::Not(_) | Self::EndsWith(..) | Self::Count(..) | Self::Compare(_, Operator::NotEqual, _) => {
                Level::Advanced
            }
            _ => Level::Plain,
        }
    }

    /// The ids of a filter that names ids and nothing else, as delta queries take it.
    pub fn ids(&self) -> Option<Vec<String>> {
        match self {
            Self::Or(left, right) => {
                let mut ids = left.ids()?;
                ids.extend(right.ids()?);
                Some(ids)
            }
            Self::Compare(path, Operator::Equal, Value::String(id)) if path.eq_ignore_ascii_case("id") => {
                Some(vec![id.clone()])
            }
            _ => None,
        }
    }
}

fn highest(left: Level, right: Level) -> Level {
    if left == Level::Advanced { left } else { right }
}

fn ordered(ordering: Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::AtLeast => ordering.is_ge(),
        Operator::AtMost => ordering.is_le(),
        Operator::Above => ordering.is_gt(),
        Operator::Below => ordering.is_lt(),
    }
}

/// Text is compared without regard to case, moments as the text they are. What isn't alike is only ever unequal.
fn compare(value: &Value, operator: Operator, literal: &Value) -> bool {
    let ordering = match (value, literal) {
        (Value::String(value), Value::String(literal)) => Some(caseless::compare(value, literal)),
        (Value::Number(value), Value::Number(literal)) => {
            value.as_f64().zip(literal.as_f64()).and_then(|(value, literal)| value.partial_cmp(&literal))
        }
        (value, literal) if value == literal => Some(Ordering::Equal),
        _ => None,
    };
    ordering.map_or(operator == Operator::NotEqual, |ordering| ordered(ordering, operator))
}
