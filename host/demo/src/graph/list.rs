//! Collections: filtered, searched, sorted, counted, in pages.

use super::answer::Answer;
use super::error::{GraphError, bad_request, error, invalid_option, unsupported};
use super::filter::Filter;
use super::json::{Fields, put_array};
use super::query::names;
use super::represent::{Expand, Selection, View};
use super::request::Call;
use super::schema::{self, Level};
use super::search::Search;
use super::token;
use crate::tenant::{Directory, Kind, Object, Place, State};
use std::cmp::Ordering;

/// How long a skip token is good for, in seconds.
const SKIP_TOKEN_LASTS: i64 = 7 * 24 * 3_600;

/// What is listed.
pub struct Listing<'a> {
    /// The collection of `@odata.context`.
    pub collection: &'a str,
    /// What can be in it: one kind, or both, which then say what they are.
    pub kinds: &'a [Kind],
    /// Whether objects of one kind say what they are too.
    pub typed: bool,
    /// What else belongs to the list and is neither user nor group, written already. It comes last, and no filter lets it through.
    pub tail: Vec<Vec<u8>>,
}

/// A query of a collection, read and checked.
struct Plan {
    filter: Option<Filter>,
    search: Option<Search>,
    order: Option<(String, bool)>,
}

impl Plan {
    fn read(
        call: &Call<'_>,
        listing: &Listing<'_>,
        directory: &Directory,
        counted: bool,
    ) -> Result<Self, GraphError> {
        let query = &call.query;
        let (eventual, count) = (call.request.eventual(), counted || query.count);
        let kind = listing.kinds.first().copied().unwrap_or(Kind::User);
        let mut needs: Option<String> = None;
        let mut filter = query.filter.as_deref().map(Filter::read).transpose()?;
        if let Some(filter) = &mut filter {
            let resolve = |name: &str| schema::resolve(kind, name, directory);
            if filter.check(kind, &resolve)? == Level::Advanced {
                needs = Some("The filter".to_owned());
            }
        }
        let search = query.search.as_deref().map(Search::read).transpose()?;
        if search.is_some() && !eventual {
            return Err(unsupported(
                "A request with '$search' works only with the request header 'ConsistencyLevel: eventual'.",
            ));
        }
        let order = query.orderby.as_deref().map(|order| read_order(order, kind, directory)).transpose()?;
        if let Some((name, _)) = &order {
            if filter.is_some() {
                needs = Some("Sorting of what is filtered".to_owned());
            } else if schema::order(kind, name) == Some(Level::Advanced) {
                needs = Some(format!("Sorting by '{name}'"));
            }
        }
        match needs {
            Some(what) if !(eventual && count) => Err(unsupported(format!(
                "{what} is not supported because required parameters are missing: add '$count=true' and the header \
                 'ConsistencyLevel: eventual'."
            ))),
            _ => Ok(Self { filter, search, order }),
        }
    }

    fn takes_all(&self) -> bool {
        self.filter.is_none() && self.search.is_none()
    }

    fn takes(&self, object: &Object) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.holds(object))
            && self.search.as_ref().is_none_or(|search| search.holds(object))
    }
}

fn read_order(text: &str, kind: Kind, directory: &Directory) -> Result<(String, bool), GraphError> {
    let mut words = text.split_whitespace();
    let (name, direction) = (words.next().unwrap_or_default(), words.next().unwrap_or("asc"));
    let resolved = schema::resolve(kind, name, directory).filter(|name| schema::order(kind, name).is_some());
    let name = resolved.ok_or_else(|| unsupported(format!("Sorting by '{name}' is not supported.")))?;
    match (direction.to_ascii_lowercase().as_str(), words.next()) {
        ("asc", None) => Ok((name, false)),
        ("desc", None) => Ok((name, true)),
        _ => Err(bad_request(format!("'$orderby' can't be read: '{text}'."))),
    }
}

/// The links that `$expand` asks for, of a kind.
pub fn read_expand(call: &Call<'_>, kind: Kind, directory: &Directory) -> Result<Vec<Expand>, GraphError> {
    let Some(expand) = &call.query.expand else { return Ok(Vec::new()) };
    let mut links = Vec::new();
    for item in names(expand) {
        let (link, inner) = item.split_once('(').unwrap_or((item.as_str(), ""));
        let options =
            inner.trim_end_matches(')').split(';').map(str::trim).filter(|option| !option.is_empty());
        let mut select = None;
        for option in options {
            match option.trim_start_matches('$').split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("select") => select = Some(names(value)),
                _ => {
                    return Err(unsupported(format!(
                        "The option '{option}' in '$expand' of '{link}' is not supported."
                    )));
                }
            }
        }
        match (kind, link.trim()) {
            (Kind::User, "manager") => {
                links.push(Expand::Manager(Selection::read(select.as_deref(), &[Kind::User], directory)?));
            }
            (Kind::Group, "members") => {
                links.push(Expand::Members(Selection::read(
                    select.as_deref(),
                    &[Kind::User, Kind::Group],
                    directory,
                )?));
            }
            _ => return Err(invalid_option(format!("'$expand' of '{link}' is not supported here."))),
        }
    }
    if call.request.eventual() && call.query.count {
        return Err(unsupported("'$expand' is not supported in advanced queries."));
    }
    Ok(links)
}

/// Where a page begins: behind an object and, in sorted lists, behind its value.
struct Behind {
    place: Place,
    value: String,
}

impl Behind {
    fn seal(&self, state: &State) -> String {
        let text = format!("{}\n{}\n{}", state.now.as_second(), self.place.0, self.value);
        token::seal(state.chance, "skip", &text)
    }

    fn open(state: &State, token: &str) -> Result<Self, GraphError> {
        let read = || {
            let text = token::open(state.chance, "skip", token)?;
            let mut lines = text.splitn(3, '\n');
            let issued: i64 = lines.next()?.parse().ok()?;
            let place = Place(lines.next()?.parse().ok()?);
            let fresh = state.now.as_second() - issued < SKIP_TOKEN_LASTS;
            fresh.then(|| Self { place, value: lines.next().unwrap_or_default().to_owned() })
        };
        read().ok_or_else(|| {
            error(400, &state.expired_page, "The page token is not known any more; begin the list anew.")
        })
    }
}

/// Answers a list of what is at some places, which come in their order and are live or wanted anyway.
pub fn list(
    state: &State,
    call: &Call<'_>,
    listing: &Listing<'_>,
    places: impl Iterator<Item = Place> + Clone,
) -> Result<Answer, GraphError> {
    let directory = &state.directory;
    let plan = Plan::read(call, listing, directory, false)?;
    let selection = Selection::read(call.query.select.as_deref(), listing.kinds, directory)?;
    let expand = match listing.kinds {
        [kind] => read_expand(call, *kind, directory)?,
        _ if call.query.expand.is_some() => return Err(invalid_option("'$expand' is not supported here.")),
        _ => Vec::new(),
    };
    let behind = call.query.skiptoken.as_deref().map(|token| Behind::open(state, token)).transpose()?;
    let top = call.query.top.unwrap_or(state.pages.list);
    let found = || {
        places
            .clone()
            .filter_map(|place| Some((place, directory.object(place)?)))
            .filter(|(_, object)| plan.takes(object))
    };

    let (page, next) = match &plan.order {
        None => plain_page(found(), behind.as_ref(), top),
        Some((name, descending)) => sorted_page(found(), behind.as_ref(), top, name, *descending),
    };
    let mut body = Vec::with_capacity(page.len() * 320 + 256);
    let mut fields = Fields::open(&mut body);
    fields.field("@odata.context", &call.context(&format!("{}{}", listing.collection, selection.suffix())));
    if call.query.count && call.request.eventual() {
        fields.field(
            "@odata.count",
            &(found().count() + if plan.takes_all() { listing.tail.len() } else { 0 }),
        );
    }
    let last = next.is_none();
    if let Some(behind) = next {
        fields.field("@odata.nextLink", &next_link(call, &behind.seal(state)));
    }
    let view = View {
        directory,
        identity: call.identity,
        selection,
        expand,
        typed: listing.typed,
        upper: state.unruly.changing_case,
    };
    let tail = listing.tail.iter().filter(|_| last && plan.takes_all()).map(Err);
    put_array(fields.name("value"), page.into_iter().map(Ok).chain(tail), |out, element| match element {
        Ok(object) => view.put(out, object, None),
        Err(written) => out.extend_from_slice(written),
    });
    fields.close();
    Ok(Answer::json(200, body))
}

/// Answers how many there are.
pub fn count(
    state: &State,
    call: &Call<'_>,
    listing: &Listing<'_>,
    places: impl Iterator<Item = Place>,
) -> Result<Answer, GraphError> {
    if !call.request.eventual() {
        return Err(bad_request(
            "'$count' is not supported here without the header 'ConsistencyLevel: eventual'.",
        ));
    }
    let plan = Plan::read(call, listing, &state.directory, true)?;
    let found = places.filter_map(|place| state.directory.object(place)).filter(|object| plan.takes(object));
    let tail = if plan.takes_all() { listing.tail.len() } else { 0 };
    Ok(Answer::count(found.count() + tail))
}

fn plain_page<'a>(
    found: impl Iterator<Item = (Place, &'a Object)>,
    behind: Option<&Behind>,
    top: usize,
) -> (Vec<&'a Object>, Option<Behind>) {
    let mut rest = found.skip_while(|(place, _)| behind.is_some_and(|behind| *place <= behind.place));
    let page: Vec<_> = rest.by_ref().take(top).collect();
    let last = page.last().map(|(place, _)| *place);
    let next = rest.next().and(last).map(|place| Behind { place, value: String::new() });
    (page.into_iter().map(|(_, object)| object).collect(), next)
}

fn sorted_page<'a>(
    found: impl Iterator<Item = (Place, &'a Object)>,
    behind: Option<&Behind>,
    top: usize,
    name: &str,
    descending: bool,
) -> (Vec<&'a Object>, Option<Behind>) {
    let value = |object: &Object| {
        object.value(name).and_then(|value| value.as_str().map(str::to_lowercase)).unwrap_or_default()
    };
    let mut all: Vec<(String, Place, &Object)> =
        found.map(|(place, object)| (value(object), place, object)).collect();
    let order = |a: (&str, Place), b: (&str, Place)| -> Ordering {
        let values = if descending { b.0.cmp(a.0) } else { a.0.cmp(b.0) };
        values.then(a.1.cmp(&b.1))
    };
    all.sort_by(|a, b| order((&a.0, a.1), (&b.0, b.1)));
    let begin = behind.map_or(0, |behind| {
        all.partition_point(|(value, place, _)| order((value, *place), (&behind.value, behind.place)).is_le())
    });
    let more = all.len() > begin.saturating_add(top);
    let page: Vec<_> = all.into_iter().skip(begin).take(top).collect();
    let next =
        page.last().filter(|_| more).map(|(value, place, _)| Behind { place: *place, value: value.clone() });
    (page.into_iter().map(|(_, _, object)| object).collect(), next)
}

fn next_link(call: &Call<'_>, token: &str) -> String {
    let kept = &call.query.kept;
    let separator = if kept.is_empty() { "" } else { "&" };
    format!("{}{}?{kept}{separator}$skiptoken={token}", call.request.base, call.request.path)
}
