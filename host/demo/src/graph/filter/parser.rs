//! The grammar of a filter: `or` binds weaker than `and`, `and` weaker than `not`.

use super::lexer::{Token, Word, words};
use super::{Filter, Operator};
use crate::graph::error::{GraphError, bad_request, unsupported};
use serde_json::Value;

/// How deep parentheses may go.
const DEEPEST: usize = 50;
/// How many clauses there may be.
const MOST_CLAUSES: usize = 500;

/// Reads a filter.
pub fn parse(text: &str) -> Result<Filter, GraphError> {
    let mut parser = Parser {
        words: words(text)?,
        at: 0,
        end: text.chars().count(),
        depth: 0,
        clauses: 0,
        variable: None,
    };
    let filter = parser.or()?;
    match parser.next() {
        None => Ok(filter),
        Some(token) => Err(parser.unexpected(Some(&token), "the end")),
    }
}

struct Parser {
    words: Vec<Token>,
    at: usize,
    end: usize,
    depth: usize,
    clauses: usize,
    /// The variable of the `any` that is being read.
    variable: Option<String>,
}

impl Parser {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at).map(|token| &token.word)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.words.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn unexpected(&self, found: Option<&Token>, wanted: &str) -> GraphError {
        let at = found.map_or(self.end, |token| token.at);
        bad_request(format!("Invalid filter clause: {wanted} is expected at position {at}."))
    }

    fn take(&mut self, word: &Word, wanted: &str) -> Result<(), GraphError> {
        match self.next() {
            Some(token) if token.word == *word => Ok(()),
            other => Err(self.unexpected(other.as_ref(), wanted)),
        }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let is = matches!(self.peek(), Some(Word::Bare(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is);
        is
    }

    fn or(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.and()?;
        while self.keyword("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.unary()?;
        while self.keyword("and") {
            left = Filter::And(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Filter, GraphError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(bad_request("Invalid filter clause: it is nested too deeply."));
        }
        let filter = if self.keyword("not") {
            Filter::Not(Box::new(self.unary()?))
        } else if self.peek() == Some(&Word::Open) {
            self.at += 1;
            let inner = self.or()?;
            self.take(&Word::Close, "')'")?;
            inner
        } else {
            self.clause()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn clause(&mut self) -> Result<Filter, GraphError> {
        self.clauses += 1;
        if self.clauses > MOST_CLAUSES {
            return Err(unsupported(format!("The filter has more than {MOST_CLAUSES} clauses.")));
        }
        let token = self.next();
        let Some(Token { word: Word::Bare(word), .. }) = &token else {
            return Err(self.unexpected(token.as_ref(), "a property or a function"));
        };
        if self.peek() == Some(&Word::Open) {
            return self.call(word, token.as_ref());
        }
        if let Some(list) = word.strip_suffix("/$count") {
            let (operator, _) = self.operator()?;
            let number = self.next();
            let count = match &number {
                Some(Token { word: Word::Bare(count), .. }) => count.parse().ok(),
                _ => None,
            };
            return match count {
                Some(count) => Ok(Filter::Count(self.path(list), operator, count)),
                None => Err(self.unexpected(number.as_ref(), "a number")),
            };
        }
        let path = self.path(word);
        if self.keyword("in") {
            self.take(&Word::Open, "'('")?;
            let mut literals = vec![self.literal()?];
            while self.peek() == Some(&Word::Comma) {
                self.at += 1;
                literals.push(self.literal()?);
            }
            self.take(&Word::Close, "')'")?;
            return Ok(Filter::In(path, literals));
        }
        let (operator, _) = self.operator()?;
        Ok(Filter::Compare(path, operator, self.literal()?))
    }

    /// A function, or `any` of a list.
    fn call(&mut self, name: &str, token: Option<&Token>) -> Result<Filter, GraphError> {
        self.take(&Word::Open, "'('")?;
        if let Some(list) = name.strip_suffix("/any") {
            let list = self.path(list);
            let variable = match self.next() {
                Some(Token { word: Word::Bare(variable), .. }) => variable,
                other => return Err(self.unexpected(other.as_ref(), "a variable")),
            };
            self.take(&Word::Colon, "':'")?;
            let outer = self.variable.replace(variable);
            let inner = self.or()?;
            self.variable = outer;
            self.take(&Word::Close, "')'")?;
            return Ok(Filter::Any(list, Box::new(inner)));
        }
        let function = name.to_ascii_lowercase();
        if !matches!(function.as_str(), "startswith" | "endswith") {
            return Err(self.unexpected(token, "a supported function"));
        }
        let path = match self.next() {
            Some(Token { word: Word::Bare(path), .. }) => self.path(&path),
            other => return Err(self.unexpected(other.as_ref(), "a property")),
        };
        self.take(&Word::Comma, "','")?;
        let text = match self.next() {
            Some(Token { word: Word::Text(text), .. }) => text,
            other => return Err(self.unexpected(other.as_ref(), "text in quotes")),
        };
        self.take(&Word::Close, "')'")?;
        let filter = if function == "startswith" {
            Filter::StartsWith(path, text)
        } else {
            Filter::EndsWith(path, text)
        };
        // Some clients spell out that the function is to be true.
        if self.keyword("eq") {
            return match self.literal()? {
                Value::Bool(true) => Ok(filter),
                Value::Bool(false) => Ok(Filter::Not(Box::new(filter))),
                _ => Err(self.unexpected(token, "true or false")),
            };
        }
        Ok(filter)
    }

    fn operator(&mut self) -> Result<(Operator, usize), GraphError> {
        let token = self.next();
        let operator = match &token {
            Some(Token { word: Word::Bare(word), at }) => match word.to_ascii_lowercase().as_str() {
                "eq" => Some((Operator::Equal, *at)),
                "ne" => Some((Operator::NotEqual, *at)),
                "ge" => Some((Operator::AtLeast, *at)),
                "le" => Some((Operator::AtMost, *at)),
                "gt" => Some((Operator::Above, *at)),
                "lt" => Some((Operator::Below, *at)),
                _ => None,
            },
            _ => None,
        };
        operator.ok_or_else(|| self.unexpected(token.as_ref(), "an operator"))
    }

    /// Text, a truth, null, a number, or what goes without quotes: a GUID, a moment.
    fn literal(&mut self) -> Result<Value, GraphError> {
        match self.next() {
            Some(Token { word: Word::Text(text), .. }) => Ok(Value::String(text)),
            Some(Token { word: Word::Bare(mut word), .. }) => {
                if word.eq_ignore_ascii_case("null") {
                    return Ok(Value::Null);
                }
                if let Ok(truth) = word.to_ascii_lowercase().parse::<bool>() {
                    return Ok(Value::Bool(truth));
                }
                if let Ok(number) = word.parse::<i64>() {
                    return Ok(Value::from(number));
                }
                while let (Some(Word::Colon), Some(Word::Bare(more))) =
                    (self.peek(), self.words.get(self.at + 1).map(|token| &token.word))
                {
                    word = format!("{word}:{more}");
                    self.at += 2;
                }
                Ok(Value::String(word))
            }
            other => Err(self.unexpected(other.as_ref(), "a value")),
        }
    }

    /// A path without the variable it begins with.
    fn path(&self, word: &str) -> String {
        let variable = self.variable.as_deref();
        match word.split_once('/') {
            _ if Some(word) == variable => String::new(),
            Some((first, rest)) if Some(first) == variable => rest.to_owned(),
            _ => word.to_owned(),
        }
    }
}
