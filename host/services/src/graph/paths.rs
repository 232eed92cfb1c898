//! The paths of Graph that a plugin was granted, and the check of everything it asks for: a border of the sandbox.
//!
//! A path is taken apart into its segments and each is decoded, as Graph will do; what could be read in two ways is refused, not
//! repaired. A granted path is a list of literal segments and placeholders (`/groups/{id}/members`). A placeholder takes an id, never the
//! name of a function (`delta`, `$count`), a cast (`microsoft.graph.user`) or a call (`…()`). The query isn't looked into:
//! what it can select lies within what the account may see of the granted path.

use std::fmt;
use usher_runtime::one_line;

/// Longest path with its query: delta tokens have some thousand characters.
const PATH_BYTES: usize = 32 << 10;
/// Most patterns of one plugin.
const PATTERNS: usize = 200;

/// What a plugin may ask Graph for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Vec<Vec<Segment>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// An id.
    Placeholder,
}

/// What is wrong with the paths that a plugin's `about` names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("graph: {0}")]
pub struct BadPaths(String);

/// Why a path isn't asked for: the end of a sentence that begins with "asked Graph for".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit(String);

impl fmt::Display for Unfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A path with its query that was checked, relative to the version's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    text: String,
    segments: Vec<String>,
}

impl Checked {
    /// As it was asked for, and as it goes out.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The decoded segments.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(String::as_str)
    }

    /// Whether this part of an address means the same segments.
    pub(crate) fn is_path_of(&self, path: &str) -> bool {
        segments(path).is_ok_and(|segments| segments == self.segments)
    }

    pub(crate) fn query(&self) -> &str {
        self.text.split_once('?').map_or("", |(_, query)| query)
    }
}

impl Paths {
    /// Reads what a plugin's `about` says under `capabilities.graph`: `{"paths": ["/users", "/groups/{id}/members"]}`.
    pub fn asked(capability: &serde_json::Value) -> Result<Self, BadPaths> {
        let wrong = || BadPaths("`paths` must be a list of paths such as `/groups/{id}/members`".to_owned());
        let paths = capability.get("paths").and_then(serde_json::Value::as_array).ok_or_else(wrong)?;
        let paths =
            paths.iter().map(|path| path.as_str().ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
        Self::new(paths)
    }

    /// These patterns.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, BadPaths> {
        let paths = patterns.into_iter().map(pattern).collect::<Result<Vec<_>, _>>()?;
        if paths.len() > PATTERNS {
            return Err(BadPaths(format!("names {} paths; {PATTERNS} fit", paths.len())));
        }
        Ok(Self(paths))
    }

    /// The segments of each, a placeholder as nothing.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = Vec<&str>> {
        fn text(segment: &Segment) -> &str {
            match segment {
                Segment::Placeholder => "",
                Segment::Literal(text) => text,
            }
        }
        self.0.iter().map(|segments| segments.iter().map(text).collect())
    }

    /// Checks what a plugin asks for.
    pub(crate) fn check(&self, text: &str) -> Result<Checked, Unfit> {
        let shown = || one_line(text.split('?').next().unwrap_or_default(), 100);
        if text.len() > PATH_BYTES {
            return Err(Unfit(format!("`{}`, which is longer than {PATH_BYTES} bytes", shown())));
        }
        if text.chars().any(char::is_control) {
            return Err(Unfit(format!("`{}`, which has control characters in it", shown())));
        }
        if text.contains('#') {
            return Err(Unfit(format!("`{}`, which has a fragment", shown())));
        }
        let path = text.split_once('?').map_or(text, |(path, _)| path);
        let segments = segments(path).map_err(|why| Unfit(format!("`{}`, {why}", shown())))?;
        if !self.0.iter().any(|pattern| fits(pattern, &segments)) {
            return Err(Unfit(format!("`{}`, which its about doesn't name", shown())));
        }
        Ok(Checked { text: text.to_owned(), segments })
    }
}

fn pattern(text: &str) -> Result<Vec<Segment>, BadPaths> {
    let bad = |why: &str| BadPaths(format!("`{}` {why}", one_line(text, 100)));
    let path = text.strip_prefix('/').ok_or_else(|| bad("doesn't begin with `/`"))?;
    path.split('/')
        .map(|segment| {
            if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                let is_name = !name.is_empty()
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
                return if is_name {
                    Ok(Segment::Placeholder)
                } else {
                    Err(bad("has a placeholder without a name"))
                };
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '$' | '(' | ')');
            if segment.is_empty() || segment == "." || segment == ".." || !segment.chars().all(fits) {
                return Err(bad("is no path of Graph"));
            }
            if segment.eq_ignore_ascii_case("$batch") {
                return Err(bad("can't be granted: `batch` sends what was granted"));
            }
            Ok(Segment::Literal(segment.to_owned()))
        })
        .collect()
}

/// The decoded segments of a path, or why it isn't taken.
fn segments(path: &str) -> Result<Vec<String>, &'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err("which doesn't begin with `/`: only paths below the version's root are asked for");
    };
    if path.contains('\\') {
        return Err("which has a backslash in it");
    }
    rest.split('/')
        .map(|segment| {
            if segment.is_empty() {
                return Err("which has an empty segment");
            }
            let decoded = decode(segment).ok_or("whose percent signs don't stand for characters")?;
            if decoded == "." || decoded == ".." {
                return Err("which has a `.` or `..` in it");
            }
            // Whoever decodes twice would see another path; nothing in Graph has such a name.
            if decoded.contains(['/', '\\', '%', '?']) || decoded.chars().any(char::is_control) {
                return Err("which hides a slash, a backslash, a percent sign, a question mark or a control character");
            }
            Ok(decoded)
        })
        .collect()
}

/// Percent-decoding (RFC 3986, 2.1), strictly.
fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn fits(pattern: &[Segment], segments: &[String]) -> bool {
    pattern.len() == segments.len()
        && pattern.iter().zip(segments).all(|(pattern, segment)| match pattern {
            Segment::Literal(literal) => literal == segment,
            Segment::Placeholder => is_id(segment),
        })
}

/// Whether a placeholder takes it: object ids, userPrincipalNames, domains. A plain word would be the name of a function or of a
/// property, and `microsoft.graph.…` a cast.
fn is_id(segment: &str) -> bool {
    let fits = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '-' | '_' | '.' | '@' | '!' | '#' | '^' | '~' | '\'' | '=' | '+' | ',')
    };
    let prefix = segment.get(.."microsoft.graph".len());
    segment.chars().all(fits)
        && !segment.chars().all(|c| c.is_ascii_alphabetic())
        && !prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("microsoft.graph"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths() -> Paths {
        Paths::new(["/users", "/users/delta", "/users/{id}", "/groups/{id}/members", "/organization"])
            .unwrap()
    }

    fn granted(text: &str) -> bool {
        paths().check(text).is_ok()
    }

    #[test]
    fn what_is_granted_is_asked_for() {
        for text in [
            "/users",
            "/users?$select=id,displayName&$top=999",
            "/users/delta",
            "/users/delta?$deltatoken=oEcOySpF_hWYmTIUZBOIfPzcwisr_rPe8o9M54L45qEXQG",
            "/users/8f1b2c3d-0000-1111-2222-333344445555",
            "/users/ann@contoso.example",
            "/users/ann%40contoso.example",
            "/users/ann_x.example%23EXT%23@contoso.example",
            "/groups/8f1b2c3d-0000-1111-2222-333344445555/members?$top=999&$count=true",
            "/organization?$filter=displayName eq 'a\\b'",
        ] {
            assert!(granted(text), "{text}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            // Other paths.
            "/me",
            "/groups",
            "/Users",
            "/users/1/messages",
            "/users/1/../2",
            "/groups/1-2/owners",
            "/groups/1-2/members/$ref",
            "/$batch",
            "/",
            "",
            // Functions, casts and calls in the place of an id.
            "/users/delta()",
            "/users/Delta",
            "/users/$count",
            "/users/%24count",
            "/users/getByIds",
            "/users/microsoft.graph.user",
            "/users/Microsoft.Graph.User",
            "/users/microsoft.graph.delta()",
            "/users/reminderView(start='a')",
            "/users('1')",
            "/groups/delta/members",
            "/users/1-2:",
            "/users/1-2;x",
            "/users/*",
            // Elsewhere.
            "https://graph.microsoft.com/v1.0/users",
            "http://169.254.169.254/users",
            "//evil.example/users",
            "/\\evil.example/users",
            "\\users",
            "users",
            "?x",
            "@evil.example/users",
            "/v1.0/users",
            "/beta/users",
            "/../beta/users",
            // What is read in two ways.
            "/users/",
            "//users",
            "/users//1-2",
            "/users/..",
            "/users/.",
            "/users/%2e%2e",
            "/users/.%2E",
            "/users/%2e",
            "/users/1-2/..%2f..",
            "/users/1-2%2fmessages",
            "/users/1-2%2Fmessages",
            "/users/1-2%5cmessages",
            "/users/1-2\\messages",
            "/users/1-2%252fmessages",
            "/users/1-2%3f",
            "/users/1-2%00",
            "/users/1-2%0d%0aX: y",
            "/users/1-2\r\nX: y",
            "/users\t",
            "/users/1-2%",
            "/users/1-2%2",
            "/users/1-2%zz",
            "/users/1-2%+1",
            "/users/%ff-1",
            "/users/%c0%af-1",
            "/users/１-2",
            "/users#x",
            "/users?x#y",
            "/users?x\n",
            "/users?x\0",
        ] {
            assert!(!granted(text), "{text:?}");
        }
        assert!(!granted(&format!("/users?{}", "x".repeat(PATH_BYTES))));
    }

    #[test]
    fn a_call_is_taken_where_it_is_granted_itself() {
        let paths = Paths::new(["/users/delta()"]).unwrap();
        assert!(paths.check("/users/delta()?$select=id").is_ok());
        assert!(paths.check("/users/delta").is_err());
    }

    #[test]
    fn nothing_is_granted_by_nothing() {
        assert!(Paths::default().check("/users").is_err());
        assert!(Paths::new([]).unwrap().check("/").is_err());
    }

    #[test]
    fn the_reason_names_the_path_and_not_its_query() {
        let why = |text: &str| paths().check(text).unwrap_err().to_string();
        assert_eq!(why("/me?$skiptoken=secret"), "`/me`, which its about doesn't name");
        assert_eq!(
            why("https://graph.microsoft.com/v1.0/users"),
            "`https://graph.microsoft.com/v1.0/users`, which doesn't begin with `/`: only paths below the version's root are asked for"
        );
        assert_eq!(why("//evil.example/users"), "`//evil.example/users`, which has an empty segment");
    }

    #[test]
    fn patterns_are_read_from_about() {
        assert_eq!(Paths::asked(&json!({ "paths": ["/users"] })), Paths::new(["/users"]));
        assert_eq!(
            Paths::asked(&json!({})).unwrap_err().to_string(),
            "graph: `paths` must be a list of paths such as `/groups/{id}/members`"
        );
        for (path, why) in [
            ("users", "doesn't begin with `/`"),
            ("/", "is no path of Graph"),
            ("/users/", "is no path of Graph"),
            ("/users/../me", "is no path of Graph"),
            ("/users/*", "is no path of Graph"),
            ("/users?$top=1", "is no path of Graph"),
            ("/users('{id}')", "is no path of Graph"),
            ("/users/{}", "has a placeholder without a name"),
            ("/$batch", "can't be granted"),
        ] {
            let error = Paths::asked(&json!({ "paths": [path] })).unwrap_err().to_string();
            assert!(error.starts_with(&format!("graph: `{path}` {why}")), "{error}");
        }
    }
}
