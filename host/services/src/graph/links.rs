//! The links in a page: found without reading the rest, and made relative to the version's root.

use super::paths::Checked;
use crate::web::Address;
use serde::Deserialize;
use serde_json::error::Category;
use std::borrow::Cow;
use url::Url;
use usher_runtime::contract::graph::Link;

/// Graph's root: its address and the version.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    address: Address,
    version: &'static str,
}

/// Ends the link of a chain whose requests need `ConsistencyLevel: eventual`. Graph's own links don't carry it, and want the header
/// on every page. A fragment can't be part of a link otherwise.
const EVENTUAL: &str = "#eventual";

/// What of a page matters to the host. Everything else is passed over.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, rename = "@odata.nextLink")]
    next: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "@odata.deltaLink")]
    delta: Option<Cow<'a, str>>,
}

/// Why a page can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadPage {
    /// Cut off, or no JSON: another try may bring it whole.
    NotJson(String),
    /// It leads where no request goes.
    ForeignLink(String),
}

impl Root {
    pub(crate) fn new(address: Address) -> Self {
        Self { address, version: "v1.0" }
    }

    /// The address of a path that was checked. Once more it is held against what was checked, as the parser of addresses
    /// understood it.
    pub(crate) fn url(&self, path: &Checked) -> Option<Url> {
        let url = self.below(path.text())?;
        let rest = self.rest(url.path())?;
        (path.is_path_of(rest) && url.fragment().is_none()).then_some(url)
    }

    /// The same, as it stands in a batch: relative to the version's root, encoded as a request of its own would be.
    pub(crate) fn item(&self, path: &Checked) -> Option<String> {
        let url = self.url(path)?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(format!("{}{query}", self.rest(url.path())?))
    }

    /// Where batches go.
    pub(crate) fn batch(&self) -> Option<Url> {
        self.below("/$batch")
    }

    fn below(&self, path: &str) -> Option<Url> {
        self.address.below(&format!("/{}{path}", self.version))
    }

    /// What of a path lies below the version's root.
    fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.address.path())?.strip_prefix('/')?;
        let (version, rest) = rest.split_at_checked(self.version.len())?;
        (version.eq_ignore_ascii_case(self.version) && rest.starts_with('/')).then_some(rest)
    }

    /// A link of Graph's, relative to the version's root.
    fn relative(&self, link: &str, eventual: bool) -> Result<String, BadPage> {
        let foreign = |why: &str| BadPage::ForeignLink(why.to_owned());
        let url = Url::parse(link).map_err(|_| foreign("a link that is none"))?;
        if !self.address.is_origin_of(&url) || !url.username().is_empty() || url.password().is_some() {
            return Err(foreign(&format!("a link to {}, which is not where it was asked", host(&url))));
        }
        if url.fragment().is_some() {
            return Err(foreign("a link with a fragment"));
        }
        let Some(rest) = self.rest(url.path()) else {
            return Err(foreign(&format!("a link that leads out of {}", self.version)));
        };
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(format!("{rest}{query}{}", if eventual { EVENTUAL } else { "" }))
    }

    /// Checks that a page is one whole JSON object and finds its link.
    pub(crate) fn link(&self, body: &str, eventual: bool) -> Result<Link, BadPage> {
        let envelope = envelope(body)?;
        match (envelope.next, envelope.delta) {
            (Some(next), _) => Ok(Link::Next(self.relative(&next, eventual)?)),
            (None, Some(delta)) => Ok(Link::Delta(self.relative(&delta, eventual)?)),
            (None, None) => Ok(Link::None),
        }
    }
}

/// Takes the mark of its chain off a link.
pub(crate) fn unmarked(link: &str) -> (&str, bool) {
    match link.strip_suffix(EVENTUAL) {
        Some(link) => (link, true),
        None => (link, false),
    }
}

/// Whether a text is one whole JSON object.
pub(crate) fn is_object(body: &str) -> Result<(), BadPage> {
    envelope(body).map(|_| ())
}

fn envelope(body: &str) -> Result<Envelope<'_>, BadPage> {
    let not_json = |why: String| BadPage::NotJson(why);
    // A list would be taken for the fields in their order.
    if !body.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(not_json("it is no JSON object".to_owned()));
    }
    serde_json::from_str(body).map_err(|error| {
        // The error's own text may repeat parts of the body.
        let at = format!("line {}, column {}", error.line(), error.column());
        not_json(match error.classify() {
            Category::Eof => format!("it ends at {at}"),
            Category::Data => format!("it is no page at {at}"),
            Category::Syntax | Category::Io => format!("it is no JSON at {at}"),
        })
    })
}

fn host(url: &Url) -> String {
    usher_runtime::one_line(url.host_str().unwrap_or("nowhere"), 100)
}

#[cfg(test)]
mod tests {
    use super::super::paths::Paths;
    use super::*;
    use proptest::prelude::*;

    fn root(address: &str) -> Root {
        Root::new(Address::parse("graph_url", address).unwrap())
    }

    fn link(body: &str) -> Result<Link, BadPage> {
        root("https://graph.microsoft.com").link(body, false)
    }

    #[test]
    fn links_are_relative_to_the_versions_root() {
        let next = r#"{"value":[{"@odata.nextLink":"inner"}],"@odata.nextLink":"https:\/\/graph.microsoft.com\/v1.0\/users\/delta?$skiptoken=a%2Fb_c"}"#;
        assert_eq!(link(next), Ok(Link::Next("/users/delta?$skiptoken=a%2Fb_c".into())));
        let delta = r#" {"@odata.deltaLink":"https://GRAPH.microsoft.com:443/V1.0/users/delta?$deltatoken=x","value":[]}"#;
        assert_eq!(link(delta), Ok(Link::Delta("/users/delta?$deltatoken=x".into())));
        assert_eq!(link(r#"{"value":[],"@odata.nextLink":null}"#), Ok(Link::None));
        let proxied = root("http://127.0.0.1:8080/graph");
        let body = r#"{"@odata.nextLink":"http://127.0.0.1:8080/graph/v1.0/users?$skiptoken=x"}"#;
        assert_eq!(proxied.link(body, true), Ok(Link::Next("/users?$skiptoken=x#eventual".into())));
        assert_eq!(unmarked("/users?$skiptoken=x#eventual"), ("/users?$skiptoken=x", true));
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_refused() {
        for (link, why) in [
            ("https://evil.example/v1.0/users", "a link to evil.example, which is not where it was asked"),
            (
                "http://graph.microsoft.com/v1.0/users",
                "a link to graph.microsoft.com, which is not where it was asked",
            ),
            ("https://graph.microsoft.com:8443/v1.0/users", "which is not where it was asked"),
            ("https://graph.microsoft.com.evil.example/v1.0/users", "which is not where it was asked"),
            ("https://me:x@graph.microsoft.com/v1.0/users", "which is not where it was asked"),
            ("https://graph.microsoft.com/beta/users", "a link that leads out of v1.0"),
            ("https://graph.microsoft.com/v1.0/../beta/users", "a link that leads out of v1.0"),
            ("https://graph.microsoft.com/v1.0%2f..%2fbeta/users", "a link that leads out of v1.0"),
            ("https://graph.microsoft.com/v1.01/users", "a link that leads out of v1.0"),
            ("https://graph.microsoft.com/v1.0", "a link that leads out of v1.0"),
            ("https://graph.microsoft.com/v1.0/users#x", "a link with a fragment"),
            ("file:///etc/passwd", "which is not where it was asked"),
            ("/v1.0/users", "a link that is none"),
        ] {
            let body = serde_json::json!({ "@odata.nextLink": link }).to_string();
            let Err(BadPage::ForeignLink(found)) = self::link(&body) else { panic!("{link}") };
            assert!(found.ends_with(why), "{found}");
        }
    }

    #[test]
    fn a_page_is_one_whole_object() {
        for body in
            ["", "[]", "[null,null]", "\"x\"", "null", "<html>", "{\"value\":[", "{}{}", "{\"value\":[1,]}"]
        {
            assert!(matches!(link(body), Err(BadPage::NotJson(_))), "{body}");
        }
        assert_eq!(link("{\"value\":[\"a"), Err(BadPage::NotJson("it ends at line 1, column 12".into())));
    }

    #[test]
    fn links_of_another_shape_make_no_page() {
        let body = r#"{"@odata.nextLink":["somewhere"]}"#;
        assert_eq!(link(body), Err(BadPage::NotJson("it is no page at line 1, column 19".into())));
    }

    #[test]
    fn an_address_means_what_was_checked() {
        let root = root("https://graph.microsoft.com");
        let paths = Paths::new(["/users/{id}"]).unwrap();
        let url = |text: &str| root.url(&paths.check(text).unwrap()).map(String::from);
        assert_eq!(
            url("/users/1-2?$select=id").as_deref(),
            Some("https://graph.microsoft.com/v1.0/users/1-2?$select=id")
        );
        assert_eq!(
            url("/users/a%23EXT%23@b.example").as_deref(),
            Some("https://graph.microsoft.com/v1.0/users/a%23EXT%23@b.example")
        );
        let item =
            root.item(&Paths::new(["/users"]).unwrap().check("/users?$filter=a eq 'ü b'").unwrap()).unwrap();
        assert_eq!(item, "/users?$filter=a%20eq%20%27%C3%BC%20b%27");
        assert_eq!(root.batch().unwrap().as_str(), "https://graph.microsoft.com/v1.0/$batch");
    }

    proptest! {
        /// Whatever a plugin makes up out of what addresses are taken apart by: what is let through is what was granted, at Graph.
        #[test]
        fn what_is_let_through_leads_to_graph_and_to_what_was_granted(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "/", "//", "users", "delta", "groups", "members", "1-2", "a@b.example", "v1.0", "beta", "..", ".", "%2e", "%2f",
                    "%5c", "%25", "%00", "%", "\\", "?", "#", ":", "@", "evil.example", "https:", "()", "$batch", "\t", "\n", " ",
                    "ü", "'", "&", ";", "%C3%BC", "%ff", "microsoft.graph.user", "#eventual",
                ]),
                0..8,
            ),
            begins in prop::sample::select(vec!["", "/", "/users/", "/groups/1-2/members"]),
        ) {
            let text = format!("{begins}{}", parts.concat());
            let root = root("https://graph.microsoft.com");
            let paths = Paths::new(["/users", "/users/{id}", "/users/delta", "/groups/{id}/members"]).unwrap();
            if let Ok(checked) = paths.check(unmarked(&text).0) {
                let url = root.url(&checked).unwrap();
                prop_assert_eq!(url.origin().ascii_serialization(), "https://graph.microsoft.com");
                let segments: Vec<&str> = url.path_segments().unwrap().collect();
                let is_granted = match segments.as_slice() {
                    ["v1.0", "users"] | ["v1.0", "users", "delta"] => true,
                    ["v1.0", "users", id] | ["v1.0", "groups", id, "members"] => id.contains(['-', '@', '.', '\'', '%']),
                    _ => false,
                };
                prop_assert!(is_granted, "{} became {}", text, url);
                prop_assert!(root.item(&checked).unwrap().starts_with('/'));
            }
        }
    }
}
